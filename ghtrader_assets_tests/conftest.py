"""The suite's plug-ins: each starts one real part once for all tests that ask for it."""

from __future__ import annotations

import logging
import os

import pytest

from ghtrader_assets.logs import PACKAGE

os.environ.setdefault("JAVA_TOOL_OPTIONS", "-XX:TieredStopAtLevel=1")
"""Each QuestDB of the suite lives for seconds or minutes: the optimizing compiler would take more than it gives."""

pytest_plugins = (
    "ghtrader_assets_tests.fix_hypothesis",
    "ghtrader_assets_tests.fix_exchange",
    "ghtrader_assets_tests.fix_questdb",
    "ghtrader_assets_tests.fix_platform",
    "ghtrader_assets_tests.fix_browser",
    "ghtrader_assets_tests.fix_receiver",
    "ghtrader_assets_tests.fix_redis",
)


@pytest.fixture(autouse=True)
def _loggers_as_imported() -> None:
    """A command or a Dagster run of an earlier test in this process may have taken our loggers for itself."""
    for name, one in list(logging.root.manager.loggerDict.items()):
        if isinstance(one, logging.Logger) and (name == PACKAGE or name.startswith(f"{PACKAGE}.")):
            one.handlers.clear()
            one.propagate, one.disabled = True, False
            one.setLevel(logging.NOTSET)


LONGEST = ("platform", "second_platform")
"""The groups of tests that share a running platform: they wait on Dagster's daemon, and take longest. Two of them, each
with a platform of its own where they run side by side, halve the time of the suite."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests run side by side by file; `slow` ones apart from their file, and what takes longest starts first."""
    for item in items:
        if item.get_closest_marker("xdist_group") is None:
            alone = item.get_closest_marker("slow") is not None
            item.add_marker(pytest.mark.xdist_group(item.nodeid if alone else item.path.name))
    items.sort(key=_turn)


def _turn(item: pytest.Item) -> int:
    group = item.get_closest_marker("xdist_group")
    if group is not None and group.args[0] in LONGEST:
        return 0
    return 1 if item.get_closest_marker("slow") else 2
