"""Trading outside the sessions: blocks of it, sessions that are stamped late or early, where a moved block belongs.

Belongs here: what the ticks that trade where nothing can be traded have in common.
Does not belong here: blocks that stand inside them (`moved`), which ticks trade outside (`outside`), what follows
(`states`), how it is said (`detail`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

import numpy as np

from ghtrader_assets.validation.blocks import LONGER, NEAR_S, PLACED_TICKS, ROUND_S, Block, rounded
from ghtrader_assets.validation.gaps import FoundGap
from ghtrader_assets.validation.intake import NS, Floats, Ints
from ghtrader_assets.validation.moved import moved_blocks
from ghtrader_assets.validation.outside import AUCTION_TRADES
from ghtrader_assets.validation.traded import Stretch, Tape

JOINED_S: Final = 60
"""A tick so shortly before a block is its first, though what it traded is not known to be traded there."""
ROUNDED_S: Final = 1
"""Blocks are known to the second."""
FARTHEST_S: Final = 10_800
"""No session is looked for farther from its own hours: twice the lunch break."""
LOOSE_S: Final = 120
"""Windows that may be moved by so much and still hold the ticks are half empty: nothing tells by how much they are."""


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
    blocks, within = _blocks(tape), tuple(moved_blocks(tape, gaps))
    if not blocks:
        return Misplaced((), {}, within)
    late = _late_sessions(tape, {block.place: block for block in blocks})
    outside = tuple(blocks if late else (_placed(block, gaps, tape) for block in blocks))
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
    trades = tape.lots > 0
    trades[tape.outside.rows[tape.outside.may_trade]] = False
    windows, trading = tape.ticks.windows, np.sort(tape.ticks.seconds[trades])
    begin, after = windows[places[0]].start_ns // NS, windows[places[-1]].end_ns // NS + FARTHEST_S
    before = (windows[places[0] - 1].end_ns // NS + begin) // 2 if places[0] else begin - FARTHEST_S
    mine = trading[(trading > before) & (trading <= after)]
    moves = np.arange(-FARTHEST_S, FARTHEST_S + 1)
    held = np.zeros(len(moves), dtype=np.int64)
    for place in places:
        opening, close = windows[place].start_ns // NS, windows[place].end_ns // NS + int(tape.outside.last_print_s)
        held += np.searchsorted(mine, close + moves, side="right") - np.searchsorted(mine, opening + moves)
    fits = moves[held == held.max()]
    if len(mine) < PLACED_TICKS or held.max() < len(mine) - AUCTION_TRADES or np.abs(fits).min() <= NEAR_S:
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


def _placed(block: Block, gaps: Sequence[FoundGap], tape: Tape) -> Block:
    """The block with the silence that it left, whole or as the part of a longer one that lies outside."""
    whole = _belonging(block, gaps, tape)
    return whole if whole.hole is not None else _overhanging(block, gaps, tape)


def _overhanging(block: Block, gaps: Sequence[FoundGap], tape: Tape) -> Block:
    """The block as a part of one that was moved over a close, or an opening, by less than its length.

    It goes as far beyond as the silence is long that the other end left, in the window that it borders on.
    """
    windows, seconds = tape.ticks.windows, np.sort(tape.ticks.seconds)
    found: list[tuple[int, Block]] = []
    for place, is_late in ((block.place - 1, True), (block.place, False)):
        if not 0 <= place < len(windows):
            continue
        opening, close = windows[place].start_ns // NS, windows[place].end_ns // NS + int(tape.outside.last_print_s)
        overhang = block.last_s - close if is_late else opening - block.first_s
        borders = block.first_s - close <= NEAR_S if is_late else opening - block.last_s <= NEAR_S
        for each in gaps if borders else ():
            gap, length = each.gap, each.gap.last_s - each.gap.first_s + 2
            if not (opening <= gap.first_s <= close and 0 <= length - overhang <= max(NEAR_S, int(LONGER * overhang))):
                continue
            first_s, last_s = (gap.last_s + 1, block.last_s) if is_late else (block.first_s, gap.first_s - 1)
            rows = int(np.searchsorted(seconds, last_s, side="right") - np.searchsorted(seconds, first_s))
            moved_s = rounded(overhang, length) * (1 if is_late else -1)
            if rows >= PLACED_TICKS:
                left = (first_s - moved_s, last_s - moved_s)
                told = replace(block, first_s=first_s, last_s=last_s, rows=rows)
                found.append((length - overhang, replace(told, hole=each.stretch, left=left, moved_s=moved_s)))
    return min(found, key=lambda each: each[0], default=(0, block))[1]


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
            moved_s = rounded(min(low, high) - 1, max(low, high) + 1)
            lots = block.lots if hole.lots is None else min(block.lots, hole.lots)
            moved = replace(block, lots=lots, hole=hole, left=(first_s, last_s), moved_s=moved_s)
            found.append((high - low, _unit_of(moved_s), moved))
    return min(found, key=lambda each: each[:2], default=(0, 0, block))[2]


def _encloses(tape: Tape, hole: Stretch, volume: Floats) -> bool:
    """Whether the day's cumulative volume was no larger before the hole, and no smaller after it, than in the block."""
    known = tape.ticks.known_volume
    low = 0.0 if hole.before is None else float(known[hole.before])
    return low <= float(volume.min()) and (hole.lots is None or float(volume.max()) <= low + hole.lots)


def _unit_of(moved_s: int) -> int:
    """The place of the roundest unit that a move is a multiple of: of several places the roundest move is meant."""
    return next(place for place, unit in enumerate(ROUND_S) if moved_s % unit == 0)
