"""Trading outside the sessions: blocks of it, sessions that are stamped late or early, where a moved block belongs.

Belongs here: what the ticks that trade where nothing can be traded have in common.
Does not belong here: which ticks those are (`outside`), what follows (`states`), how it is said (`detail`).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

import numpy as np

from ghtrader_assets.validation.gaps import FoundGap
from ghtrader_assets.validation.intake import NS, Floats, Ints
from ghtrader_assets.validation.traded import Stretch, Tape

NEAR_S: Final = 5
"""A block that begins so soon after a close, or ends so soon before an opening, is the session's own."""
JOINED_S: Final = 60
"""A tick so shortly before a block is its first, though what it traded is not known to be traded there."""
ROUNDED_S: Final = 1
"""Blocks are known to the second."""
LONGER: Final = 0.5
"""A hole is longer than the block that left it by the silence before its first and after its last tick: at most by so
much of the block's length."""
FARTHEST_S: Final = 10_800
"""No session is looked for farther from its own hours: twice the lunch break."""
LOOSE_S: Final = 120
"""Windows that may be moved by so much and still hold the ticks are half empty: nothing tells by how much they are."""
AUCTION_TICKS: Final = 2
"""So many trades of a call auction may stand before an opening."""
PLACED_TICKS: Final = 50
"""Fewer ticks fit into many silences of a thin market: where they belong is not said."""
LEFT_FALLS: Final = 0.1
"""The share of the day's falls of volume that a block moved back may leave: where it ends is known to the second."""
ROUND_S: Final = (86_400, 3_600, 60, 1)
"""Stamps are moved by whole days, hours or minutes: the largest of these that fits is named."""


@dataclass(frozen=True, slots=True)
class Block:
    """Ticks that trade in one place outside the sessions: epoch seconds of the first and the last, both included.

    `rows` ticks stand between them and trade `lots`. `place` counts the windows that open before it. `hole` is the
    silence that it left `moved_s` seconds earlier, in the seconds `left`, where one fits.
    """

    first_s: int
    last_s: int
    rows: int
    lots: float
    place: int
    hole: Stretch | None = None
    left: tuple[int, int] = (0, 0)
    moved_s: int = 0


class Offset(NamedTuple):
    """By how many seconds a session is stamped late (below 0: early), give or take `within_s`: whole seconds, and ticks
    that come after an opening and before a close, leave it open."""

    seconds: int
    within_s: int


@dataclass(frozen=True, slots=True)
class Misplaced:
    """All blocks that trade outside, in order of time, and how far off whole sessions are stamped.

    `within` are blocks that stand inside the sessions, by what was traded before and after the hole that they left.
    """

    blocks: tuple[Block, ...]
    late: Mapping[str, Offset]
    within: tuple[Block, ...] = ()

    @property
    def holes(self) -> tuple[Stretch, ...]:
        """The silences that moved blocks left."""
        return tuple(block.hole for block in self.blocks if block.hole is not None)


def misplaced_of(tape: Tape, gaps: Sequence[FoundGap]) -> Misplaced:
    """What is traded outside the sessions of a day, held against its silences."""
    blocks, within = _blocks(tape), tuple(_within(tape, gaps))
    if not blocks:
        return Misplaced((), {}, within)
    late = _late_sessions(tape, {block.place: block for block in blocks})
    outside = tuple(blocks if late else (_belonging(block, gaps, tape) for block in blocks))
    told = {id(block.hole) for block in outside}
    return Misplaced(outside, late, tuple(block for block in within if id(block.hole) not in told))


