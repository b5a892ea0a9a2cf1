"""What is found wrong with a platform, from its runtime file alone."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ghtrader_assets.clock import SYSTEM_CLOCK
from ghtrader_assets.runtime import CODE_SERVER, DAEMON, DAGSTER, RunningProcess, Runtime, Service, write_runtime
from ghtrader_assets.services.platform import look_at_platform
from ghtrader_assets.settings import Settings

ME = RunningProcess.of(os.getpid())


def service(name: str) -> Service:
    """One of this process, at a port that nobody listens on."""
    return Service(name=name, process=ME, urls={"http": "http://127.0.0.1:1"}, log=Path("its.log"))


@pytest.mark.parametrize(
    ("there", "given_up", "found"),
    [
        ([DAGSTER, CODE_SERVER, DAEMON], {}, {}),
        ([DAGSTER, CODE_SERVER], {}, {DAEMON: "service_returning"}),
        ([DAGSTER, DAEMON], {CODE_SERVER: "has ended"}, {CODE_SERVER: "service_given_up"}),
        ([], {}, {}),
    ],
)
def test_a_process_behind_dagsters_pages_that_is_away_is_found(
    tmp_path: Path, there: list[str], given_up: dict[str, str], found: dict[str, str]
) -> None:
    """The web server answers without them."""
    write_runtime(tmp_path, Runtime(owner=ME, services=tuple(map(service, there)), given_up=given_up))
    findings = look_at_platform(Settings(home=tmp_path), SYSTEM_CLOCK).findings
    assert {each.subject: each.kind for each in findings if each.subject in (CODE_SERVER, DAEMON)} == found
    assert all(f"{each.subject}.log" in each.remedy for each in findings if each.subject in found)
