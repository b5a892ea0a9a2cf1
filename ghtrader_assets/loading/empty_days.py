"""Days of a main symbol of which the provider has no tick: whether their contract was listed yet.

Belongs here: which of them are worth asking about, and what they come to. Does not belong here: finding a contract's
first day (`reference.first_days`), what makes a main contract wrong (`market.lives`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date, timedelta
from typing import Final

from ghtrader_assets.context.load import LoadContext
from ghtrader_assets.loading.outcome import DayOutcome
from ghtrader_assets.market.lives import LONGEST_LIFE_MONTHS, obstacle_on
from ghtrader_assets.market.symbols import Symbol, parse_symbol
from ghtrader_assets.questdb.standing.obstacles import read_first_days
from ghtrader_assets.questdb.tables.reader import read_daily_aggs
from ghtrader_assets.reference.first_days import learn_of_mains

LONGEST_LIFE: Final = timedelta(days=31 * LONGEST_LIFE_MONTHS)


def with_wrong_mains(context: LoadContext, symbol: Symbol, outcomes: Sequence[DayOutcome]) -> Iterator[DayOutcome]:
    """The empty days, those as wrong main contracts whose contract turns out not to have been listed.

    The provider is asked once for the first day of a contract of which no earlier day is stored. Raises `QuestDBError`.
    """
    mains = {outcome.trading_day: outcome.manifest.contract for outcome in outcomes if outcome.manifest}
    if not mains:
        return
    learn_of_mains(context, _never_seen(context, symbol, mains))
    first_days = read_first_days(context.database)
    for outcome in outcomes:
        day = outcome.trading_day
        obstacle = obstacle_on(symbol, day, mains.get(day, ""), context.calendar, first_days)
        yield replace(outcome, state=obstacle.state, failure=obstacle.reason) if obstacle else outcome


def _never_seen(context: LoadContext, symbol: Symbol, mains: dict[date, str]) -> dict[date, Symbol]:
    """The main contracts of these days but for those of which an earlier day is stored: they were listed."""
    names = [symbol.text, *sorted(set(mains.values()))]
    stored = read_daily_aggs(context.database, names, min(mains) - LONGEST_LIFE, max(mains))
    since: dict[str, date] = {}
    for row in stored:
        since[row.contract] = min(row.trading_day, since.get(row.contract, row.trading_day))
    return {day: parse_symbol(main) for day, main in mains.items() if day < since.get(main, date.max)}
