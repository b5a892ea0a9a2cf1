"""The validation policy of one product: every threshold, its value and the place it came from.

Belongs here: names, defaults and bounds of thresholds, and which override wins.
Does not belong here: reading settings (the caller passes them) and applying a threshold (`states`, `quality`).

A threshold `GAP_THRESHOLD_S` is set by `GHTRADER_L5_VALIDATE_GAP_THRESHOLD_S`, for one variety by
`..._GAP_THRESHOLD_S_CU`. The two thresholds of a session also take `_DAY` or `_NIGHT` at the end.
The most specific name wins: variety and session, variety, session, plain. 0 and false are values.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from ghtrader_assets.errors import BadInputError
from ghtrader_assets.settings import L5_VALIDATE_PREFIX, SourcedValue

SESSIONS: Final = ("day", "night")
DEFAULT: Final = "default"
SAMPLE_ABOVE_ROWS: Final = "SAMPLE_ABOVE_ROWS"
"""The threshold that is no setting of this family: `GHTRADER_QUALITY_SAMPLE_ABOVE_ROWS`."""
SAMPLING: Final = SourcedValue("GHTRADER_QUALITY_SAMPLE_ABOVE_ROWS", 1_000_000, DEFAULT)


@dataclass(frozen=True, slots=True)
class ThresholdSpec:
    """One threshold: its default, its legal range and what it means."""

    name: str
    default: float
    meaning: str
    low: float = 0.0
    high: float = math.inf
    by_session: bool = False
    whole: bool = False
    switch: bool = False


def _rate(name: str, default: float, meaning: str) -> ThresholdSpec:
    return ThresholdSpec(name, default, meaning, high=1.0)


THRESHOLDS: Final[tuple[ThresholdSpec, ...]] = (
    ThresholdSpec("GAP_THRESHOLD_S", 5.0, "silent seconds that make a gap; never below 0.5", by_session=True),
    ThresholdSpec("STRICT_RATIO", 0.8, "share of seconds with two ticks from which on a day is `fixed_0p5s`", high=1.0),
    _rate("MISSING_HALF_INFO_RATIO", 0.02, "share of half-second misses from which on the day warns"),
    _rate("MISSING_HALF_BLOCK_RATIO", 0.10, "share of half-second misses from which on the day is in error"),
    ThresholdSpec("GAP_BLOCK_GT30", 0, "gaps over 30 s beyond which the day is in error", whole=True),
    ThresholdSpec("GAP_WARN", 0, "gaps beyond which the day warns", whole=True),
    ThresholdSpec("SEGMENTS_WARN_AVG_PER_DAY", 500, "gaps beyond which the day has a reason of its own", whole=True),
    ThresholdSpec(
        "OUTSIDE_SESSIONS_BLOCK_S", 60, "stray seconds outside the sessions beyond which the day is in error"
    ),
    ThresholdSpec("AUCTION_LEAD_S", 300, "seconds before a session's opening in which ticks are the call auction"),
    ThresholdSpec("CLOSE_GRACE_S", 300, "seconds after a window's close in which ticks are stragglers"),
    ThresholdSpec("SETTLE_GRACE_S", 1800, "the same after the day's last close, when settlement is published"),
    ThresholdSpec("SOURCE_BLOCKING", 0, "whether a day the provider lacks is an error", switch=True),
    ThresholdSpec("SOURCE_MISSING_DAYS_TOLERANCE", 0, "1: a day the provider lacks is tolerated", whole=True),
    ThresholdSpec("MAX_SEGMENTS_PER_DAY", 200, "gap rows kept per day, the longest first", low=10, whole=True),
    ThresholdSpec("ADAPTIVE_FACTOR", 5, "multiple of the usual spacing that makes a gap in event cadence"),
    ThresholdSpec("ADAPTIVE_QUANTILE", 0.99, "the quantile of the session's spacings that is usual", high=1.0),
    _rate("NULL_L1_MAX_RATE", 0.01, "missing values a level-1 column may have"),
    _rate("NULL_L5_MAX_RATE", 0.05, "missing values a column of levels 2 to 5 may have"),
    ThresholdSpec("NULL_RUN_MAX", 100, "consecutive missing values a level-1 column may have", whole=True),
    ThresholdSpec("FROZEN_BOOK_MAX", 120, "consecutive ticks that may show one unchanged book", low=1, whole=True),
    _rate("CROSSED_MAX_RATE", 0, "ticks with bid above ask"),
    _rate("LOCKED_MAX_RATE", 0, "ticks with bid equal to ask"),
    _rate("LEVEL_ORDER_MAX_RATE", 0, "ticks with unordered levels"),
    _rate("NEGATIVE_MAX_RATE", 0, "negative cells"),
    _rate("OFF_GRID_MAX_RATE", 0, "prices off the tick grid"),
    ThresholdSpec(
        "OFF_GRID_TOLERANCE_TICKS", 0.01, "distance from the grid, in ticks, that counts as off it", high=0.5
    ),
    _rate("OUTSIDE_RANGE_MAX_RATE", 0, "last prices outside the day's highest and lowest, or its limits"),
    _rate("REGRESS_MAX_RATE", 0, "falls of a cumulative column"),
    ThresholdSpec("RESET_MAX_SHARE", 0.3, "share of the day's total the first tick may already show", high=1.0),
    ThresholdSpec("OI_JUMP_RATIO", 0.05, "change of open interest in one tick, relative to the tick before"),
    ThresholdSpec("OI_JUMP_MIN_LOTS", 100, "change of open interest that is never a jump"),
    ThresholdSpec("PRICE_JUMP_FACTOR", 5, "multiple of the usual price change that is a jump"),
    ThresholdSpec("VOLUME_SPIKE_FACTOR", 10, "multiple of the usual traded volume that is a spike"),
    ThresholdSpec("VOLUME_SPIKE_MIN_LOTS", 50, "traded volume in one tick that is never a spike"),
    ThresholdSpec("SPREAD_FACTOR", 3, "multiple of the usual spread that is an anomaly"),
    _rate("OUTLIER_MAX_RATE", 0, "jumps, spikes and spread anomalies that are tolerated"),
    ThresholdSpec("WARMUP_S", 60, "seconds after a window's opening in which outliers are not looked for"),
    _rate("DUPLICATE_MAX_RATE", 0, "ticks that repeat a timestamp or a whole row"),
)
_BY_NAME: Final = {spec.name: spec for spec in THRESHOLDS}
_FALSE: Final = frozenset({"false", "no", "off", "0"})
_TRUE: Final = frozenset({"true", "yes", "on", "1"})
GAP_FLOOR_S: Final = 0.5


@dataclass(frozen=True, slots=True)
class Threshold:
    """A threshold as it applies, and its source: `default`, or what the setting says of itself."""

    name: str
    value: float
    source: str


@dataclass(frozen=True)
class Policy:
    """All thresholds of one product, by name; those of a session under `NAME/day` and `NAME/night`."""

    thresholds: tuple[Threshold, ...]

    def threshold(self, name: str, session: str = "") -> Threshold:
        """The threshold called `name`, of one session where it has one."""
        return self._by_name[f"{name}/{session}" if session else name]

    def value(self, name: str, session: str = "") -> float:
        """The value of the threshold called `name`."""
        return self.threshold(name, session).value

    def gap_threshold_s(self, session: str = "") -> float:
        """The fixed gap threshold, never below `GAP_FLOOR_S`."""
        return max(GAP_FLOOR_S, self.value("GAP_THRESHOLD_S", session))

    @cached_property
    def digest(self) -> str:
        """16 hex digits that name the values; where they came from does not count."""
        text = "\n".join(f"{each.name}={each.value!r}" for each in self.thresholds)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def as_json(self) -> str:
        """`{name: [value, source]}` of every threshold."""
        return json.dumps({each.name: [each.value, each.source] for each in self.thresholds})

    @cached_property
    def _by_name(self) -> dict[str, Threshold]:
        return {each.name: each for each in self.thresholds}


def policy_for(
    product_code: str, overrides: Mapping[str, SourcedValue] | None = None, sampling: SourcedValue = SAMPLING
) -> Policy:
    """The policy of one product ('cu', 'SR').

    `overrides` are `Settings.l5_validate`, `sampling` is the number of ticks above
    which single ticks are sampled. Raises `BadInputError` naming the variable and its source when a value is no number
    or out of range.
    """
    given = overrides or {}
    variety = product_code.upper()
    found = [Threshold(SAMPLE_ABOVE_ROWS, float(str(sampling.value)), sampling.source)]
    for spec in THRESHOLDS:
        found.append(_resolve(spec, spec.name, (f"{spec.name}_{variety}", spec.name), given))
        for session in SESSIONS if spec.by_session else ():
            tail = session.upper()
            names = (f"{spec.name}_{variety}_{tail}", f"{spec.name}_{variety}")
            names += (f"{spec.name}_{tail}", spec.name)
            found.append(_resolve(spec, f"{spec.name}/{session}", names, given))
    return Policy(tuple(found))


def unknown_names(names: Iterable[str]) -> list[str]:
    """Those of these `GHTRADER_L5_VALIDATE_` names that no threshold answers to: misspelt, or ghTrader's own."""
    stems = "|".join(sorted((re.escape(spec.name) for spec in THRESHOLDS), key=len, reverse=True))
    legal = re.compile(rf"{L5_VALIDATE_PREFIX}(?:{stems})(?:_[A-Z]{{1,2}})?(?:_DAY|_NIGHT)?")
    return [name for name in names if not legal.fullmatch(name)]


