"""The application object and what all commands share: arguments, printing, opening the store.

Belongs here: shared argument types and output. Does not belong here: any command.
"""

from __future__ import annotations

import dataclasses
import json
import shutil
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated, Any, cast

import typer
from pydantic import BaseModel
from rich.console import Console
from rich.table import Table

from ghtrader_assets.errors import BadInputError
from ghtrader_assets.market.calendar import TradingCalendar
from ghtrader_assets.market.symbols import Symbol, parse_symbol

app = typer.Typer(
    name="ghtrader-assets",
    help="Tick history of Chinese futures as Dagster assets: fetched whole, stored once, judged, traceable.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


@app.callback()
def _group() -> None:
    """Commands are words of this one, also where only one was registered."""


TABLE_WIDTH = 150
"""A table's row stays one line: a narrower terminal wraps it, a pipe gets it whole."""

out = Console(soft_wrap=True, width=max(TABLE_WIDTH, shutil.get_terminal_size().columns))
log = Console(stderr=True, soft_wrap=True)

AsJson = Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")]
SymbolArgument = Annotated[str, typer.Argument(metavar="SYMBOL", help="TqSdk's name, as KQ.m@SHFE.cu.")]
SymbolsArgument = Annotated[list[str], typer.Argument(metavar="SYMBOL…", help="TqSdk's names, as KQ.m@SHFE.cu.")]
DayArgument = Annotated[str, typer.Argument(metavar="DAY", help="A trading day, YYYY-MM-DD.")]
FromOption = Annotated[str | None, typer.Option("--from", metavar="D", help="First trading day, YYYY-MM-DD.")]
ToOption = Annotated[str | None, typer.Option("--to", metavar="D", help="Last trading day, YYYY-MM-DD.")]


def known_symbol(text: str, universe: Sequence[str]) -> Symbol:
    """Parse a symbol of the configured universe. Raises `BadInputError`."""
    symbol = parse_symbol(text)
    if symbol.text not in universe:
        raise BadInputError(
            f"{symbol.text} is not in the universe ({', '.join(universe)})", "add it to GHTRADER_SYMBOLS"
        )
    return symbol


def parse_day(text: str, where: str) -> date:
    """Parse YYYY-MM-DD. Raises `BadInputError` naming the argument."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise BadInputError(f"{where} {text[:80]!r} is no date", "write it as YYYY-MM-DD") from None


def trading_day(text: str, where: str, calendar: TradingCalendar) -> date:
    """Parse a trading day. Raises `BadInputError` for a holiday or a weekend, naming its neighbours."""
    day = parse_day(text, where)
    calendar.require_trading_day(day)
    return day


def day_range(first: str, last: str, calendar: TradingCalendar) -> tuple[date, date]:
    """The trading days `--from` and `--to`. Raises `BadInputError` for a reversed range or no trading day."""
    start, end = trading_day(first, "--from", calendar), trading_day(last, "--to", calendar)
    require_order(start, end)
    return start, end


def require_order(start: date, end: date) -> None:
    """Raise `BadInputError` for a range that is reversed."""
    if start > end:
        raise BadInputError(f"--from {start} lies after --to {end}", "swap them")


def emit_json(document: object) -> None:
    """Print one JSON document on stdout. Dates and times are ISO 8601, times with their offset."""
    json.dump(document, sys.stdout, default=_plain, ensure_ascii=False, indent=2)
    sys.stdout.write("\n")


def emit_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    table = Table(title=title, title_justify="left", show_edge=False, pad_edge=False)
    for column in columns:
        table.add_column(column.replace("_", " "), overflow="fold")
    for row in rows:
        table.add_row(*(_shown(cell) for cell in row))
    out.print(table)


def emit_rows(title: str, rows: Sequence[Mapping[str, Any]], columns: Sequence[str], *, as_json: bool) -> None:
    """Rows as a JSON list, or the named columns of them as a table."""
    if as_json:
        emit_json(rows)
        return
    emit_table(title, columns, ([row[column] for column in columns] for row in rows))


def as_document(record: Any) -> dict[str, Any]:
    """A dataclass or model as a plain mapping, for JSON."""
    if isinstance(record, BaseModel):
        return record.model_dump(mode="json")
    return {field.name: getattr(record, field.name) for field in dataclasses.fields(record)}


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return (value if value.tzinfo else value.replace(tzinfo=UTC)).isoformat()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Path):
        return str(value)
    if dataclasses.is_dataclass(value):
        return as_document(value)
    if isinstance(value, frozenset):
        return sorted(str(item) for item in cast("frozenset[object]", value))
    return str(value)


def _shown(cell: object) -> str:
    if cell is None:
        return ""
    if isinstance(cell, float):
        return f"{cell:,.6g}"
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    return f"{cell:,}" if isinstance(cell, int) else str(cell)