def _blocks(tape: Tape) -> list[Block]:
    """Where ticks trade outside. What a day's first tick shows, or one after a silence in a session, proves nothing."""
    strays = tape.outside.rows[~tape.outside.may_trade]
    trading = strays[(tape.lots[strays] > 0) & (strays > 0)]
    proven = _silent_before(tape, trading) < NEAR_S
    seconds, every = tape.ticks.seconds[trading], tape.ticks.seconds[strays]
    places = np.searchsorted([window.start_ns // NS for window in tape.ticks.windows], seconds)
    found: list[Block] = []
    for place in np.unique(places[proven]).tolist():
        begins = int(seconds[proven & (places == place)].min())
        mine = (places == place) & (seconds >= begins - JOINED_S)
        first, last = int(seconds[mine].min()), int(seconds[mine].max())
        rows = int(np.count_nonzero((every >= first) & (every <= last)))
        found.append(Block(first, last, rows, float(tape.lots[trading[mine & proven]].sum()), place))
    return found


def _silent_before(tape: Tape, rows: Ints) -> Ints:
    """The seconds of sessions that lie between each of these ticks and the one before it."""
    until, since = tape.ticks.seconds[rows], tape.ticks.seconds[rows - 1]
    silent = np.zeros(len(rows), dtype=np.int64)
    for window in tape.ticks.windows:
        ends, begins = np.minimum(until, window.end_ns // NS), np.maximum(since, window.start_ns // NS)
        silent += np.maximum(ends - begins, 0)
    return silent


def _late_sessions(tape: Tape, blocks: Mapping[int, Block]) -> dict[str, Offset]:
    """The sessions that neighbouring blocks and their own first and last ticks agree to be stamped late or early.

    However few ticks there are: those of a session stamped late go on after its closes for no longer than it is late,
    and none stands after its openings for so long; before them where it is early.
    """
    windows = tape.ticks.windows
    found: dict[str, Offset] = {}
    for session in dict.fromkeys(window.session for window in windows):
        places = [place for place, window in enumerate(windows) if window.session == session]
        inside = [_stamps_inside(tape, place) for place in places]
        late = None
        if all(len(each) for each in inside):
            late = _late(tape, places, inside, blocks) or _early(tape, places, inside, blocks)
        late = late or _fitting(tape, places)
        found |= {session: late} if late else {}
    return found


def _fitting(tape: Tape, places: Sequence[int]) -> Offset | None:
    """By how many seconds the session's windows must be moved to hold all of its trading; None where 0 does, or none.

    So a session is told that is stamped later, or earlier, than its breaks are long.
    """
    windows, trading = tape.ticks.windows, np.sort(tape.ticks.seconds[tape.lots > 0])
    begin, after = windows[places[0]].start_ns // NS, windows[places[-1]].end_ns // NS + FARTHEST_S
    before = (windows[places[0] - 1].end_ns // NS + begin) // 2 if places[0] else begin - FARTHEST_S
    mine = trading[(trading > before) & (trading <= after)]
    moves = np.arange(-FARTHEST_S, FARTHEST_S + 1)
    held = np.zeros(len(moves), dtype=np.int64)
    for place in places:
        opening, close = windows[place].start_ns // NS, windows[place].end_ns // NS + int(tape.outside.last_print_s)
        held += np.searchsorted(mine, close + moves, side="right") - np.searchsorted(mine, opening + moves)
    fits = moves[held == held.max()]
    if len(mine) < PLACED_TICKS or held.max() < len(mine) - AUCTION_TICKS or np.abs(fits).min() <= NEAR_S:
        return None
    low, high = int(fits[0]), int(fits[-1])
    if high - low != len(fits) - 1 or high - low > LOOSE_S:
        return None
    if high - low <= NEAR_S:
        return Offset(high, max(high - low, ROUNDED_S))
    return Offset((low + high) // 2, (high - low) // 2 + ROUNDED_S)


def _late(tape: Tape, places: Sequence[int], inside: Sequence[Ints], blocks: Mapping[int, Block]) -> Offset | None:
    """By how much the session goes on after its closes, where no later than its windows begin.

    The first tick of the session may be the auction's, which is stamped late too.
    """
    windows = tape.ticks.windows
    beyond = max(
        (blocks[place + 1].last_s - windows[place].end_ns // NS for place in places if place + 1 in blocks), default=0
    )
    begins = [(int(each[0]) - windows[place].start_ns) / NS for place, each in zip(places, inside, strict=True)][1:]
    first = [(int(each) - windows[places[0]].start_ns) / NS for each in inside[0][1:2]]
    most, print_s = min([*begins, *first], default=0.0), tape.outside.last_print_s + ROUNDED_S
    late_s = round(min([beyond, *begins]))
    if not late_s or beyond > most + print_s:
        return None
    return Offset(late_s, math.ceil(max(most - late_s, late_s - (beyond - print_s))))


def _early(tape: Tape, places: Sequence[int], inside: Sequence[Ints], blocks: Mapping[int, Block]) -> Offset | None:
    """By how much the session begins before its openings, where no earlier than its windows end; below 0."""
    windows = tape.ticks.windows
    before = max(
        (windows[place].start_ns // NS - blocks[place].first_s for place in places[1:] if place in blocks), default=0
    )
    ends = [(windows[place].end_ns - int(each[-1])) / NS for place, each in zip(places, inside, strict=True)]
    most = min(ends) + tape.outside.last_print_s + ROUNDED_S
    return Offset(-before, math.ceil(max(most - before, ROUNDED_S))) if before and before <= most else None


def _stamps_inside(tape: Tape, place: int) -> Ints:
    return np.sort(tape.ticks.stamps[tape.ticks.window_of == place])


def _belonging(block: Block, gaps: Sequence[FoundGap], tape: Tape) -> Block:
    """The block with the silence of its length and volume: a stretch, or the part of one in a window."""
    if block.rows < PLACED_TICKS:
        return block
    strays = tape.outside.rows[~tape.outside.may_trade]
    seconds = tape.ticks.seconds[strays]
    volume = tape.ticks.known_volume[strays[(seconds >= block.first_s) & (seconds <= block.last_s)]]
    most = max(NEAR_S, int(LONGER * (block.last_s - block.first_s)))
    whole = {id(each.stretch): (each.stretch, each.stretch.first_s, each.stretch.last_s) for each in gaps}
    parts = [(each.stretch, each.gap.first_s, each.gap.last_s) for each in gaps]
    found: list[tuple[int, int, Block]] = []
    for hole, first_s, last_s in (*whole.values(), *parts):
        low, high = block.last_s - last_s - 1, block.first_s - first_s + 1
        if -tape.outside.last_print_s <= high - low <= most and _encloses(tape, hole, volume):
            moved_s = _rounded(min(low, high) - 1, max(low, high) + 1)
            lots = block.lots if hole.lots is None else min(block.lots, hole.lots)
            moved = replace(block, lots=lots, hole=hole, left=(first_s, last_s), moved_s=moved_s)
            found.append((high - low, _unit_of(moved_s), moved))
    return min(found, key=lambda each: each[:2], default=(0, 0, block))[2]


def _within(tape: Tape, gaps: Sequence[FoundGap]) -> Iterator[Block]:
    """The blocks of ticks whose volumes belong in a hole of theirs, while other ticks stand around them.

    The day's volume grows all day, so ticks elsewhere that show more than the one before a hole and less than the one
    after it were stamped there. Where no volume falls, in order of time, there are none.
    """
    order = _Order.of(tape)
    if not order.falls:
        return
    for hole in {id(each.stretch): each.stretch for each in gaps}.values():
        if hole.before is None or hole.after is None or hole.last_s - hole.first_s < JOINED_S:
            continue
        found = _moved_far(tape, hole, hole.before, hole.after)
        found = found or _overlapping(tape, order, hole, hole.before, hole.after)
        if found is not None:
            yield found


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


def _moved_far(tape: Tape, hole: Stretch, before: int, after: int) -> Block | None:
    """The block of a hole's length whose volumes lie between those of the ticks around the hole."""
    volume = tape.ticks.known_volume
    rows = np.flatnonzero((volume > volume[before]) & (volume < volume[after]))
    if len(rows) < PLACED_TICKS:
        return None
    first_s, last_s = int(tape.ticks.seconds[rows].min()), int(tape.ticks.seconds[rows].max())
    low, high = last_s - hole.last_s - 1, first_s - hole.first_s + 1
    if not -NEAR_S <= high - low <= max(NEAR_S, int(LONGER * (last_s - first_s))):
        return None
    return _among_others(tape, rows, hole, (hole.first_s, hole.last_s), _rounded(*sorted((low - 1, high + 1))))


def _overlapping(tape: Tape, order: _Order, hole: Stretch, before: int, after: int) -> Block | None:
    """The block that is moved by less than its own length: its hole is only as long as it is moved, and it stands among
    the ticks that come after it, or before it. Moved back it leaves the day's volumes in order."""
    volume, seconds = tape.ticks.known_volume, tape.ticks.seconds
    late = (volume > volume[before]) & (volume <= order.largest_late) & (seconds > hole.last_s)
    early = (volume < volume[after]) & (volume >= order.smallest_early) & (seconds < hole.first_s)
    prior, following = seconds[volume < order.smallest_early], seconds[volume > order.largest_late]
    found: list[tuple[int, Block]] = []
    for moved, low_s, high_s in (
        (late, seconds[before : before + 1], following),
        (early, prior, seconds[after : after + 1]),
    ):
        rows = np.flatnonzero(moved)
        if len(rows) < PLACED_TICKS or not len(low_s) or not len(high_s):
            continue
        first_s, last_s = int(seconds[rows].min()), int(seconds[rows].max())
        moved_s = _rounded(*sorted((last_s - int(high_s.min()) - 1, first_s - int(low_s.max()) + 1)))
        falls = _Order.of(tape, rows, moved_s).falls
        left = (first_s - moved_s, last_s - moved_s)
        found.append((falls, _among_others(tape, rows, hole, left, moved_s)))
    falls, block = min(found, key=lambda each: each[0], default=(order.falls, None))
    return block if falls <= LEFT_FALLS * order.falls else None


def _among_others(tape: Tape, rows: Ints, hole: Stretch, left: tuple[int, int], moved_s: int) -> Block:
    volume, seconds = tape.ticks.known_volume[rows], tape.ticks.seconds[rows]
    lots = float(volume.max() - volume.min())
    return Block(int(seconds.min()), int(seconds.max()), len(rows), lots, 0, hole, left, moved_s)


def _encloses(tape: Tape, hole: Stretch, volume: Floats) -> bool:
    """Whether the day's cumulative volume was no larger before the hole, and no smaller after it, than in the block."""
    known = tape.ticks.known_volume
    low = 0.0 if hole.before is None else float(known[hole.before])
    return low <= float(volume.min()) and (hole.lots is None or float(volume.max()) <= low + hole.lots)


def _unit_of(moved_s: int) -> int:
    """The place of the roundest unit that a move is a multiple of: of several places the roundest move is meant."""
    return next(place for place, unit in enumerate(ROUND_S) if moved_s % unit == 0)


def _rounded(low: int, high: int) -> int:
    """The roundest number of seconds from `low` to `high`; the middle one where none is whole minutes."""
    for unit in ROUND_S[:-1]:
        number = -(-low // unit) * unit
        if number <= high:
            return number
    return (low + high) // 2
