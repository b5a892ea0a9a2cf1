"""Silent stretches of a session window, and what they look like from the ticks around them.

Belongs here: finding runs of seconds without ticks, telling a provider's hole from a halt and from a pinned market.
Does not belong here: thresholds (`cadence`, `policy`), asking the provider again.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Final, Literal

import numpy as np

from ghtrader_assets.market.sessions import SessionWindow
from ghtrader_assets.validation.intake import NS, OUTSIDE, Bools, DayTicks, Floats, Ints
from ghtrader_assets.validation.verdicts import Attribution

Position = Literal["leading", "inner", "tail", "whole"]

LOST_SHARE: Final = 0.5
"""A long silence in which this share of the day's usual volume was traded is no silence of the market."""
LOST_TICKS: Final = 3
"""... if that volume is also more than so many large (95th percentile) ticks."""
LOCKED_RUN: Final = 20
"""Ticks that a one-sided book must last at the day's extreme to count as a market pinned at its limit."""


@dataclass(frozen=True, slots=True)
class Gap:
    """Seconds without ticks inside one window: `first_s`..`last_s`, epoch seconds, both missing."""

    session: str
    window_index: int
    first_s: int
    last_s: int
    position: Position

    @property
    def duration_s(self) -> int:
        """The number of missing seconds."""
        return self.last_s - self.first_s + 1


@dataclass(frozen=True, slots=True)
class Silence:
    """The silent runs of the strict seconds `first_s`..: starts and lengths, ascending; `spacings` between ticks."""

    starts: Ints
    lengths: Ints
    spacings: Ints
    ticked: int


def silence_of(counts: Ints, first_s: int) -> Silence:
    """The silent runs of one window, from the number of ticks in each of its strict seconds."""
    hit = np.flatnonzero(counts)
    edges = np.concatenate(([-1], hit, [len(counts)]))
    lengths = np.diff(edges) - 1
    silent = np.flatnonzero(lengths > 0)
    return Silence(starts=edges[silent] + 1 + first_s, lengths=lengths[silent], spacings=np.diff(hit), ticked=len(hit))


