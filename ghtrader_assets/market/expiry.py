"""The last trading day of a contract: by the rule of its product, or as the exchange moved it.

Belongs here: the rules, the exchanges' adjustments, and how a rule finds its day in the calendar.
Does not belong here: the hours of that day (`session_tables`); what a provider says of its contracts (`tq`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache, lru_cache
from typing import Final

from ghtrader_assets.errors import BadInputError
from ghtrader_assets.market.calendar import TradingCalendar
from ghtrader_assets.market.data_files import is_verified, records, rows
from ghtrader_assets.market.symbols import Exchange, Symbol, delivery_month

_MONDAY: Final = 0
_FRIDAY: Final = 4


@dataclass(frozen=True, slots=True)
class StatedDay:
    """The first or the last trading day of a contract, and who says so.

    `verified`: the source is a document that was opened.
    """

    day: date
    source: str
    verified: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpiryRule:
    """How the last trading day of `products` follows from the delivery month, for deliveries from `first_delivery` on.

    `number` counts from 1, or from -1 backwards, in the month `month_offset` months from delivery: 'day' is that day,
    or the next trading day if it has none; 'trading_day' counts trading days; 'friday' Fridays, the next trading day
    standing in for one that has none; 'trading_monday' only Mondays that trade.
    """

    exchange: Exchange
    products: str
    first_delivery: date = date.min
    month_offset: int
    unit: str
    number: int
    source: str
    verified: bool


def last_trading_day(contract: Symbol, calendar: TradingCalendar, near: date) -> StatedDay | None:
    """The last trading day of a contract; None for an alias, an unknown product, and beyond the calendar.

    `near` is a day on which the contract trades or once did (`symbols.delivery_month`).
    """
    if not contract.digits:
        return None
    return _last_day(contract.exchange, contract.product, delivery_month(contract, near), calendar)


def contract_has_ended(contract: Symbol, day: date, calendar: TradingCalendar) -> StatedDay | None:
    """The last trading day of a contract that has ended before `day`; None for one that may still trade, or an alias.

    An unverified day, or an unknown one, ends nothing by itself: such a contract has ended for certain only
    after its delivery month.
    """
    if not contract.digits:
        return None
    delivery = delivery_month(contract, day)
    last = last_trading_day(contract, calendar, day) or end_of_delivery(delivery)
    return last if last.day < day and (last.verified or months_after(delivery, 1) <= day) else None


def end_of_delivery(delivery: date) -> StatedDay:
    """The day after which a contract has ended whatever its rule is."""
    return StatedDay(months_after(delivery, 1) - timedelta(days=1), "its delivery month", verified=True)


@lru_cache(maxsize=16_384)
def _last_day(exchange: Exchange, product: str, delivery: date, calendar: TradingCalendar) -> StatedDay | None:
    adjusted = _adjustments().get((exchange, product, delivery))
    if adjusted is not None:
        return adjusted
    rule = max(
        (rule for rule in _rules().get((exchange, product), ()) if rule.first_delivery <= delivery),
        key=lambda rule: rule.first_delivery,
        default=None,
    )
    if rule is None:
        return None
    try:
        month = months_after(delivery, rule.month_offset)
        return StatedDay(_UNITS[rule.unit](month, rule.number, calendar), rule.source, rule.verified)
    except BadInputError:  # the month reaches beyond the calendar: not known yet
        return None


def _day(month: date, number: int, calendar: TradingCalendar) -> date:
    return _or_next(month.replace(day=number), calendar)


def _trading_day(month: date, number: int, calendar: TradingCalendar) -> date:
    return _nth(calendar.days(month, months_after(month, 1) - timedelta(days=1)), number)


def _friday(month: date, number: int, calendar: TradingCalendar) -> date:
    first = month + timedelta(days=(_FRIDAY - month.weekday()) % 7)
    return _or_next(first + timedelta(weeks=number - 1), calendar)


def _trading_monday(month: date, number: int, calendar: TradingCalendar) -> date:
    days = calendar.days(month, months_after(month, 1) - timedelta(days=1))
    return _nth([day for day in days if day.weekday() == _MONDAY], number)


_UNITS: Final[dict[str, Callable[[date, int, TradingCalendar], date]]] = {
    "day": _day,
    "trading_day": _trading_day,
    "friday": _friday,
    "trading_monday": _trading_monday,
}


def _nth(days: Sequence[date], number: int) -> date:
    return days[number - 1 if number > 0 else number]


def _or_next(day: date, calendar: TradingCalendar) -> date:
    return day if calendar.is_trading_day(day) else calendar.next(day)


def months_after(month: date, offset: int) -> date:
    """The first day of the month `offset` months after (before, if negative) that of `month`."""
    months = month.year * 12 + month.month - 1 + offset
    return date(months // 12, months % 12 + 1, 1)


@cache
def _rules() -> dict[tuple[Exchange, str], list[ExpiryRule]]:
    found: dict[tuple[Exchange, str], list[ExpiryRule]] = {}
    for rule in records(ExpiryRule, "last_trading_days.csv"):
        for product in rule.products.split():
            found.setdefault((rule.exchange, product), []).append(rule)
    return found


@cache
def _adjustments() -> dict[tuple[Exchange, str, date], StatedDay]:
    return {
        (Exchange(row["exchange"]), product, date.fromisoformat(f"{row['delivery']}-01")): StatedDay(
            date.fromisoformat(row["last_day"]), row["source"], is_verified(row)
        )
        for row in rows("last_day_adjustments.csv")
        for product in row["products"].split()
    }
