"""What callers pass: days, output formats, and old names of arguments, accepted with a warning until version 1.0.

Belongs here: checking arguments of several functions. Does not belong here: symbols (`market.symbols`), columns
(`questdb.tables.whole_days`).
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from datetime import date
from functools import wraps
from typing import TYPE_CHECKING, Any, Final, Literal, TypeVar, cast

from ghtrader_assets.errors import BadInputError
from ghtrader_assets.grammar import bounded_day, day_of

if TYPE_CHECKING:
    import pandas as pd

Function = TypeVar("Function", bound=Callable[..., Any])

Day = date | str
"""A trading day: a date or YYYY-MM-DD."""

OutputFormat = Literal["pandas", "arrow", "polars"]
OUTPUT_FORMATS: Final = ("pandas", "arrow", "polars")


def as_date(day: Day) -> date:
    """The day as a date. Raises `BadInputError` for what is none."""
    if isinstance(day, date):
        return bounded_day(day if type(day) is date else cast("pd.Timestamp", day).date())
    return day_of(day)


def require_format(output_format: str) -> None:
    """Raises `BadInputError` for a format that we don't have."""
    if output_format not in OUTPUT_FORMATS:
        raise BadInputError(
            f"there is no output_format={str(output_format)[:80]!r}", f"choose one of {', '.join(OUTPUT_FORMATS)}"
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
