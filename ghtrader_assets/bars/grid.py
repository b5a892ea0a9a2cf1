"""Where the bars of a trading day stand: which session an instant belongs to, and which bar.

Belongs here: moving instants into the sessions, bars by the clock and by trading time.
Does not belong here: the sessions themselves (`market.sessions`), what is in a bar (`ticks`, `longer`).

A snapshot is printed shortly after what it shows. So one in the call auction, up to five minutes before a session
opens, belongs to the first bar of that session; any other outside the sessions to the last bar of the window before it,
and before the day's first opening to the day's first bar. The closing instant belongs to the bar that it closes.
TqSdk's K-lines do the same: a session's auction is in its first bar, and no bar stands outside the sessions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np

from ghtrader_assets.bars.frame import Ints
from ghtrader_assets.bars.length import Align
from ghtrader_assets.market.clock import MINUTE_S, NS
from ghtrader_assets.market.sessions import SessionWindow

AUCTION_LEAD_S: Final = 300
"""A call auction is held from five minutes before the opening on (SHFE, DCE, CZCE, INE, GFEX: 20:55 or 08:55; CFFEX:
09:25): the exchanges' trading rules."""


def opens_session(windows: Sequence[SessionWindow], place: int) -> bool:
    """Whether a window is the first of its session; the others follow a break."""
    return place == 0 or windows[place - 1].session != windows[place].session


def into_sessions(stamps: Ints, windows: Sequence[SessionWindow]) -> Ints:
    """Each instant (epoch ns), or the nearest one of the sessions to which what is printed then belongs.

    Instants in order stay in order. `windows` are not empty.
    """
    starts = [
        window.start_ns - (AUCTION_LEAD_S * NS if opens_session(windows, place) else 0)
        for place, window in enumerate(windows)
    ]
    place = np.maximum(np.searchsorted(np.array(starts), stamps, side="right") - 1, 0)
    first = np.array([window.start_ns for window in windows])[place]
    last = np.array([window.end_ns for window in windows])[place] - 1
    return np.clip(stamps, first, last)


@dataclass(frozen=True, eq=False)
class BarGrid:
    """The bars of a day in order: bar n lies between the instants `starts[n]` and `ends[n]`."""

    starts: Ints
    ends: Ints

    def place_of(self, inside: Ints) -> Ints:
        """The bar of each instant inside the sessions."""
        return np.searchsorted(self.starts, inside, side="right") - 1


@lru_cache(maxsize=4096)
def bar_grid(windows: tuple[SessionWindow, ...], seconds: int = MINUTE_S, align: Align = "clock") -> BarGrid:
    """The bars of so many seconds of a day with these windows; none where there is no window.

    By the clock a bar lies between two full multiples of its length: one that a break or a close cuts keeps the clock's
    end. By trading time it ends where it was traded last.
    """
    if not windows:
        return BarGrid(np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64))
    step = seconds * NS
    if align == "clock":
        starts = np.unique(
            np.concatenate([np.arange(each.start_ns // step * step, each.end_ns, step) for each in windows])
        )
        return BarGrid(starts, starts + step)
    parts = [_by_trading_time(own, step) for own in _sessions(windows)]
    return BarGrid(np.concatenate([part.starts for part in parts]), np.concatenate([part.ends for part in parts]))


def _sessions(windows: Sequence[SessionWindow]) -> list[list[SessionWindow]]:
    sessions: list[list[SessionWindow]] = []
    for place, window in enumerate(windows):
        if opens_session(windows, place):
            sessions.append([])
        sessions[-1].append(window)
    return sessions


def _by_trading_time(windows: Sequence[SessionWindow], step: int) -> BarGrid:
    """The bars of one session, counted through its windows from the opening on."""
    lengths = np.array([window.end_ns - window.start_ns for window in windows])
    before = np.concatenate(([0], np.cumsum(lengths)))
    opened = np.array([window.start_ns for window in windows]) - before[:-1]
    begins: Ints = np.arange(0, int(before[-1]), step, dtype=np.int64)
    ends = np.minimum(begins + step, before[-1])
    return BarGrid(
        begins + opened[np.searchsorted(before, begins, side="right") - 1],
        ends + opened[np.searchsorted(before, ends, side="left") - 1],
    )
