"""`bench year`: what a symbol's trading day adds to a home, and by that what a year of sixty symbols costs.

Belongs here: the sizes, the measurements, their figures. Does not belong here: what is taken away again and when
(`assets.retention`), what a tick takes in QuestDB, a year that goes by.

A platform with all of its sensors runs on a home with every partition since 2021. Evenings are loaded one after the
other as the daily schedule has it, one run of all symbols and one day; then one more by `backfill`, which goes through
one of Dagster's backfills. After each the sensors have time to say what they have to say. The first evening, which
fills tables that grow with symbols alone, does not count.
"""

from __future__ import annotations

import sqlite3
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from statistics import median
from typing import Final

from ghtrader_assets.errors import GhtraderError
from ghtrader_assets.market.calendar import snapshot_calendar
from ghtrader_assets.services.shares import measure
from ghtrader_assets_tests.bench.daily import NINE, sixty_symbols
from ghtrader_assets_tests.bench.report import Report, Variant, rounded
from ghtrader_assets_tests.fix_platform import LAUNCH_RUN, RunningPlatform, range_tags, run_selector, started_platform

FIRST: Final = date(2025, 11, 10)
SETTLES_S: Final = 100.0
"""The slowest sensor looks each minute, and what it asks for runs after that."""
SYMBOLS: Final = 60
YEAR_DAYS: Final = 243
RUN_LOG_DAYS: Final = 62
"""The trading days of the 90 days for which logs of runs are kept."""
COMMAND_S: Final = 900.0

_PAGES: Final = ("page_count", "freelist_count", "page_size")

Sizes = dict[str, float]
EVENT_LOG, RUN_LOGS, RUNS, LOOKS = "events_kb", "run_logs_kb", "runs_kb", "looks_kb"
"""Of Dagster: what is kept of partitions and checks; of each run, for a time; runs, backfills; ticks of sensors."""


@dataclass(frozen=True)
class Scope:
    """How much is loaded."""

    symbols: Sequence[str]
    evenings: int


QUICK: Final = Scope([f"KQ.m@{name}" for name in NINE], evenings=2)


def bench_year(*, quick: bool) -> Report:
    """Measure. Raises `GhtraderError` if an evening is not loaded."""
    scope = QUICK if quick else Scope([symbol.text for symbol in sixty_symbols()], evenings=3)
    days = snapshot_calendar().days(FIRST, date(2025, 11, 28))[: scope.evenings + 1]
    settings = {"GHTRADER_SYMBOLS": ",".join(scope.symbols), "GHTRADER_FAST_HISTORY": "on"}
    with (
        tempfile.TemporaryDirectory(prefix="ghtrader-bench-") as folder,
        started_platform(Path(folder), None, **settings) as platform,
    ):
        time.sleep(SETTLES_S)
        evenings = [_grown(platform, lambda day=day: _evening(platform, scope, day)) for day in days[:-1]]
        by_command = _grown(platform, lambda: _command(platform, scope, days[-1]))
        idle = _grown(platform, lambda: None)
    count = len(scope.symbols)
    usual = {name: median(each[name] for each in evenings[1:]) / count for name in evenings[0]}
    return _report(usual, {name: size / count for name, size in by_command.items()}, idle)


def _report(usual: Sizes, by_command: Sizes, idle: Sizes) -> Report:
    year_mb = {
        "dagster_kept_mb_a_year": (usual[EVENT_LOG] + usual[RUNS]) * SYMBOLS * YEAR_DAYS / 1e3,
        "dagster_run_logs_mb": usual[RUN_LOGS] * SYMBOLS * RUN_LOG_DAYS / 1e3,
        "manifests_mb_a_year": usual["manifests_kb"] * SYMBOLS * YEAR_DAYS / 1e3,
    }
    variants = [
        Variant("an evening of the daily schedule, a symbol-day", rounded(usual)),
        Variant("the same by `backfill`", rounded(by_command)),
        Variant(f"nothing, for {SETTLES_S:.0f} s", rounded(idle)),
        Variant(f"a year of {SYMBOLS} symbols, extrapolated", rounded(year_mb)),
    ]
    return Report("year", variants, {}, figures=rounded({"dagster_kb_per_symbol_day": usual["dagster_kb"]}))


def _grown(platform: RunningPlatform, work: Callable[[], None]) -> Sizes:
    """What the home grows by in kB while work is done and everything settles."""
    before = _sizes(platform.command.home)
    work()
    time.sleep(SETTLES_S)
    after = _sizes(platform.command.home)
    return {name: (after[name] - before[name]) / 1e3 for name in after}


def _sizes(home: Path) -> Sizes:
    """Bytes in use of each part of a home: pages of databases that are free will be used again."""
    dagster = home / "dagster"
    logs = [path for path in (dagster / "history" / "runs").glob("*.db") if path.stem != "index"]
    printed = [path for path in (dagster / "storage").rglob("*") if path.is_file()]
    parts = {
        EVENT_LOG: _used(dagster / "history" / "runs" / "index.db"),
        RUN_LOGS: sum(map(_used, logs)) + sum(path.stat().st_size for path in printed),
        RUNS: _used(dagster / "history" / "runs.db"),
        LOOKS: _used(dagster / "schedules" / "schedules.db"),
    }
    shares = measure(home, FIRST).parts
    others = {f"{name}_kb": float(shares[name]) for name in ("manifests", "logs")}
    return {"dagster_kb": sum(parts.values()), **parts, **others}


def _used(database: Path) -> float:
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=60)) as opened:
        values = {name: opened.execute(f"PRAGMA {name}").fetchone()[0] for name in _PAGES}
    return float((values["page_count"] - values["freelist_count"]) * values["page_size"])


def _evening(platform: RunningPlatform, scope: Scope, day: date) -> None:
    """One run of the day of all symbols, with all tables and without checks, as the daily schedule asks for it."""
    selectors = [run_selector(symbol) for symbol in scope.symbols]
    assets = [asset for selector in selectors for asset in selector["assetSelection"]]
    params = {
        "selector": {**selectors[0], "assetSelection": assets},
        "executionMetadata": {"tags": range_tags(day, day)},
    }
    answer = platform.graphql(LAUNCH_RUN, params=params)["launchPipelineExecution"]
    if answer["__typename"] != "LaunchRunSuccess":
        raise GhtraderError(f"Dagster refused the run: {answer}")
    platform.await_success(str(answer["run"]["runId"]))


def _command(platform: RunningPlatform, scope: Scope, day: date) -> None:
    loading = platform.command.start("backfill", *scope.symbols, "--from", str(day), "--to", str(day), "--json")
    _, said = loading.communicate(timeout=COMMAND_S)
    if loading.returncode:
        raise GhtraderError(f"not every day was loaded: {said}")