def threshold_spec(name: str) -> ThresholdSpec:
    """The definition of the threshold called `name`."""
    return _BY_NAME[name]


def _resolve(spec: ThresholdSpec, key: str, names: tuple[str, ...], overrides: Mapping[str, SourcedValue]) -> Threshold:
    for name in names:
        sourced = overrides.get(f"{L5_VALIDATE_PREFIX}{name}")
        if sourced is not None:
            return Threshold(key, _number(spec, sourced), sourced.source)
    return Threshold(key, float(spec.default), DEFAULT)


def _number(spec: ThresholdSpec, sourced: SourcedValue) -> float:
    text = str(sourced.value).strip().lower()
    if spec.switch and text in _FALSE | _TRUE:
        return float(text in _TRUE)
    try:
        number = float(text)
    except ValueError:
        raise _illegal(sourced, "true or false" if spec.switch else "a number") from None
    if not (spec.low <= number <= spec.high) or not math.isfinite(number) or (spec.whole and number % 1) or spec.switch:
        kind = "true or false" if spec.switch else "a whole number" if spec.whole else "a number"
        bound = "" if spec.high == math.inf else f" up to {spec.high:g}"
        raise _illegal(sourced, kind if spec.switch else f"{kind} from {spec.low:g}{bound}")
    return number


def _illegal(sourced: SourcedValue, wanted: str) -> BadInputError:
    return BadInputError(
        f"{sourced.name}={sourced.value} ({sourced.source}) is not a legal threshold", f"give {wanted}"
    )
