"""Ticks outside the sessions: where they are normal, and where they trade although nothing can be traded there.

Belongs here: auction, last prints, stragglers, strays.
Does not belong here: blocks of trading outside, shifts, where a moved block belongs (`misplaced`), what of it is an
error (`states`).

Volume is printed outside the sessions in two places alone: in the auction's lead before a session's opening, and within
the last print after a window's close (1 s; 2 s where stamps are whole seconds).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from ghtrader_assets.market.sessions import SessionWindow
from ghtrader_assets.validation.intake import NS, OUTSIDE, Bools, DayTicks, Ints
from ghtrader_assets.validation.policy import Policy

AUCTION_TRADES: Final = 2
"""A call auction trades once, in one tick; where more ticks of its lead trade than so many, it is no auction."""


@dataclass(frozen=True)
class Outside:
    """The ticks outside the sessions: their `rows` in source order, and which of them may trade where they stand.

    Seconds with ticks are `exempt` in the call auction or shortly after a close, else `stray`. `openings` are the
    seconds in which sessions open, `lead_s` those before them in which a call auction is held, `last_print_s` those
    after a close in which the last print may come.
    """

    rows: Ints
    may_trade: Bools
    exempt_seconds: int
    stray_seconds: int
    openings: tuple[int, ...]
    lead_s: float
    last_print_s: float

    def in_auction(self, second: int, opening: int) -> bool:
        """Whether a second lies in the call auction before this opening."""
        return opening - self.lead_s <= second < opening


def openings_of(windows: Sequence[SessionWindow]) -> tuple[int, ...]:
    """The seconds in which sessions open: the first of each session's windows."""
    firsts = dict.fromkeys(window.session for window in windows)
    return tuple(min(each.start_ns for each in windows if each.session == name) // NS for name in firsts)


def outside_of(ticks: DayTicks, policy: Policy, *, whole_seconds: bool) -> Outside:
    """The ticks of a day outside its sessions."""
    rows = np.flatnonzero(ticks.window_of == OUTSIDE)
    stamps = ticks.stamps[rows]
    seconds = ticks.seconds[rows]
    exempt = np.zeros(len(rows), dtype=np.bool_)
    may_trade = np.zeros(len(rows), dtype=np.bool_)
    lead, grace = policy.value("AUCTION_LEAD_S"), policy.value("CLOSE_GRACE_S")
    last_print_s = policy.value("LAST_PRINT_S") + whole_seconds
    openings = openings_of(ticks.windows)
    volume = ticks.known_volume
    trades = volume[rows] > np.where(rows > 0, volume[rows - 1], 0.0)
    for opening in openings:
        auction = (seconds < opening) & (seconds >= opening - lead)
        exempt |= auction
        may_trade |= auction & (np.count_nonzero(auction & trades) <= AUCTION_TRADES)
    for place, window in enumerate(ticks.windows, start=1):
        if place == len(ticks.windows):
            grace = policy.value("SETTLE_GRACE_S")
        last = window.end_ns // NS
        exempt |= (seconds > last) & (seconds <= last + grace)
        may_trade |= (seconds > last) & (stamps <= window.end_ns + int(last_print_s * NS))
    every, allowed = len(np.unique(seconds)), len(np.unique(seconds[exempt]))
    return Outside(rows, may_trade, allowed, every - allowed, openings, lead, last_print_s)
