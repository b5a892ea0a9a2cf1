"""`bench faults`: parts of the platform killed and stopped at random instants of a backfill, and nobody helps.

Belongs here: which faults, what must hold after each, the figures and the command line. Does not belong here: the home
and its processes (`faults_home`).

`python -m ghtrader_assets_tests.bench.faults --seed 7 --number 12` runs one fault again.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date
from math import ceil
from pathlib import Path
from typing import Any, Final, cast

import psutil

from ghtrader_assets.market.calendar import snapshot_calendar
from ghtrader_assets.runtime import CODE_SERVER, DAEMON, DAGSTER, DASHBOARD, EXCHANGE, PROMETHEUS, QUESTDB
from ghtrader_assets_tests.bench.faults_home import (
    LONGEST_S,
    SYMBOLS,
    FaultyHome,
    Typed,
    descendants,
    is_gone,
    put_out,
    send,
    until,
)
from ghtrader_assets_tests.bench.report import Report, Variant, rounded

SEED: Final = 1
FAULTS: Final = 60
QUICK_FAULTS: Final = 4
SIGNALS: Final = ("KILL", "STOP")
UNDER_UP: Final = (QUESTDB, EXCHANGE, DASHBOARD, PROMETHEUS, DAGSTER, DAEMON, CODE_SERVER, "run", "command", "up")
WITHOUT_UP: Final = (QUESTDB, EXCHANGE, "fork_server", "command")
STRATA: Final = tuple(
    (part, name, kept) for kept, parts in ((True, UNDER_UP), (False, WITHOUT_UP)) for part in parts for name in SIGNALS
)
DAYS_EACH: Final = 2
_DAYS: Final = snapshot_calendar().days(date(2025, 12, 1), date(2026, 11, 27))
_STOPPED_S: Final = 20.0
"""How long a command stays stopped by Ctrl-Z until its user has it go on."""


@dataclass(frozen=True)
class Fault:
    """A signal to a part, `after_s` seconds after a backfill was typed, or after it began to load."""

    seed: int
    number: int
    part: str
    signal: str
    under_up: bool
    since: str
    after_s: float

    @property
    def days(self) -> tuple[date, ...]:
        """No other fault of a campaign of 60 touches them."""
        first = self.number * DAYS_EACH % (len(_DAYS) - DAYS_EACH)
        return tuple(_DAYS[first : first + DAYS_EACH])

    @property
    def words(self) -> tuple[str, ...]:
        return ("backfill", *SYMBOLS, "--from", str(self.days[0]), "--to", str(self.days[-1]), "--json")


@dataclass
class Outcome:
    """What became of a fault; each list names what must not be. `recovery_s` is None where nothing had to recover."""

    fault: Fault
    lost: list[str] = field(default_factory=list[str])
    doubled: list[str] = field(default_factory=list[str])
    stuck: list[str] = field(default_factory=list[str])
    false_words: list[str] = field(default_factory=list[str])
    recovery_s: float | None = None
    said: str = ""

    @property
    def line(self) -> str:
        fault = self.fault
        names = ("lost", "doubled", "stuck", "false_words")
        wrong = "; ".join(f"{name}: {', '.join(found)}" for name in names if (found := getattr(self, name)))
        recovery = "" if self.recovery_s is None else f", recovery {self.recovery_s:.1f} s"
        return (
            f"seed {fault.seed} fault {fault.number}: {fault.part} {fault.signal}"
            f" {'under' if fault.under_up else 'without'} up, {fault.after_s:.2f} s after {fault.since}{recovery},"
            f" {self.said}: {wrong or 'nothing wrong'}"
        )


@dataclass(frozen=True)
class FaultsReport(Report):
    """With a line for each fault."""

    lines: tuple[str, ...] = ()


def fault_of(seed: int, number: int) -> Fault:
    """The fault of this number: each part and signal in turn, in an order that is drawn, at an instant of its own."""
    order = random.Random(seed).sample(STRATA, len(STRATA))
    part, name, kept = order[number % len(order)]
    drawn = random.Random(f"{seed} {number}")
    since = "load" if part in ("run", "fork_server") else drawn.choice(("command", "load"))
    return Fault(seed, number, part, name, kept, since, drawn.uniform(0, 4 if since == "load" else 12))


def run_fault(home: FaultyHome, fault: Fault) -> Outcome:
    """Bring the home into the fault's state, strike, let things take their course, and look."""
    outcome = Outcome(fault)
    _prepare(home, fault)
    first, stricken = _strike(home, fault)
    struck_at = time.monotonic()
    if fault.part == "command" and fault.signal == "STOP":
        time.sleep(_STOPPED_S)
        send(stricken, "CONT")
    elif fault.under_up:
        _await_recovery(home, outcome, stricken, struck_at)
    _await_end(first, outcome, [stricken])
    if not fault.under_up and (fault.part, fault.signal) != ("command", "STOP"):
        outcome.recovery_s = time.monotonic() - struck_at
    said = home.look(fault.days)
    if not (fault.part == "command" and fault.signal == "KILL"):
        outcome.false_words += false_words(first, fault.days, said.whole)
    again = home.type(*fault.words)
    _await_end(again, outcome, [])
    stored = home.look(fault.days)
    outcome.false_words += [f"again: {word}" for word in false_words(again, fault.days, stored.whole)]
    if again.process.returncode != 0:
        outcome.false_words.append(f"the same command again ended with {again.process.returncode}: {again.err[-300:]}")
    outcome.lost += [" ".join(day) for day in sorted(_all_days(fault.days) - stored.whole)]
    outcome.doubled += [" ".join(day) for day in sorted(stored.doubled)]
    outcome.stuck += home.stuck()
    outcome.said = f"first exit {first.process.returncode}, again {again.process.returncode}"
    return outcome


