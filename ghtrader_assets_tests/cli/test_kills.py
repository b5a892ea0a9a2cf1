"""A kill at any moment: the same command again ends with the same content, no half day and no duplicate."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from datetime import date
from typing import Any

import psutil
import pytest

from ghtrader_assets.exchange.model import ticks_of
from ghtrader_assets.market.ticks import content_digest, tick_frame
from ghtrader_assets.runtime import RUNTIME_FILE, read_runtime
from ghtrader_assets_tests.fix_platform import CommandLine

SYMBOL = "KQ.m@SHFE.au"
RANGE = ("--from", "2026-01-12", "--to", "2026-01-14")
DAYS = 3


def digests(command: CommandLine) -> dict[str, str]:
    ran = command.run("days", SYMBOL, *RANGE, "--json")
    assert ran.code == 0, ran.err
    return {day["trading_day"]: day["digest"] for day in ran.document if day["ingest_state"] == "complete"}


def true_digests(command: CommandLine) -> dict[str, str]:
    ran = command.run("days", SYMBOL, *RANGE, "--json")
    return {
        day["trading_day"]: content_digest(
            tick_frame(ticks_of(day["contract"], date.fromisoformat(day["trading_day"])))
        )
        for day in ran.document
    }


def descendants(process: Any) -> list[psutil.Process]:
    try:
        return psutil.Process(process.pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def find(process: Any, word: str) -> psutil.Process | None:
    for one in descendants(process):
        try:
            if any(word in argument for argument in one.cmdline()):
                return one
        except psutil.NoSuchProcess:
            continue
    return None


def a_worker(process: Any) -> psutil.Process | None:
    nursery = find(process, "ghtrader_assets.tq.nursery")
    return next(iter(nursery.children()), None) if nursery else None


def await_that(what: str, holds: Callable[[], Any], within_s: float = 600) -> Any:
    give_up_at = time.monotonic() + within_s
    while time.monotonic() < give_up_at:
        found = holds()
        if found:
            return found
        time.sleep(0.05)
    return pytest.fail(f"{what} did not happen within {within_s} s")


def manifest_count(command: CommandLine) -> int:
    return sum(1 for _ in (command.home / "manifests").rglob("[!.]*.json"))


@pytest.fixture
def killed(bare: CommandLine) -> Iterator[CommandLine]:
    yield bare
    bare.run("down")


@pytest.mark.slow
def test_a_killed_worker_costs_nothing(killed: CommandLine) -> None:
    process = killed.start("backfill", SYMBOL, *RANGE, "--json")
    worker = await_that("a worker", lambda: manifest_count(killed) and a_worker(process))
    worker.send_signal(signal.SIGKILL)
    out, err = process.communicate(timeout=900)
    assert process.returncode == 0, err + out
    assert digests(killed) == true_digests(killed)


@pytest.mark.slow
def test_a_killed_run_and_a_killed_server(killed: CommandLine) -> None:
    process = killed.start("backfill", SYMBOL, *RANGE)
    await_that("a stored day", lambda: manifest_count(killed))
    time.sleep(3)
    orphans = descendants(process)
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=300)
    runtime = read_runtime(killed.home)
    assert runtime is not None, f"no {RUNTIME_FILE}"
    server = runtime.service("questdb")
    assert server is not None
    psutil.Process(server.process.pid).send_signal(signal.SIGKILL)

    ran = killed.run("backfill", SYMBOL, *RANGE, "--json")
    assert ran.code == 0, ran.err
    assert len(ran.document["succeeded"]) + len(ran.document["unchanged"]) == DAYS
    assert digests(killed) == true_digests(killed)
    assert not [one for one in orphans if one.is_running() and one.status() != psutil.STATUS_ZOMBIE]
    assert killed.run("backfill", SYMBOL, *RANGE, "--json").document["unchanged"] != []


@pytest.mark.slow
def test_questdb_killed_in_the_middle(killed: CommandLine) -> None:
    process = killed.start("backfill", SYMBOL, *RANGE, "--json")
    await_that("an attempt", lambda: manifest_count(killed))
    runtime = read_runtime(killed.home)
    assert runtime is not None
    server = runtime.service("questdb")
    assert server is not None
    time.sleep(2)
    psutil.Process(server.process.pid).send_signal(signal.SIGKILL)
    _, err = process.communicate(timeout=900)
    assert process.returncode in (1, 3), err
    assert "Traceback" not in err
    assert "error:" in err or "failed" in err

    ran = killed.run("backfill", SYMBOL, *RANGE, "--json")
    assert ran.code == 0, ran.err
    assert digests(killed) == true_digests(killed)
