"""Which contracts exist, when each lists, rolls and expires, and which one is the main contract of a day.

Belongs here: the contract calendar of every served product, as deterministic rules; no seed moves a date.
Does not belong here: prices and ticks (`daily`, `model`), how a contract is described on the wire (`instruments`).

A product's main contract changes hands on a rule (`specs`), and open interest follows that rule: on every day the
main contract is the one that held the most open interest when the day before closed.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from itertools import pairwise
from typing import Final

from ghtrader_assets.errors import BadInputError
from ghtrader_assets.exchange.specs import ModelNumber, Spec, specs_of
from ghtrader_assets.market.calendar import TradingCalendar, snapshot_calendar
from ghtrader_assets.market.expiry import last_trading_day
from ghtrader_assets.market.products import Product, product_on
from ghtrader_assets.market.sessions import DaySessions, day_sessions
from ghtrader_assets.market.symbols import Exchange, Symbol, contract_symbol, parse_symbol
from ghtrader_assets.settings import EMBEDDED_FIRST_DAY

_QUARTERS: Final = (3, 6, 9, 12)
_LAST_DELIVERY_YEAR: Final = 2028


@dataclass(frozen=True, slots=True)
class Contract:
    """One delivery month. It trades from `listed` to `last_day`, both included.

    `main_from` and `main_until` (exclusive) bound its time as the main contract; both None if it never is.
    The first main contract served has `main_from` before the exchange's first day.
    """

    text: str
    spec: Spec
    delivery: date
    listed: date
    last_day: date
    main_from: date | None
    main_until: date | None

    @property
    def symbol(self) -> Symbol:
        return parse_symbol(self.text)

    @property
    def first_served(self) -> date:
        """The first day with ticks: the listing, or the exchange's first day for what is older."""
        return max(self.listed, EMBEDDED_FIRST_DAY)

    def days(self, until: date) -> list[date]:
        """The trading days that are served, up to `until` included."""
        end = min(self.last_day, until)
        return snapshot_calendar().days(self.first_served, end) if end >= self.first_served else []

    def is_main(self, day: date) -> bool:
        """Whether this is the main contract of its product on trading day `day`."""
        return self.main_from is not None and self.main_until is not None and self.main_from <= day < self.main_until

    def terms(self, day: date) -> Product:
        """The contract terms (price tick, multiplier) in force on trading day `day`."""
        return product_on(self.symbol, day)

    def sessions(self, day: date) -> DaySessions:
        """The sessions of this contract on trading day `day`.

        Computed for the product's main symbol, so that all contracts share one answer.
        """
        alias = parse_symbol(f"KQ.m@{self.spec.key}")
        return day_sessions(alias, day, snapshot_calendar(), self.last_day)


def contract_named(text: str, model: ModelNumber) -> Contract | None:
    """The contract with that TqSdk name, or None if the exchange of that model never listed it."""
    return _by_name(model).get(text)


@cache
def contracts_of(spec: Spec) -> tuple[Contract, ...]:
    """Every contract of the product that trades on or after the exchange's first day, by delivery."""
    months = [month for month in _delivery_months(spec) if _last_day(spec, month) >= EMBEDDED_FIRST_DAY]
    mains = [month for month in months if month.month in spec.main_months]
    rolls = {month: _roll_day(spec, month) for month in mains}
    starts = {later: rolls[earlier] for earlier, later in pairwise(mains)}
    starts[mains[0]] = date.min
    return tuple(
        Contract(
            text=contract_symbol(parse_symbol(f"KQ.m@{spec.key}"), month).text,
            spec=spec,
            delivery=month,
            listed=_listing(spec, month),
            last_day=_last_day(spec, month),
            main_from=starts.get(month),
            main_until=rolls.get(month),
        )
        for month in months
    )


def main_changes(spec: Spec, until: date) -> list[tuple[date, Contract]]:
    """The product's change list: the first day of each main contract, from the first day served up to `until`."""
    first = max(EMBEDDED_FIRST_DAY, spec.product.listed)
    return [
        (max(contract.main_from, first), contract)
        for contract in contracts_of(spec)
        if contract.main_from is not None
        and contract.main_until is not None
        and contract.main_until > first
        and contract.main_from <= until
    ]


def main_contract(spec: Spec, day: date) -> Contract:
    """The main contract of trading day `day`. Raises BadInputError before the product's first day."""
    changes = main_changes(spec, day)
    if not changes or day < changes[0][0]:
        raise BadInputError(f"{spec.key} has no main contract on {day}")
    return changes[-1][1]


def position(day: date) -> int:
    """The place of `day` in the sequence of trading days (of the next one if it does not trade)."""
    return bisect_left(_days(), day)


@cache
def _by_name(model: ModelNumber) -> dict[str, Contract]:
    return {contract.text: contract for spec in specs_of(model).values() for contract in contracts_of(spec)}


@cache
def _days() -> tuple[date, ...]:
    calendar = _longer_calendar()
    return tuple(calendar.days(calendar.first, calendar.horizon))


@cache
def _longer_calendar() -> TradingCalendar:
    """The calendar, carried on by the weekdays of one more year: what expires then is listed by now."""
    known = snapshot_calendar()
    beyond = [day for day in (known.horizon + timedelta(n) for n in range(1, 400)) if day.weekday() < 5]
    days = [known.previous(known.first), *known.days(known.first, known.horizon), *beyond]
    return TradingCalendar(days, first=known.first, horizon=beyond[-1], source="the embedded exchange")


def _delivery_months(spec: Spec) -> list[date]:
    years = range(spec.first_delivery_year, _LAST_DELIVERY_YEAR + 1)
    return [date(year, month, 1) for year in years for month in spec.months]


def _last_day(spec: Spec, month: date) -> date:
    contract = contract_symbol(parse_symbol(f"KQ.m@{spec.key}"), month)
    last = last_trading_day(contract, _longer_calendar(), month)
    assert last is not None
    return last.day


def _listing(spec: Spec, month: date) -> date:
    life = 8 if spec.exchange is Exchange.CFFEX and month.month in _QUARTERS else spec.life_months
    earlier = _months_before(month, life)
    days = _days()
    return max(days[bisect_right(days, _last_day(spec, earlier))], spec.product.listed)


def _roll_day(spec: Spec, month: date) -> date:
    """The first day on which the next contract is the main one."""
    days = _days()
    if spec.roll_months == 0:
        return days[bisect_left(days, _last_day(spec, month)) - spec.roll_day]
    start = bisect_left(days, _months_before(month, spec.roll_months))
    return days[start + spec.roll_day - 1]


def _months_before(month: date, count: int) -> date:
    total = month.year * 12 + month.month - 1 - count
    return date(total // 12, total % 12 + 1, 1)
