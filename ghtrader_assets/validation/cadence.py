"""How often a symbol ticks: its cadence, and the silence that is unusual for it.

Belongs here: the cadence of a day, the usual spacing of a session, the adaptive gap threshold.
Does not belong here: finding the gaps (`gaps`).

The usual spacing of a session is the larger of two figures: the `ADAPTIVE_QUANTILE` (default: 99th percentile) of the
seconds from one strict second with ticks to the next one of the same window; and strict seconds / (strict seconds with
ticks + 1), which decides where there are few. A gap is unusual from `ADAPTIVE_FACTOR` (default: 5) times the usual
spacing, never below the session's fixed threshold and always from the ceiling that the policy sets for the product. Of
fewer than `ENOUGH_SPACINGS` nothing is estimated: the ceiling is the threshold.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from ghtrader_assets.validation.intake import Ints
from ghtrader_assets.validation.policy import Policy

Cadence = Literal["fixed_0p5s", "event"]

ENOUGH_SPACINGS: Final = 20


@dataclass(frozen=True, slots=True)
class DayCadence:
    """Seconds with ticks, and with two or more, over the whole trading day; their ratio; the cadence it means."""

    seconds_with_ticks: int
    seconds_with_two_plus: int
    ratio: float
    mode: Cadence


def cadence_of(ordered_seconds: Ints, policy: Policy) -> DayCadence:
    """The cadence of a day from the seconds of its ticks, ascending, session or not."""
    if len(ordered_seconds) == 0:
        return DayCadence(0, 0, 0.0, "event" if policy.value("STRICT_RATIO") > 0 else "fixed_0p5s")
    starts = np.flatnonzero(np.concatenate(([True], ordered_seconds[1:] != ordered_seconds[:-1])))
    counts = np.diff(starts, append=len(ordered_seconds))
    two_plus = int(np.count_nonzero(counts >= 2))
    ratio = two_plus / len(counts)
    mode: Cadence = "fixed_0p5s" if ratio >= policy.value("STRICT_RATIO") else "event"
    return DayCadence(len(counts), two_plus, ratio, mode)


def adaptive_threshold_s(
    spacings: Sequence[Ints], ticked: int, strict_seconds: int, policy: Policy, session: str, *, is_main: bool
) -> float:
    """The adaptive gap threshold of one session, in seconds.

    `spacings` are the seconds between neighbouring strict seconds with ticks, per window of the session;
    `ticked` of the session's `strict_seconds` have ticks.
    """
    ceiling = policy.value("QUIET_MAX_S" if is_main else "QUIET_MAX_CONTRACT_S")
    pooled = np.concatenate([np.empty(0, dtype=np.int64), *spacings])
    threshold = ceiling
    if len(pooled) >= ENOUGH_SPACINGS:
        rank = max(1, math.ceil(policy.value("ADAPTIVE_QUANTILE") * len(pooled)))
        usual = max(strict_seconds / (ticked + 1), float(np.searchsorted(np.cumsum(np.bincount(pooled)), rank)))
        threshold = min(ceiling, policy.value("ADAPTIVE_FACTOR") * usual)
    return max(policy.gap_threshold_s(session), threshold)
