"""A kill at any moment: the same command again ends with the same content, no half day and no duplicate."""

from __future__ import annotations

import random
import signal
import subprocess
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

import dagster as dg
import psutil
import pytest

from ghtrader_assets.assets.dagster_internals import runs_in_progress
from ghtrader_assets.errors import IngestState
from ghtrader_assets.manifests import read_manifest_file
from ghtrader_assets.market.calendar import snapshot_calendar
from ghtrader_assets.market.ticks import content_digest, tick_frame
from ghtrader_assets.runtime import RUNTIME_FILE, read_runtime
from ghtrader_assets_tests.fix_exchange import ExchangeControl
from ghtrader_assets_tests.fix_platform import CommandLine
from ghtrader_assets_tests.true_ticks import ticks_of
from ghtrader_assets_tests.waiting import await_that

SYMBOL = "KQ.m@SHFE.au"
DAYS = snapshot_calendar().days(date(2026, 1, 12), date(2026, 1, 14))

SMALL = "KQ.m@CFFEX.IF"
"""No night session and one level: a kill on the shared store takes three days of it that no other test loads."""
SMALL_DAYS = snapshot_calendar().days(date(2025, 12, 3), date(2025, 12, 15))
HELD_DAYS = SMALL_DAYS[:3]
RANGE = ("--from", str(HELD_DAYS[0]), "--to", str(HELD_DAYS[-1]))
VICTIMS = ("worker", "fork_server", "command")
SOAKED = ("--from", str(DAYS[0]), "--to", str(DAYS[1]))
SOAK_KILLS = 120


def require_whole(command: CommandLine, symbol: str, words: tuple[str, ...]) -> None:
    """Every day of the range is complete and holds exactly what the exchange serves."""
    ran = command.run("days", symbol, *words, "--json")
    assert ran.code == 0, ran.err
    for day in ran.document:
        true = tick_frame(ticks_of(day["contract"], date.fromisoformat(day["trading_day"])))
        assert (day["ingest_state"], day["digest"]) == ("complete", content_digest(true)), day


