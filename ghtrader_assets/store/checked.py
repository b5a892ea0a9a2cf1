"""What callers pass to a store, checked against its calendar, its universe and what is stored.

Belongs here: the base of every class with questions, and the days that several of them hand out. Does not belong here:
checks that need no store (`arguments`), the questions themselves.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Generator, Iterable, Mapping, Sequence
from datetime import date
from typing import Any

import pyarrow as pa

from ghtrader_assets.context.store import StoreContext
from ghtrader_assets.errors import DayStateWarning
from ghtrader_assets.market.calendar import TradingCalendar
from ghtrader_assets.market.symbols import Symbol
from ghtrader_assets.questdb.client.connection import Database
from ghtrader_assets.reading.handout import HandedDay, Handout, States, handout_of
from ghtrader_assets.reading.stored import require_product
from ghtrader_assets.reading.telling import tell
from ghtrader_assets.settings import Settings
from ghtrader_assets.store.arguments import Day, as_date, symbol_given, texts_given
from ghtrader_assets.store.questions import StoreQuestion, question


class CheckedStore(ABC):
    """A store's parts, its callers' symbols and days as ours, and the whole days of a range."""

    context: StoreContext
    settings: Settings
    calendar: TradingCalendar
    database: Database

    @abstractmethod
    def answer_to(self, question: StoreQuestion, arguments: Sequence[Any], named: Mapping[str, Any]) -> Any:
        """What every question goes through."""

    def _symbol(self, text: str) -> Symbol:
        """The symbol. Raises `BadInputError` for a text that is none, and for a product that is neither known to us,
        nor in the universe, nor stored."""
        symbol = symbol_given(text)
        require_product(self.context, symbol)
        return symbol

    def _names(self, symbols: Iterable[str]) -> list[str]:
        """Symbols checked, each once, in one order: they name the question."""
        return sorted({self._symbol(symbol).text for symbol in texts_given("symbols", symbols)})

    def _day(self, day: Day) -> date:
        """A trading day."""
        wanted = as_date(day, self.calendar)
        self.calendar.require_trading_day(wanted)
        return wanted

    def _range(self, start: Day, end: Day | None) -> tuple[date, date]:
        """One trading day, or an inclusive range whose ends need not trade."""
        if end is None:
            return self._day(start), self._day(start)
        return self.calendar.span(as_date(start, self.calendar), as_date(end, self.calendar))

    @question
    def _whole_days(
        self,
        symbol: str,
        start: Day,
        end: Day | None,
        columns: Sequence[str] | None,
        contracts: Sequence[str] | None,
        states: States,
    ) -> Generator[tuple[HandedDay, pa.Table]]:
        """What a reading method returns: checked, and told of days that are not good, before the first is read."""
        return self._handout(symbol, start, end, columns, contracts, states).read()

    def _handout(
        self,
        symbol: str,
        start: Day,
        end: Day | None,
        columns: Sequence[str] | None,
        contracts: Sequence[str] | None,
        states: States,
    ) -> Handout:
        """The days of a range that are handed out, checked; their reader is told of days that are not good."""
        among = None if contracts is None else [self._symbol(each) for each in texts_given("contracts", contracts)]
        columns = None if columns is None else texts_given("columns", columns)
        handout = handout_of(
            self.context, self._symbol(symbol), *self._range(start, end), columns, states=states, contracts=among
        )
        if handout.told:
            tell(DayStateWarning(handout.warning, {day.trading_day: day.state for day in handout.told}))
        return handout
