"""Rows of dataclasses to ILP and back from PG: dates, instants, states and what a null is.

Belongs here: one value at a time. Does not belong here: tick frames, which travel by column (`tick_columns`).
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import Any, Final, TypeVar, get_args, get_type_hints

from questdb import SenderTransaction

from ghtrader_assets.questdb.tables.schema import Table

Row = TypeVar("Row")
Convert = Callable[[Any], Any]

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def put_row(transaction: SenderTransaction, table: Table, values: dict[str, Any]) -> None:
    """Add one row, by column name, to an ILP transaction; None and NaN are left out, which QuestDB stores as null."""
    present = {name: value for name, value in values.items() if not _is_null(value)}
    at = present.pop("ts")
    symbols: dict[str, str | None] = {
        name: _text(present.pop(name)) for name in table.symbol_columns if name in present
    }
    columns = {name: _text(value) if isinstance(value, str) else value for name, value in present.items()}
    transaction.row(symbols=symbols, columns=columns, at=at)


def epoch_ns(at: datetime | None) -> int | None:
    """An instant in epoch nanoseconds, as ghTrader's columns have it."""
    return None if at is None else (at - _EPOCH) // timedelta(microseconds=1) * 1000


def values_of(row: Any) -> dict[str, Any]:
    """A dataclass row as column name → value."""
    return {field.name: getattr(row, field.name) for field in dataclasses.fields(row)}


def columns_of_kind(kind: type[Any]) -> str:
    """The column list of a dataclass, for a SELECT."""
    return ", ".join(field.name for field in dataclasses.fields(kind))


def rows_of(kind: type[Row], found: list[tuple[Any, ...]]) -> list[Row]:
    """Rows selected by `columns_of_kind` as instances of the dataclass. Values are converted column by column."""
    names, converters = _fields_of(kind)
    columns = [
        values if convert is None else map(convert, values)
        for convert, values in zip(converters, zip(*found, strict=True), strict=False)
    ]
    return [kind(**dict(zip(names, values, strict=True))) for values in zip(*columns, strict=True)]


@cache
def _fields_of(kind: type[Any]) -> tuple[tuple[str, ...], tuple[Convert | None, ...]]:
    hints = get_type_hints(kind)
    names = tuple(field.name for field in dataclasses.fields(kind))
    return names, tuple(_converter(hints[name]) for name in names)


def _converter(hint: Any) -> Convert | None:
    """How a stored value becomes a field's; None where it is one already."""
    kind = hint if isinstance(hint, type) else next(arg for arg in get_args(hint) if arg is not type(None))
    if hint is str:
        return lambda value: "" if value is None else value
    if hint is float:
        return lambda value: math.nan if value is None else value
    if kind is date:
        return lambda value: value and date.fromisoformat(value)
    if kind is datetime:
        return lambda value: value and value.replace(tzinfo=UTC)
    if kind in (int, bool, float, str):
        return None
    return lambda value: None if value is None else kind(value)


def _text(value: Any) -> str:
    return value.isoformat() if isinstance(value, date) else str(value)


def _is_null(value: Any) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))
