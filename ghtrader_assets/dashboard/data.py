"""What pages read from the store: each question once, whole days only, nothing of how it looks.

Belongs here: the questions behind a page. Does not belong here: SQL (`questdb`), components (`pages`).
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Final

import polars as pl

from ghtrader_assets.bars.frame import bars_fingerprint
from ghtrader_assets.bars.length import bar_length
from ghtrader_assets.clock import Clock
from ghtrader_assets.context.store import StoreContext
from ghtrader_assets.context.universe import UnknownProduct, universe_of, unknown_product
from ghtrader_assets.dashboard.palette import ACCEPTED, NOT_BEGUN, look_of
from ghtrader_assets.dashboard.routes import Window
from ghtrader_assets.errors import BadInputError, DayReplacedError, IngestState, NoDayError, NotListedError
from ghtrader_assets.loading.bars import sessions_of_day
from ghtrader_assets.manifests import Manifest
from ghtrader_assets.market.calendar import TradingCalendar
from ghtrader_assets.market.schedule import last_completed_day
from ghtrader_assets.market.sessions import DaySessions, day_sessions
from ghtrader_assets.market.symbols import Symbol, parse_symbol
from ghtrader_assets.market.ticks import DayWindow
from ghtrader_assets.questdb.standing.day_states import read_grid
from ghtrader_assets.questdb.standing.derivation import state_untouched
from ghtrader_assets.questdb.standing.obstacles import read_obstacles
from ghtrader_assets.questdb.tables.bars import read_bar_days
from ghtrader_assets.questdb.tables.measured import (
    Grain,
    IngestRate,
    IngestStep,
    Percentiles,
    TimedPercentiles,
    read_ingest_course,
    read_ingest_rates,
    read_percentiles,
    read_query_course,
    read_query_percentiles,
)
from ghtrader_assets.questdb.tables.reader import manifests_covering, read_gaps, read_quality, read_summary
from ghtrader_assets.questdb.tables.rows import BarDay, DayState
from ghtrader_assets.questdb.tables.whole_days import read_whole_day
from ghtrader_assets.reading.bars import TICKS_OF_BARS, BarForm, bars_of_range
from ghtrader_assets.reading.handout import handout_of
from ghtrader_assets.reading.overview import days_of
from ghtrader_assets.reading.telling import collected
from ghtrader_assets.services.dagster_state import loads_daily
from ghtrader_assets.services.health import ServiceHealth, service_health
from ghtrader_assets.services.shares import disk_sentence
from ghtrader_assets.settings import Settings, start_date_of
from ghtrader_assets.store import Store
from ghtrader_assets.upkeep.begun import Span, begun_spans
from ghtrader_assets.upkeep.evening import EveningReport, last_due, read_evening
from ghtrader_assets.upkeep.repair import RepairPlan, read_plan
from ghtrader_assets.validation.verdicts import CoverageVerdict, GapRow, QualityVerdict

SHOWN_DAYS: Final = 250
REPAIR_DAYS: Final = 250
NO_DAY: Final[Span] = date.max, date.min
PATIENCE_S: Final = 10.0
"""A page waits this long for a day that is being replaced."""

DAY_BAR_COLUMNS: Final = ("trading_day", "contract", "open", "high", "low", "close", "volume")
TICK_COLUMNS: Final = ("datetime_ns", "last_price", "bid_price1", "ask_price1", "volume")
_STEPS: Final[dict[Window, tuple[timedelta, Grain]]] = {
    "1h": (timedelta(hours=1), "1m"),
    "24h": (timedelta(days=1), "15m"),
    "7d": (timedelta(days=7), "1h"),
    "30d": (timedelta(days=30), "6h"),
}


@dataclass(frozen=True, slots=True)
class Grid:
    """The states of symbols on trading days: `codes` holds a string of palette letters a symbol, a letter a day.

    `unknown` are the symbols whose product is unknown, `wrong_mains` what is said of days by symbol whose main contract
    is wrong at the provider, `completed` the last completed trading day, shown or not.
    """

    symbols: tuple[str, ...]
    days: tuple[date, ...]
    codes: tuple[str, ...]
    rows: int
    frame: pl.DataFrame
    unknown: Mapping[str, UnknownProduct]
    wrong_mains: Mapping[str, Mapping[date, str]]
    completed: date


@dataclass(frozen=True, slots=True)
class DayView:
    """All that is known of one symbol's trading day. `sessions` is None before the product was listed."""

    symbol: Symbol
    trading_day: date
    window: DayWindow
    state: DayState
    sessions: DaySessions | None
    coverage: CoverageVerdict | None
    quality: QualityVerdict | None
    gaps: list[GapRow]
    loads: list[Manifest]
    ticks: pl.DataFrame


