"""How far each symbol's history reaches: the trading days on which something is missing if it is not there.

Belongs here: that one definition, for plans, pages and commands. Does not belong here: what those days lack (`repair`),
whether the daily schedule is on (`services.dagster_state`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

from ghtrader_assets.context.store import StoreContext
from ghtrader_assets.market.schedule import last_completed_day
from ghtrader_assets.market.symbols import Symbol
from ghtrader_assets.questdb.tables.reader import read_begun
from ghtrader_assets.settings import start_date_of

Span = tuple[date, date]
"""Two trading days, both included."""


def begun_spans(context: StoreContext, symbols: Sequence[Symbol], *, followed: bool) -> Mapping[str, Span]:
    """The history of each symbol of which a load ever began: from the first such day, no earlier than its start.

    To the last completed trading day where the daily schedule is on (`followed`), else to the last day of which a load
    began. Symbols without one are left out. Raises `QuestDBError`.
    """
    completed = last_completed_day(context.calendar, context.clock.now_ns())
    begun = read_begun(context.database, [symbol.text for symbol in symbols])
    found: dict[str, Span] = {}
    for symbol in symbols:
        if symbol.text in begun:
            first, last = begun[symbol.text]
            start = max(first, start_date_of(context.settings, symbol.product), context.calendar.first)
            end = completed if followed else min(last, completed)
            if start <= end:
                found[symbol.text] = start, end
    return found
