"""Coverage once more, second by second in plain Python, from the published semantics: slow and obvious."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

Window = tuple[str, int, int]


@dataclass
class NaiveCoverage:
    expected: int = 0
    strict: int = 0
    in_sessions: int = 0
    seconds_with_ticks: int = 0
    two_plus: int = 0
    ratio: float = 0.0
    fixed: bool = False
    missing: int = 0
    missing_half: int = 0
    boundary_missing: int = 0
    observed_segments: int = 0
    max_gap: int = 0
    lag: int | None = None
    outside: int = 0
    exempt: int = 0
    gaps: list[tuple[str, int, int]] = field(default_factory=list)
    adaptive: dict[str, float] = field(default_factory=dict)


def naive_coverage(seconds: Sequence[int], windows: Sequence[Window], threshold: float = 5.0) -> NaiveCoverage:
    count = Counter(seconds)
    found = NaiveCoverage()
    found.seconds_with_ticks = len(count)
    found.two_plus = sum(1 for ticks in count.values() if ticks >= 2)
    found.ratio = found.two_plus / len(count) if count else 0.0
    found.fixed = found.ratio >= 0.8
    inside = {second for second in count if any(first <= second <= last for _, first, last in windows)}
    found.in_sessions = len(inside)
    if inside:
        found.lag = max(0, max(last for _, _, last in windows) - max(inside))
    for second in set(count) - inside:
        found.outside += 1
        found.exempt += _is_exempt(second, windows)
    for session, first, last in windows:
        _one_window(found, count, session, range(first, last + 1), threshold)
    for session in {name for name, _, _ in windows}:
        found.adaptive[session] = _adaptive(count, [w for w in windows if w[0] == session], threshold)
    return found


def _one_window(found: NaiveCoverage, count: Counter[int], session: str, window: range, threshold: float) -> None:
    found.expected += len(window)
    found.boundary_missing += sum(1 for second in (window[0], window[-1]) if count[second] == 0)
    strict = window[1:-1]
    found.strict += len(strict)
    silent: list[int] = []
    seen = False
    segments = 0
    for second in [*strict, None]:
        if second is not None and count[second] == 0:
            silent.append(second)
            found.missing += 1
            found.missing_half += found.fixed
            continue
        if second is not None and count[second] == 1:
            found.missing_half += found.fixed
        if silent:
            found.max_gap = max(found.max_gap, len(silent))
            if len(silent) >= threshold:
                found.gaps.append((session, silent[0], silent[-1]))
                segments += seen and second is not None
        silent = []
        seen = seen or second is not None
    found.observed_segments += (1 + segments) if seen else 0


def _is_exempt(second: int, windows: Sequence[Window]) -> bool:
    for place, (session, first, last) in enumerate(windows):
        opens = place == 0 or windows[place - 1][0] != session
        grace = 1800 if place == len(windows) - 1 else 300
        if (opens and first - 300 <= second < first) or last < second <= last + grace:
            return True
    return False


def _adaptive(count: Counter[int], windows: Sequence[Window], threshold: float) -> float:
    spacings: list[int] = []
    ticked = strict = 0
    for _, first, last in windows:
        mine = [second for second in range(first + 1, last) if count[second]]
        strict += last - first - 1
        ticked += len(mine)
        spacings += [later - earlier for earlier, later in pairwise(mine)]
    if len(spacings) < 20:
        return 10_800.0
    usual = max(strict / (ticked + 1), sorted(spacings)[max(1, math.ceil(0.99 * len(spacings))) - 1])
    return max(threshold, min(10_800, 5 * usual))