@dataclass(frozen=True, slots=True)
class Operations:
    """How the platform fared over a window that ends now."""

    window: Window
    start: datetime
    end: datetime
    step: Grain
    services: list[ServiceHealth]
    queries: list[Percentiles]
    query_course: list[TimedPercentiles]
    ingest: list[IngestRate]
    ingest_course: list[IngestStep]
    timings: list[Percentiles]
    plan: RepairPlan


class Source:
    """The store of a platform, opened at the first question and kept open; shared by threads."""

    def __init__(self, settings: Settings, calendar: TradingCalendar, clock: Clock) -> None:
        self.settings = settings
        self.calendar = calendar
        self._clock = clock
        self._stack = ExitStack()
        self._store: Store | None = None
        self._lock = threading.Lock()

    def close(self) -> None:
        self._stack.close()

    def store(self) -> Store:
        """The open store. Raises `ServiceError` while it is away, and tries again the next time."""
        with self._lock:
            if self._store is None:
                self._store = self._stack.enter_context(Store(self.settings, self._clock))
            return self._store

    @property
    def context(self) -> StoreContext:
        """That of the open store, which raises the same."""
        return self.store().context

    def last_completed(self) -> date:
        return last_completed_day(self.calendar, self._clock.now_ns())

    def grid(self, symbols: Sequence[str], end: date | None) -> Grid:
        """The states of the symbols on the `SHOWN_DAYS` trading days up to `end`, or to the last of their histories."""
        parsed = {symbol: parse_symbol(symbol) for symbol in symbols}
        begun = self._begun(list(parsed.values()))
        completed = self.last_completed()
        last = min(end or max((last for _, last in begun.values()), default=completed), completed)
        days = self.calendar.days(self.calendar.first, last)[-SHOWN_DAYS:]
        if not days:
            raise BadInputError(f"no trading day is known up to {last}", "choose a later one")
        database = self.context.database
        obstacles = read_obstacles(database, self.calendar, list(parsed.values()), days[0], days[-1])
        grid = read_grid(database, days[0], days[-1], self._clock.now(), obstacles)
        found = grid.filter(pl.col("symbol").is_in(list(symbols)))
        shown = found.select("symbol", "trading_day", pl.when("accepted").then(pl.lit(ACCEPTED)).otherwise("state"))
        codes = {(symbol, day): look_of(state).code for symbol, day, state in shown.iter_rows()}
        products = {symbol: unknown_product(self.settings.home, parsed[symbol]) for symbol in symbols}
        unknown = {symbol: product for symbol, product in products.items() if product is not None}
        starts = {symbol: start_date_of(self.settings, parsed[symbol].product) for symbol in symbols}

        def untouched(symbol: str, day: date) -> str:
            state = state_untouched(day, starts[symbol], unknown=symbol in unknown)
            first, last = begun.get(symbol, NO_DAY)
            return NOT_BEGUN if state == IngestState.MISSING and not first <= day <= last else state

        return Grid(
            tuple(symbols),
            tuple(days),
            tuple(
                "".join(codes.get((symbol, day)) or look_of(untouched(symbol, day)).code for day in days)
                for symbol in symbols
            ),
            int(found["rows"].sum()),
            found,
            unknown,
            _wrong_mains(found),
            completed,
        )

    def day_bars(self, symbol: Symbol, start: date, end: date) -> pl.DataFrame:
        """The day bars (`DAY_BAR_COLUMNS`) of those days of which minutes of the very content are stored, by day."""
        context = self.context
        with collected():  # the grid shows how each day stands
            try:
                handout = handout_of(context, symbol, start, end, TICKS_OF_BARS)
            except NoDayError:
                return pl.DataFrame()
        known = read_bar_days(context.database, symbol.text, [day.trading_day for day in handout.days])
        made = tuple(day for day in handout.days if self._has_minutes(day, known.get(day.trading_day)))
        if not made:
            return pl.DataFrame()
        bars = bars_of_range(replace(handout, days=made), BarForm(bar_length("1d"), columns=DAY_BAR_COLUMNS))
        frame = pl.from_arrow(bars)
        assert isinstance(frame, pl.DataFrame)  # noqa: S101 - narrows a type
        return frame.with_columns(pl.col("contract").cast(pl.String))

    def _has_minutes(self, day: DayState, made: BarDay | None) -> bool:
        sessions = sessions_of_day(self.context, day.contract, day.trading_day)
        return made is not None and made.fingerprint == bars_fingerprint(day.digest, sessions.fingerprint, day.contract)

    def day(self, symbol: Symbol, day: date) -> DayView:
        """One trading day with its ticks, all of one load. Raises `DayReplacedError` while it is being replaced."""
        database = self.context.database
        state, ticks = self._whole_day(symbol, day)
        stored = state.ingest_state == IngestState.COMPLETE
        return DayView(
            symbol,
            day,
            self.calendar.window(day),
            state,
            self._sessions(symbol, day),
            read_summary(database, symbol.text, [day]).get(day) if stored else None,
            read_quality(database, symbol.text, [day]).get(day) if stored else None,
            read_gaps(database, symbol.text, [day]) if stored else [],
            manifests_covering(database, day, [symbol.text])[::-1],
            ticks,
        )

    def _whole_day(self, symbol: Symbol, day: date) -> tuple[DayState, pl.DataFrame]:
        """A day's state and the ticks it speaks of; none of a day that is not complete."""
        (state,) = days_of(self.context, symbol, day, day)
        if state.ingest_state != IngestState.COMPLETE:
            return state, pl.DataFrame()
        whole = read_whole_day(
            self.context.database, symbol.text, self.calendar.window(day), TICK_COLUMNS, patience_s=PATIENCE_S
        )
        if whole.agg.digest != state.digest:
            (state,) = days_of(self.context, symbol, day, day)
        if whole.agg.digest != state.digest:
            raise DayReplacedError(f"{symbol.text} {day} was loaded again while it was read", "open the page again")
        ticks = pl.from_arrow(whole.ticks)
        assert isinstance(ticks, pl.DataFrame)  # noqa: S101 - narrows a type
        return state, ticks

    def operations(self, window: Window) -> Operations:
        """Rates, latencies, services, and what needs repair among the last `REPAIR_DAYS` trading days."""
        end = self._clock.now()
        length, step = _STEPS[window]
        start, database = end - length, self.context.database
        return Operations(
            window,
            start,
            end,
            step,
            service_health(self.settings, self._clock),
            read_query_percentiles(database, start, end),
            read_query_course(database, start, end, step),
            read_ingest_rates(database, start, end),
            read_ingest_course(database, start, end, step),
            read_percentiles(database, ["validation_seconds", "download_seconds", "store_seconds"], start, end),
            self._plan(end),
        )

    def evening(self) -> tuple[EveningReport, datetime]:
        """The report of the last evening that is due, and when that was."""
        day, due = last_due(self.calendar, self.settings.report_at, self._clock.now())
        disk, low = disk_sentence(self.settings)
        symbols, follows = universe_of(self.settings), loads_daily(self.settings)
        return read_evening(self.context, symbols, day, loads_daily=follows, disk=disk, disk_is_low=low), due

    def _plan(self, now: datetime) -> RepairPlan:
        symbols = universe_of(self.settings)
        begun = self._begun(symbols)
        end = max((last for _, last in begun.values()), default=self.last_completed())
        start = self.calendar.days(self.calendar.first, end)[-REPAIR_DAYS:][0]
        return read_plan(self.context, symbols, start, end, now, begun=begun)

    def _begun(self, symbols: Sequence[Symbol]) -> Mapping[str, Span]:
        return begun_spans(self.context, symbols, followed=loads_daily(self.settings))

    def _sessions(self, symbol: Symbol, day: date) -> DaySessions | None:
        try:
            return day_sessions(symbol, day, self.calendar, operator_events=self.context.operator_events)
        except (NotListedError, BadInputError):  # before it was listed; of an unknown product
            return None


def _wrong_mains(grid: pl.DataFrame) -> dict[str, dict[date, str]]:
    """By symbol and day what is said where the main contract is wrong and the day was not accepted."""
    found: dict[str, dict[date, str]] = {}
    wrong = grid.filter(~pl.col("accepted"), pl.col("wrong_main").is_not_null())
    for symbol, day, reason in wrong.select("symbol", "trading_day", "reason").iter_rows():
        found.setdefault(symbol, {})[day] = reason
    return found
