"""`Store`: the questions a researcher asks, each typed, each answered from whole trading days.

Belongs here: checking arguments, handing out answers. Does not belong here: SQL (`questdb`), forms of ticks (`forms`),
ghTrader's names for the same questions (`ghtrader`).
"""

from __future__ import annotations

import weakref
from collections.abc import Generator, Sequence
from contextlib import ExitStack
from datetime import date
from typing import Any, Literal, Self, cast, overload

import pandas as pd
import polars as pl
import pyarrow as pa

from ghtrader_assets.context.store import StoreContext, open_store
from ghtrader_assets.errors import BadInputError
from ghtrader_assets.manifests import Manifest
from ghtrader_assets.market.calendar import TradingCalendar
from ghtrader_assets.market.schedule import ScheduleDay
from ghtrader_assets.market.symbols import Symbol, parse_symbol
from ghtrader_assets.questdb.cache.coverage import cache_of
from ghtrader_assets.questdb.client.arrow import ArrowTable
from ghtrader_assets.questdb.client.connection import Database
from ghtrader_assets.questdb.tables import reader
from ghtrader_assets.questdb.tables.rows import DailyAgg, DayState, SymbolCoverage
from ghtrader_assets.questdb.tables.whole_days import WholeDay, read_whole_days, require_columns
from ghtrader_assets.reading.overview import days_of
from ghtrader_assets.settings import Settings, load_settings
from ghtrader_assets.store.forms import Form, in_form, require_form
from ghtrader_assets.store.ghtrader import GhtraderQueries
from ghtrader_assets.validation.verdicts import GapRow, QualityRow

Day = date | str
"""A trading day: a date or YYYY-MM-DD."""


def connect(settings: Settings | None = None) -> Store:
    """The store of `GHTRADER_HOME`, or of other settings. Raises `QuestDBError` when no QuestDB runs for it."""
    return Store(load_settings() if settings is None else settings)


