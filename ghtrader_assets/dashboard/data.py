"""What pages ask of the store: each question once, whole days only, nothing of how it looks.

Belongs here: the questions behind a page. Does not belong here: SQL (`questdb`), components (`pages`).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final

import polars as pl
from pydantic import SecretStr

from ghtrader_assets.dashboard.palette import look_of
from ghtrader_assets.dashboard.routes import Window
from ghtrader_assets.errors import BadInputError, IngestState, NotListedError, QuestDBError
from ghtrader_assets.loading.overview import days_of
from ghtrader_assets.loading.platform import Platform
from ghtrader_assets.loading.repair import RepairPlan, read_plan
from ghtrader_assets.manifests import Manifest
from ghtrader_assets.market.calendar import TradingCalendar
from ghtrader_assets.market.schedule import last_completed_day
from ghtrader_assets.market.session_events import events_for
from ghtrader_assets.market.sessions import DaySessions, day_sessions
from ghtrader_assets.market.symbols import Symbol, parse_symbol
from ghtrader_assets.market.ticks import DayWindow
from ghtrader_assets.questdb.grid import read_grid
from ghtrader_assets.questdb.measured import (
    IngestRate,
    IngestStep,
    Percentiles,
    Step,
    TimedPercentiles,
    read_ingest_course,
    read_ingest_rates,
    read_percentiles,
    read_query_course,
    read_query_percentiles,
)
from ghtrader_assets.questdb.reader import manifests_covering, read_day_columns, read_gaps, read_quality, read_summary
from ghtrader_assets.questdb.rows import DayState
from ghtrader_assets.services.connect import open_database
from ghtrader_assets.services.health import ServiceHealth, service_health
from ghtrader_assets.settings import Settings, start_date_of
from ghtrader_assets.tq.provider import Provider
from ghtrader_assets.validation.verdicts import CoverageRow, GapRow, QualityRow

SHOWN_DAYS: Final = 250
REPAIR_DAYS: Final = 250
_NO_PROVIDER: Final = Provider("nobody", SecretStr("nobody"), name="embedded")
"""Looking asks the store alone: no tick is fetched from here."""

TICK_COLUMNS: Final = ("datetime_ns", "last_price", "bid_price1", "ask_price1", "volume")
_STEPS: Final[dict[Window, tuple[timedelta, Step]]] = {
    "1h": (timedelta(hours=1), "1m"),
    "24h": (timedelta(days=1), "15m"),
    "7d": (timedelta(days=7), "1h"),
    "30d": (timedelta(days=30), "6h"),
}


@dataclass(frozen=True, slots=True)
class Grid:
    """The states of symbols on trading days: `codes` holds a string of palette letters a symbol, a letter a day."""

    symbols: tuple[str, ...]
    days: tuple[date, ...]
    codes: tuple[str, ...]
    rows: int
    frame: pl.DataFrame


@dataclass(frozen=True, slots=True)
class DayView:
    """All that is known of one symbol's trading day. `sessions` is None before the product was listed."""

    symbol: Symbol
    trading_day: date
    window: DayWindow
    state: DayState
    sessions: DaySessions | None
    coverage: CoverageRow | None
    quality: QualityRow | None
    gaps: list[GapRow]
    loads: list[Manifest]
    ticks: pl.DataFrame


@dataclass(frozen=True, slots=True)
class Operations:
    """How the platform fared over a window that ends now."""

    window: Window
    start: datetime
    end: datetime
    step: Step
    services: list[ServiceHealth]
    queries: list[Percentiles]
    query_course: list[TimedPercentiles]
    ingest: list[IngestRate]
    ingest_course: list[IngestStep]
    timings: list[Percentiles]
    plan: RepairPlan