def _prepare(home: FaultyHome, fault: Fault) -> None:
    if not fault.under_up and home.up is not None:
        home.stop()
    elif fault.under_up and (home.up is None or home.up.ended or not home.is_well()):
        if home.up is not None:
            home.stop()
        home.start()


def _strike(home: FaultyHome, fault: Fault) -> tuple[Typed, psutil.Process]:
    """Where the load ended before the instant that was drawn, it is loaded once more and struck in half the time."""
    after_s, words = fault.after_s, fault.words
    while True:
        typed = home.type(*words)
        if fault.since == "load":
            until(lambda typed=typed: typed.ended or home.is_loading(), LONGEST_S)
        time.sleep(after_s)
        until(lambda typed=typed: typed.ended or home.victim(fault.part, typed) is not None, LONGEST_S)
        victim = home.victim(fault.part, typed)
        if victim is not None and not typed.ended:
            send(victim, fault.signal)
            return typed, victim
        until(lambda typed=typed: typed.ended, LONGEST_S)
        after_s, words = after_s / 2, (*fault.words, "--force")


def _await_recovery(home: FaultyHome, outcome: Outcome, stricken: psutil.Process, struck_at: float) -> None:
    """Do what a user types: `up` again where that was struck. Then nothing."""
    fault = outcome.fault
    if fault.part == "up":
        if fault.signal == "STOP":
            home.stop()
        if not home.start():
            assert home.up is not None
            outcome.false_words.append(f"`up` again refused: {home.up.err[-300:]}")
            home.stop()
            home.start()
    if until(lambda: is_gone(stricken) and home.is_well(), LONGEST_S):
        outcome.recovery_s = time.monotonic() - struck_at
        return
    outcome.recovery_s = LONGEST_S
    status = home.command.run("status")
    outcome.stuck.append(f"not well after {LONGEST_S:.0f} s: the part {'is gone' if is_gone(stricken) else 'hangs'}")
    outcome.stuck.append(" ".join(status.out.split())[-400:])
    put_out([stricken])


def _await_end(typed: Typed, outcome: Outcome, stricken: Sequence[psutil.Process]) -> None:
    """A command ends by itself, and nothing that it started outlives it."""
    started = [] if typed.ended else descendants(psutil.Process(typed.process.pid))
    if not until(lambda: typed.ended, LONGEST_S):
        outcome.stuck.append(f"`{typed.words[0]}` has not ended after {LONGEST_S:.0f} s: {typed.err[-300:]}")
        put_out(stricken)
        if not until(lambda: typed.ended, LONGEST_S):
            typed.process.kill()
            typed.process.wait()
    if not until(lambda: all(map(is_gone, started)), 60):
        outcome.stuck += [f"process {each.pid} outlives its command" for each in started if not is_gone(each)]
        put_out(started)


def _all_days(days: Sequence[date]) -> set[tuple[str, str]]:
    return {(symbol, str(day)) for symbol in SYMBOLS for day in days}


