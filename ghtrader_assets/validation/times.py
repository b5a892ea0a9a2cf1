"""Sessions whose stamps are off by some seconds, told by where their ticks usually begin and end.

Belongs here: the witnesses of a session's times, and when they agree that it is stamped late or early.
Does not belong here: trading where nothing can trade, which proves the same without any history (`misplaced`).

A window whose first and last ticks usually lie within `EDGE_S` of its opening and close tells two shifts: by its first
tick, and by its last one. The call auction's print comes at the same second every day, and tells a third. A session is
heard by itself, and where none tells a shift by itself, all of the day together.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final, Literal

import numpy as np

from ghtrader_assets.market.clock import quarter_of
from ghtrader_assets.market.sessions import SessionWindow
from ghtrader_assets.validation.intake import NS, Ints
from ghtrader_assets.validation.traded import Tape

EDGE_S: Final = 5
"""A tick so near to an opening or a close is usual there; ticks so near to each other belong to one run."""
AGREE_S: Final = 1
"""Witnesses agree within so many seconds; one more at CZCE, which stamps whole ones."""
LEAST_S: Final = 2
"""The smallest shift that is told; one more at CZCE."""
READ_S: Final = 0.5
"""By so much less a shift may show: snapshots come each half second, and a close's last tick comes before it."""
NEAR_S: Final = 600
"""How far from an opening or a close its first or last tick is looked for."""
WITNESSES: Final = 3
ALONE_S: Final = 60
"""From so many seconds on the auction is a witness by itself, where the windows of a session are none, and under a
contract's own symbol, whose windows were some while it ticked more."""


@dataclass(frozen=True, slots=True)
class Shift:
    """A session that is stamped `late_s` seconds late (below 0: early), give or take `within_s`. `proven`: its windows
    say so too."""

    session: str
    late_s: float
    within_s: float
    proven: bool


@dataclass(frozen=True, slots=True)
class _Edges:
    """By how many seconds a window begins after its opening, and ends after its close."""

    window: SessionWindow
    opening: float | None
    close: float | None


def shifts_of(tape: Tape) -> tuple[Shift, ...]:
    """The sessions that are stamped late or early against the days before. The baseline is read where it decides."""
    if not tape.evidence.baseline_days:
        return ()
    stamps = tape.ordered_stamps
    names = list(dict.fromkeys(window.session for window in tape.ticks.windows))
    found = [_shift(tape, stamps, name) for name in names]
    return tuple(each for each in found if each is not None) or _whole_day(tape, stamps, names)


def _shift(tape: Tape, stamps: Ints, session: str) -> Shift | None:
    edges, auction = _edges(tape, stamps, session), _auction(tape, stamps, session)
    told = _told(tape, edges, auction)
    if told is not None:
        return Shift(session, *told, proven=True)
    agree = _agree_s(tape)
    if not auction or abs(auction[0]) < ALONE_S - agree:
        return None
    if tape.is_main and all(_is_usual(tape, each.window) for each in edges):
        return None
    is_told = _is_possible(tape, session, auction[0], agree)
    return Shift(session, auction[0], agree, proven=False) if is_told else None


def _whole_day(tape: Tape, stamps: Ints, sessions: Sequence[str]) -> tuple[Shift, ...]:
    """All sessions, where they are too few witnesses each and tell one shift together."""
    if len(sessions) < 2:
        return ()
    edges = [each for name in sessions for each in _edges(tape, stamps, name)]
    told = _told(tape, edges, _auction(tape, stamps, sessions[0]))
    if told is None:
        return ()
    agree = _agree_s(tape)
    heard = {
        each.window.session
        for each in edges
        if any(at is not None and abs(at - told[0]) <= agree for at in (each.opening, each.close))
    }
    return tuple(Shift(name, *told, proven=True) for name in sessions) if heard == set(sessions) else ()


def _told(tape: Tape, edges: Sequence[_Edges], auction: Sequence[float]) -> tuple[float, float] | None:
    """The shift that these windows and the auction tell, and how far it may be off.

    A window is a witness where it usually ticks at both its edges. Their bounds must leave no room for no shift: ticks
    that come late by chance agree with each other too.
    """
    shown = LEAST_S + _whole_s(tape) - READ_S
    if sum(abs(each) >= shown for each in (*auction, *_at(edges, "opening"), *_at(edges, "close"))) < 2:
        return None
    usual = [each for each in edges if _is_usual(tape, each.window)]
    sides = (_at(usual, "opening"), _at(usual, "close"), auction)
    for late_s in (each for side in sides for each in side):
        near = [[each for each in side if abs(each - late_s) <= _agree_s(tape)] for side in sides]
        told = [each for side in near for each in side]
        if not (near[1] or near[2]) or len(told) < WITNESSES or abs(median(told)) < shown:
            continue
        low, high = _bounds(tape, near)
        if low > 0 or high < 0:
            off = [abs(bound - median(told)) for bound in (low, high) if math.isfinite(bound)]
            return median(told), max(*off, AGREE_S)
    return None


def _at(edges: Sequence[_Edges], side: Literal["opening", "close"]) -> list[float]:
    found = (getattr(each, side) for each in edges)
    return [each for each in found if each is not None]


