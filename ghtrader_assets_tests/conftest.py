"""The suite's plug-ins: each starts one real part once for all tests that ask for it."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from ghtrader_assets import redaction
from ghtrader_assets.logs import PACKAGE
from ghtrader_assets_tests.open_provider import stay_open

os.environ.setdefault("JAVA_TOOL_OPTIONS", "-XX:TieredStopAtLevel=1")
"""Each QuestDB of the suite lives for seconds or minutes: the optimizing compiler would take more than it gives."""

pytest_plugins = (
    "ghtrader_assets_tests.fix_hypothesis",
    "ghtrader_assets_tests.fix_exchange",
    "ghtrader_assets_tests.fix_questdb",
    "ghtrader_assets_tests.fix_platform",
    "ghtrader_assets_tests.fix_browser",
    "ghtrader_assets_tests.fix_certificate",
    "ghtrader_assets_tests.fix_receiver",
    "ghtrader_assets_tests.fix_redis",
    "ghtrader_assets_tests.fix_store",
)


def pytest_configure(config: pytest.Config) -> None:
    """The tests' exchange is open; the fonts that matplotlib finds are found once, and not in each test's new home."""
    stay_open()
    if getattr(config, "cache", None) is not None:
        os.environ.setdefault("MPLCONFIGDIR", str(config.cache.mkdir("matplotlib")))


@pytest.fixture(autouse=True)
def _loggers_as_imported() -> None:
    """A command or a Dagster run of an earlier test in this process may have taken our loggers for itself."""
    for name, item in list(logging.root.manager.loggerDict.items()):
        if isinstance(item, logging.Logger) and (name == PACKAGE or name.startswith(f"{PACKAGE}.")):
            item.handlers.clear()
            item.propagate, item.disabled = True, False
            item.setLevel(logging.NOTSET)


@pytest.fixture(autouse=True)
def _secrets_of_one_test(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a test names as a secret is none in the texts of others: some are words."""
    monkeypatch.setattr(redaction, "_known", redaction._known)
    monkeypatch.setattr(redaction, "_secrets", set(redaction._secrets))


SERVICES = frozenset({"exchange_process", "questdb_endpoint", "platform_process", "browser", "redis_server", "bare"})
"""The fixtures that run a real part, or, as `bare`, whatever a command starts. A test that takes one of them, itself or
through another fixture, is a `service` test; `make check` runs those that are none."""

STARTERS = frozenset({"EmbeddedQuestDB", "started_exchange"})
"""A module that imports one of these starts parts of its own: its tests are `service` tests too."""

PARTS = frozenset({"java", "redis-server", "chromium", "prometheus", "promtool", "ghtrader_assets.exchange"})
"""What no other test starts: one that does, from its own code, carries the mark `service`."""

PLATFORM = "platform"
LONGEST = (PLATFORM, "thin platform", "kept up")
"""The groups of the tests that share a running platform: they wait on Dagster's daemon, and take longest."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what needs a service. Tests run side by side by file, and the platform's start first."""
    for item in items:
        assert isinstance(item, pytest.Function)
        if SERVICES & set(item.fixturenames) or STARTERS & vars(item.module).keys():
            item.add_marker("service")
        if "platform_process" in item.fixturenames:
            item.add_marker(pytest.mark.xdist_group(PLATFORM))
        elif item.get_closest_marker("xdist_group") is None:
            alone = item.get_closest_marker("slow") is not None
            item.add_marker(pytest.mark.xdist_group(item.nodeid if alone else item.path.name))
    items.sort(key=_turn)


def _turn(item: pytest.Item) -> int:
    group = item.get_closest_marker("xdist_group")
    if group is not None and group.args[0] in LONGEST:
        return 0
    return 1 if item.get_closest_marker("slow") else 2


class _Guard:
    """Ends a test that starts a part without being a `service` test, so that `make check` needs none."""

    serviceless = False

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event == "subprocess.Popen" and self.serviceless:
            words = {Path(os.fsdecode(word)).name for word in arguments[1]}
            if started := words & PARTS:
                raise AssertionError(f"this test starts {started}: take the part's fixture, or mark it `service`")


_guard = _Guard()
sys.addaudithook(_guard)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    _guard.serviceless = item.get_closest_marker("service") is None
    try:
        return (yield)
    finally:
        _guard.serviceless = False
