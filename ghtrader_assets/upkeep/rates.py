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
from datetime import date
from operator import itemgetter
from statistics import median
from typing import Final

from ghtrader_assets.manifests import Manifest
from ghtrader_assets.questdb.client.connection import Database
from ghtrader_assets.questdb.tables.reader import read_last_loads

TRAILING_DAYS: Final = 20
"""The median is taken over at most this many days loaded before the last one."""
LEAST_DAYS: Final = 5
"""With fewer days before it, the last one is not judged."""


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


def rate_drops(loads: Iterable[Manifest], share: float) -> list[RateDrop]:
    """The symbols whose last loaded day came at less than `share` of the median of the days loaded before it.

    `loads` are complete, of any symbols, in any order; those without rows are passed over. The median is over the last
    `TRAILING_DAYS` days that the same reader read; a symbol with fewer than `LEAST_DAYS` of them has no drop. A share
    of 0 finds none.
    """
    timed = [(load.finished, load) for load in loads if load.finished and load.rows and _seconds(load)]
    by_symbol: dict[str, list[Manifest]] = {}
    for _, load in sorted(timed, key=itemgetter(0)):
        by_symbol.setdefault(load.symbol, []).append(load)
    found = (_drop(loaded, share) for loaded in by_symbol.values())
    return [drop for drop in found if drop is not None]


def _drop(loaded: Sequence[Manifest], share: float) -> RateDrop | None:
    last = loaded[-1]
    before = [_rows_per_s(load) for load in loaded[:-1] if load.reader == last.reader][-TRAILING_DAYS:]
    if len(before) < LEAST_DAYS:
        return None
    rate, usual = _rows_per_s(last), median(before)
    return RateDrop(last.symbol, last.trading_day, rate, usual, len(before)) if rate < share * usual else None


def read_loads(db: Database, symbol: str) -> list[Manifest]:
    """The symbol's complete loads that ended last, newest first: enough of them for `rate_drops`."""
    return read_last_loads(db, symbol, 2 * TRAILING_DAYS + 1)


def _rows_per_s(load: Manifest) -> float:
    return load.rows / _seconds(load)


def _seconds(load: Manifest) -> float:
    return load.download_s + load.store_s + load.readback_s
