"""The application object and what all commands share: arguments and printing.

Belongs here: shared argument types and output. Does not belong here: any command, starting services (`services`).
"""

from __future__ import annotations

import dataclasses
import functools
import getpass
import inspect
import json
import os
import shutil
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Annotated, Any, Final, cast

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ghtrader_assets.errors import BadInputError
from ghtrader_assets.grammar import day_of, manifest_id_of, quoted
from ghtrader_assets.market.calendar import TradingCalendar
from ghtrader_assets.market.symbols import Symbol, parse_product, parse_symbol
from ghtrader_assets.redaction import without_known
from ghtrader_assets.settings import Settings
from ghtrader_assets.texts import shown, shown_json

NAME: Final = "ghtrader-assets"

app = typer.Typer(
    name=NAME,
    help="Tick history of Chinese futures as Dagster assets: fetched whole, stored once, judged, traceable.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


@app.callback()
def _group() -> None:
    """Commands are words of this one, also where only one was registered."""


def command(name: str | None = None) -> Callable[[Callable[..., None]], None]:
    """Register a command. Its first parameter is no argument: it gets the settings, which `main` has read."""

    def register(run: Callable[..., None]) -> None:
        @functools.wraps(run)
        def run_with_settings(context: typer.Context, **arguments: Any) -> None:
            run(context.obj, **arguments)

        _, *parameters = inspect.signature(run, eval_str=True).parameters.values()
        context = inspect.Parameter("context", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=typer.Context)
        run_with_settings.__signature__ = inspect.Signature([context, *parameters])  # pyright: ignore[reportAttributeAccessIssue]
        app.command(name)(run_with_settings)

    return register


TABLE_WIDTH = 150
"""A table's row stays one line: a narrower terminal wraps it, a pipe gets it whole."""


class _PlainConsole(Console):
    """A console on which each text is text: no markup, no emoji by name, nothing that a terminal obeys.

    Whatever it prints as a text, a cell or a title passes `render_str`. Styles come from our own constants.
    """

    def __init__(self, *, stderr: bool = False, width: int | None = None) -> None:
        super().__init__(stderr=stderr, width=width, soft_wrap=True, highlight=False, markup=False, emoji=False)

    def render_str(self, text: str, **options: Any) -> Text:
        return super().render_str(shown(text), **options)


out = _PlainConsole(width=max(TABLE_WIDTH, shutil.get_terminal_size().columns))
log = _PlainConsole(stderr=True)


def _day_of(where: str) -> Callable[[str], date]:
    """A parser of YYYY-MM-DD. It raises `BadInputError` naming the argument."""
    return functools.partial(day_of, where=where)


_START = typer.Option("--from", metavar="D", help="First day, YYYY-MM-DD: any day.", parser=_day_of("--from"))
_END = typer.Option("--to", metavar="D", help="Last day, YYYY-MM-DD: any day.", parser=_day_of("--to"))

AsJson = Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")]
SymbolArgument = Annotated[
    Symbol, typer.Argument(metavar="SYMBOL", help="TqSdk's name, as KQ.m@SHFE.cu.", parser=parse_symbol)
]
SymbolsArgument = Annotated[
    list[Symbol], typer.Argument(metavar="SYMBOL…", help="TqSdk's names, as KQ.m@SHFE.cu.", parser=parse_symbol)
]
ProductArgument = Annotated[
    Symbol, typer.Argument(metavar="PRODUCT", help="As SHFE.cu, or any symbol of it.", parser=parse_product)
]
UniverseArgument = Annotated[
    list[Symbol] | None,
    typer.Argument(metavar="[SYMBOL…]", help="TqSdk's names; the universe without.", parser=parse_symbol),
]
ManifestArgument = Annotated[str, typer.Argument(metavar="ID", help="A manifest's id.", parser=manifest_id_of)]
DayArgument = Annotated[date, typer.Argument(metavar="DAY", help="A trading day, YYYY-MM-DD.", parser=_day_of("DAY"))]
OptionalDayArgument = Annotated[
    date | None, typer.Argument(metavar="[DAY]", help="A trading day, or --from and --to.", parser=_day_of("DAY"))
]
SymbolsAndDay = Annotated[
    list[str], typer.Argument(metavar="SYMBOL… [DAY]", help="TqSdk's names; a trading day, or --from and --to.")
]
CoveringOption = Annotated[
    date,
    typer.Option("--covering", metavar="DAY", help="A trading day, YYYY-MM-DD.", parser=_day_of("--covering")),
]
StartOption = Annotated[date, _START]
EndOption = Annotated[date, _END]
ExpiresOption = Annotated[
    date | None,
    typer.Option("--expires", metavar="D", help="It ends as this day begins in Beijing.", parser=_day_of("--expires")),
]
OptionalStart = Annotated[date | None, _START]
OptionalEnd = Annotated[date | None, _END]


def symbols_and_day(words: Sequence[str]) -> tuple[list[Symbol], date | None]:
    """The symbols, each once, and the day that may follow them; no symbol begins with a digit, every day does."""
    names, day = (words[:-1], words[-1]) if words[-1][:1].isdigit() else (words, None)
    if not names:
        raise BadInputError(f"{quoted(words[-1])} is no symbol", "name a symbol, then the day")
    return list(dict.fromkeys(map(parse_symbol, names))), None if day is None else day_of(day, "DAY")


def announce(message: str) -> None:
    """Say on stderr what begins now, or what a service said last."""
    log.print(without_known(message), style="dim")


def require_in_universe(settings: Settings, *symbols: Symbol) -> None:
    """Raise `BadInputError` for a symbol that is not configured: no assets exist for it."""
    for symbol in symbols:
        if symbol.text not in settings.symbols:
            universe = ", ".join(settings.symbols)
            raise BadInputError(f"{symbol.text} is not in the universe ({universe})", "add it to GHTRADER_SYMBOLS")


def days_asked_for(
    command: str, calendar: TradingCalendar, day: date | None, start: date | None, end: date | None
) -> tuple[date, date]:
    """DAY, or `--from` and `--to`. Raises `BadInputError` for both or neither, and where none is a trading day."""
    if day is not None and start is None and end is None:
        calendar.require_trading_day(day)
        return day, day
    if day is None and start is not None and end is not None:
        return calendar.span(start, end)
    raise BadInputError(f"{command} wants a DAY or --from and --to", "name one or the other")


def user_name() -> str:
    """The name that the operating system knows the user by, else the number."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"


def emit_json(document: object) -> None:
    """Print one JSON document on stdout. Dates and times are ISO 8601, times with their offset."""
    text = json.dumps(document, default=_plain, ensure_ascii=False, indent=2)
    sys.stdout.write(f"{shown_json(text)}\n")


def emit_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    table = Table(title=title, title_justify="left", show_edge=False, pad_edge=False)
    for column in columns:
        table.add_column(column.replace("_", " "), overflow="fold")
    for row in rows:
        table.add_row(*(_shown(cell) for cell in row))
    out.print(table)


def emit_rows(title: str, rows: Sequence[Any], columns: Sequence[str], *, as_json: bool = False) -> None:
    """Rows, mappings or dataclasses, as a JSON list, or the named columns of them as a table."""
    if as_json:
        emit_json(rows)
        return
    documents: list[Mapping[str, Any]] = [as_document(row) if dataclasses.is_dataclass(row) else row for row in rows]
    emit_table(title, columns, ([document[column] for column in columns] for document in documents))


def as_document(record: Any) -> dict[str, Any]:
    """A dataclass as a plain mapping, for JSON."""
    return {field.name: getattr(record, field.name) for field in dataclasses.fields(record)}


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return (value if value.tzinfo else value.replace(tzinfo=UTC)).isoformat()
    if isinstance(value, date):
        return value.isoformat()
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
