"""Runs without a living process: reported, their slots free, their attempts closed; living ones left alone."""

from __future__ import annotations

import subprocess
import sys
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import psutil
import pytest

from ghtrader_assets.assets.dead_runs import LOCKED_WITHIN, fail_dead_runs, left_to
from ghtrader_assets.files import is_stopped
from ghtrader_assets.orchestration.names import LAUNCHED_BY_TAG
from ghtrader_assets.runtime import is_living_run, living_run, stopped_run
from ghtrader_assets_tests.waiting import await_that

LATER = datetime.now(UTC) + timedelta(days=1)
"""A code server that begins after whatever a test launches."""
EARLIER = datetime.now(UTC) - timedelta(days=1)

Status = dg.DagsterRunStatus


@dg.op
def nothing() -> None: ...


@dg.job
def a_job() -> None:
    nothing()


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as made:
        yield made


def a_run(instance: dg.DagsterInstance, status: Status, **tags: str) -> str:
    run_id = str(uuid.uuid4())
    instance.create_run_for_job(a_job, run_id=run_id, status=status, tags=tags)
    return run_id


def status_of(instance: dg.DagsterInstance, run_id: str) -> Status:
    run = instance.get_run_by_id(run_id)
    assert run is not None
    return run.status


@pytest.mark.parametrize(
    ("found", "left"),
    [
        (Status.STARTING, Status.FAILURE),
        (Status.STARTED, Status.FAILURE),
        (Status.CANCELING, Status.CANCELED),
        (Status.NOT_STARTED, Status.NOT_STARTED),
        (Status.SUCCESS, Status.SUCCESS),
    ],
)
def test_a_run_without_a_process_is_reported(
    instance: dg.DagsterInstance, tmp_path: Path, found: Status, left: Status
) -> None:
    """What waits goes on under the next daemon."""
    run_id = a_run(instance, found)
    assert fail_dead_runs(instance, tmp_path, LATER) == ([run_id] if left != found else [])
    assert status_of(instance, run_id) == left
    assert fail_dead_runs(instance, tmp_path, LATER) == [], "once"


def test_a_living_run_is_left_alone_until_its_lock_is_gone(instance: dg.DagsterInstance, tmp_path: Path) -> None:
    run_id = a_run(instance, Status.STARTED)
    with living_run(tmp_path, run_id), living_run(tmp_path, run_id):
        assert is_living_run(tmp_path, run_id)
        assert fail_dead_runs(instance, tmp_path, LATER) == []
    assert not is_living_run(tmp_path, run_id)
    assert fail_dead_runs(instance, tmp_path, LATER) == [run_id]
    assert list((tmp_path / "living").iterdir()) == []


def test_what_the_present_code_server_launched_is_left_to_it(instance: dg.DagsterInstance, tmp_path: Path) -> None:
    """It sees the end of its processes itself, and a run takes its lock some seconds after it was launched."""
    launched, by_a_command = (
        a_run(instance, Status.STARTED),
        a_run(instance, Status.STARTED, **{LAUNCHED_BY_TAG: "cli"}),
    )
    assert fail_dead_runs(instance, tmp_path, EARLIER) == [by_a_command]
    assert status_of(instance, launched) == Status.STARTED


def test_what_was_just_launched_may_have_no_lock_yet(instance: dg.DagsterInstance, tmp_path: Path) -> None:
    """Definitions loaded anew make a server that began after a run which the one before it launched."""
    run_id, now = a_run(instance, Status.STARTED), datetime.now(UTC)
    assert fail_dead_runs(instance, tmp_path, left_to(LATER, now)) == []
    assert fail_dead_runs(instance, tmp_path, left_to(LATER, now + 2 * LOCKED_WITHIN)) == [run_id]


def test_the_number_that_a_dead_runs_lock_names_may_be_another_process_by_now(tmp_path: Path) -> None:
    """Its remedy would end a stranger."""
    with psutil.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as stranger:
        try:
            stranger.suspend()
            await_that("it is stopped", lambda: is_stopped(stranger))
            lock = tmp_path / "living" / "dead.lock"
            lock.parent.mkdir()
            lock.write_text(str(stranger.pid))
            assert stopped_run(tmp_path, "dead") is None
        finally:
            stranger.kill()