class Store(GhtraderQueries):
    """A store to ask, shared by threads. It reads with a log-in that can't change anything.

    Symbols are TqSdk's names, days trading days. Everything raises `BadInputError` for a malformed or unknown symbol,
    day or column before any SQL, and `QuestDBError` or `CredentialError`, in one line, for what a server does. Answers
    about single days and loads are frozen rows; `pandas.DataFrame(rows)` makes a frame of any list of them. Instants
    are zone-aware.
    """

    def __init__(self, settings: Settings) -> None:
        stack = ExitStack()
        self._context: StoreContext = stack.enter_context(open_store(settings))
        self.settings: Settings = settings
        self.calendar: TradingCalendar = self._context.calendar
        self.database: Database = self._context.database
        self._cache = cache_of(settings, self.database.endpoint)
        stack.callback(self._cache.close)
        self._close = weakref.finalize(self, stack.close)

    def close(self) -> None:
        """Close every connection; done at the latest when the process ends."""
        self._close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @overload
    def ticks(
        self,
        symbol: str,
        first: Day,
        last: Day | None = None,
        *,
        columns: Sequence[str] | None = None,
        contracts: Sequence[str] | None = None,
        to: Literal["pandas"] = "pandas",
    ) -> pd.DataFrame: ...

    @overload
    def ticks(
        self,
        symbol: str,
        first: Day,
        last: Day | None = None,
        *,
        columns: Sequence[str] | None = None,
        contracts: Sequence[str] | None = None,
        to: Literal["arrow"],
    ) -> ArrowTable: ...

    @overload
    def ticks(
        self,
        symbol: str,
        first: Day,
        last: Day | None = None,
        *,
        columns: Sequence[str] | None = None,
        contracts: Sequence[str] | None = None,
        to: Literal["polars"],
    ) -> pl.DataFrame: ...

    def ticks(
        self,
        symbol: str,
        first: Day,
        last: Day | None = None,
        *,
        columns: Sequence[str] | None = None,
        contracts: Sequence[str] | None = None,
        to: Form = "pandas",
    ) -> Any:
        """The ticks of a trading day, or of the stored days from `first` to `last`, both included, in time order.

        `columns` (`questdb.tables.whole_days.RESULT_TYPES`) are all that is read. `contracts` keeps the days on which
        the symbol stood for one of these; `symbol` may be a contract itself. Prices are in the contract's quote unit,
        `volume` and `amount` cumulative over the trading day. Only whole days are handed out, each in one version;
        raises `BadInputError` when none is stored.
        """
        require_form(to)
        days = [one.ticks for one in self._whole_days(symbol, first, last, columns, contracts)]
        table = pa.concat_tables(days).unify_dictionaries()
        days.clear()
        return in_form(table, to)

    def stream_ticks(
        self,
        symbol: str,
        first: Day,
        last: Day | None = None,
        *,
        columns: Sequence[str] | None = None,
        contracts: Sequence[str] | None = None,
        to: Form = "pandas",
    ) -> Generator[tuple[DailyAgg, Any]]:
        """The same day by day, each with its coverage row, in bounded memory: `GHTRADER_READ_WORKERS` days ahead."""
        require_form(to)
        for one in self._whole_days(symbol, first, last, columns, contracts):
            yield one.agg, in_form(one.ticks, to)

    def coverage(self, *symbols: str) -> list[SymbolCoverage]:
        """First and last stored day, days, rows, first and last tick of each symbol; of all stored ones by default."""
        names = _names(symbols)
        return self._cache.answer("coverage", names, SymbolCoverage, lambda: reader.read_coverage(self.database, names))

    def latest(self, *symbols: str) -> list[DailyAgg]:
        """The coverage row of each symbol's last stored day; of all stored symbols by default."""
        names = _names(symbols)
        return self._cache.answer("latest", names, DailyAgg, lambda: reader.read_latest(self.database, names))

    def days(self, symbol: str, first: Day, last: Day | None = None) -> list[DayState]:
        """Every trading day of a range, stored or not: rows, contract, states of ingest, coverage and quality, why."""
        start, end = self._range(first, last)
        return days_of(self._context, parse_symbol(symbol), start, end)

    def gaps(self, symbol: str, day: Day) -> list[GapRow]:
        """The gaps of a judged trading day, in time order."""
        return reader.read_gaps(self.database, parse_symbol(symbol).text, self._day(day))

    def quality(self, symbol: str, day: Day) -> QualityRow:
        """The field quality of a judged trading day. Raises `BadInputError` where none was judged."""
        name, wanted = parse_symbol(symbol).text, self._day(day)
        found = reader.read_quality(self.database, name, [wanted]).get(wanted)
        if found is None:
            raise BadInputError(f"{name} {wanted} has not been judged", "load it with `ghtrader-assets backfill`")
        return found

    def schedule(self, symbol: str, first: Day | None = None, last: Day | None = None) -> list[ScheduleDay]:
        """The main contract of each trading day, its segment, and whether it rolled."""
        start = reader.FIRST_DAY if first is None else _date(first)
        end = reader.LAST_DAY if last is None else _date(last)
        return reader.read_schedule(self.database, parse_symbol(symbol).text, start, end)

    def manifests(self, day: Day, *symbols: str) -> list[Manifest]:
        """Every load attempt of a trading day, oldest first; of all symbols by default."""
        return reader.manifests_covering(self.database, self._day(day), _names(symbols))

    def _whole_days(
        self,
        symbol: str,
        first: Day,
        last: Day | None,
        columns: Sequence[str] | None,
        contracts: Sequence[str] | None,
    ) -> Generator[WholeDay]:
        wanted = require_columns(columns)
        parsed, (start, end) = parse_symbol(symbol), self._range(first, last)
        among = None if contracts is None else {parse_symbol(one).text for one in contracts}
        name, stored = self._stored(parsed, start, end)
        days = [one.trading_day for one in stored if among is None or one.contract in among]
        if not days:
            what = f"{start}" if start == end else f"{start} to {end}"
            raise BadInputError(
                f"no whole day of {parsed.text} is stored for {what}", "load it with `ghtrader-assets backfill`"
            )
        windows = [self.calendar.window(day) for day in days]
        return read_whole_days(self.database, name, windows, wanted, workers=self.settings.read_workers)

    def _stored(self, symbol: Symbol, start: date, end: date) -> tuple[str, list[DailyAgg]]:
        """The coverage rows of a symbol, and the name they are stored under: a contract's may be its main symbol's."""
        names = [symbol.text, symbol.alias] if symbol.kind == "contract" else [symbol.text]
        found = reader.read_daily_aggs(self.database, names, start, end)
        own = [one for one in found if one.symbol == symbol.text]
        if own or symbol.kind != "contract":
            return symbol.text, own
        return symbol.alias, [one for one in found if one.contract == symbol.text]

    def _day(self, day: Day) -> date:
        wanted = _date(day)
        self.calendar.require_trading_day(wanted)
        return wanted

    def _range(self, first: Day, last: Day | None) -> tuple[date, date]:
        """One trading day, or an inclusive range whose ends need not trade."""
        if last is None:
            return self._day(first), self._day(first)
        start, end = _date(first), _date(last)
        if not self.calendar.days(start, end):
            raise BadInputError(f"no trading day lies from {start} to {end}", "swap them, or choose a longer range")
        return start, end


def _date(day: Day) -> date:
    if isinstance(day, date):
        return day if type(day) is date else cast("pd.Timestamp", day).date()
    try:
        return date.fromisoformat(day)
    except (TypeError, ValueError):
        raise BadInputError(f"{str(day)[:80]!r} is no date", "write it as YYYY-MM-DD") from None


def _names(symbols: Sequence[str]) -> list[str]:
    """Symbols checked, each once, in one order: they name the question."""
    return sorted({parse_symbol(symbol).text for symbol in symbols})
