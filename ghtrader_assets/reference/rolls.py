"""The segments of a main-contract schedule: how long each contract stood, its terms and its last trading day.

Belongs here: what is derived from schedule rows for people. Does not belong here: drawing (`pictures`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from types import MappingProxyType
from typing import Any, Final

from ghtrader_assets.market.calendar import TradingCalendar
from ghtrader_assets.market.expiry import last_trading_day
from ghtrader_assets.market.lives import NOT_ASKED, FirstDays, obstacle_on
from ghtrader_assets.market.products import product_on
from ghtrader_assets.market.schedule import ScheduleDay
from ghtrader_assets.market.symbols import Symbol, parse_main_contract, parse_symbol

NOTHING_WRONG: Final[Mapping[date, str]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Segment:
    """A run of trading days with one main contract, and the contract's terms on the first of them.

    `first_day` is the roll day unless `is_roll` is false: then the segment begins before the rows that were given.
    `provisional`: its last day may still change. `terms_source` is the source of price tick and multiplier. `expires`
    is the contract's last trading day, None where it is not known yet, `expires_source` its source. `finding`: why it
    can't be the main contract on the last of them, or as a load found on one; empty where it can.
    """

    symbol: str
    segment_id: int
    contract: str
    first_day: date
    last_day: date
    trading_days: int
    is_roll: bool
    provisional: bool
    price_tick: float
    multiplier: int
    terms_source: str
    expires: date | None
    expires_source: str
    finding: str


def segments_of(
    rows: Sequence[ScheduleDay], calendar: TradingCalendar, wrong: Mapping[date, str] = NOTHING_WRONG
) -> list[Segment]:
    """The segments of a symbol's schedule rows, which are in order of trading day.

    `wrong` says why days can't have their main contract, as far as the store knows it.
    """
    runs = groupby(rows, key=lambda row: (row.segment_id, row.contract))
    return [_segment(list(days), calendar, wrong) for _, days in runs]


def terms_of(row: ScheduleDay, calendar: TradingCalendar) -> dict[str, Any]:
    """Price tick, multiplier and last trading day of the main contract on that very day, with their sources."""
    contract = terms_contract(row)
    terms, expires = product_on(contract, row.trading_day), last_trading_day(contract, calendar, row.trading_day)
    return {
        "price_tick": terms.price_tick,
        "multiplier": terms.multiplier,
        "terms_source": terms.source,
        "expires": expires.day if expires is not None else None,
        "expires_source": expires.source if expires is not None else "",
    }


def terms_contract(row: ScheduleDay) -> Symbol:
    """Whose terms are those of a day: the main contract's, or the product's where the provider names none of it."""
    symbol = parse_symbol(row.symbol)
    return parse_main_contract(symbol, row.contract) or symbol


def finding_of(row: ScheduleDay, calendar: TradingCalendar, first_days: FirstDays = NOT_ASKED) -> str:
    """Why the main contract can't be it on that day; empty where it can."""
    obstacle = obstacle_on(parse_symbol(row.symbol), row.trading_day, row.contract, calendar, first_days)
    return obstacle.reason if obstacle and obstacle.wrong_main else ""


def _segment(days: Sequence[ScheduleDay], calendar: TradingCalendar, wrong: Mapping[date, str]) -> Segment:
    first, last = days[0], days[-1]
    told = [wrong[row.trading_day] for row in days if row.trading_day in wrong]
    return Segment(
        symbol=first.symbol,
        segment_id=first.segment_id,
        contract=first.contract,
        first_day=first.trading_day,
        last_day=last.trading_day,
        trading_days=len(days),
        is_roll=first.is_roll,
        provisional=last.provisional,
        **terms_of(first, calendar),
        finding=finding_of(last, calendar) or "".join(told[-1:]),
    )
