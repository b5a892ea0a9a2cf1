"""When a contract trades, from its first trading day to its last; and what keeps a symbol's day from being loaded.

Belongs here: the rules by which contracts are listed, which of two contracts with one name a day means, days on which a
symbol does not trade, main contracts that can't be main. Does not belong here: last trading days (`expiry`), asking a
provider for the first (`reference.first_days`), what became of a day (`questdb.standing`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from enum import StrEnum
from functools import cache, lru_cache
from types import MappingProxyType
from typing import Final

from ghtrader_assets.errors import BadInputError, ExpiredError, FetchError, IngestState, NotListedError, WrongMainError
from ghtrader_assets.market.calendar import TradingCalendar
from ghtrader_assets.market.data_files import records
from ghtrader_assets.market.expiry import StatedDay, contract_has_ended, end_of_delivery, last_trading_day, months_after
from ghtrader_assets.market.products import Product, product_of
from ghtrader_assets.market.symbols import (
    Exchange,
    Symbol,
    contract_symbol,
    delivery_month,
    parse_main_contract,
    parse_symbol,
)

LONGEST_LIFE_MONTHS: Final = 36
"""No contract is listed earlier before its delivery: INE's crude oil has the longest lives."""

ONE_DAY: Final = timedelta(days=1)

FirstDays = Mapping[tuple[str, date], StatedDay]
"""The first trading days that a provider was asked for, by contract and delivery month."""

NOT_ASKED: Final[FirstDays] = MappingProxyType({})


class WrongMain(StrEnum):
    """Why a contract can't be the main one on a day, though the provider's table says so."""

    EXPIRED = "provider_main_expired"
    UNLISTED = "provider_main_unlisted"
    UNKNOWN = "provider_main_unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class ListingRule:
    """How the first trading day of `products` follows from the delivery month, for deliveries from `first_delivery` on.

    A contract of one of `months` (any, if empty) begins on the trading day after the one that delivers `lead_months`
    earlier has ended.
    """

    exchange: Exchange
    products: str
    first_delivery: date = date.min
    months: str = ""
    lead_months: int
    source: str
    verified: bool


@dataclass(frozen=True, slots=True)
class Life:
    """The first and the last trading day of one contract. `first` is None where it lies beyond the calendar.

    `known`: a listing rule or a provider states `first`; otherwise it is the earliest day that is possible.
    """

    contract: Symbol
    delivery: date
    first: StatedDay | None
    last: StatedDay
    known: bool = False

    def __str__(self) -> str:
        first = f"from {self.first.day} " if self.first is not None and self.known else ""
        return f"{first}to {self.last.day}"


@dataclass(frozen=True, slots=True)
class Obstacle:
    """What keeps a symbol's trading day from being loaded, known without a request.

    `state` is how the day stands while nothing is stored of it. Nothing is missing unless `wrong_main` says that the
    provider names `contract` as the main one.
    """

    state: IngestState
    what: str
    remedy: str
    contract: str = ""
    wrong_main: WrongMain | None = None

    @property
    def reason(self) -> str:
        """The line that a day's state, a refused load and a finding show."""
        return self.error.line if self.wrong_main else self.what

    @property
    def error(self) -> FetchError:
        """The error that a load of the day ends with."""
        kinds = {IngestState.NOT_LISTED: NotListedError, IngestState.EXPIRED: ExpiredError}
        what = f"{self.wrong_main}: {self.what}" if self.wrong_main else self.what
        return kinds.get(self.state, WrongMainError)(what, self.remedy)


def wrong_main_of(symbol: str, outcome: str) -> WrongMain | None:
    """What the outcome of an attempt says of a symbol's main contract: the provider names one that it does not know."""
    if outcome != IngestState.UNKNOWN_CONTRACT:
        return None
    parsed = parse_symbol(symbol)
    return WrongMain.UNKNOWN if not parsed.digits and _product(parsed.exchange, parsed.product) else None


def obstacle_on(
    symbol: Symbol, day: date, main_contract: str, calendar: TradingCalendar, first_days: FirstDays = NOT_ASKED
) -> Obstacle | None:
    """What keeps a trading day of `symbol` from being loaded; `main_contract` is empty where none is known.

    Nothing is said of a product that is not in our table.
    """
    product = _product(symbol.exchange, symbol.product)
    if product is None:
        return None
    if symbol.digits:
        return _outside_life(symbol, day, calendar, first_days)
    outside = _outside_product(symbol, day, product)
    if outside is not None or not main_contract:
        return outside
    asked = first_days.get((main_contract, _delivery_of(main_contract, day))) if first_days else None
    return _wrong_main(symbol, main_contract, day, calendar, asked)


