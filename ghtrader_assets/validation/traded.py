"""What was traded, from the cumulative volume: evidence of ticks that we do not have.

Belongs here: lots of each tick, the ticks around a silence and the lots across it, what one snapshot can carry.
Does not belong here: finding silences and what they look like (`gaps`).

Between two consecutive snapshots no more is traded than one snapshot carries. What was traded across a silence beyond
that was traded in ticks that are lost, whatever became of their ids.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np

from ghtrader_assets.validation.evidence import Evidence
from ghtrader_assets.validation.intake import NS, OUTSIDE, Bools, DayTicks, Floats, Ints
from ghtrader_assets.validation.outside import Outside
from ghtrader_assets.validation.policy import Policy

PAIR_S: Final = 1
"""Two ticks of one window at most so many seconds apart stand for one snapshot."""
ENOUGH_PAIRS: Final = 100
"""Fewer such pairs, or fewer than the day has gaps, say little: the product's floor counts as well."""
SPARSE_TICKS: Final = 10
"""A silence in which a contract has fewer ticks than so many, at the day's own rate, hides hardly more than one."""
THIN_TICKS: Final = 720
"""Of so few usual ticks an hour a product is thin: a trade of any size may stand between two of them."""
SPARSE_FACTOR: Final = 4
"""So many times the bound one snapshot may carry there, where the bound is so many times what a trade of the day shows
in the mean: what ticks show of which many were taken out exceeds it often."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """A silence between two ticks, over breaks where no tick stands in them. Rows are None at the day's edges.

    `first_s`..`last_s` are its first and last silent second, `silent_s` how many of its gaps' there are. `lots` were
    traded across it (None: not known, for want of a tick after it or of volumes); one snapshot carries `bound` at most,
    `bare` where neither the product's floor nor an unseen auction counts. `is_carried`: by what the day alone shows,
    one snapshot may have carried them.
    """

    before: int | None
    after: int | None
    first_s: int
    last_s: int
    silent_s: int
    lots: float | None
    bound: float
    bare: float
    is_carried: bool

    @property
    def lost(self) -> bool:
        """Whether more was traded than one snapshot carries."""
        return self.lots is not None and self.lots > self.bound


def lots_of_ticks(ticks: DayTicks) -> Floats:
    """Lots traded at each tick since the one before, all that it shows at the first; 0 next to a fall of the volume."""
    with np.errstate(over="ignore", invalid="ignore"):
        lots = np.diff(ticks.known_volume, prepend=0.0)
    falls = np.flatnonzero(lots < 0)
    for neighbour in (falls - 1, falls, falls + 1):
        lots[neighbour[(neighbour >= 0) & (neighbour < len(lots))]] = 0.0
    return lots


def still_odds(lots: Floats) -> float:
    """Ticks in which nothing traded for each one in which something did; either at least half a tick."""
    still = int(np.count_nonzero(lots == 0))
    return max(still, 0.5) / max(len(lots) - still, 0.5)


@dataclass(frozen=True)
class Tape:
    """The ticks of a day with what each traded. Strays outside the sessions witness no silence.

    What a contract trades under its own symbol (not `is_main`) comes and goes with its life: there the baseline widens
    bounds and narrows none.
    """

    ticks: DayTicks
    lots: Floats
    outside: Outside
    policy: Policy
    evidence: Evidence
    is_main: bool

    def stretches(self, first_s: Ints, last_s: Ints) -> list[Stretch]:
        """The stretch that each gap belongs to, gaps in order of time; those with no tick between them share one."""
        order, stamps = self._witnesses
        places, starts, which = np.unique(np.searchsorted(stamps, first_s * NS), return_index=True, return_inverse=True)
        silent = np.bincount(which, last_s - first_s + 1) if len(which) else np.empty(0)
        ends = np.append(starts[1:], len(first_s)) - 1
        largest, shown = self.largest_snapshot(len(first_s))
        spacing = self._mean_spacing_s
        found = [
            self._stretch(
                int(order[place - 1]) if place else None,
                int(order[place]) if place < len(order) else None,
                (int(first_s[start]), int(last_s[end]), int(seconds)),
                largest,
                shown=shown,
                sparse=not self.is_main and int(seconds) < SPARSE_TICKS * spacing,
            )
            for place, start, end, seconds in zip(places.tolist(), starts, ends, silent, strict=True)
        ]
        return [found[place] for place in which]

    def lots_in(self, session: str, kept: Bools | None = None) -> Floats:
        """What each tick inside the windows of a session traded, of those that are `kept`."""
        return self.in_session(session, self.lots, kept)

    def in_session(self, session: str, values: Floats, kept: Bools | None = None) -> Floats:
        """The values of the ticks inside the windows of a session, of those that are `kept`."""
        windows = self.ticks.windows
        spans = (span for span, place in self.ticks.window_runs if place >= 0 and windows[place].session == session)
        parts = (values[span] if kept is None else values[span][kept[span]] for span in spans)
        return np.concatenate([np.empty(0), *parts])

    def largest_snapshot(self, gaps: int) -> tuple[float, bool]:
        """The largest trade of one snapshot that the day shows, and whether it shows enough for so many gaps.

        It is the largest volume between two ticks of one window at most `PAIR_S` apart.
        """
        pairs, _ = self.neighbours
        largest = float(np.max(self.lots[1:], where=pairs, initial=0.0))
        return largest, bool(np.count_nonzero(pairs) >= max(ENOUGH_PAIRS, gaps))

    def _stretch(
        self,
        before: int | None,
        after: int | None,
        span: tuple[int, int, int],
        largest: float,
        *,
        shown: bool,
        sparse: bool,
    ) -> Stretch:
        value = self.policy.value
        times = value("AUCTION_FACTOR") if self._passes_auction(before, after) else 1.0
        lots = self._lots_between(before, after)
        least = times * value("SNAPSHOT_FACTOR") * largest
        floor = least if shown else max(least, times * value("SNAPSHOT_FLOOR_LOTS"))
        single = sparse and floor >= SPARSE_FACTOR * self._mean_trade
        alone = floor * SPARSE_FACTOR if single else floor
        bound, bare = alone, least / times
        if lots is not None and lots > least:
            usual = self.evidence.baseline_value("snapshot")
            if usual is not None:
                usual = min(max(usual, value("SNAPSHOT_LEAST_LOTS")), value("SNAPSHOT_MOST_LOTS"))
                bound = max(least if self.is_main else alone, times * value("SNAPSHOT_FACTOR") * usual)
                bare = max(bare, value("SNAPSHOT_FACTOR") * usual)
                if bound < lots <= alone and self._usually_hides_few(span[2]):
                    bound = alone
        return Stretch(before, after, *span, lots, bound, bare, is_carried=lots is None or lots <= alone)

    def _usually_hides_few(self, seconds: int) -> bool:
        """Whether the product is thin by the days before, and had fewer than `SPARSE_TICKS` in so many seconds."""
        sessions = dict.fromkeys(window.session for window in self.ticks.windows)
        hourly = max(self.evidence.baseline_value(f"ticks/{name}") or 0.0 for name in sessions)
        return 0 < hourly < THIN_TICKS and hourly * seconds / 3600 < SPARSE_TICKS

    @cached_property
    def _mean_spacing_s(self) -> float:
        """The seconds of the sessions for each tick in them."""
        open_s = sum(window.end_ns - window.start_ns for window in self.ticks.windows) / NS
        return open_s / max(1, int(np.count_nonzero(self.ticks.window_of != OUTSIDE)))

    @cached_property
    def _mean_trade(self) -> float:
        """The lots of a tick that trades, in the mean."""
        lots = self.lots[self.lots > 0]
        return float(lots.mean()) if len(lots) else 0.0

    def _lots_between(self, before: int | None, after: int | None) -> float | None:
        volume, missing = self.ticks.known_volume, self.ticks.missing("volume")
        if after is None or (missing is not None and missing.all()):
            return None
        return max(0.0, float(volume[after]) - (0.0 if before is None else float(volume[before])))

    def _passes_auction(self, before: int | None, after: int | None) -> bool:
        """Whether a session opens within the stretch, and no tick of its auction has shown what that traded."""
        if before is None:
            return True
        begins = int(self.ticks.seconds[before])
        opened = [each for each in self.outside.openings if each > begins]
        if after is not None:
            opened = [each for each in opened if each <= int(self.ticks.seconds[after])]
        seen = self.lots[before] > 0 and any(self.outside.in_auction(begins, each) for each in opened)
        return len(opened) > seen

    @cached_property
    def neighbours(self) -> tuple[Bools, Bools]:
        """Which ticks (from the second on) follow one of their window within `PAIR_S`, and which after a silence."""
        windows, apart = self.ticks.window_of, np.diff(self.ticks.stamps)
        inside = (windows[1:] == windows[:-1]) & (windows[1:] != OUTSIDE) & (apart >= 0)
        pairs = inside & (apart <= PAIR_S * NS)
        return pairs, inside & ~pairs

    @cached_property
    def ordered_stamps(self) -> Ints:
        """The stamps of all ticks, ascending."""
        stamps = self.ticks.stamps
        return np.sort(stamps) if (stamps[1:] < stamps[:-1]).any() else stamps

    @cached_property
    def _witnesses(self) -> tuple[Ints, Ints]:
        """The rows inside the sessions and where volume may be printed, in order of time, and their stamps."""
        stands = self.ticks.window_of != OUTSIDE
        stands[self.outside.rows[self.outside.may_trade]] = True
        rows = np.flatnonzero(stands)
        stamps = self.ticks.stamps[rows]
        if (stamps[1:] < stamps[:-1]).any():
            order = np.argsort(stamps, kind="stable")
            rows, stamps = rows[order], stamps[order]
        return rows, stamps
