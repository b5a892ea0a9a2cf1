"""Blocks that stand among other ticks of the sessions, by the order of the day's volumes.

Belongs here: which ticks were moved within the sessions, and from which silence. Does not belong here: ticks that trade
outside (`misplaced`).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

import numpy as np

from ghtrader_assets.validation.blocks import LONGER, NEAR_S, PLACED_TICKS, Block, rounded
from ghtrader_assets.validation.gaps import FoundGap
from ghtrader_assets.validation.intake import NS, Ints
from ghtrader_assets.validation.traded import Stretch, Tape

LEFT_S: Final = 55
"""Blocks of a minute are looked for; a window's opening and closing second are no part of the silence that one left."""
LEFT_FALLS: Final = 0.1
"""The share of the day's falls of volume that a block moved back may leave: where it ends is known to the second."""


def moved_blocks(tape: Tape, gaps: Sequence[FoundGap]) -> Iterator[Block]:
    """The blocks of ticks whose volumes belong in a hole of theirs, while other ticks stand around them.

    The day's volume grows all day, so ticks elsewhere that show more than the one before a hole and less than the one
    after it were stamped there. Where no volume falls, in order of time, there are none.
    """
    order = _Order.of(tape)
    if not order.falls:
        return
    for hole in {id(each.stretch): each.stretch for each in gaps}.values():
        parts = [each.gap for each in gaps if each.stretch is hole]
        spans = {(hole.first_s, hole.last_s), *((part.first_s, part.last_s) for part in parts)}
        long = [span for span in spans if span[1] - span[0] >= LEFT_S]
        found = [far for span in long if (far := _moved_far(tape, hole, span)) is not None]
        found = found or [near for span in long if (near := _overlapping(tape, order, hole, span)) is not None]
        if found:
            yield min(found, key=lambda each: each[0])[1]


class _Order(NamedTuple):
    """A day's volumes in order of time: how often they fall, the largest of those that come after a larger one, and the
    smallest of those that come before a smaller one."""

    falls: int
    largest_late: float
    smallest_early: float

    @staticmethod
    def of(tape: Tape, moved: Ints | None = None, moved_s: int = 0) -> _Order:
        """The order of the day's ticks, or of the day with the rows `moved` that many seconds earlier."""
        stamps = tape.ticks.stamps
        if moved is not None:
            stamps = stamps.copy()
            stamps[moved] -= moved_s * NS
        volume = tape.ticks.known_volume[np.argsort(stamps, kind="stable")]
        late = volume[volume < np.maximum.accumulate(volume)]
        early = volume[volume > np.minimum.accumulate(volume[::-1])[::-1]]
        falls = int(np.count_nonzero(np.diff(volume) < 0))
        return _Order(falls, float(late.max(initial=0.0)), float(early.min(initial=math.inf)))


def _moved_far(tape: Tape, hole: Stretch, span: tuple[int, int]) -> tuple[int, Block] | None:
    """The block of a silence's length whose volumes lie between those of the ticks around it, and how well it fits."""
    volume, seconds = tape.ticks.known_volume, tape.ticks.seconds
    if hole.before is None and hole.after is None:
        return None
    least = -1.0 if hole.before is None else float(volume[hole.before])
    most = math.inf if hole.after is None else float(volume[hole.after])
    rows = np.flatnonzero((volume > least) & (volume < most))
    if len(rows) < PLACED_TICKS:
        return None
    first_s, last_s = int(seconds[rows].min()), int(seconds[rows].max())
    low, high = last_s - span[1] - 1, first_s - span[0] + 1
    if not -NEAR_S <= high - low <= max(NEAR_S, int(LONGER * (last_s - first_s))):
        return None
    return high - low, _among_others(tape, rows, hole, span, rounded(*sorted((low - 1, high + 1))))


def _overlapping(tape: Tape, order: _Order, hole: Stretch, span: tuple[int, int]) -> tuple[int, Block] | None:
    """The block that is moved by less than its own length: its hole is only as long as it is moved, and it stands among
    the ticks that come after it, or before it. Moved back it leaves the day's volumes in order."""
    volume, seconds = tape.ticks.known_volume, tape.ticks.seconds
    found: list[tuple[int, Block]] = []
    following, prior = seconds[volume > order.largest_late], seconds[volume < order.smallest_early]
    if hole.before is not None and len(following):
        late = (volume > volume[hole.before]) & (volume <= order.largest_late) & (seconds > span[1])
        found += _moved_back(tape, hole, np.flatnonzero(late), (span[0] - 1, int(following.min())))
    if hole.after is not None and len(prior):
        early = (volume < volume[hole.after]) & (volume >= order.smallest_early) & (seconds < span[0])
        found += _moved_back(tape, hole, np.flatnonzero(early), (int(prior.max()), span[1] + 1))
    best = min(found, key=lambda each: each[0], default=None)
    return best if best is not None and best[0] <= LEFT_FALLS * order.falls else None


def _moved_back(tape: Tape, hole: Stretch, rows: Ints, around: tuple[int, int]) -> list[tuple[int, Block]]:
    """The rows as a block between two seconds, and how often the day's volumes fall with it there; none if too few."""
    if len(rows) < PLACED_TICKS:
        return []
    first_s, last_s = int(tape.ticks.seconds[rows].min()), int(tape.ticks.seconds[rows].max())
    moved_s = rounded(*sorted((last_s - around[1] - 1, first_s - around[0] + 1)))
    falls = _Order.of(tape, rows, moved_s).falls
    return [(falls, _among_others(tape, rows, hole, (first_s - moved_s, last_s - moved_s), moved_s))]


def _among_others(tape: Tape, rows: Ints, hole: Stretch, left: tuple[int, int], moved_s: int) -> Block:
    volume, seconds = tape.ticks.known_volume[rows], tape.ticks.seconds[rows]
    lots = float(volume.max() - volume.min())
    return Block(int(seconds.min()), int(seconds.max()), len(rows), lots, 0, hole, left, moved_s)
