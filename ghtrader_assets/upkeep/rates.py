"""How fast a symbol's days come in, and whether the last one came far slower than its days usually do.

Belongs here: the rates of stored days and the rule that finds a drop.
Does not belong here: who is told (the asset check and the alerts), the percentiles of `metrics`
(`questdb.tables.measured`).

A day's rate is its rows over the seconds of download, storing and reading back. Days read by different readers are
not compared: the plain client is ten times slower than the lean reader, and a day read both ways for proof is no drop.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from statistics import median
from typing import Final

from ghtrader_assets.questdb.client.connection import Database
from ghtrader_assets.questdb.tables.reader import read_last_loads

TRAILING_DAYS: Final = 20
"""The median is taken over at most this many days loaded before the last one."""
LEAST_DAYS: Final = 5
"""With fewer days before it, the last one is not judged."""


@dataclass(frozen=True, slots=True)
class DayRate:
    """The rate of one stored symbol-day; `finished` is the instant its load ended, UTC."""

    symbol: str
    trading_day: date
    finished: datetime
    reader: str
    rows_per_s: float


@dataclass(frozen=True, slots=True)
class RateDrop:
    """A symbol whose last loaded day came at less than the wanted share of its trailing median, rows a second."""

    symbol: str
    trading_day: date
    rows_per_s: float
    median_rows_per_s: float
    days: int

    @property
    def share(self) -> float:
        return self.rows_per_s / self.median_rows_per_s

    def __str__(self) -> str:
        return (
            f"{self.symbol} {self.trading_day} came at {self.rows_per_s:,.0f} rows/s, {self.share:.0%} of the median"
            f" {self.median_rows_per_s:,.0f} of the {self.days} days before it"
        )


def rate_drops(rates: Iterable[DayRate], share: float) -> list[RateDrop]:
    """The symbols whose last loaded day came at less than `share` of the median of the days loaded before it.

    `rates` in any order, of any symbols. The median is over the last `TRAILING_DAYS` days that the same reader read;
    a symbol with fewer than `LEAST_DAYS` of them has no drop. A share of 0 finds none.
    """
    by_symbol: dict[str, list[DayRate]] = {}
    for rate in sorted(rates, key=lambda rate: rate.finished):
        by_symbol.setdefault(rate.symbol, []).append(rate)
    found = (_drop(loaded, share) for loaded in by_symbol.values())
    return [drop for drop in found if drop is not None]


def _drop(loaded: Sequence[DayRate], share: float) -> RateDrop | None:
    last = loaded[-1]
    before = [load.rows_per_s for load in loaded[:-1] if load.reader == last.reader][-TRAILING_DAYS:]
    if len(before) < LEAST_DAYS:
        return None
    usual = median(before)
    if last.rows_per_s >= share * usual:
        return None
    return RateDrop(last.symbol, last.trading_day, last.rows_per_s, usual, len(before))


def read_rates(db: Database, symbol: str) -> list[DayRate]:
    """The rates of the symbol's days loaded last, newest first: enough of them for `rate_drops`."""
    loads = read_last_loads(db, symbol, 2 * TRAILING_DAYS + 1)
    return [
        DayRate(symbol, load.trading_day, load.finished, load.reader, load.rows / seconds)
        for load in loads
        for seconds in [load.download_s + load.store_s + load.readback_s]
        if load.finished and load.rows and seconds
    ]
