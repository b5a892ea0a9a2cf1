"""Campaigns: a seed, a shard of the tests, a time after which no test begins, and a file that results are appended to.

Belongs here: pytest's options for `make soak`, how many examples properties get, and what each test cost. Does not
belong here: any campaign; those stand with the tests of their room and take the fixture `seed`.
"""

from __future__ import annotations

import json
import os
import random
import time
from collections.abc import Generator, Iterator
from datetime import UTC, datetime
from pathlib import Path

import psutil
import pytest
from hypothesis import settings

SEED = 1
SOAK = "soak"
EXAMPLES = {"check": 0.1, SOAK: 30.0}
"""How many times as many examples a property gets under hypothesis' profile of this name: `make check`, `make soak`."""


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("campaigns")
    group.addoption("--seed", type=int, default=SEED, help=f"of what the campaigns draw; default {SEED}")
    group.addoption("--shard", default="1/1", metavar="K/N", help="every N-th test only, from the K-th on")
    group.addoption("--minutes", type=float, default=0, help="begin no test after so many minutes; default: all")
    group.addoption("--results", type=Path, help="append a JSON line for each test: outcome, CPU and wall seconds")


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    shard_of(config)
    config.stash[BEGAN] = time.monotonic()
    config.stash[OUTCOMES] = {}
    if config.getoption("hypothesis_profile") == SOAK and config.getoption("hypothesis_seed") is None:
        config.option.hypothesis_seed = str(config.getoption("seed"))


BEGAN = pytest.StashKey[float]()
OUTCOMES = pytest.StashKey[dict[str, str]]()


def shard_of(config: pytest.Config) -> tuple[int, int]:
    """The K and N of `--shard K/N`."""
    text = config.getoption("shard")
    number, _, count = text.partition("/")
    if not (number.isdigit() and count.isdigit() and 1 <= int(number) <= int(count)):
        raise pytest.UsageError(f"--shard {text} is no K/N, as 1/4")
    return int(number), int(count)


def pytest_report_header(config: pytest.Config) -> str:
    return f"seed {config.getoption('seed')}, shard {config.getoption('shard')}"


@pytest.fixture
def seed(request: pytest.FixtureRequest) -> int:
    """What a campaign draws from: `--seed`."""
    return request.config.getoption("seed")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep the shard's tests: neighbours, which cost much alike, go to different shards."""
    number, count = shard_of(config)
    times = EXAMPLES.get(config.getoption("hypothesis_profile") or "")
    if times is not None:
        for item in items:
            _examine(item, times)
    dropped = [item for place, item in enumerate(items) if place % count != number - 1]
    if dropped:
        config.hook.pytest_deselected(items=dropped)
        items[:] = [item for place, item in enumerate(items) if place % count == number - 1]
    if config.getoption("minutes"):
        random.Random(config.getoption("seed")).shuffle(items)  # so that no campaign is always the one left out


def _examine(item: pytest.Item, times: float) -> None:
    """More or fewer examples for a property. hypothesis has no name for the attribute that keeps a test's settings."""
    test = getattr(item, "obj", None)
    own: settings | None = getattr(test, "_hypothesis_internal_use_settings", None)
    if own is not None:
        made = settings(own, max_examples=round(own.max_examples * times) or 1)
        getattr(test, "__func__", test)._hypothesis_internal_use_settings = made


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    config = item.config
    minutes = config.getoption("minutes")
    if minutes and time.monotonic() - config.stash[BEGAN] > 60 * minutes:
        item.session.shouldstop = f"{minutes:g} minutes are over; the tests left are another shard's or the next time's"
    path: Path | None = config.getoption("results")
    if path is None:
        return (yield)
    cpu, wall = cpu_seconds(), time.monotonic()
    config.stash[OUTCOMES] = {}
    try:
        return (yield)
    finally:
        line = {
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
            "test": item.nodeid,
            "seed": config.getoption("seed"),
            "shard": config.getoption("shard"),
            "outcome": config.stash[OUTCOMES].get("bad", "passed"),
            "cpu_s": round(cpu_seconds() - cpu, 2),
            "wall_s": round(time.monotonic() - wall, 2),
            "said": dict(item.user_properties),
        }
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.outcome != "passed":
        item.config.stash[OUTCOMES]["bad"] = report.outcome
    return report


def cpu_seconds() -> float:
    """Processor time of this process and of all that it started, the living and the ended."""
    return sum(_cpu_of_each())


def _cpu_of_each() -> Iterator[float]:
    yield sum(os.times()[:4])
    for child in psutil.Process().children(recursive=True):
        try:
            yield sum(child.cpu_times()[:4])
        except psutil.NoSuchProcess:
            continue