def lives_of(
    contract: Symbol, day: date, calendar: TradingCalendar, first_days: FirstDays = NOT_ASKED
) -> tuple[Life, ...]:
    """The contracts of this name that deliver in the decades around `day`, in order: CZCE uses its names again.

    Those that would have ended before their product was listed never were; one is left in any case.
    """
    month = delivery_month(contract, day)
    years = (-10, 0, 10) if contract.exchange is Exchange.CZCE else (0,)
    lives = [_life(contract, months_after(month, 12 * year), calendar) for year in years]
    asked = [first_days.get((contract.text, life.delivery)) for life in lives]
    known = [
        life if first is None else replace(life, first=first, known=True)
        for life, first in zip(lives, asked, strict=True)
    ]
    return tuple(life for life in known if life.first is None or life.first.day <= life.last.day) or (known[-1],)


def life_on(contract: Symbol, day: date, calendar: TradingCalendar, first_days: FirstDays = NOT_ASKED) -> Life:
    """The contract that this name means on a day: the one that trades, the next one to be listed, or the last one."""
    lives = lives_of(contract, day, calendar, first_days)
    ahead = [life for life in lives if day <= life.last.day]
    listed = [life for life in ahead if life.first is not None]
    ended = [life for life in reversed(lives) if life.last.day < day]
    return (listed or ended or ahead)[0]


def _outside_life(contract: Symbol, day: date, calendar: TradingCalendar, first_days: FirstDays) -> Obstacle | None:
    life = life_on(contract, day, calendar, first_days)
    if life.last.day < day:
        state, what = IngestState.EXPIRED, f"{contract.text} ended on {life.last.day}"
    elif life.first is None:
        state, what = IngestState.NOT_LISTED, f"{contract.text} is not listed by {calendar.horizon}"
    elif day < life.first.day:
        state, what = IngestState.NOT_LISTED, f"{contract.text} is not listed before {life.first.day}"
    else:
        return None
    return Obstacle(state, what + _namesake(life, day, calendar, first_days), f"choose days {life}")


def _namesake(life: Life, day: date, calendar: TradingCalendar, first_days: FirstDays) -> str:
    """What is to be said of the other contracts that have or had the name: nothing where there is one alone."""
    others = [
        other
        for other in lives_of(life.contract, day, calendar, first_days)
        if abs(other.delivery.year - life.delivery.year) == 10 and other.first is not None
    ]
    told = "".join(f"; the contract of {other.delivery.year} has the same name ({other})" for other in others)
    return f": it is the contract of {life.delivery.year}{told}" if others else ""


def _outside_product(symbol: Symbol, day: date, product: Product) -> Obstacle | None:
    if day < product.listed:
        what = f"{symbol.text}: {product.name_en} was not listed before {product.listed}"
        return Obstacle(IngestState.NOT_LISTED, what, f"choose days from {product.listed}")
    if product.delisted is not None and day > product.delisted:
        what = f"{symbol.text}: {product.name_en} ended on {product.delisted}"
        remedy = f"it was followed by {product.successor}" if product.successor else ""
        return Obstacle(IngestState.EXPIRED, what, remedy)
    return None


@cache
def _product(exchange: Exchange, code: str) -> Product | None:
    try:
        return product_of(exchange, code)
    except BadInputError:
        return None


@lru_cache(maxsize=262_144)
def _delivery_of(main_contract: str, day: date) -> date:
    """The delivery month of what is called main on a day; no month where that is no contract."""
    try:
        return delivery_month(parse_symbol(main_contract), day)
    except BadInputError:
        return date.min


