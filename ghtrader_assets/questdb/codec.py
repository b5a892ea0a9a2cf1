"""Rows of dataclasses to ILP and back from PG: dates, instants, states and what a null is.

Belongs here: one value at a time. Does not belong here: tick frames, which travel by column (`tick_columns`).
"""

from __future__ import annotations

import dataclasses
import math
from datetime import UTC, date, datetime
from functools import cache
from typing import Any, TypeVar, get_args, get_type_hints

from questdb import SenderTransaction

from ghtrader_assets.questdb.schema import Table

Row = TypeVar("Row")


def put_row(transaction: SenderTransaction, table: Table, values: dict[str, Any]) -> None:
    """Add one row, by column name, to an ILP transaction; None and NaN are left out, which QuestDB stores as null."""
    present = {name: value for name, value in values.items() if not _is_null(value)}
    at = present.pop("ts")
    symbols: dict[str, str | None] = {
        name: _text(present.pop(name)) for name in table.symbol_columns if name in present
    }
    columns = {name: _text(value) if isinstance(value, str) else value for name, value in present.items()}
    transaction.row(symbols=symbols, columns=columns, at=at)


def values_of(row: Any) -> dict[str, Any]:
    """A dataclass row as column name → value."""
    return {field.name: getattr(row, field.name) for field in dataclasses.fields(row)}


def columns_of_kind(kind: type[Any]) -> str:
    """The column list of a dataclass, for a SELECT."""
    return ", ".join(field.name for field in dataclasses.fields(kind))


def rows_of(kind: type[Row], found: list[tuple[Any, ...]]) -> list[Row]:
    """Rows selected by `columns_of_kind` as instances of the dataclass."""
    kinds = _field_kinds(kind)
    return [
        kind(**{name: _from_store(wanted, value) for (name, wanted), value in zip(kinds, values, strict=True)})
        for values in found
    ]


@cache
def _field_kinds(kind: type[Any]) -> tuple[tuple[str, Any], ...]:
    hints = get_type_hints(kind)
    fields = ((field.name, hints[field.name]) for field in dataclasses.fields(kind))
    return tuple((name, hint if isinstance(hint, type) else _optional(hint)) for name, hint in fields)


def _optional(hint: Any) -> Any:
    return (next(kind for kind in get_args(hint) if kind is not type(None)),)


def _from_store(wanted: Any, value: Any) -> Any:
    if isinstance(wanted, tuple):
        return None if value is None else _from_store(wanted[0], value)
    if value is None:
        return "" if issubclass(wanted, str) and wanted is str else math.nan if wanted is float else value
    if wanted is date:
        return date.fromisoformat(value)
    if wanted is datetime:
        return value.replace(tzinfo=UTC)
    return value if isinstance(value, wanted) else wanted(value)


def _text(value: Any) -> str:
    return value.isoformat() if isinstance(value, date) else str(value)


def _is_null(value: Any) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))
