"""Coverage of a trading day against the exchange's clock: seconds expected, observed and missing.

Belongs here: ghTrader's published coverage figures, seconds outside the sessions, figures per session, gaps.
Does not belong here: states and reasons (`states`), field values (`quality`).

Seconds are whole epoch seconds. A window `[S, E]` expects `E - S + 1` of them and, strictly, those between its opening
and closing second. A gap is a run of strict seconds without any tick; it never reaches beyond its window.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from ghtrader_assets.market.sessions import SessionWindow
from ghtrader_assets.market.symbols import Exchange, Symbol
from ghtrader_assets.validation.cadence import DayCadence, adaptive_threshold_s, cadence_of
from ghtrader_assets.validation.evidence import NO_EVIDENCE, Evidence
from ghtrader_assets.validation.gaps import FoundGap, Silence, found_gaps, gaps_of, locked_rows, silence_of
from ghtrader_assets.validation.intake import NS, OUTSIDE, Bools, DayTicks, Ints
from ghtrader_assets.validation.levels import levels_of, off_level_of
from ghtrader_assets.validation.misplaced import Misplaced, misplaced_of
from ghtrader_assets.validation.outside import Outside, outside_of
from ghtrader_assets.validation.policy import Policy
from ghtrader_assets.validation.presence import PAUSE_S, PAUSES, Presence, presence_of
from ghtrader_assets.validation.repeats import contents_of, repeated_of
from ghtrader_assets.validation.shortfall import Shortfall, shortfalls_of
from ghtrader_assets.validation.silences import SilentVolume, silent_volumes
from ghtrader_assets.validation.times import Shift, auction_missing_s, shifts_of
from ghtrader_assets.validation.traded import Tape, lots_of_ticks

BUCKETS: Final = (("2_5", 2, 5), ("6_15", 6, 15), ("16_30", 16, 30), ("gt_30", 31, None))
BLOCKING_GAP_S: Final = 30


@dataclass(frozen=True, slots=True)
class WindowCoverage:
    """One session window. `observed_segments` is 1 + its inner gaps, or 0 without a strict second with ticks."""

    window: SessionWindow
    rows: int
    observed_seconds: int
    boundary_missing: int
    missing_half_seconds: int
    observed_segments: int
    silence: Silence

    @property
    def expected(self) -> int:
        """Seconds from opening to closing, both counted."""
        return max(0, self.window.expected_seconds)

    @property
    def strict(self) -> int:
        """Seconds strictly between opening and closing."""
        return max(0, self.expected - 2)

    @property
    def missing(self) -> int:
        """Strict seconds without a tick."""
        return self.strict - self.silence.ticked

    @property
    def max_gap_s(self) -> int:
        """The longest silent run, threshold or not."""
        return int(self.silence.lengths.max()) if len(self.silence.lengths) else 0


@dataclass(frozen=True)
class Coverage:
    """The coverage figures of one symbol-day; gaps in order of time.

    `fixed` and `adaptive` are the gap thresholds in seconds by session, in the order in which the sessions open.
    `contents` name what the ticks of a session hold, `repeated` are the sessions that hold what a day before did.
    `levels` name the units of each session's fields, `off_level` those that the days before did not know.
    `idle_half_seconds` of those missing passed while the market was pinned at its limit, or in a pause.
    `auction_missing_s` is how long before the opening the call auction should have come, where it has not.
    """

    cadence: DayCadence
    windows: tuple[WindowCoverage, ...]
    gaps: tuple[FoundGap, ...]
    outside: Outside
    misplaced: Misplaced
    presence: Presence
    adaptive: dict[str, float]
    fixed: dict[str, float]
    last_in_session_s: int | None
    missing_ids: int
    idle_half_seconds: int
    tape: Tape
    shortfalls: tuple[Shortfall, ...]
    silent_volumes: tuple[SilentVolume, ...]
    shifts: tuple[Shift, ...]
    auction_missing_s: float | None
    contents: Mapping[str, str]
    repeated: tuple[str, ...]
    levels: Mapping[str, Mapping[str, float]]
    off_level: Mapping[str, tuple[str, ...]]

    def total(self, figure: str, session: str | None = None) -> int:
        """The sum of one figure over the windows, all or those of one session."""
        return sum(int(getattr(each, figure)) for each in self.windows if session in (None, each.window.session))

    @property
    def missing_day(self) -> bool:
        """Whether no second of any session has a tick."""
        return self.total("expected") > 0 and self.total("observed_seconds") == 0

    @property
    def absent_sessions(self) -> tuple[str, ...]:
        """The sessions of the day in which no second has a tick."""
        return tuple(name for name in self.fixed if not self.total("observed_seconds", name))

    @property
    def end_lag_s(self) -> int | None:
        """Seconds from the last in-session second with a tick to the last closing second."""
        if self.last_in_session_s is None:
            return None
        return max(0, max(each.window.end_ns // NS for each in self.windows) - self.last_in_session_s)

    @property
    def missing_half_ratio(self) -> float:
        """Strict seconds without two ticks, as a share; 0 in event cadence, where half seconds are not evaluated."""
        strict = self.total("strict")
        return self.total("missing_half_seconds") / strict if strict else 0.0

    def buckets(self, session: str | None = None) -> dict[str, int]:
        """How many gaps of the fixed threshold last 2-5, 6-15, 16-30 and over 30 seconds."""
        lengths = [each.gap.duration_s for each in self.gaps if session in (None, each.gap.session)]
        return {
            name: sum(low <= length and (high is None or length <= high) for length in lengths)
            for name, low, high in BUCKETS
        }

    def sessions_figures(self) -> dict[str, dict[str, Any]]:
        """The figures of each session and of its windows, ready for JSON."""
        return {name: self._session_figures(name) for name in self.fixed}

    def _session_figures(self, session: str) -> dict[str, Any]:
        windows = [each for each in self.windows if each.window.session == session]
        gaps = [each for each in self.gaps if each.gap.session == session]
        return {
            "expected_seconds": self.total("expected", session),
            "expected_seconds_strict": self.total("strict", session),
            "observed_seconds": self.total("observed_seconds", session),
            "rows": self.total("rows", session),
            "missing_seconds": self.total("missing", session),
            "missing_half_seconds": self.total("missing_half_seconds", session),
            "boundary_missing": self.total("boundary_missing", session),
            "max_gap_s": max(each.max_gap_s for each in windows),
            "gap_threshold_s": self.fixed[session],
            "adaptive_threshold_s": self.adaptive[session],
            "missing_segments": len(gaps),
            "adaptive_missing_segments": sum(each.over_adaptive for each in gaps),
            "gap_buckets": self.buckets(session),
            "lost_seconds": self.presence.sessions[session].lost_s,
            "lost_lots": self.presence.sessions[session].lots,
            "traded_lots": self.presence.sessions[session].traded,
            "windows": [
                {"start_ns": w.window.start_ns, "end_ns": w.window.end_ns, "rows": w.rows, "missing_seconds": w.missing}
                for w in windows
            ],
        }


def measure_coverage(
    ticks: DayTicks,
    symbol: Symbol,
    policy: Policy,
    limits: tuple[float, float] | None = None,
    evidence: Evidence = NO_EVIDENCE,
) -> Coverage:
    """Measure the coverage of a day. `limits` are its lowest and highest legal price where they were recorded."""
    ordered = ticks.seconds if not (np.diff(ticks.seconds) < 0).any() else np.sort(ticks.seconds)
    cadence = cadence_of(ordered, policy)
    fixed = {window.session: policy.gap_threshold_s(window.session) for window in ticks.windows}
    windows = tuple(_window_coverage(ordered, each, cadence, fixed[each.session]) for each in ticks.windows)
    is_main = symbol.kind == "main"
    adaptive = {name: _adaptive(name, windows, policy, is_main=is_main) for name in fixed}
    silent = [
        gap
        for index, each in enumerate(windows)
        for gap in gaps_of(each.silence, fixed[each.window.session], each.window, index)
    ]
    outside = outside_of(ticks, policy, whole_seconds=symbol.exchange == Exchange.CZCE)
    tape = Tape(ticks, lots_of_ticks(ticks), outside, policy, evidence, is_main)
    locked = locked_rows(ticks, limits)
    locked_share = float(np.mean(locked)) if ticks.n else 0.0
    gaps = found_gaps(silent, tape, locked, adaptive)
    misplaced = misplaced_of(tape, gaps)
    inside = ticks.seconds[ticks.window_of != OUTSIDE]
    presence = presence_of(
        tape,
        gaps,
        {name: _strict_and_missing(name, windows) for name in fixed},
        misplaced.holes,
        is_main=is_main,
        locked_share=locked_share,
    )
    contents, levels, shifts = contents_of(tape), levels_of(tape), shifts_of(tape)
    return Coverage(
        cadence=cadence,
        windows=windows,
        gaps=gaps,
        outside=outside,
        misplaced=misplaced,
        presence=presence,
        shifts=shifts,
        auction_missing_s=None if shifts or misplaced.blocks else auction_missing_s(tape),
        contents=contents,
        repeated=repeated_of(contents, evidence),
        levels=levels,
        off_level=off_level_of(levels, tape),
        shortfalls=shortfalls_of(tape, presence, locked),
        silent_volumes=silent_volumes(tape, presence, gaps),
        adaptive=adaptive,
        fixed=fixed,
        last_in_session_s=int(inside.max()) if len(inside) else None,
        missing_ids=_missing_ids(ticks),
        idle_half_seconds=_idle_half_seconds(ordered, windows, gaps, locked) if cadence.mode == "fixed_0p5s" else 0,
        tape=tape,
    )


def _window_coverage(ordered: Ints, window: SessionWindow, cadence: DayCadence, threshold_s: float) -> WindowCoverage:
    first, last = window.start_ns // NS, window.end_ns // NS
    low, high = np.searchsorted(ordered, first), np.searchsorted(ordered, last, side="right")
    counts = np.bincount(ordered[low:high] - first, minlength=max(0, last - first + 1))
    strict = counts[1:-1]
    silence = silence_of(strict, first + 1)
    inner_gaps = int(np.count_nonzero(silence.spacings - 1 >= threshold_s))
    boundaries = counts[[0, -1]] if len(counts) else np.empty(0, dtype=np.int64)
    return WindowCoverage(
        window=window,
        rows=int(high - low),
        observed_seconds=int(np.count_nonzero(counts)),
        boundary_missing=int(np.count_nonzero(boundaries == 0)),
        missing_half_seconds=int(np.count_nonzero(strict < 2)) if cadence.mode == "fixed_0p5s" else 0,
        observed_segments=1 + inner_gaps if silence.ticked else 0,
        silence=silence,
    )


def _idle_half_seconds(
    ordered: Ints, windows: Sequence[WindowCoverage], gaps: Sequence[FoundGap], locked: Bools
) -> int:
    """Strict seconds without two ticks after a tick of a pinned market (in order of time), or in a pause."""
    pauses = [each.gap for each in gaps if each.attribution in PAUSES and each.gap.duration_s >= PAUSE_S]
    if not (pauses or locked.any()):
        return 0
    idle = 0
    for place, each in enumerate(windows):
        seconds = np.arange(each.window.start_ns // NS + 1, each.window.end_ns // NS)
        begins, ends = np.searchsorted(ordered, seconds), np.searchsorted(ordered, seconds, side="right")
        quiet = (begins > 0) & locked[np.maximum(begins - 1, 0)]
        for gap in pauses:
            quiet |= (gap.window_index == place) & (seconds >= gap.first_s) & (seconds <= gap.last_s)
        idle += int(np.count_nonzero(quiet & (ends - begins < 2)))
    return idle


def _adaptive(session: str, windows: Sequence[WindowCoverage], policy: Policy, *, is_main: bool) -> float:
    mine = [each for each in windows if each.window.session == session]
    ticked = sum(each.silence.ticked for each in mine)
    spacings = [each.silence.spacings for each in mine]
    return adaptive_threshold_s(spacings, ticked, sum(each.strict for each in mine), policy, session, is_main=is_main)


def _strict_and_missing(session: str, windows: Sequence[WindowCoverage]) -> tuple[int, int]:
    mine = [each for each in windows if each.window.session == session]
    return sum(each.strict for each in mine), sum(each.missing for each in mine)


def _missing_ids(ticks: DayTicks) -> int:
    """How many ids are absent between the first and the last one."""
    return int(np.maximum(np.diff(ticks.ids) - 1, 0).sum()) if ticks.has_ids else 0
