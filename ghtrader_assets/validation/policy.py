"""The validation policy of one product: every threshold, its value and the place it came from.

Belongs here: what a threshold is, and which override wins; `data/thresholds.csv` lists names, defaults and bounds.
Does not belong here: reading settings (the caller passes them) and applying a threshold (`states`, `quality`).

A threshold `GAP_THRESHOLD_S` is set by `GHTRADER_L5_VALIDATE_GAP_THRESHOLD_S`, for one variety by
`..._GAP_THRESHOLD_S_CU`. `GAP_THRESHOLD_S` also takes `_DAY` or `_NIGHT` at the end.
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
from ghtrader_assets.market.data_files import records
from ghtrader_assets.market.products import Liquidity, liquidity_of
from ghtrader_assets.setting_sources import L5_VALIDATE_PREFIX, SourcedValue

SESSIONS: Final = ("day", "night")
DEFAULT: Final = "default"
SAMPLE_ABOVE_ROWS: Final = "SAMPLE_ABOVE_ROWS"
"""The threshold that is no setting of this family: `GHTRADER_QUALITY_SAMPLE_ABOVE_ROWS`."""
SAMPLING: Final = SourcedValue("GHTRADER_QUALITY_SAMPLE_ABOVE_ROWS", 1_000_000, DEFAULT)


@dataclass(frozen=True, slots=True)
class ThresholdSpec:
    """One threshold: its default, that of thin and very thin products, its legal range and what it means."""

    name: str
    default: float
    meaning: str
    thin: float | None = None
    very_thin: float | None = None
    low: float = 0.0
    high: float = math.inf
    by_session: bool = False
    whole: bool = False
    switch: bool = False


THRESHOLDS: Final = records(ThresholdSpec, "thresholds.csv", "ghtrader_assets.validation")
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

    thresholds: dict[str, Threshold]

    def threshold(self, name: str, session: str = "") -> Threshold:
        """The threshold called `name`, of one session where it has one."""
        return self.thresholds[f"{name}/{session}" if session else name]

    def value(self, name: str, session: str = "") -> float:
        """The value of the threshold called `name`."""
        return self.threshold(name, session).value

    def gap_threshold_s(self, session: str = "") -> float:
        """The fixed gap threshold, never below `GAP_FLOOR_S`."""
        return max(GAP_FLOOR_S, self.value("GAP_THRESHOLD_S", session))

    @cached_property
    def digest(self) -> str:
        """16 hex digits that name the values; where they came from does not count."""
        text = "\n".join(f"{each.name}={each.value!r}" for each in self.thresholds.values())
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def as_json(self) -> str:
        """`{name: [value, source]}` of every threshold."""
        return json.dumps({each.name: [each.value, each.source] for each in self.thresholds.values()})


def policy_for(
    product_code: str, overrides: Mapping[str, SourcedValue] | None = None, sampling: SourcedValue = SAMPLING
) -> Policy:
    """The policy of one product ('cu', 'SR').

    `overrides` are `Settings.l5_validate`, `sampling` is the number of ticks above
    which single ticks are sampled. Raises `BadInputError` naming the variable and its source when a value is no number
    or out of range.
    """
    given = overrides or {}
    variety, liquidity = product_code.upper(), liquidity_of(product_code)
    found = [Threshold(SAMPLE_ABOVE_ROWS, float(str(sampling.value)), sampling.source)]
    for spec in THRESHOLDS:
        found.append(_resolve(spec, spec.name, (f"{spec.name}_{variety}", spec.name), given, liquidity))
        for session in SESSIONS if spec.by_session else ():
            tail = session.upper()
            names = (f"{spec.name}_{variety}_{tail}", f"{spec.name}_{variety}")
            names += (f"{spec.name}_{tail}", spec.name)
            found.append(_resolve(spec, f"{spec.name}/{session}", names, given, liquidity))
    return Policy({each.name: each for each in found})


def unknown_names(names: Iterable[str]) -> list[str]:
    """Those of these `GHTRADER_L5_VALIDATE_` names that no threshold answers to: misspelt, or ghTrader's own."""
    stems = "|".join(sorted((re.escape(spec.name) for spec in THRESHOLDS), key=len, reverse=True))
    legal = re.compile(rf"{L5_VALIDATE_PREFIX}(?:{stems})(?:_[A-Z]{{1,2}})?(?:_DAY|_NIGHT)?")
    return [name for name in names if not legal.fullmatch(name)]


def _resolve(
    spec: ThresholdSpec, key: str, names: tuple[str, ...], overrides: Mapping[str, SourcedValue], liquidity: Liquidity
) -> Threshold:
    for name in names:
        sourced = overrides.get(f"{L5_VALIDATE_PREFIX}{name}")
        if sourced is not None:
            return Threshold(key, _number(spec, sourced), sourced.source)
    own = {Liquidity.THIN: spec.thin, Liquidity.VERY_THIN: spec.very_thin}.get(liquidity)
    return Threshold(key, spec.default if own is None else own, DEFAULT)


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
