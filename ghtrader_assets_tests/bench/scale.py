"""`bench scale`: what a symbol costs in tables that others share, and what Dagster itself costs a symbol-day.

Belongs here: the sizes, the measurements, their figures. Does not belong here: the wire (`ingest`), the write path of
one symbol (`write`).

The twentieth symbol's days come into partitions that hold those of 19 others, and QuestDB merges them by time.
Sixty symbols come as one load brings them, by trading day, and one more alone after them.

Dagster's own cost is a run of 20 days (all tables, all events, in this process) less the same load without Dagster; the
days are stored already, so that both fetch, prove and judge them and nothing else differs.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Final

from ghtrader_assets.assets.build import build_definitions
from ghtrader_assets.assets.run_here import run_here
from ghtrader_assets.clock import SYSTEM_CLOCK
from ghtrader_assets.context.load import LoadContext, open_load
from ghtrader_assets.errors import GhtraderError, IngestState
from ghtrader_assets.loading.days import load_days
from ghtrader_assets.market.symbols import Symbol, parse_symbol
from ghtrader_assets.orchestration.names import ALL_TABLES
from ghtrader_assets.questdb.tables.writer import DayLoad, StoredDay
from ghtrader_assets.reference.schedule import refresh_schedule
from ghtrader_assets.services.embedded import running_services
from ghtrader_assets.upkeep.due import Need
from ghtrader_assets_tests.bench.own_exchange import own_exchange
from ghtrader_assets_tests.bench.own_home import own_home
from ghtrader_assets_tests.bench.report import Report, Variant, Watch, rounded
from ghtrader_assets_tests.bench.store import empty_ticks, own_store
from ghtrader_assets_tests.model_days import day_loads
from ghtrader_assets_tests.storing import store_days

SYMBOL: Final = "KQ.m@SHFE.rb"
FIRST_DAY: Final = date(2025, 9, 1)
RUN_DAYS: Final = 20
SYMBOLS: Final = 20
SIXTY: Final = 60
SIXTY_DAYS: Final = 5
ONE, MANY, LATE = "one symbol", "sixty symbols", "one symbol after sixty"
SESSIONS: Final = 4
WRITE_PATH: Final = "write path alone"
WHOLE_LOAD: Final = "download to recorded"


@dataclass(frozen=True)
class Sizes:
    """Days of each of the symbols that share a table, and turns of everything that is measured."""

    days: int
    rounds: int
    with_sixty: bool


FULL: Final = Sizes(days=10, rounds=3, with_sixty=True)
QUICK: Final = Sizes(days=4, rounds=1, with_sixty=False)


def bench_scale(*, quick: bool) -> Report:
    """Measure all of it. Raises `GhtraderError` if a day is not stored or a run fails."""
    sizes = QUICK if quick else FULL
    shared = _loads_into_one_table(sizes)
    watch = _with_and_without_dagster(sizes)
    overhead = (watch.of("dagster") - watch.of("plain")) / RUN_DAYS
    variants = [
        Variant(f"{which} symbol, {what}", rounded({"s_per_day": shared.of(f"{which} {what}") / sizes.days}))
        for what in (WHOLE_LOAD, WRITE_PATH)
        for which in ("first", "twentieth")
    ]
    variants += [
        Variant(f"{RUN_DAYS} days through Dagster", rounded({"s": watch.of("dagster")})),
        Variant(f"{RUN_DAYS} days without Dagster", rounded({"s": watch.of("plain")})),
    ]
    figures = {
        "dagster_s_per_symbol_day": overhead,
        "twentieth_symbol_vs_first": shared.of(f"twentieth {WHOLE_LOAD}") / shared.of(f"first {WHOLE_LOAD}"),
        "twentieth_symbol_write_vs_first": shared.of(f"twentieth {WRITE_PATH}") / shared.of(f"first {WRITE_PATH}"),
    }
    if sizes.with_sixty:
        sixty = _sixty_in_one_load(sizes.rounds)
        variants += [
            Variant(f"{SIXTY_DAYS} days of {which}, {WRITE_PATH}", rounded({"s": sixty.of(which)}))
            for which in (ONE, MANY, LATE)
        ]
        figures["symbol_60_vs_1"] = sixty.of(MANY) / SIXTY / sixty.of(ONE)
        figures["late_symbol_vs_1"] = sixty.of(LATE) / sixty.of(ONE)
    return Report("scale", variants, {}, figures=rounded(figures))


def _loads_into_one_table(sizes: Sizes) -> Watch:
    """The same days for the first symbol of an empty table, and for the twentieth among days of 19 others: downloaded,
    stored, judged and recorded, and stored alone."""
    watch, symbol = Watch(), parse_symbol(SYMBOL)
    with (
        own_store(ingest_workers=SESSIONS, fast_history="on") as platform,
        tempfile.TemporaryDirectory(prefix="ghtrader-bench-") as folder,
        own_exchange(Path(folder), 0) as server,
    ):
        days = platform.calendar.days(FIRST_DAY, date(2026, 1, 9))[: sizes.days]
        loads = day_loads(platform, symbol, days)
        served = replace(platform, provider=server)
        _load(served, symbol, days)
        for _ in range(sizes.rounds):
            for which, others in (("first", 0), ("twentieth", SYMBOLS - 1)):
                empty_ticks(platform)
                for number in range(others):
                    _store(platform, loads, number)
                with watch.timing(f"{which} {WRITE_PATH}"):
                    _store(platform, loads, others)
                empty_ticks(platform)
                for number in range(others):
                    _store(platform, loads, number)
                with watch.timing(f"{which} {WHOLE_LOAD}"):
                    _load(served, symbol, days)
    return watch


def _sixty_in_one_load(rounds: int) -> Watch:
    """The same days of one symbol in an empty table, of sixty in one load in another, of one more after them."""
    watch = Watch()
    with own_store() as platform:
        days = platform.calendar.days(FIRST_DAY, date(2026, 1, 9))[:SIXTY_DAYS]
        loads = day_loads(platform, parse_symbol(SYMBOL), days)
        for _ in range(rounds):
            empty_ticks(platform)
            with watch.timing(ONE):
                _store(platform, loads, 0)
            empty_ticks(platform)
            with watch.timing(MANY):
                _store(platform, loads, *range(SIXTY))
            with watch.timing(LATE):
                _store(platform, loads, SIXTY)
    return watch


def _store(platform: LoadContext, loads: Sequence[DayLoad], *numbers: int) -> None:
    """Store the days as those of other symbols, by trading day, as one load does."""
    names = [f"KQ.m@SHFE.x{chr(ord('a') + number % 26)}{number // 26 or ''}" for number in numbers]
    results = store_days(platform.database, [replace(load, symbol=name) for load in loads for name in names])
    failed = [result for result in results if not isinstance(result, StoredDay)]
    if failed:
        raise GhtraderError(f"{len(failed)} days were not stored, first {failed[0].load}: {failed[0].error}")


def _with_and_without_dagster(sizes: Sizes) -> Watch:
    watch, symbol = Watch(), parse_symbol(SYMBOL)
    with (
        tempfile.TemporaryDirectory(prefix="ghtrader-bench-") as folder,
        own_home(Path(folder), SYMBOLS=SYMBOL, FAST_HISTORY="on") as settings,
    ):
        definitions = build_definitions(settings, SYSTEM_CLOCK)
        with running_services(settings, _silent, SYSTEM_CLOCK, with_dagster=False), open_load(settings) as platform:
            days = platform.calendar.days(FIRST_DAY, date(2026, 1, 9))[:RUN_DAYS]
            needs = {symbol: dict.fromkeys(days, Need.LOAD)}
            _require_no_stop(run_here(definitions, settings.home, needs, ALL_TABLES, {}, []))
            for _ in range(sizes.rounds):
                with watch.timing("plain"), open_load(settings) as loading:
                    refresh_schedule(loading, symbol)
                    _load(loading, symbol, days)
                with watch.timing("dagster"):
                    stops = run_here(definitions, settings.home, needs, ALL_TABLES, {}, [])
                _require_no_stop(stops)
    return watch


def _load(platform: LoadContext, symbol: Symbol, days: Sequence[date]) -> None:
    """Download, store, judge and record the days."""
    for outcome in load_days(platform, {symbol: days}, "bench", must_judge=True, on_retry=_silent):
        if outcome.state != IngestState.COMPLETE:
            raise GhtraderError(f"{outcome.trading_day} is {outcome.state.value}: {outcome.failure}")


def _require_no_stop(stops: Sequence[object]) -> None:
    if stops:
        raise GhtraderError(f"the run failed: {stops[0]}")


def _silent(_: str) -> None:
    """No one to tell."""
