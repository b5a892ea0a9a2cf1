"""Which contracts exist, when each lists, rolls and expires, and which one is the main contract of a day.

Belongs here: the contract calendar of every served product, as deterministic rules; no seed moves a date.
Does not belong here: prices and ticks (`daily`, `model`), how a contract is described on the wire (`instruments`).

A product's main contract changes hands on a rule (`tables`), and open interest follows that rule: on every day the
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
MADE_WITH: Final = date(2026, 12, 31)
"""The end of the calendar with which the models were made. What they draw for a day up to it hangs on expiries and
rolls as that calendar has them, carried on by weekdays: holidays that become known later move no tick."""


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

    def days(self, end: date) -> list[date]:
        """The trading days that are served, up to `end` included."""
        last = min(self.last_day, end)
        return snapshot_calendar().days(self.first_served, last) if last >= self.first_served else []

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


@dataclass(frozen=True, slots=True)
class Places:
    """The places of a contract's last day, and of the first days on which it, and the one after it, is the main one."""

    last_day: int
    main_from: int
    main_until: int


@cache
def contracts_of(spec: Spec) -> tuple[Contract, ...]:
    """Every contract of the product that trades on or after the exchange's first day, by delivery."""
    return _contracts_of(spec, _carried_on(snapshot_calendar().horizon))


@cache
def places_when_made(contract: Contract) -> Places:
    """The contract's places as the calendar has them with which the models were made, or ours if it is newer."""
    calendar = _carried_on(MADE_WITH)
    known = {each.delivery: each for each in _contracts_of(contract.spec, calendar)}
    if contract.delivery not in known:
        calendar = _carried_on(snapshot_calendar().horizon)
    own = known.get(contract.delivery, contract)
    ends = (own.last_day, own.main_from or date.min, own.main_until or date.min)
    return Places(*(bisect_left(_days(calendar), day) for day in ends))


@cache
def _contracts_of(spec: Spec, calendar: TradingCalendar) -> tuple[Contract, ...]:
    every = _delivery_months(spec, calendar)
    months = [month for month in every if _last_day(spec, month, calendar) >= EMBEDDED_FIRST_DAY]
    mains = [month for month in months if month.month in spec.main_months]
    rolls = {month: _roll_day(spec, month, calendar) for month in mains}
    starts = {later: rolls[earlier] for earlier, later in pairwise(mains)}
    starts[mains[0]] = date.min
    return tuple(
        Contract(
            text=contract_symbol(parse_symbol(f"KQ.m@{spec.key}"), month).text,
            spec=spec,
            delivery=month,
            listed=_listing(spec, month, calendar),
            last_day=_last_day(spec, month, calendar),
            main_from=starts.get(month),
            main_until=rolls.get(month),
        )
        for month in months
    )


def main_changes(spec: Spec, end: date) -> list[tuple[date, Contract]]:
    """The product's change list: the first day of each main contract, from the first day served up to `end`."""
    first = max(EMBEDDED_FIRST_DAY, spec.product.listed)
    return [
        (max(contract.main_from, first), contract)
        for contract in contracts_of(spec)
        if contract.main_from is not None
        and contract.main_until is not None
        and contract.main_until > first
        and contract.main_from <= end
    ]


def main_contract(spec: Spec, day: date) -> Contract:
    """The main contract of trading day `day`. Raises BadInputError before the product's first day."""
    changes = main_changes(spec, day)
    if not changes or day < changes[0][0]:
        raise BadInputError(f"{spec.key} has no main contract on {day}")
    return changes[-1][1]


def position(day: date) -> int:
    """The place of `day` in the sequence of trading days (of the next one if it does not trade)."""
    return bisect_left(_days(_carried_on(snapshot_calendar().horizon)), day)


@cache
def _by_name(model: ModelNumber) -> dict[str, Contract]:
    return {contract.text: contract for spec in specs_of(model).values() for contract in contracts_of(spec)}


@cache
def _days(calendar: TradingCalendar) -> tuple[date, ...]:
    return tuple(calendar.days(calendar.first, calendar.horizon))


@cache
def _carried_on(horizon: date) -> TradingCalendar:
    """The calendar up to `horizon`, and the weekdays of one more year: what expires then is listed by now."""
    known = snapshot_calendar()
    beyond = [day for day in (horizon + timedelta(n) for n in range(1, 400)) if day.weekday() < 5]
    days = [known.previous(known.first), *known.days(known.first, horizon), *beyond]
    return TradingCalendar(days, first=known.first, horizon=beyond[-1], source="the embedded exchange")


def _delivery_months(spec: Spec, calendar: TradingCalendar) -> list[date]:
    """Up to the last year that the calendar covers whole."""
    years = range(spec.first_delivery_year, calendar.horizon.year)
    return [date(year, month, 1) for year in years for month in spec.months]


def _last_day(spec: Spec, month: date, calendar: TradingCalendar) -> date:
    contract = contract_symbol(parse_symbol(f"KQ.m@{spec.key}"), month)
    last = last_trading_day(contract, calendar, month)
    assert last is not None  # noqa: S101 - narrows a type
    return last.day


def _listing(spec: Spec, month: date, calendar: TradingCalendar) -> date:
    life = 8 if spec.exchange is Exchange.CFFEX and month.month in _QUARTERS else spec.life_months
    earlier = _months_before(month, life)
    days = _days(calendar)
    return max(days[bisect_right(days, _last_day(spec, earlier, calendar))], spec.product.listed)


def _roll_day(spec: Spec, month: date, calendar: TradingCalendar) -> date:
    """The first day on which the next contract is the main one."""
    days = _days(calendar)
    if spec.roll_months == 0:
        return days[bisect_left(days, _last_day(spec, month, calendar)) - spec.roll_day]
    start = bisect_left(days, _months_before(month, spec.roll_months))
    return days[start + spec.roll_day - 1]


def _months_before(month: date, count: int) -> date:
    total = month.year * 12 + month.month - 1 - count
    return date(total // 12, total % 12 + 1, 1)
