"""`bars`: the bars of stored days, printed or in a file.

Belongs here: the command. Does not belong here: what a bar says (`bars`), which days are handed out (`reading`).
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from ghtrader_assets.bars.length import Align, Label, bar_length
from ghtrader_assets.cli.app import (
    AsJson,
    OptionalDayArgument,
    OptionalEnd,
    OptionalStart,
    SymbolArgument,
    command,
    days_asked_for,
    emit_json,
    log,
    out,
)
from ghtrader_assets.cli.services import store_for
from ghtrader_assets.errors import BadInputError
from ghtrader_assets.market.calendar import calendar_for
from ghtrader_assets.reading.bar_files import export_bars, put_bars, require_bar_file
from ghtrader_assets.reading.bars import TICKS_OF_BARS, BarForm, bars_of_range, require_bar_columns
from ghtrader_assets.reading.handout import as_states, handout_of
from ghtrader_assets.settings import Settings


@command()
def bars(
    settings: Settings,
    symbol: SymbolArgument,
    day: OptionalDayArgument = None,
    start: OptionalStart = None,
    end: OptionalEnd = None,
    freq: Annotated[str, typer.Option(help="1s to 1h, 1d, 1w, tick:N, volume:N or amount:N.")] = "1m",
    label: Annotated[Label, typer.Option(help="Which end of a bar names it.")] = "left",
    align: Annotated[Align, typer.Option(help="Bars by the clock, or of trading minutes, breaks skipped.")] = "clock",
    fill: Annotated[bool, typer.Option("--fill/--no-fill", help="With bars in which nothing traded.")] = True,
    columns: Annotated[str | None, typer.Option(help="Columns, comma-separated; all without.")] = None,
    states: Annotated[str, typer.Option(help="Which days: any, judged, or good (judged ok or warn).")] = "any",
    target: Annotated[Path | None, typer.Option("--out", metavar="F", help="A .parquet or .csv file.")] = None,
    as_json: AsJson = False,
) -> None:
    """Print the bars of a trading day or a range as CSV, or write them to a file. A trading day begins with its night.

    Days that are missing, partial, in error or unjudged are named on stderr.
    """
    start, end = days_asked_for("bars", calendar_for(settings.home), day, start, end)
    names = require_bar_columns([name.strip() for name in columns.split(",")] if columns is not None else None)
    form = BarForm(bar_length(freq), label, align, fill, names)
    if target is not None:
        require_bar_file(target)
    elif as_json:
        raise BadInputError("--json says what a file holds", "add --out F")
    chosen = as_states(states)
    with store_for(settings, symbol) as store:
        handout = handout_of(store.context, symbol, start, end, TICKS_OF_BARS, states=chosen)
        if handout.warning:
            log.print(f"warning: {handout.warning}")
        table = bars_of_range(handout, form)
        if target is None:
            put_bars(table, sys.stdout.buffer)
        else:
            export_bars(table, target)
    if as_json:
        emit_json({"symbol": symbol.text, "bars": table.num_rows, "file": target})
    elif target is not None:
        out.print(f"{table.num_rows:,} bars of {symbol.text}, {len(handout.days)} trading day(s), are in {target}")
