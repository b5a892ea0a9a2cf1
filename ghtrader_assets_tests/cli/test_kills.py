"""A kill at any moment: the same command again ends with the same content, no half day and no duplicate."""

from __future__ import annotations

import random
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from datetime import date
from typing import Any

import psutil
import pytest

from ghtrader_assets.market.calendar import snapshot_calendar
from ghtrader_assets.market.ticks import content_digest, tick_frame
from ghtrader_assets.runtime import RUNTIME_FILE, read_runtime
from ghtrader_assets_tests.fix_platform import CommandLine
from ghtrader_assets_tests.true_ticks import ticks_of

SYMBOL = "KQ.m@SHFE.au"
RANGE = ("--from", "2026-01-12", "--to", "2026-01-13")
DAYS = 2

SMALL = "KQ.m@CFFEX.IF"
"""No night session and one level: a kill on the shared store takes a day or two of it that no other test loads."""
SMALL_DAYS = snapshot_calendar().days(date(2025, 12, 8), date(2025, 12, 15))
VICTIMS = ("worker", "fork_server", "command")
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


def victim(process: subprocess.Popen[str], name: str) -> psutil.Process | None:
    if name == "worker":
        return a_worker(process)
    if name == "fork_server":
        return find(process, "ghtrader_assets.tq.fork_server")
    return psutil.Process(process.pid) if process.poll() is None else None


def kill_and_load_again(command: CommandLine, symbol: str, words: tuple[str, ...], name: str, after_s: float) -> None:
    """A load whose part is killed some time after its first attempt began, and the same command again."""
    process = command.start("backfill", symbol, *words)
    await_that("an attempt", lambda: manifest_count(command) or process.poll() is not None)
    assert manifest_count(command), process.communicate()
    time.sleep(after_s)
    killed = victim(process, name)
    if killed is not None:
        killed.kill()
    out, err = process.communicate(timeout=900)
    assert "Traceback" not in out + err
    if killed is not None and name == "worker":
        assert process.returncode == 0, err + out
    again = command.run("backfill", symbol, *words, "--json")
    assert again.code == 0, again.err
    require_whole(command, symbol, words)


@pytest.mark.parametrize("number", range(len(VICTIMS)), ids=VICTIMS)
def test_a_killed_part_costs_nothing(shared: CommandLine, seed: int, number: int) -> None:
    first, last = SMALL_DAYS[2 * number : 2 * number + 2]
    words = ("--from", str(first), "--to", str(last))
    command = CommandLine(shared.home, {**shared.environment, "GHTRADER_SYMBOLS": SMALL})
    kill_and_load_again(command, SMALL, words, VICTIMS[number], random.Random(f"{seed} {number}").uniform(0, 2))


@pytest.mark.soak
@pytest.mark.parametrize("number", range(SOAK_KILLS))
def test_a_kill_at_any_moment(
    killed: CommandLine, seed: int, number: int, record_property: Callable[[str, object], None]
) -> None:
    drawn = random.Random(f"{seed} {number}")
    name, after_s = drawn.choice(VICTIMS), drawn.uniform(0, 8)
    record_property("killed", name)
    record_property("after_s", round(after_s, 2))
    kill_and_load_again(killed, SYMBOL, RANGE, name, after_s)


@pytest.mark.joint
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
    require_whole(killed, SYMBOL, RANGE)
    assert not [orphan for orphan in orphans if orphan.is_running() and orphan.status() != psutil.STATUS_ZOMBIE]
    assert killed.run("backfill", SYMBOL, *RANGE, "--json").document["unchanged"] != []


@pytest.mark.joint
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
    require_whole(killed, SYMBOL, RANGE)