def _whole_s(tape: Tape) -> float:
    """One second at an exchange that stamps whole ones, else 0."""
    return tape.outside.last_print_s - tape.policy.value("LAST_PRINT_S")


def _agree_s(tape: Tape) -> float:
    return AGREE_S + _whole_s(tape)


def _bounds(tape: Tape, near: Sequence[Sequence[float]]) -> tuple[float, float]:
    """The least and the greatest shift, by the witnesses of each side that agree; infinite where none tells.

    A session ticks no sooner than it opens, and prints last soon after it closes; an auction comes at its usual second.
    """
    openings, closes, auction = near
    low = max([*(each - tape.outside.last_print_s for each in closes), *(each - AGREE_S for each in auction)])
    high = min([*openings, *(each + AGREE_S for each in auction)], default=math.inf)
    return low, high


def _is_possible(tape: Tape, session: str, late_s: float, agree: float) -> bool:
    """Whether no window has a tick where a session that is so late (below 0: early) can have none.

    Such are the seconds after an opening but for the auction's tick, or those before a close, its last print left out.
    """
    slack, print_ns = int(agree * NS), int(tape.outside.last_print_s * NS)
    for place, window in enumerate(tape.ticks.windows):
        if window.session != session:
            continue
        inside = tape.ticks.stamps[tape.ticks.window_of == place]
        begins, ends = window.start_ns + int(late_s * NS) - slack, window.end_ns + int(late_s * NS) + slack + print_ns
        if np.count_nonzero(inside < begins) > (place == 0) or np.count_nonzero(inside > ends):
            return False
    return True


def _is_usual(tape: Tape, window: SessionWindow) -> bool:
    """Whether the window had ticks at both edges on 19 of 20 days."""
    return bool(tape.evidence.baseline_value(f"edges/{window.session}/{quarter_of(window.start_ns // NS)}"))


def _auction(tape: Tape, stamps: Ints, session: str) -> list[float]:
    """By how much the session's first tick comes later than its call auction's on the days before, where it has one."""
    first = auction_s(tape, stamps, session)
    usual = None if first is None else tape.evidence.baseline_value("auction")
    return [] if usual is None or first is None else [usual - first]


def auction_s(tape: Tape, stamps: Ints, session: str) -> float | None:
    """The seconds from the first tick near a session's opening to it, below 0 after it; None where there is none.

    `stamps` are ascending. The day's first session has an auction.
    """
    opening, lead = tape.ticks.windows[0].start_ns, int(2 * tape.outside.lead_s * NS)
    if tape.ticks.windows[0].session != session:
        return None
    earlier = np.flatnonzero(tape.ticks.stamps[1:] < opening - lead) + 1
    if (tape.lots[earlier] > 0).any():  # what stands near the opening is no auction's tick, the session is elsewhere
        return None
    row = int(np.searchsorted(stamps, opening - lead))
    return None if row == len(stamps) or stamps[row] > opening + lead else (opening - int(stamps[row])) / NS


def auction_missing_s(tape: Tape) -> float | None:
    """How long before the opening the call auction came on the days before, of a main contract that has none today."""
    if not tape.is_main or not tape.evidence.baseline_days or not tape.ticks.n or not tape.ticks.windows:
        return None
    usual = tape.evidence.baseline_value("auction")
    first = auction_s(tape, tape.ordered_stamps, tape.ticks.windows[0].session)
    return usual if usual is not None and usual > 0 and (first is None or first <= 0) else None


def ticking_edges(tape: Tape, session: str) -> dict[str, float]:
    """Of each window of a session, by its opening's quarter of an hour: 1 where it has a tick in its first and in its
    last `EDGE_S`, else 0."""
    windows = {place: window for place, window in enumerate(tape.ticks.windows) if window.session == session}
    return {quarter_of(window.start_ns // NS): float(_ticks_at(tape, place)) for place, window in windows.items()}


def _ticks_at(tape: Tape, place: int) -> bool:
    window, inside = tape.ticks.windows[place], tape.ticks.stamps[tape.ticks.window_of == place]
    if not len(inside):
        return False
    return inside.min() - window.start_ns <= EDGE_S * NS and window.end_ns - inside.max() <= EDGE_S * NS


def _edges(tape: Tape, stamps: Ints, session: str) -> list[_Edges]:
    return [
        _Edges(window, _edge(stamps, window.start_ns, opens=True), _edge(stamps, window.end_ns, opens=False))
        for window in tape.ticks.windows
        if window.session == session
    ]


def _edge(stamps: Ints, instant: int, *, opens: bool) -> float | None:
    """How long after an opening (a close) the run of ticks around it begins (ends): its steps are `EDGE_S` at most."""
    low, high = np.searchsorted(stamps, (instant - NEAR_S * NS, instant + NEAR_S * NS))
    near = stamps[low:high]
    if not len(near):
        return None
    breaks = np.flatnonzero(np.diff(near) > EDGE_S * NS)
    edges = near[np.concatenate(([0], breaks + 1))] if opens else near[np.concatenate((breaks, [len(near) - 1]))]
    return (int(edges[np.argmin(np.abs(edges - instant))]) - instant) / NS
