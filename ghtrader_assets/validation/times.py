"""Sessions whose stamps are off by some seconds, told by where their ticks usually begin and end.

Belongs here: the witnesses of a session's times, and when they agree that it is stamped late or early.
Does not belong here: trading where nothing can trade, which proves the same without any history (`misplaced`).

A window whose first and last ticks usually lie within `EDGE_S` of its opening and close tells two shifts: by its first
tick, and by its last one. The call auction's print comes at the same second every day, and tells a third.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final

import numpy as np

from ghtrader_assets.validation.intake import NS, Ints
from ghtrader_assets.validation.traded import Tape

EDGE_S: Final = 5
"""A tick so near to an opening or a close is usual there; ticks so near to each other belong to one run."""
AGREE_S: Final = 1
"""Witnesses agree within so many seconds; one more at CZCE, which stamps whole ones."""
LEAST_S: Final = 2
"""The smallest shift that is told; one more at CZCE."""
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


def shifts_of(tape: Tape) -> tuple[Shift, ...]:
    """The sessions that are stamped late or early against the days before. The baseline is read where it decides."""
    if not tape.evidence.baseline_days:
        return ()
    stamps = tape.ordered_stamps
    found = (_shift(tape, stamps, name) for name in dict.fromkeys(window.session for window in tape.ticks.windows))
    return tuple(each for each in found if each is not None)


def _shift(tape: Tape, stamps: Ints, session: str) -> Shift | None:
    whole_s = tape.outside.last_print_s - tape.policy.value("LAST_PRINT_S")
    least, agree = LEAST_S + whole_s, AGREE_S + whole_s
    openings, closes = _edges(tape, stamps, session)
    auction = _auction(tape, stamps, session)
    for late_s in (*openings, *closes, *auction):
        near = [[each for each in side if abs(each - late_s) <= agree] for side in (openings, closes, auction)]
        told = [each for side in near for each in side]
        if near[1] and len(told) >= WITNESSES and abs(median(told)) >= least and _is_usual(tape, session):
            return Shift(session, median(told), _within_s(tape, median(told), near), proven=True)
    if not auction or abs(auction[0]) < ALONE_S - agree or (tape.is_main and _is_usual(tape, session)):
        return None
    is_told = _is_possible(tape, session, auction[0], agree)
    return Shift(session, auction[0], agree, proven=False) if is_told else None


def _within_s(tape: Tape, late_s: float, near: Sequence[Sequence[float]]) -> float:
    """How far the shift may be from `late_s`, by the witnesses of each side that are `near` it.

    A session ticks no sooner than it opens, and prints last soon after it closes; an auction comes at its usual second.
    """
    openings, closes, auction = near
    low = max([*(each - tape.outside.last_print_s for each in closes), *(each - AGREE_S for each in auction)])
    high = min([*openings, *(each + AGREE_S for each in auction)], default=late_s)
    return max(late_s - low, high - late_s, AGREE_S)


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


def _is_usual(tape: Tape, session: str) -> bool:
    """Whether the windows of the session had ticks at both edges on 19 of 20 days."""
    return bool(tape.evidence.baseline_value(f"edges/{session}"))


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
    row = int(np.searchsorted(stamps, opening - lead))
    return None if row == len(stamps) or stamps[row] > opening + lead else (opening - int(stamps[row])) / NS


def auction_missing_s(tape: Tape) -> float | None:
    """How long before the opening the call auction came on the days before, of a main contract that has none today."""
    if not tape.is_main or not tape.evidence.baseline_days or not tape.ticks.n or not tape.ticks.windows:
        return None
    usual = tape.evidence.baseline_value("auction")
    first = auction_s(tape, tape.ordered_stamps, tape.ticks.windows[0].session)
    return usual if usual is not None and usual > 0 and (first is None or first <= 0) else None


def has_edges(tape: Tape, session: str) -> bool:
    """Whether every window of a session has a tick in its first and in its last `EDGE_S`."""
    stamps, of = tape.ticks.stamps, tape.ticks.window_of
    for place, window in enumerate(tape.ticks.windows):
        if window.session == session:
            inside = stamps[of == place]
            if (
                not len(inside)
                or inside.min() - window.start_ns > EDGE_S * NS
                or window.end_ns - inside.max() > EDGE_S * NS
            ):
                return False
    return True


def _edges(tape: Tape, stamps: Ints, session: str) -> tuple[list[float], list[float]]:
    """By how much each window of a session begins, and ends, after its opening and close."""
    windows = [window for window in tape.ticks.windows if window.session == session]
    openings = [_edge(stamps, window.start_ns, opens=True) for window in windows]
    closes = [_edge(stamps, window.end_ns, opens=False) for window in windows]
    return [each for each in openings if each is not None], [each for each in closes if each is not None]


def _edge(stamps: Ints, instant: int, *, opens: bool) -> float | None:
    """How long after an opening (a close) the run of ticks around it begins (ends): its steps are `EDGE_S` at most."""
    low, high = np.searchsorted(stamps, (instant - NEAR_S * NS, instant + NEAR_S * NS))
    near = stamps[low:high]
    if not len(near):
        return None
    breaks = np.flatnonzero(np.diff(near) > EDGE_S * NS)
    edges = near[np.concatenate(([0], breaks + 1))] if opens else near[np.concatenate((breaks, [len(near) - 1]))]
    return (int(edges[np.argmin(np.abs(edges - instant))]) - instant) / NS
