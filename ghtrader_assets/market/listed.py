"""The contracts of a product that are listed on a trading day, with their first and last day and their terms.

Belongs here: which months a product delivers in. Does not belong here: when a single contract trades (`lives`,
`expiry`), prices and multipliers of a day (`products`), asking a provider (`reference.first_days`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import Final

from ghtrader_assets.market.calendar import TradingCalendar
from ghtrader_assets.market.data_files import records
from ghtrader_assets.market.expiry import StatedDay, end_of_delivery, last_trading_day, months_after
from ghtrader_assets.market.lives import LONGEST_LIFE_MONTHS, NOT_ASKED, FirstDays, ListingRule, life_by, rule_of
from ghtrader_assets.market.products import Product, product_on
from ghtrader_assets.market.symbols import Exchange, Symbol, contract_symbol, parse_symbol

_EVERY_MONTH: Final = "1 2 3 4 5 6 7 8 9 10 11 12"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryMonths:
    """The months in which `products` deliver; `near`: so many of the nearest months are listed too, whatever they are.

    `lead_months`: a contract of `months` begins on the trading day after the one that delivers so many months earlier
    has ended; 0: as its listing rule says.
    """

    exchange: Exchange
    products: str
    months: str = _EVERY_MONTH
    lead_months: int = 0
    near: int = 0
    source: str
    verified: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedContract:
    """A contract on a trading day on which it is listed.

    `first_day` and `last_day` are trading days, both included, each with who states it; `verified`: both are documents
    that were opened, or what the provider was asked. `price_tick` is in the quote unit, `multiplier` in quote units a
    lot, both of that day. A last day beyond the calendar is the last of the delivery month.
    """

    contract: str
    first_day: date
    last_day: date
    multiplier: int
    price_tick: float
    verified: bool
    first_day_source: str
    last_day_source: str


def contracts_on(
    product: Product, day: date, calendar: TradingCalendar, first_days: FirstDays = NOT_ASKED
) -> list[ListedContract]:
    """The contracts of a product that are listed on a trading day, by delivery; none before and after its own time.

    `first_days` are those that a provider was asked for. Of a product's first year the rules are a guess: an exchange
    begins with some of the months. Raises `BadInputError` for a day that does not trade.
    """
    calendar.require_trading_day(day)
    if day < product.listed or (product.delisted is not None and day > product.delisted):
        return []
    return list(_listed(parse_symbol(product.alias), day, calendar, first_days))


def _listed(alias: Symbol, day: date, calendar: TradingCalendar, first_days: FirstDays) -> Iterator[ListedContract]:
    months, ahead = _months()[alias.exchange, alias.product], date(day.year, day.month, 1)
    for delivery in (months_after(ahead, offset) for offset in range(LONGEST_LIFE_MONTHS + 2)):
        contract = contract_symbol(alias, delivery)
        last = last_trading_day(contract, calendar, delivery) or end_of_delivery(delivery)
        first = first_days.get((contract.text, delivery)) or _first_day(contract, delivery, months, calendar)
        if first is None or not first.day <= day <= last.day:
            continue
        terms = product_on(contract, day)
        yield ListedContract(
            contract=contract.text,
            first_day=first.day,
            last_day=last.day,
            multiplier=terms.multiplier,
            price_tick=terms.price_tick,
            verified=first.verified and last.verified,
            first_day_source=first.source,
            last_day_source=last.source,
        )


def _first_day(contract: Symbol, delivery: date, months: DeliveryMonths, calendar: TradingCalendar) -> StatedDay | None:
    """The first trading day of a contract as rules have it; None of a month that is never listed, or not yet."""
    regular = str(delivery.month) in months.months.split()
    if not regular and not months.near:
        return None
    lead, rule = months.lead_months if regular else months.near, rule_of(contract, delivery)
    if lead:
        rule = ListingRule(
            exchange=months.exchange,
            products=months.products,
            lead_months=lead,
            source=months.source,
            verified=months.verified,
        )
    return life_by(rule, contract, delivery, calendar).first


@cache
def _months() -> dict[tuple[Exchange, str], DeliveryMonths]:
    return {
        (row.exchange, product): row
        for row in records(DeliveryMonths, "delivery_months.csv")
        for product in row.products.split()
    }
