"""`Store`: the questions a researcher asks, each typed, each answered from whole trading days.

Belongs here: handing out answers. Does not belong here: SQL (`questdb`), checking what callers pass (`arguments`),
ghTrader's names for the same questions (`ghtrader`).
"""

from __future__ import annotations

import weakref
from collections.abc import Generator, Mapping, Sequence
from contextlib import ExitStack
from datetime import date
from typing import TYPE_CHECKING, Any, Final, Literal, Self, TypedDict, Unpack, overload

import polars as pl
import pyarrow as pa

from ghtrader_assets.clock import SYSTEM_CLOCK, Clock
from ghtrader_assets.context.store import StoreContext, open_store
from ghtrader_assets.errors import BadInputError
from ghtrader_assets.grammar import manifest_id_of
from ghtrader_assets.manifests import Manifest
from ghtrader_assets.market.calendar import TradingCalendar
from ghtrader_assets.market.schedule import ScheduleDay
from ghtrader_assets.questdb.cache.answers import cache_of
from ghtrader_assets.questdb.client.connection import Database
from ghtrader_assets.questdb.tables import reader
from ghtrader_assets.questdb.tables.rows import DailyAgg, DayState, StoredRange
from ghtrader_assets.questdb.tables.whole_days import read_whole_day, require_columns
from ghtrader_assets.reading.handout import HandedDay, States
from ghtrader_assets.reading.overview import days_known_as
from ghtrader_assets.reading.stored import scheduled_days, stored_symbol
from ghtrader_assets.settings import Settings
from ghtrader_assets.store.arguments import Day, OutputFormat, as_date, renamed_arguments, require_format
from ghtrader_assets.store.contracts import ContractQueries
from ghtrader_assets.store.formats import formatted
from ghtrader_assets.store.ghtrader import GhtraderQueries
from ghtrader_assets.store.pairs import PairQueries
from ghtrader_assets.store.panels import PanelQueries
from ghtrader_assets.store.questions import StoreQuestion, question
from ghtrader_assets.validation.verdicts import GapRow, QualityVerdict

if TYPE_CHECKING:
    import pandas as pd

_OLD_RANGE: Final = {"first": "start", "last": "end"}


class _Which(TypedDict, total=False):
    """Which columns of which days: arguments of every form of `Store.ticks`."""

    columns: Sequence[str] | None
    contracts: Sequence[str] | None
    states: States


