"""Trading outside the sessions: blocks of it, sessions that are stamped late or early, where a moved block belongs.

Belongs here: what the ticks that trade where nothing can be traded have in common.
Does not belong here: which ticks those are (`outside`), what follows (`states`), how it is said (`detail`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from ghtrader_assets.validation.gaps import FoundGap
from ghtrader_assets.validation.intake import NS, Ints
from ghtrader_assets.validation.traded import Stretch, Tape

NEAR_S: Final = 5
"""A block that begins so soon after a close, or ends so soon before an opening, is the session's own."""
JOINED_S: Final = 60
"""A tick so shortly before a block is its first, though what it traded is not known to be traded there."""
AGREE_S: Final = 5
"""Blocks of one session may differ by so much in how late they are."""
PLACED_TICKS: Final = 50
"""Fewer ticks fit into many silences of a thin market: where they belong is not said."""
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


@dataclass(frozen=True, slots=True)
class Misplaced:
    """All blocks, in order of time, and by how many seconds whole sessions are stamped late (below 0: early)."""

    blocks: tuple[Block, ...]
    late_s: Mapping[str, int]

    @property
    def holes(self) -> tuple[Stretch, ...]:
        """The silences that moved blocks left."""
        return tuple(block.hole for block in self.blocks if block.hole is not None)


def misplaced_of(tape: Tape, gaps: Sequence[FoundGap]) -> Misplaced:
    """What is traded outside the sessions of a day, held against its silences."""
    blocks = _blocks(tape)
    if not blocks:
        return Misplaced((), {})
    late = _late_sessions(tape, {block.place: block for block in blocks})
    return Misplaced(tuple(blocks if late else (_belonging(block, gaps, tape) for block in blocks)), late)


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


def _late_sessions(tape: Tape, blocks: Mapping[int, Block]) -> dict[str, int]:
    """The sessions each of whose windows goes on after its close, or begins before its opening, by the same seconds."""
    windows = tape.ticks.windows
    found: dict[str, int] = {}
    for session in dict.fromkeys(window.session for window in windows):
        places = [place for place, window in enumerate(windows) if window.session == session]
        late = [_late_s(tape, place, blocks.get(place + 1), opens=place == places[0]) for place in places]
        early = [_early_s(tape, place, blocks.get(place)) for place in places[1:]]
        for witnesses in (late, early):
            known = [each for pair in witnesses for each in pair]
            if known and None not in known:
                times = [each for each in known if each is not None]
                if max(times) - min(times) <= AGREE_S:
                    found[session] = round(float(np.median(times)))
    return found


def _late_s(tape: Tape, place: int, block: Block | None, *, opens: bool) -> tuple[float | None, ...]:
    """By how much a window's trading goes on after its close, and begins after its opening.

    In one that opens a session the first tick may be the auction's, which is stamped late too.
    """
    window, inside = tape.ticks.windows[place], _stamps_inside(tape, place)
    close = window.end_ns // NS
    if block is None or not len(inside) or block.first_s - close > tape.outside.last_print_s + NEAR_S:
        return (None,)
    beyond = block.last_s - close
    return (beyond,) if opens else (beyond, (int(inside[0]) - window.start_ns) / NS)


def _early_s(tape: Tape, place: int, block: Block | None) -> tuple[float | None, ...]:
    """By how much a window's trading begins before its opening, and ends before its close; below 0."""
    window, inside = tape.ticks.windows[place], _stamps_inside(tape, place)
    opening = window.start_ns // NS
    if block is None or not len(inside) or opening - block.last_s > NEAR_S:
        return (None,)
    return block.first_s - opening, (int(inside[-1]) - window.end_ns) / NS


def _stamps_inside(tape: Tape, place: int) -> Ints:
    return np.sort(tape.ticks.stamps[tape.ticks.window_of == place])


def _belonging(block: Block, gaps: Sequence[FoundGap], tape: Tape) -> Block:
    """The block with the silence of its length and volume: a stretch, or the part of one in a window."""
    if block.rows < PLACED_TICKS:
        return block
    whole = {id(each.stretch): (each.stretch, each.stretch.first_s, each.stretch.last_s) for each in gaps}
    parts = [(each.stretch, each.gap.first_s, each.gap.last_s) for each in gaps]
    most = max(NEAR_S, (block.last_s - block.first_s) // 20)
    found: list[Block] = []
    for hole, first_s, last_s in (*whole.values(), *parts):
        low, high = block.last_s - last_s - 1, block.first_s - first_s + 1
        fits = -tape.outside.last_print_s <= high - low <= most
        if fits and (hole.lots is None or abs(hole.lots - block.lots) <= hole.bound):
            moved_s = _rounded(min(low, high) - 1, max(low, high) + 1)
            found.append(replace(block, hole=hole, left=(first_s, last_s), moved_s=moved_s))
    return min(found, key=lambda each: _unit_of(each.moved_s), default=block)


def _unit_of(moved_s: int) -> int:
    """The place of the roundest unit that a move is a multiple of: of several places the roundest move is meant."""
    return next(place for place, unit in enumerate(ROUND_S) if moved_s % unit == 0)


def _rounded(low: int, high: int) -> int:
    """The roundest number of seconds from `low` to `high`."""
    for unit in ROUND_S:
        number = -(-low // unit) * unit
        if number <= high:
            return number
    return low
