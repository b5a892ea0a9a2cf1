"""The segments of a main-contract schedule: how long each contract stood, and its terms.

Belongs here: what is derived from schedule rows for people. Does not belong here: drawing (`pictures`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby

from ghtrader_assets.market.products import product_on
from ghtrader_assets.market.schedule import ScheduleDay
from ghtrader_assets.market.symbols import parse_symbol


@dataclass(frozen=True, slots=True)
class Segment:
    """A run of trading days with one main contract, and the contract's terms on the first of them.

    `first_day` is the roll day unless `is_roll` is false: then the segment begins before the rows that were given.
    `provisional`: its last day may still change.
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


def segments_of(rows: Sequence[ScheduleDay]) -> list[Segment]:
    """The segments of a symbol's schedule rows, which are in order of trading day."""
    return [_segment(list(days)) for _, days in groupby(rows, key=lambda row: (row.segment_id, row.contract))]


def _segment(days: Sequence[ScheduleDay]) -> Segment:
    first, last = days[0], days[-1]
    terms = product_on(parse_symbol(first.contract), first.trading_day)
    return Segment(
        symbol=first.symbol,
        segment_id=first.segment_id,
        contract=first.contract,
        first_day=first.trading_day,
        last_day=last.trading_day,
        trading_days=len(days),
        is_roll=first.is_roll,
        provisional=last.provisional,
        price_tick=terms.price_tick,
        multiplier=terms.multiplier,
    )
