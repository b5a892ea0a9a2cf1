"""`bench scale`: what the twentieth symbol costs in tables that are shared, and what Dagster itself costs a symbol-day.

Belongs here: the sizes, the measurements, their figures. Does not belong here: the wire (`ingest`), the write path of
one symbol (`write`).

Dagster's own cost is a run of 20 days (all tables, all events, in this process) less the same load without Dagster; the
days are stored already, so that both fetch, prove and judge them and nothing else differs.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Final

from ghtrader_assets.assets.build import build_definitions
from ghtrader_assets.assets.names import ALL_TABLES
from ghtrader_assets.assets.run_here import run_here
from ghtrader_assets.bench.report import Report, Variant, Watch, rounded
from ghtrader_assets.bench.store import day_loads, empty_ticks, own_store
from ghtrader_assets.errors import GhtraderError, IngestState
from ghtrader_assets.loading.days import load_days
from ghtrader_assets.loading.schedule import refresh_schedule
from ghtrader_assets.market.symbols import Symbol, parse_symbol
from ghtrader_assets.questdb.writer import StoredDay, store_days
from ghtrader_assets.services.connect import open_platform
from ghtrader_assets.services.dagster_instance import dagster_environment
from ghtrader_assets.services.embedded import running_services
from ghtrader_assets.settings import Settings, load_settings

SYMBOL: Final = "KQ.m@SHFE.rb"
FIRST_DAY: Final = date(2025, 9, 1)
RUN_DAYS: Final = 20
SYMBOLS: Final = 20


@dataclass(frozen=True)
class Sizes:
    """Days of each of the symbols that share a table, and turns of the run with and without Dagster."""

    days: int
    rounds: int


FULL: Final = Sizes(days=10, rounds=3)
QUICK: Final = Sizes(days=4, rounds=2)


def bench_scale(*, quick: bool) -> Report:
    """Measure both. Raises `GhtraderError` if a day is not stored or a run fails."""
    sizes = QUICK if quick else FULL
    shared = _symbols_of_one_table(sizes)
    watch = _with_and_without_dagster(sizes)
    first, last = median(shared[:1]), median(shared[-1:])
    overhead = (watch.of("dagster") - watch.of("plain")) / RUN_DAYS
    variants = [
        Variant("first symbol in a shared table", rounded({"s_per_day": first / sizes.days})),
        Variant(
            f"symbols 2 to {SYMBOLS}",
            rounded({"s_per_day": median(shared[1:]) / sizes.days, "s_per_day_high": max(shared[1:]) / sizes.days}),
        ),
        Variant(f"symbol {SYMBOLS}", rounded({"s_per_day": last / sizes.days})),
        Variant(f"{RUN_DAYS} days through Dagster", rounded({"s": watch.of("dagster")})),
        Variant(f"{RUN_DAYS} days without Dagster", rounded({"s": watch.of("plain")})),
    ]
    figures = {"dagster_s_per_symbol_day": overhead, "twentieth_symbol_vs_first": last / first}
    return Report("scale", variants, {}, figures=rounded(figures))


def _symbols_of_one_table(sizes: Sizes) -> list[float]:
    """Seconds of the same days stored for one symbol after the other."""
    with own_store() as platform:
        days = platform.calendar.days(FIRST_DAY, date(2026, 1, 9))[: sizes.days]
        loads = day_loads(platform, parse_symbol(SYMBOL), days)
        seconds: list[float] = []
        for number in range(-1, SYMBOLS):
            if number == 0:
                empty_ticks(platform)
            name = f"KQ.m@SHFE.x{chr(ord('a') + max(number, 0))}"
            started = perf_counter()
            results = list(store_days(platform.database, [replace(load, symbol=name) for load in loads]))
            seconds.append(perf_counter() - started)
            if not all(isinstance(one, StoredDay) for one in results):
                raise GhtraderError(f"a day of {name} was not stored")
        return seconds[1:]


def _with_and_without_dagster(sizes: Sizes) -> Watch:
    watch, symbol = Watch(), parse_symbol(SYMBOL)
    with tempfile.TemporaryDirectory(prefix="ghtrader-bench-") as folder, _home(Path(folder)) as settings:
        definitions = build_definitions(settings)
        with running_services(settings, _silent, with_dagster=False), open_platform(settings) as platform:
            days = platform.calendar.days(FIRST_DAY, date(2026, 1, 9))[:RUN_DAYS]
            _require_no_stop(run_here(definitions, [symbol], days, ALL_TABLES, {}))
            for _ in range(sizes.rounds):
                with watch.timing("plain"):
                    _load(settings, symbol, days)
                with watch.timing("dagster"):
                    stops = run_here(definitions, [symbol], days, ALL_TABLES, {})
                _require_no_stop(stops)
    return watch


def _load(settings: Settings, symbol: Symbol, days: Sequence[date]) -> None:
    with open_platform(settings) as platform:
        refresh_schedule(platform, symbol)
        for outcome in load_days(platform, symbol, days, "bench", must_judge=True, on_retry=_silent):
            if outcome.state != IngestState.COMPLETE:
                raise GhtraderError(f"{outcome.trading_day} is {outcome.state.value}: {outcome.failure}")


def _require_no_stop(stops: Sequence[object]) -> None:
    if stops:
        raise GhtraderError(f"the run failed: {stops[0]}")


def _silent(_: str) -> None:
    """Nobody listens."""


@contextmanager
def _home(home: Path) -> Generator[Settings]:
    """Settings of a home of its own, in this process's environment too: that is where a run reads them."""
    ports = ("QUESTDB_HTTP", "QUESTDB_PG", "DAGSTER", "DASHBOARD", "EXCHANGE")
    ours = {f"GHTRADER_{name}_PORT": "0" for name in ports}
    ours |= {"GHTRADER_SYMBOLS": SYMBOL, "GHTRADER_FAST_HISTORY": "on", **dagster_environment(home)}
    before = {name: os.environ.get(name) for name in ours}
    os.environ.update(ours)
    try:
        yield load_settings()
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
