"""The provider's own bars: one for each minute of a session and one a trading day, made from all trades of a day.

Belongs here: where bars begin, what they hold, and what a fault that is told to leaves of them.
Does not belong here: the ticks they are made from (`model`, `model2`), ids and pages (`history`, `charts`).

A bar stands for every minute of the sessions, whether anything traded in it or not: so ids need no ticks. What the
call auction trades belongs to the first minute, what is printed after a close to the last one before it.
"""

from __future__ import annotations

from datetime import date
from functools import lru_cache
from typing import Final

import numpy as np

from ghtrader_assets.exchange.contracts import Contract
from ghtrader_assets.exchange.daily import Ints, life_of
from ghtrader_assets.exchange.model import Columns, Made, prices_of
from ghtrader_assets.market.clock import NS, instant_ns

MINUTE_NS: Final = 60 * NS
DAY_NS: Final = 86_400 * NS
DURATIONS: Final = frozenset({MINUTE_NS, DAY_NS})
"""What a chart's `duration` may be, in nanoseconds; 0 stands for ticks."""


@lru_cache(maxsize=4096)
def bar_starts(contract: Contract, day: date, duration_ns: int) -> Ints:
    """When the bars of a contract's trading day begin (epoch ns). The day's bar is stamped midnight in Shanghai."""
    if duration_ns == DAY_NS:
        return np.array([instant_ns(day, 0)])
    windows = contract.sessions(day).windows
    return np.concatenate([np.arange(window.start_ns, window.end_ns, MINUTE_NS) for window in windows])


def bars_of(contract: Contract, day: date, duration_ns: int, made: Made, seed: int) -> Columns:
    """The bars of a contract's trading day, in wire order; a bar without a trade repeats the close before it."""
    life, terms = life_of(contract, seed), contract.terms(day)
    starts = bar_starts(contract, day, duration_ns)
    place = _bar_of(starts, made.columns["datetime_ns"])
    rows = np.flatnonzero(made.lots)
    begins = np.flatnonzero(np.diff(place[rows], prepend=-1))
    traded = place[rows[begins]]
    volume = np.zeros(len(starts), dtype=np.int64)
    volume[traded] = np.add.reduceat(made.lots[rows], begins)
    nearest = np.searchsorted(traded, np.arange(len(starts)), side="right") - 1
    close = made.columns["last_price"][rows[np.append(begins[1:], len(rows)) - 1]][nearest]
    opened = prices_of(terms, made.first[rows[begins]])
    high = prices_of(terms, np.maximum.reduceat(made.high[rows], begins))
    low = prices_of(terms, np.minimum.reduceat(made.low[rows], begins))
    last_row = np.searchsorted(place, np.arange(len(starts)), side="right") - 1
    close_oi = made.columns["open_interest"][last_row]
    before = life.open_interest_before[life.index(day)]
    return {
        "datetime_ns": starts,
        "open": np.where(volume > 0, opened[nearest], close),
        "high": np.where(volume > 0, high[nearest], close),
        "low": np.where(volume > 0, low[nearest], close),
        "close": close,
        "volume": volume,
        "open_oi": np.concatenate(([before], close_oi[:-1])),
        "close_oi": close_oi,
    }


def bars_after_loss(bars: Columns, stamps_ns: Ints, left_ns: Ints) -> Columns:
    """`bars` of a provider that lost the minutes of which `stamps_ns` has ticks and `left_ns` none: nothing traded."""
    starts = bars["datetime_ns"]
    lost = np.zeros(len(starts), dtype=bool)
    lost[np.setdiff1d(_bar_of(starts, stamps_ns), _bar_of(starts, left_ns))] = True
    kept = np.maximum.accumulate(np.where(lost, 0, np.arange(len(starts))))
    close, interest = bars["close"][kept], bars["close_oi"][kept]
    flat = {name: np.where(lost, close, bars[name]) for name in ("open", "high", "low", "close")}
    return {
        "datetime_ns": starts,
        **flat,
        "volume": np.where(lost, 0, bars["volume"]),
        "open_oi": np.where(lost, interest, bars["open_oi"]),
        "close_oi": interest,
    }


def _bar_of(starts: Ints, stamps_ns: Ints) -> Ints:
    return np.maximum(np.searchsorted(starts, stamps_ns, side="right") - 1, 0)
