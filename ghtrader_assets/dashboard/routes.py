"""Addresses of the dashboard: from a path to a page of known symbol and day, and back. Nothing else is let in.

Belongs here: every address, parsing, and refusing what is none before any query.
Does not belong here: what a page shows.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final, Literal
from urllib.parse import parse_qs, quote, unquote, urlsplit

from ghtrader_assets.errors import BadInputError
from ghtrader_assets.market.calendar import TradingCalendar
from ghtrader_assets.market.symbols import Symbol, parse_symbol

LONGEST: Final = 300
Window = Literal["1h", "24h", "7d", "30d"]
WINDOWS: Final[tuple[Window, ...]] = ("1h", "24h", "7d", "30d")
_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


@dataclass(frozen=True, slots=True)
class OverviewPage:
    """All symbols; `last` is the last trading day shown, the last completed one without."""

    end: date | None = None


@dataclass(frozen=True, slots=True)
class SymbolPage:
    """One symbol's calendar and trends, to `last`."""

    symbol: Symbol
    end: date | None = None


@dataclass(frozen=True, slots=True)
class DayPage:
    """One trading day of a symbol."""

    symbol: Symbol
    trading_day: date


@dataclass(frozen=True, slots=True)
class OperationsPage:
    """Rates and latencies over a window that ends now, services, and what needs repair."""

    window: Window = "24h"


@dataclass(frozen=True, slots=True)
class EveningPage:
    """The report of the last evening."""


Page = OverviewPage | SymbolPage | DayPage | OperationsPage | EveningPage


@dataclass(frozen=True, slots=True)
class Router:
    """Reads addresses against a universe of symbols and a calendar."""

    universe: Sequence[str]
    calendar: TradingCalendar

    def page(self, address: str) -> Page:
        """The page at a path with its query, `/day/KQ.m@SHFE.cu/2026-01-06` say. Raises `BadInputError`."""
        if len(address) > LONGEST:
            raise BadInputError("this address is too long", "start from the overview")
        try:
            split = urlsplit(address)
            query = parse_qs(split.query, True, bool(split.query), max_num_fields=3)
        except ValueError:
            raise BadInputError("this address can't be read", "start from the overview") from None
        parts = [unquote(part) for part in split.path.split("/") if part]
        match parts:
            case []:
                return OverviewPage(self._last(query))
            case ["symbol", text]:
                return SymbolPage(self.symbol(text), self._last(query))
            case ["day", text, day]:
                return DayPage(self.symbol(text), self.trading_day(day))
            case ["operations"]:
                return OperationsPage(self._window(query))
            case ["evening"]:
                _only("", query)
                return EveningPage()
            case _:
                raise BadInputError(f"there is no page at {address[:80]!r}", "start from the overview")

    def symbol(self, text: str) -> Symbol:
        """A symbol of the universe. Raises `BadInputError`."""
        if text not in self.universe:
            parse_symbol(text[:64])
            raise BadInputError(f"{text[:64]} is not in the universe", "add it to GHTRADER_SYMBOLS")
        return parse_symbol(text)

    def trading_day(self, text: str) -> date:
        """A trading day that the calendar knows. Raises `BadInputError`."""
        day = _date(text)
        self.calendar.require_trading_day(day)
        return day

    def _last(self, query: dict[str, list[str]]) -> date | None:
        """`?to=D`: any day of the calendar, trading or not."""
        values = _only("to", query)
        if not values:
            return None
        day = _date(values[0])
        self.calendar.is_trading_day(day)
        return day

    def _window(self, query: dict[str, list[str]]) -> Window:
        values = _only("window", query)
        window = values[0] if values else "24h"
        if window not in WINDOWS:
            raise BadInputError(f"{window[:20]!r} is no window", f"choose one of {', '.join(WINDOWS)}")
        return window


def symbol_address(symbol: str, end: date | None = None) -> str:
    return f"/symbol/{quote(symbol, safe='@.')}" + (f"?to={end}" if end else "")


def day_address(symbol: str, day: date) -> str:
    return f"/day/{quote(symbol, safe='@.')}/{day}"


def overview_address(end: date | None = None) -> str:
    return f"/?to={end}" if end else "/"


def operations_address(window: Window = "24h") -> str:
    return f"/operations?window={window}"


def evening_address() -> str:
    return "/evening"


def _only(name: str, query: dict[str, list[str]]) -> list[str]:
    if query.keys() - {name} or len(query.get(name, [])) > 1:
        raise BadInputError("this address asks for what no page has", "start from the overview")
    return query.get(name, [])


def _date(text: str) -> date:
    if _DAY.fullmatch(text) is None:
        raise BadInputError(f"{text[:20]!r} is no day", "write it as YYYY-MM-DD")
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise BadInputError(f"{text} is no day", "write it as YYYY-MM-DD") from None