def gaps_of(silence: Silence, threshold_s: float, window: SessionWindow, window_index: int) -> list[Gap]:
    """The silent runs of a window that last at least `threshold_s` seconds."""
    strict = (window.start_ns // NS + 1, window.end_ns // NS - 1)
    found: list[Gap] = []
    for index in np.flatnonzero(silence.lengths >= threshold_s):
        start = int(silence.starts[index])
        end = start + int(silence.lengths[index]) - 1
        found.append(Gap(window.session, window_index, start, end, _position(start, end, *strict)))
    return found


@dataclass(frozen=True)
class Surroundings:
    """What happened around a gap. `limits` are the day's lowest and highest legal price where they were recorded."""

    ticks: DayTicks
    limits: tuple[float, float] | None

    def attribution(self, gap: Gap, adaptive_threshold_s: float) -> Attribution:
        """What a gap looks like. Ids that jump prove a hole; the rest is circumstance, in this order."""
        before, after = self._around(gap)
        if before is not None and after is not None and self._ids_jump(before, after):
            return Attribution.PROVIDER_HOLE
        if any(row is not None and bool(self.locked[row]) for row in (before, after)):
            return Attribution.LIMIT_LOCKED
        if gap.duration_s < adaptive_threshold_s:
            return Attribution.QUIET
        if before is None or after is None:
            return Attribution.UNKNOWN
        if self._traded_meanwhile(gap, before, after):
            return Attribution.PROVIDER_HOLE
        return Attribution.HALTED if self.ticks.has_ids else Attribution.UNKNOWN

    @cached_property
    def locked(self) -> Bools:
        """Which ticks belong to a market pinned at its limit (see `locked_rows`)."""
        return locked_rows(self.ticks, self.limits)

    def _around(self, gap: Gap) -> tuple[int | None, int | None]:
        order, stamps = self._by_time
        before = int(np.searchsorted(stamps, gap.first_s * NS)) - 1
        after = int(np.searchsorted(stamps, (gap.last_s + 1) * NS))
        return int(order[before]) if before >= 0 else None, int(order[after]) if after < len(stamps) else None

    @cached_property
    def _by_time(self) -> tuple[Ints, Ints]:
        """The rows in order of time, and their stamps."""
        order = np.argsort(self.ticks.stamps, kind="stable")
        return order, self.ticks.stamps[order]

    def _ids_jump(self, before: int, after: int) -> bool:
        return self.ticks.has_ids and int(self.ticks.ids[after]) - int(self.ticks.ids[before]) > 1

    def _traded_meanwhile(self, gap: Gap, before: int, after: int) -> bool:
        volume = self.ticks.numbers["volume"]
        traded = float(volume[after] - volume[before])
        usual = LOST_SHARE * self._volume_per_s * gap.duration_s
        return traded > 0 and traded >= max(usual, LOST_TICKS * self._large_tick)

    @cached_property
    def _volume_per_s(self) -> float:
        volume = self.ticks.numbers["volume"]
        known = volume[~np.isnan(volume)]
        seconds = len(np.unique(self.ticks.seconds[self.ticks.window_of != OUTSIDE]))
        return float(known[-1] - known[0]) / seconds if len(known) and seconds else 0.0

    @cached_property
    def _large_tick(self) -> float:
        traded = np.diff(self.ticks.numbers["volume"])
        traded = traded[traded >= 0]
        return float(np.quantile(traded, 0.95)) if len(traded) else 0.0


def locked_rows(ticks: DayTicks, limits: tuple[float, float] | None) -> Bools:
    """Which ticks show a one-sided book whose remaining side and last price stand at the day's extreme.

    Only runs of at least `LOCKED_RUN` such ticks count: a missing value at the day's high is no limit.
    """
    bid, ask = ticks.numbers["bid_price1"], ticks.numbers["ask_price1"]
    no_bid, no_ask = _absent(bid, ticks.numbers["bid_volume1"]), _absent(ask, ticks.numbers["ask_volume1"])
    if not (no_bid.any() or no_ask.any()):
        return np.zeros(ticks.n, dtype=np.bool_)
    low, high = limits or (
        _extreme(ticks.numbers["lowest"], largest=False),
        _extreme(ticks.numbers["highest"], largest=True),
    )
    last = ticks.numbers["last_price"]
    pinned_high = no_ask & ~no_bid & (bid == high) & (last == high)
    pinned_low = no_bid & ~no_ask & (ask == low) & (last == low)
    return long_runs(pinned_high, LOCKED_RUN) | long_runs(pinned_low, LOCKED_RUN)


def long_runs(mask: Bools, least: int) -> Bools:
    """Those rows of `mask` that stand in a run of at least `least` rows."""
    starts, lengths = runs(mask)
    kept = np.zeros(len(mask), dtype=np.bool_)
    for start, length in zip(starts[lengths >= least], lengths[lengths >= least], strict=True):
        kept[start : start + length] = True
    return kept


def runs(mask: Bools) -> tuple[Ints, Ints]:
    """Starts and lengths of the runs of true values."""
    padded = np.concatenate(([False], mask, [False]))
    changes = np.flatnonzero(padded[1:] != padded[:-1])
    return changes[::2], changes[1::2] - changes[::2]


def _position(start: int, end: int, first_s: int, last_s: int) -> Position:
    if start == first_s:
        return "whole" if end == last_s else "leading"
    return "tail" if end == last_s else "inner"


def _absent(price: Floats, volume: Floats) -> Bools:
    return ~(price > 0) & ~(volume > 0)


def _extreme(values: Floats, *, largest: bool) -> float:
    known = values[values > 0]
    if len(known) == 0:
        return np.nan
    return float(known.max() if largest else known.min())