def false_words(typed: Typed, days: Sequence[date], whole: set[tuple[str, str]]) -> list[str]:
    """What an ended command said that is not so: its exit code, its days, a traceback."""
    return list(_false_words(typed.process.returncode, typed.out, typed.err, _all_days(days), whole))


def _false_words(
    code: int, out: str, err: str, asked: set[tuple[str, str]], whole: set[tuple[str, str]]
) -> Iterator[str]:
    if "Traceback" in out + err:
        yield f"a traceback: {(out + err)[-300:]}"
    try:
        said = cast("dict[str, list[dict[str, Any]]]", json.loads(out))
    except ValueError:
        if code == 0 or "error:" not in err:
            yield f"exit {code} and neither a report nor an error: {err[-300:]}"
        return
    told = {name: {(day["symbol"], day["trading_day"]) for day in said[name]} for name in said}
    good = told["succeeded"] | told["unchanged"]
    for day in sorted(good - whole):
        yield f"{' '.join(day)} was said to be stored"
    for day in sorted(asked - good - told["failed"]):
        yield f"{' '.join(day)} was not named"
    if (code == 0) != (asked <= good):
        yield f"exit {code} with {len(asked - good)} days that are not there"


def campaign(folder: Path, seed: int, numbers: Sequence[int]) -> list[Outcome]:
    """The faults of these numbers in one home, those under `up` first. Says each on stderr as it ends."""
    outcomes: list[Outcome] = []
    home = FaultyHome(folder)
    try:
        for fault in sorted((fault_of(seed, number) for number in numbers), key=lambda each: not each.under_up):
            outcomes.append(run_fault(home, fault))
            sys.stderr.write(outcomes[-1].line + "\n")
            sys.stderr.flush()
    finally:
        home.stop()
    return outcomes


def bench_faults(*, quick: bool) -> Report:
    """The whole campaign; quick: its first faults."""
    return measured(SEED, range(QUICK_FAULTS if quick else FAULTS))


def measured(seed: int, numbers: Sequence[int]) -> FaultsReport:
    """The campaign in a home of its own, which is left where something was wrong."""
    folder = Path(tempfile.mkdtemp(prefix="faults-"))
    report = report_of(campaign(folder, seed, numbers))
    if any(report.figures[name] for name in ("lost", "doubled", "stuck", "false_words")):
        sys.stderr.write(f"what was said and logged is in {folder}\n")
    else:
        shutil.rmtree(folder)
    return report


def report_of(outcomes: Sequence[Outcome]) -> FaultsReport:
    figures = {
        "faults": float(len(outcomes)),
        "lost": float(sum(len(each.lost) for each in outcomes)),
        "doubled": float(sum(len(each.doubled) for each in outcomes)),
        "stuck": float(sum(bool(each.stuck) for each in outcomes)),
        "false_words": float(sum(len(each.false_words) for each in outcomes)),
        "recovery_p95_killed_s": _p95(outcomes, "KILL"),
        "recovery_p95_hung_s": _p95(outcomes, "STOP"),
    }
    slowest: dict[str, dict[str, float]] = {}
    for each in outcomes:
        if each.recovery_s is not None:
            name = f"{each.fault.part} {'under' if each.fault.under_up else 'without'} up"
            of_part = slowest.setdefault(name, {})
            of_part[each.fault.signal] = max(each.recovery_s, of_part.get(each.fault.signal, 0.0))
    variants = [Variant(part, rounded(seconds)) for part, seconds in sorted(slowest.items())]
    return FaultsReport("faults", variants, {}, rounded(figures), lines=tuple(each.line for each in outcomes))


def _p95(outcomes: Sequence[Outcome], name: str) -> float:
    """The smallest time within which 95 of 100 had recovered; 0 where none had to."""
    times = sorted(each.recovery_s for each in outcomes if each.fault.signal == name and each.recovery_s is not None)
    return times[ceil(0.95 * len(times)) - 1] if times else 0.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--faults", type=int, default=FAULTS, metavar="N", help="the first N faults of the seed")
    parser.add_argument("--shard", default="1/1", metavar="K/N", help="every N-th fault only, from the K-th on")
    parser.add_argument("--number", type=int, nargs="*", help="these faults alone, by their numbers")
    asked = parser.parse_args()
    number, count = (int(part) for part in asked.shard.split("/"))
    numbers: list[int] = asked.number or list(range(asked.faults))[number - 1 :: count]
    sys.stdout.write(json.dumps(asdict(measured(asked.seed, numbers)), indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