class Source:
    """The store of a platform, opened at the first question and kept open; shared by threads."""

    def __init__(self, settings: Settings, calendar: TradingCalendar) -> None:
        self.settings = settings
        self.calendar = calendar
        self._stack = ExitStack()
        self._platform: Platform | None = None
        self._lock = threading.Lock()

    def close(self) -> None:
        self._stack.close()

    @property
    def platform(self) -> Platform:
        """The open platform. Raises `ServiceError` while a service it needs is away, and tries again the next time."""
        with self._lock:
            if self._platform is None:
                database = self._stack.enter_context(open_database(self.settings))
                home = self.settings.home
                self._platform = Platform(self.settings, self.calendar, database, _NO_PROVIDER, events_for(home))
            return self._platform

    def last_completed(self) -> date:
        return last_completed_day(self.calendar, time.time_ns())

    def grid(self, symbols: Sequence[str], last: date | None) -> Grid:
        """The states of the symbols on the `SHOWN_DAYS` trading days up to `last`."""
        end = min(last or self.last_completed(), self.calendar.horizon)
        days = self.calendar.days(self.calendar.first, end)[-SHOWN_DAYS:]
        if not days:
            raise BadInputError(f"no trading day is known up to {end}", "choose a later one")
        found = read_grid(self.platform.database, days[0], days[-1]).filter(pl.col("symbol").is_in(list(symbols)))
        codes = {
            (symbol, day): look_of(state).code
            for symbol, day, state in found.select("symbol", "trading_day", "state").iter_rows()
        }
        starts = {symbol: self._start(symbol) for symbol in symbols}
        missing, unlisted = look_of(IngestState.MISSING).code, look_of(IngestState.NOT_LISTED).code
        return Grid(
            tuple(symbols),
            tuple(days),
            tuple(
                "".join(codes.get((one, day)) or (missing if day >= starts[one] else unlisted) for day in days)
                for one in symbols
            ),
            int(found["rows"].sum()),
            found,
        )

    def day(self, symbol: Symbol, day: date) -> DayView:
        """One trading day with its ticks, all of one load: what a re-load overtakes is read again."""
        database = self.platform.database
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
            read_gaps(database, symbol.text, day) if stored else [],
            manifests_covering(database, day, [symbol.text])[::-1],
            ticks,
        )

    def _whole_day(self, symbol: Symbol, day: date) -> tuple[DayState, pl.DataFrame]:
        """A day's state and the ticks it speaks of; none of a day that is not complete."""
        window = self.calendar.window(day)
        (state,) = days_of(self.platform, symbol, day, day)
        while state.ingest_state == IngestState.COMPLETE:
            ticks = read_day_columns(self.platform.database, symbol.text, window, TICK_COLUMNS)
            (after,) = days_of(self.platform, symbol, day, day)
            if after.digest == state.digest and ticks.height == state.rows:
                return state, ticks
            if after == state:
                raise QuestDBError(
                    f"{symbol.text} {day}: {ticks.height:,} ticks are stored and {state.rows:,} were loaded",
                    f"ghtrader-assets backfill {symbol.text} --from {day} --to {day} --force",
                )
            state = after
        return state, pl.DataFrame()

    def operations(self, window: Window) -> Operations:
        """Rates, latencies, services, and what needs repair among the last `REPAIR_DAYS` trading days."""
        end = datetime.now(UTC)
        length, step = _STEPS[window]
        start, database = end - length, self.platform.database
        return Operations(
            window,
            start,
            end,
            step,
            service_health(self.settings),
            read_query_percentiles(database, start, end),
            read_query_course(database, start, end, step),
            read_ingest_rates(database, start, end),
            read_ingest_course(database, start, end, step),
            read_percentiles(database, ["validation_seconds", "download_seconds", "store_seconds"], start, end),
            self._plan(end),
        )

    def _plan(self, now: datetime) -> RepairPlan:
        last = self.last_completed()
        first = self.calendar.days(self.calendar.first, last)[-REPAIR_DAYS:][0]
        symbols = [parse_symbol(text) for text in self.settings.symbols]
        return read_plan(self.platform, symbols, first, last, now, begun_only=True)

    def _start(self, symbol: str) -> date:
        return start_date_of(self.settings, parse_symbol(symbol).product)

    def _sessions(self, symbol: Symbol, day: date) -> DaySessions | None:
        try:
            return day_sessions(symbol, day, self.calendar, operator_events=self.platform.operator_events)
        except NotListedError:
            return None
