"""`forget`: a symbol or days of it, out of store, bookkeeping, files and Dagster.

Belongs here: the command. Does not belong here: what goes and in which order (`upkeep.forgetting`).
"""

from __future__ import annotations

from typing import Annotated, Final

import typer

from ghtrader_assets.cli.app import (
    AsJson,
    OptionalEnd,
    OptionalStart,
    SymbolArgument,
    command,
    emit_json,
    emit_rows,
    out,
    user_name,
)
from ghtrader_assets.cli.services import services_for
from ghtrader_assets.context.store import open_writable_store
from ghtrader_assets.errors import BadInputError
from ghtrader_assets.market.calendar import calendar_for
from ghtrader_assets.questdb.tables.forgetting import DaysOfSymbol
from ghtrader_assets.settings import Settings
from ghtrader_assets.upkeep.forgetting import forget as carry_out
from ghtrader_assets.upkeep.forgetting import plan_forget

FORGOTTEN_COLUMNS: Final = ("trading_day", "rows", "digest", "manifest_id")


@command()
def forget(
    settings: Settings,
    symbol: SymbolArgument,
    start: OptionalStart = None,
    end: OptionalEnd = None,
    apply: Annotated[bool, typer.Option("--apply", help="Do it; without, only the plan is printed.")] = False,
    as_json: AsJson = False,
) -> None:
    """Take a symbol, or its days from --from to --to, out of store, bookkeeping, files and Dagster. Nothing undoes it.

    Exit 0: nothing to forget, or done. Exit 1: the plan was printed.
    """
    if (start is None) != (end is None):
        raise BadInputError("forget wants both --from and --to, or neither", "name both, or neither for all")
    if start is not None and end is not None:
        start, end = calendar_for(settings.home).span(start, end)

    def wipe(what: DaysOfSymbol) -> None:
        from ghtrader_assets.assets.forgetting import wipe_from_dagster  # noqa: PLC0415 - dagster takes two seconds

        wipe_from_dagster(settings, what)

    with services_for(settings, with_provider=False), open_writable_store(settings) as context:
        planned = plan_forget(context, symbol, start, end)
        if apply:
            planned = carry_out(context, planned, wipe, who=user_name())
    if as_json:
        emit_json({"applied": apply, "forgotten" if apply else "planned": planned})
    else:
        for each in planned:
            word = f"forgotten, {each.forget_id}" if apply else "to be forgotten"
            what = "all of it" if each.first is None else f"{each.first} to {each.last}"
            emit_rows(f"{each.symbol}, {what}, {each.rows:,} ticks: {word}", each.days, FORGOTTEN_COLUMNS)
        if not planned:
            out.print(f"nothing of {symbol.text} is left to forget")
        elif not apply:
            out.print("nothing was done; add --apply to do it, which nothing undoes")
    raise typer.Exit(int(bool(planned) and not apply))