@lru_cache(maxsize=262_144)
def _wrong_main(
    symbol: Symbol, main_contract: str, day: date, calendar: TradingCalendar, asked: StatedDay | None
) -> Obstacle | None:
    """Kept: a sensor asks for sixty symbols' ten years at every tick. An unverified rule proves nothing wrong.

    `asked` is the contract's first day, if the provider was asked for it.
    """
    contract = parse_main_contract(symbol, main_contract)
    if contract is None:
        what = f"{main_contract!r} is no contract of {symbol.text} and the provider calls it main"
        return _main_obstacle(symbol, main_contract, WrongMain.UNKNOWN, what, "DAY")
    ended = contract_has_ended(contract, day, calendar)
    if ended is not None:
        what = f"{main_contract} ended on {ended.day} and the provider still calls it main"
        return _main_obstacle(symbol, main_contract, WrongMain.EXPIRED, what, f"{_from(ended.day + ONE_DAY, calendar)}")
    first = asked or _life(contract, delivery_month(contract, day), calendar).first
    if first is not None and first.verified and day < first.day:
        what = f"{main_contract} is not listed before {first.day} and the provider already calls it main"
        return _main_obstacle(symbol, main_contract, WrongMain.UNLISTED, what, "DAY")
    return None


def unknown_main(symbol: Symbol, main_contract: str) -> Obstacle:
    """What is said of a main contract that the provider turned out not to know."""
    what = f"the provider knows no contract {main_contract} and calls it main all the same"
    return _main_obstacle(symbol, main_contract, WrongMain.UNKNOWN, what, "DAY")


def _main_obstacle(symbol: Symbol, main_contract: str, code: WrongMain, what: str, since: str) -> Obstacle:
    return Obstacle(IngestState.MISSING, what, wrong_main_remedy(symbol, since), main_contract, code)


def wrong_main_remedy(symbol: Symbol, since: str = "DAY") -> str:
    """What helps against a wrong main contract; `since` is the first day on which it is wrong."""
    return (
        f"read the provider's table anew with `ghtrader-assets schedule {symbol.text} --refresh`; if it stays so, name"
        f" the contract with `ghtrader-assets override {symbol.text} --contract CONTRACT --from {since} --to DAY"
        " --reason TEXT`"
    )


@lru_cache(maxsize=65_536)
def _life(contract: Symbol, delivery: date, calendar: TradingCalendar) -> Life:
    return life_by(rule_of(contract, delivery), contract, delivery, calendar)


def life_by(rule: ListingRule | None, contract: Symbol, delivery: date, calendar: TradingCalendar) -> Life:
    """The contract of a delivery month as rules have it. An unverified last day ends nothing (`expiry`)."""
    last = last_trading_day(contract, calendar, delivery)
    if last is None or not last.verified:
        last = end_of_delivery(delivery)
    earliest = StatedDay(
        _from(months_after(delivery, -LONGEST_LIFE_MONTHS), calendar),
        f"no contract is listed more than {LONGEST_LIFE_MONTHS} months before its delivery",
        verified=False,
    )
    if rule is None:
        return Life(contract, delivery, _not_before(earliest, contract), last)
    month = months_after(delivery, -rule.lead_months)
    before = contract_symbol(parse_symbol(contract.alias), month)
    ended = last_trading_day(before, calendar, month)
    if ended is None:
        return Life(contract, delivery, None if month > calendar.horizon else _not_before(earliest, contract), last)
    if ended.day >= calendar.horizon:
        return Life(contract, delivery, None, last)
    first = StatedDay(_from(ended.day + ONE_DAY, calendar), rule.source, rule.verified)
    return Life(contract, delivery, _not_before(first, contract), last, known=True)


def _not_before(first: StatedDay, contract: Symbol) -> StatedDay:
    """The first contracts of a product begin with the product."""
    product = _product(contract.exchange, contract.product)
    if product is None or product.listed <= first.day:
        return first
    return StatedDay(product.listed, product.source, product.verified)


def _from(day: date, calendar: TradingCalendar) -> date:
    """`day` or the trading day after it, within the calendar."""
    day = min(max(day, calendar.first), calendar.horizon)
    return day if calendar.is_trading_day(day) or day == calendar.horizon else calendar.next(day)


def rule_of(contract: Symbol, delivery: date) -> ListingRule | None:
    """The listing rule of a contract of that delivery month; None where we know none."""
    rules = (
        rule
        for rule in _rules().get((contract.exchange, contract.product), ())
        if rule.first_delivery <= delivery and (not rule.months or str(delivery.month) in rule.months.split())
    )
    return max(rules, key=lambda rule: rule.first_delivery, default=None)


@cache
def _rules() -> dict[tuple[Exchange, str], list[ListingRule]]:
    found: dict[tuple[Exchange, str], list[ListingRule]] = {}
    for rule in records(ListingRule, "first_trading_days.csv"):
        for product in rule.products.split():
            found.setdefault((rule.exchange, product), []).append(rule)
    return found