class Store(ContractQueries, PairQueries, PanelQueries, GhtraderQueries):
    """A store to read from, shared by threads. Its log-in can't change anything.

    Symbols are TqSdk's names, days trading days. Everything raises `BadInputError` for a malformed or unknown symbol,
    day or column before any SQL, and `QuestDBError` or `CredentialError`, in one line, for what a server does. Answers
    about single days and loads are frozen rows; `pandas.DataFrame(rows)` makes a frame of any list of them. Instants
    are zone-aware. A contract that is not stored under its own name is read from the days on which its main symbol
    stood for it.
    """

    def __init__(self, settings: Settings, clock: Clock = SYSTEM_CLOCK) -> None:
        stack = ExitStack()
        self.context: StoreContext = stack.enter_context(open_store(settings, clock=clock))
        self.settings: Settings = settings
        self.calendar: TradingCalendar = self.context.calendar
        self.database: Database = self.context.database
        self._cache = cache_of(settings, self.database.endpoint)
        stack.callback(self._cache.close)
        self._close = weakref.finalize(self, stack.close)

    def answer_to(self, question: StoreQuestion, arguments: Sequence[Any], named: Mapping[str, Any]) -> Any:
        """What every question goes through: here it is answered."""
        return question.method(self, *arguments, **named)

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
        start: Day,
        end: Day | None = None,
        *,
        output_format: Literal["pandas"] = "pandas",
        **which: Unpack[_Which],
    ) -> pd.DataFrame: ...

    @overload
    def ticks(
        self,
        symbol: str,
        start: Day,
        end: Day | None = None,
        *,
        output_format: Literal["arrow"],
        **which: Unpack[_Which],
    ) -> pa.Table: ...

    @overload
    def ticks(
        self,
        symbol: str,
        start: Day,
        end: Day | None = None,
        *,
        output_format: Literal["polars"],
        **which: Unpack[_Which],
    ) -> pl.DataFrame: ...

    @renamed_arguments(**_OLD_RANGE, to="output_format")
    def ticks(
        self,
        symbol: str,
        start: Day,
        end: Day | None = None,
        *,
        columns: Sequence[str] | None = None,
        contracts: Sequence[str] | None = None,
        states: States = "any",
        output_format: OutputFormat = "pandas",
    ) -> Any:
        """The ticks of a trading day, or of the stored days from `start` to `end`, both included, in time order.

        `columns` (`questdb.tables.whole_days.RESULT_TYPES`) are all that is read. `contracts` keeps the days on which
        the symbol stood for one of these; `symbol` may be a contract itself. Prices are in the contract's quote unit,
        `volume` and `amount` cumulative over the trading day. Only whole days are handed out, each in one version;
        raises `BadInputError` when none is stored.

        `states` chooses among them: "any", "judged" (both verdicts speak of the stored content) or "good"
        (those are ok or warn). Days of the range that are missing, partial, in error or unjudged, and were not
        accepted as they are, are named by a `DayStateWarning`.
        """
        require_format(output_format)
        days = [ticks for _, ticks in self._whole_days(symbol, start, end, columns, contracts, states)]
        table = pa.concat_tables(days).unify_dictionaries()
        days.clear()
        return formatted(table, output_format)

    @renamed_arguments(**_OLD_RANGE, to="output_format")
    def stream_ticks(
        self,
        symbol: str,
        start: Day,
        end: Day | None = None,
        *,
        columns: Sequence[str] | None = None,
        contracts: Sequence[str] | None = None,
        states: States = "any",
        output_format: OutputFormat = "pandas",
    ) -> Generator[tuple[HandedDay, Any]]:
        """The ticks of a range day by day, each with its stored-day row and state, in bounded memory.

        `GHTRADER_READ_WORKERS` days are read ahead. The warning comes with the first day.
        """
        require_format(output_format)
        for day, ticks in self._whole_days(symbol, start, end, columns, contracts, states):
            yield day, formatted(ticks, output_format)

    @question
    def coverage(self, *symbols: str) -> list[StoredRange]:
        """First and last stored day, days, rows, first and last tick of each symbol; of all stored ones by default."""
        names = self._names(symbols)
        return self._cache.answer(
            "coverage", names, StoredRange, lambda: reader.read_stored_ranges(self.database, names)
        )

    @question
    def latest(self, *symbols: str) -> list[DailyAgg]:
        """The stored-day row of each symbol's last stored day; of all stored symbols by default."""
        names = self._names(symbols)
        return self._cache.answer("latest", names, DailyAgg, lambda: reader.read_latest(self.database, names))

    @renamed_arguments(**_OLD_RANGE)
    @question
    def days(self, symbol: str, start: Day, end: Day | None = None) -> list[DayState]:
        """Every trading day of a range, stored or not: rows, contract, states of ingest, coverage and quality, why."""
        return days_known_as(self.context, self._symbol(symbol), *self._range(start, end))

    @question
    def gaps(self, symbol: str, day: Day) -> list[GapRow]:
        """The gaps of a judged trading day, in time order."""
        name, wanted = self._stored_day(symbol, day)
        return reader.read_gaps(self.database, name, [wanted])

    @question
    def quality(self, symbol: str, day: Day) -> QualityVerdict:
        """The field quality of a judged trading day. Raises `BadInputError` where none was judged."""
        name, wanted = self._stored_day(symbol, day)
        found = reader.read_quality(self.database, name, [wanted]).get(wanted)
        if found is None:
            raise BadInputError(f"{name} {wanted} has not been judged", "load it with `ghtrader-assets backfill`")
        return found

    @renamed_arguments(**_OLD_RANGE)
    @question
    def schedule(self, symbol: str, start: Day | None = None, end: Day | None = None) -> list[ScheduleDay]:
        """The main contract of each trading day, its segment, and whether it rolled."""
        span = self.calendar.span(
            self.calendar.first if start is None else as_date(start, self.calendar),
            self.calendar.horizon if end is None else as_date(end, self.calendar),
        )
        return scheduled_days(self.context, self._symbol(symbol), *span)

    @question
    def manifests(self, day: Day, *symbols: str) -> list[Manifest]:
        """Every load attempt of a trading day, oldest first; of all symbols by default."""
        return reader.manifests_covering(self.database, self._day(day), self._names(symbols))

    @question
    def manifest(self, manifest_id: str) -> Manifest:
        """One load attempt. Raises `BadInputError` for an unknown id, and for what is none."""
        found = reader.read_manifest(self.database, manifest_id_of(manifest_id))
        if found is None:
            raise BadInputError(f"there is no manifest {manifest_id!r}", "`manifests --covering DAY` lists them")
        return found

    @question
    def _whole_day(self, symbol: str, day: Day, columns: Sequence[str]) -> Generator[tuple[None, pa.Table]]:
        """The columns of a trading day in any state; nothing where no whole day is stored."""
        name, window = self._symbol(symbol).text, self.calendar.window(self._day(day))
        wanted = require_columns(columns)
        try:
            found = read_whole_day(self.database, name, window, wanted, workers=self.settings.read_workers)
        except BadInputError:
            return
        yield None, found.ticks

    @question
    def _five_level_bounds(self, *symbols: str) -> list[StoredRange]:
        """What is stored of each symbol, of days with rows of more than one level."""
        return reader.read_five_level_bounds(self.database, self._names(symbols))

    def _stored_day(self, symbol: str, day: Day) -> tuple[str, date]:
        """The name under which a symbol's trading day is stored, and the day."""
        parsed, wanted = self._symbol(symbol), self._day(day)
        return stored_symbol(self.context, parsed, wanted, wanted).text, wanted
