"""`accept`: closing findings that cannot be mended.

Belongs here: the command. Does not belong here: what may be accepted (`upkeep.acceptance`), what follows from it.
"""

from __future__ import annotations

from typing import Annotated

import typer

from ghtrader_assets.cli.app import (
    AsJson,
    DayArgument,
    ExpiresOption,
    OptionalEnd,
    SymbolArgument,
    command,
    emit_json,
    out,
    user_name,
)
from ghtrader_assets.cli.services import services_for
from ghtrader_assets.context.store import open_writable_store
from ghtrader_assets.errors import BadInputError
from ghtrader_assets.market.calendar import calendar_for
from ghtrader_assets.market.clock import SHANGHAI
from ghtrader_assets.reading.stored import require_known
from ghtrader_assets.settings import Settings
from ghtrader_assets.upkeep.acceptance import Closed, accept_days, revoke_days


@command()
def accept(
    settings: Settings,
    symbol: SymbolArgument,
    day: DayArgument,
    end: OptionalEnd = None,
    reason: Annotated[str, typer.Option(metavar="TEXT", help="Why the days stay as they are.")] = "",
    expires: ExpiresOption = None,
    revoke: Annotated[bool, typer.Option("--revoke", help="End what was accepted.")] = False,
    as_json: AsJson = False,
) -> None:
    """Accept bad days as they stand: no longer planned, counted or alerted, until their content or outcome changes."""
    calendar = calendar_for(settings.home)
    if end is None:
        calendar.require_trading_day(day)
    start, end = calendar.span(day, end or day)
    if not (reason or revoke):
        raise BadInputError("accept wants to know why", "add --reason TEXT")
    with services_for(settings, with_provider=False), open_writable_store(settings) as context:
        require_known(context, symbol)
        if revoke:
            closed = revoke_days(context, symbol, start, end, who=user_name(), reason=reason)
        else:
            closed = accept_days(context, symbol, start, end, who=user_name(), reason=reason, expires=expires)
    if as_json:
        part = "revoked" if revoke else "accepted"
        emit_json({part: closed.recorded, "passed_over": closed.passed_over})
    else:
        _show(closed)


def _show(closed: Closed) -> None:
    for row in closed.recorded:
        word = "revoked " if row.revoked else "accepted"
        until = f", until {row.expires.astimezone(SHANGHAI):%Y-%m-%d} begins in Beijing" if row.expires else ""
        out.print(f"{word}  {row.symbol} {row.trading_day}  {row.reason}{until}")
    for state in closed.passed_over:
        out.print(f"left as it is  {state.symbol} {state.trading_day}  {state.state}: {state.reason}")
