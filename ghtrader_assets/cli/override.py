"""`override`: the main contract that a person names where the provider's table is wrong.

Belongs here: the command. Does not belong here: recording and what follows from it (`reference.overrides`).
"""

from __future__ import annotations

from typing import Annotated, Final

import typer

from ghtrader_assets.cli.app import (
    AsJson,
    OptionalEnd,
    OptionalStart,
    command,
    emit_json,
    emit_rows,
    out,
    require_in_universe,
    user_name,
)
from ghtrader_assets.cli.services import services_for, store_for
from ghtrader_assets.context.load import open_load
from ghtrader_assets.errors import BadInputError
from ghtrader_assets.market.symbols import Symbol, parse_symbol
from ghtrader_assets.questdb.tables.reader import read_main_overrides
from ghtrader_assets.reference.overrides import ChangedDay, override_main
from ghtrader_assets.settings import Settings

OVERRIDE_COLUMNS: Final = ("ts", "symbol", "first_day", "last_day", "contract", "who", "reason")
CHANGED_COLUMNS: Final = ("trading_day", "before", "after")


@command()
def override(
    settings: Settings,
    symbol: Annotated[
        Symbol | None, typer.Argument(metavar="[SYMBOL]", help="TqSdk's name, as KQ.m@SHFE.cu.", parser=parse_symbol)
    ] = None,
    contract: Annotated[
        Symbol | None, typer.Option("--contract", metavar="C", help="The main contract.", parser=parse_symbol)
    ] = None,
    start: OptionalStart = None,
    end: OptionalEnd = None,
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why, for who reads it later.")] = "",
    revoke: Annotated[bool, typer.Option("--revoke", help="The provider's word holds again on these days.")] = False,
    as_json: AsJson = False,
) -> None:
    """Name the main contract of a range of days, where the provider is wrong; without --contract, list what was named.

    It is part of the schedule at once: `repair` plans the days whose contract changed, if the new one can be it.
    """
    changed: list[ChangedDay] = []
    if contract is not None or revoke:
        if symbol is None or start is None or end is None or (contract is None) != revoke:
            raise BadInputError("override wants SYMBOL, --from, --to, and --contract or --revoke", "name all of them")
        if contract is not None and not reason.strip():
            raise BadInputError("--reason is missing", "say why the provider is wrong")
        require_in_universe(settings, symbol)
        with services_for(settings), open_load(settings) as context:
            changed = override_main(context, symbol, contract, start, end, who=user_name(), reason=reason)
    with store_for(settings) as store:
        found = read_main_overrides(store.database, [symbol.text] if symbol else [])
    if as_json:
        emit_json({"overrides": found, "changed": changed})
        return
    emit_rows(
        "overridden main contracts, later ones win; without a contract the provider's word", found, OVERRIDE_COLUMNS
    )
    if changed:
        emit_rows("main contracts that changed", changed, CHANGED_COLUMNS)
        helpless = [day for day in changed if day.finding]
        if len(helpless) < len(changed):
            out.print("`ghtrader-assets repair` plans these days" + (" but those with a finding" if helpless else ""))
        for finding in dict.fromkeys(day.finding for day in helpless):
            out.print(f"no load helps: {finding}")
