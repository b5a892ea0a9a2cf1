"""What callers pass: days, symbols, lists, output formats, and old names of arguments, accepted until version 1.0.

Belongs here: checking arguments of several functions. Does not belong here: the grammar of symbols (`market.symbols`),
which columns there are (`questdb.tables.whole_days`), and checks that need a store (`checked`).
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterable
from datetime import date, datetime, time
from functools import wraps
from typing import Any, Final, Literal, TypeVar, cast

import numpy as np

from ghtrader_assets.errors import BadInputError
from ghtrader_assets.grammar import bounded_day, day_of, quoted
from ghtrader_assets.market.calendar import TradingCalendar
from ghtrader_assets.market.clock import NS, SHANGHAI
from ghtrader_assets.market.symbols import Symbol, parse_symbol

Function = TypeVar("Function", bound=Callable[..., Any])

Day = date | str | np.datetime64
"""A trading day: a date, YYYY-MM-DD, or what pandas and numpy write for a day, a midnight without a time zone."""

OutputFormat = Literal["pandas", "arrow", "polars"]
OUTPUT_FORMATS: Final = ("pandas", "arrow", "polars")


def as_date(day: Day, calendar: TradingCalendar) -> date:
    """The day as a date. Raises `BadInputError` for what is none, and for an instant, naming its trading day."""
    given: object = day
    if isinstance(given, np.datetime64):
        given = given.astype("datetime64[us]").item()
    if isinstance(given, str):
        instant = _instant_in(given)
        return day_of(given) if instant is None else _refuse(day, instant, calendar)
    if not isinstance(given, date) or str(given) == "NaT":
        raise BadInputError(f"{quoted(day)} is no date", "give a date, or a text as YYYY-MM-DD")
    if not isinstance(given, datetime):
        return bounded_day(given)
    if given.tzinfo is None and given.time() == time(0):
        return bounded_day(given.date())
    return _refuse(day, given, calendar)


def symbol_given(text: object) -> Symbol:
    """The symbol that a text names. Raises `BadInputError` for what is none."""
    if not isinstance(text, str):
        raise BadInputError(f"{quoted(text)} is no futures symbol", "give a text such as 'KQ.m@SHFE.cu'")
    return parse_symbol(text)


def texts_given(argument: str, given: object) -> list[str]:
    """The texts of a list. Raises `BadInputError` for one text alone, whose letters are no list, and for no texts."""
    if isinstance(given, str) or not isinstance(given, Iterable):
        raise BadInputError(f"{argument}={quoted(given)} is no list", f"write {argument}=[…]")
    texts: list[str] = []
    for each in cast("Iterable[object]", given):
        if not isinstance(each, str):
            raise BadInputError(f"{quoted(each)} in {argument} is no text", "give texts alone")
        texts.append(each)
    return texts


def _instant_in(text: str) -> datetime | None:
    """The instant that a text names in ISO 8601 or as pandas prints it; None where it names none."""
    try:
        return datetime.fromisoformat(text) if len(text) > len("YYYY-MM-DD") else None
    except ValueError:
        return None


def _refuse(given: object, instant: datetime, calendar: TradingCalendar) -> date:
    """Raise `BadInputError`: an instant on the evening of one day belongs to the next trading day."""
    zone = "" if instant.tzinfo else " if it is Beijing time"
    whole = instant.replace(microsecond=0, tzinfo=instant.tzinfo or SHANGHAI)
    day = calendar.trading_day_of(math.floor(whole.timestamp()) * NS)
    raise BadInputError(f"{quoted(given)} is an instant, not a day", f"its trading day is {day}{zone}")


def require_format(output_format: object) -> None:
    """Raises `BadInputError` for a format that we don't have."""
    if not isinstance(output_format, str) or output_format not in OUTPUT_FORMATS:
        raise BadInputError(
            f"there is no output_format={quoted(output_format)}", f"choose one of {', '.join(OUTPUT_FORMATS)}"
        )


def renamed_arguments(**new_names: str) -> Callable[[Function], Function]:
    """Accept keyword arguments under their old names: `old="new"`. Raises `TypeError` where both are given."""

    def decorate(function: Function) -> Function:
        @wraps(function)
        def call(*args: Any, **given: Any) -> Any:
            old_names = [name for name in new_names if name in given]
            for old in old_names:
                if new_names[old] in given:
                    raise TypeError(f"{function.__name__}() got {new_names[old]!r} and its old name {old!r}")
                given[new_names[old]] = given.pop(old)
            if old_names:
                renamed = ", ".join(f"{old!r} is now called {new_names[old]!r}" for old in old_names)
                message = f"{function.__name__}(): {renamed}; old names are accepted until version 1.0"
                warnings.warn(message, DeprecationWarning, stacklevel=2)
            return function(*args, **given)

        return cast("Function", call)

    return decorate