def descendants(process: Any) -> list[psutil.Process]:
    try:
        return psutil.Process(process.pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def is_alive(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def find(process: Any, word: str) -> psutil.Process | None:
    for descendant in descendants(process):
        try:
            if any(word in argument for argument in descendant.cmdline()):
                return descendant
        except psutil.NoSuchProcess:
            continue
    return None


def a_worker(process: Any) -> psutil.Process | None:
    fork_server = find(process, "ghtrader_assets.tq.fork_server")
    return next(iter(fork_server.children()), None) if fork_server else None


def manifests(command: CommandLine) -> list[Path]:
    return list((command.home / "manifests").glob("*/[0-9]*/[!.]*.json"))


def stored_days(command: CommandLine) -> set[date]:
    loads = (read_manifest_file(path) for path in manifests(command))
    return {load.trading_day for load in loads if load.outcome == IngestState.COMPLETE}


@pytest.fixture
def killed(bare: CommandLine) -> Iterator[CommandLine]:
    yield bare
    bare.run("down")


@pytest.fixture
def embedded(killed: CommandLine, exchange: ExchangeControl) -> CommandLine:
    """With a QuestDB of its own; its provider is the suite's exchange, which a test can hold."""
    account = {"TQSDK_USER": "quant", "TQSDK_PASSWORD": "quant", "GHTRADER_START_DATE": str(SMALL_DAYS[0])}
    one_worker = {"GHTRADER_SYMBOLS": SMALL, "GHTRADER_INGEST_WORKERS": "1", "GHTRADER_FAST_HISTORY": "on"}
    return CommandLine(killed.home, {**killed.environment, **exchange.environment, **account, **one_worker})


@contextmanager
def held(
    command: CommandLine, exchange: ExchangeControl, symbol: str, days: Sequence[date], *more: str
) -> Generator[subprocess.Popen[str]]:
    """A load whose first day is stored, while the provider says nothing of the last; then it does.

    Of three days: the page with the end of one holds the beginning of the next.
    """
    exchange.faults({"kind": "stall", "trading_day": str(days[-1]), "times": None})
    process = command.start("backfill", symbol, "--from", str(days[0]), "--to", str(days[-1]), *more)

    def is_held() -> bool:
        assert process.poll() is None, process.communicate()
        return days[0] in stored_days(command) and exchange.rules()[0]["hits"] > 0

    try:
        await_that("the first day is stored and the last one held", is_held)
        assert days[-1] not in stored_days(command)
        yield process
    except BaseException:
        process.kill()
        raise
    exchange.reset()


def victim(process: subprocess.Popen[str], name: str) -> psutil.Process | None:
    if name == "worker":
        return a_worker(process)
    if name == "fork_server":
        return find(process, "ghtrader_assets.tq.fork_server")
    return psutil.Process(process.pid) if process.poll() is None else None


def require_loaded_again(command: CommandLine, symbol: str, words: tuple[str, ...]) -> None:
    again = command.run("backfill", symbol, *words, "--json")
    assert again.code == 0, again.err
    require_whole(command, symbol, words)


@pytest.mark.joint
@pytest.mark.parametrize("name", VICTIMS)
def test_a_killed_part_costs_nothing(shared: CommandLine, exchange: ExchangeControl, name: str) -> None:
    """`tq.test_processes` kills the other two in seconds, `questdb.embedded.test_server` the owner of a server."""
    first = 3 * VICTIMS.index(name)
    days = SMALL_DAYS[first : first + 3]
    command = CommandLine(shared.home, {**shared.environment, "GHTRADER_SYMBOLS": SMALL})
    with held(command, exchange, SMALL, days) as process:
        part = victim(process, name)
        assert part is not None
        part.kill()
    out, err = process.communicate(timeout=900)
    assert "Traceback" not in out + err
    if name == "worker":
        assert process.returncode == 0, err + out
    require_loaded_again(command, SMALL, ("--from", str(days[0]), "--to", str(days[-1])))
    assert runs_worked_on(command) == 0, "each would hold a slot of the pool for ever"
    repair = command.run("repair", "--json", "--from", str(days[0]), "--to", str(days[-1]))
    assert repair.code == 0, repair.out
    assert all(read_manifest_file(path).finished for path in manifests(command)), "an attempt that was killed has ended"


def runs_worked_on(command: CommandLine) -> int:
    """How many of the home's runs are not at their end, by what Dagster records."""
    with dg.DagsterInstance.from_config(str(command.home / "dagster")) as instance:
        return len(runs_in_progress(instance))


def kill_after(command: CommandLine, name: str, after_s: float) -> bool:
    """Whether a load's part could be killed some time after its first attempt began: the load may have ended."""
    before = len(manifests(command))
    process = command.start("backfill", SYMBOL, *SOAKED, "--force")
    await_that("an attempt", lambda: len(manifests(command)) > before or process.poll() is not None)
    assert len(manifests(command)) > before, process.communicate()
    time.sleep(after_s)
    await_that(f"the {name}, or the end", lambda: victim(process, name) or process.poll() is not None)
    part = victim(process, name)
    if part is not None:
        part.kill()
    out, err = process.communicate(timeout=900)
    assert "Traceback" not in out + err
    if part is None or name == "worker":
        assert process.returncode == 0, err + out
    return part is not None


@pytest.mark.soak
@pytest.mark.parametrize("number", range(SOAK_KILLS))
def test_a_kill_at_any_moment(
    killed: CommandLine, seed: int, number: int, record_property: Callable[[str, object], None]
) -> None:
    """Where the load ended before the moment that was drawn, it is loaded once more and killed in half the time."""
    drawn = random.Random(f"{seed} {number}")
    name, after_s = drawn.choice(VICTIMS), drawn.uniform(0, 8)
    while not kill_after(killed, name, after_s):
        after_s /= 2
    record_property("killed", name)
    record_property("after_s", round(after_s, 2))
    require_loaded_again(killed, SYMBOL, SOAKED)


def questdb_of(command: CommandLine) -> psutil.Process:
    runtime = read_runtime(command.home)
    assert runtime is not None, f"no {RUNTIME_FILE}"
    server = runtime.service("questdb")
    assert server is not None
    return psutil.Process(server.process.pid)


@pytest.mark.joint
def test_a_killed_run_takes_its_server_and_its_workers_with_it(
    embedded: CommandLine, exchange: ExchangeControl
) -> None:
    with held(embedded, exchange, SMALL, HELD_DAYS) as process:
        orphans = descendants(process)
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=300)
    await_that("the end of all that the killed run had started", lambda: not any(map(is_alive, orphans)))

    ran = embedded.run("backfill", SMALL, *RANGE, "--json")
    assert ran.code == 0, ran.err
    assert str(HELD_DAYS[-1]) in {day["trading_day"] for day in ran.document["succeeded"]}
    assert len(ran.document["succeeded"]) + len(ran.document["unchanged"]) == len(HELD_DAYS)
    require_whole(embedded, SMALL, RANGE)
    assert len(embedded.run("backfill", SMALL, *RANGE, "--json").document["unchanged"]) == len(HELD_DAYS)


@pytest.mark.joint
def test_questdb_killed_in_the_middle(embedded: CommandLine, exchange: ExchangeControl) -> None:
    with held(embedded, exchange, SMALL, HELD_DAYS, "--json") as process:
        questdb_of(embedded).kill()
    _, err = process.communicate(timeout=900)
    assert process.returncode in (1, 3), err
    assert "Traceback" not in err
    assert "error:" in err or "failed" in err
    require_loaded_again(embedded, SMALL, RANGE)
