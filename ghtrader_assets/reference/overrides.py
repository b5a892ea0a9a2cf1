"""Main contracts that a person names where the provider is wrong: versions with who and why, part of the schedule.

Belongs here: checking and recording them. Does not belong here: what they do to a schedule (`market.schedule`,
`schedule`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from ghtrader_assets.context.load import LoadContext
from ghtrader_assets.errors import BadInputError
from ghtrader_assets.market.lives import obstacle_on
from ghtrader_assets.market.symbols import Symbol
from ghtrader_assets.questdb.standing.obstacles import read_first_days, read_obstacles
from ghtrader_assets.questdb.tables.records import write_main_override
from ghtrader_assets.questdb.tables.rows import MainOverride, require_reason
from ghtrader_assets.reference.schedule import refresh_schedule, stored_schedule


@dataclass(frozen=True, slots=True)
class ChangedDay:
    """A trading day of the schedule whose main contract has changed; `before` is empty where none was known.

    `finding`: why the new one can't be it; empty where it can.
    """

    trading_day: date
    before: str
    after: str
    finding: str


def override_main(
    context: LoadContext, symbol: Symbol, contract: Symbol | None, start: date, end: date, *, who: str, reason: str
) -> list[ChangedDay]:
    """Record that `contract` is the main one on the trading days from `start` to `end`, and read the schedule anew.

    None gives these days back to the provider. Raises `BadInputError` where it can't be so, and the `FetchError` family
    when the provider fails: what was recorded holds from the next reading on.
    """
    days = context.calendar.days(*context.calendar.span(start, end))
    if symbol.kind != "main":
        raise BadInputError(f"{symbol.text} has no main contract", f"name {symbol.alias}")
    if contract is not None or reason:
        require_reason(reason)
    if contract is not None:
        _require_trades(context, symbol, contract, days)
    before = stored_schedule(context, symbol).rows
    said = MainOverride(
        ts=context.clock.now(),
        symbol=symbol.text,
        first_day=days[0],
        last_day=days[-1],
        contract=contract.text if contract else "",
        reason=reason,
        who=who,
    )
    write_main_override(context.database, said)
    after = refresh_schedule(context, symbol, force_refresh=True).rows
    were = {day: row.contract for day, row in before.items()}
    changed = [row for day, row in after.items() if row.contract != were.get(day, "")]
    if not changed:
        return []
    first, last = changed[0].trading_day, changed[-1].trading_day
    wrong = read_obstacles(context.database, context.calendar, [symbol], first, last, changed)
    finding = {day: obstacle.reason for (_, day), obstacle in wrong.items()}
    return [
        ChangedDay(row.trading_day, were.get(row.trading_day, ""), row.contract, finding.get(row.trading_day, ""))
        for row in changed
    ]


def _require_trades(context: LoadContext, symbol: Symbol, contract: Symbol, days: list[date]) -> None:
    if not contract.digits or contract.alias != symbol.text:
        raise BadInputError(f"{contract.text} is no contract of {symbol.text}", "name one that trades on these days")
    first_days = read_first_days(context.database)
    for day in days:
        if obstacle := obstacle_on(contract, day, "", context.calendar, first_days):
            raise BadInputError(obstacle.what, obstacle.remedy)
