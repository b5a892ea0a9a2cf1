"""What a verdict may use besides the day's own ticks, and which of it one did use.

Belongs here: handing values out by name, remembering that they were used, the digest of what was used.
Does not belong here: where values come from (`windows` puts them together of other days), what follows from one (the
rules that read it).

A verdict keeps the names of the values that its rules looked at. Rules are deterministic: as long as these values are
what they were, and the provider's stored answer is, judging again would give the same verdict, whatever else has moved.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Final, Protocol

from ghtrader_assets.validation.bars import Bars


class Values(Protocol):
    """Values by name."""

    def get(self, name: str, /) -> float | None:
        """The value of this name, None where there is none."""
        ...


@dataclass(frozen=True)
class Evidence:
    """The evidence of one symbol-day.

    `baseline` are values by name (`snapshot`, `ticks/day`, `spacing/day/09:15`), put together of the days before
    it; `baseline_days` says of how many, at least: 0 where that is too few to say anything, and then there are no
    values. `witness_digest` names the provider's answer that is stored of the day, empty where none is, and
    `bars` are that answer, where it was read.
    """

    baseline: Values = field(default_factory=dict[str, float])
    baseline_days: int = 0
    witness_digest: str = ""
    bars: Bars | None = field(default=None, compare=False, repr=False)
    _used: dict[str, float | None] = field(default_factory=dict[str, "float | None"], compare=False, repr=False)

    def baseline_value(self, name: str) -> float | None:
        """The value of this name, None where the baseline has none. That it was asked for is kept."""
        value = self.baseline.get(name)
        self._used[name] = value
        return value

    def bars_of(self, contract: str) -> Bars | None:
        """The provider's bars of the day, where they are those of this contract."""
        return self.bars if self.bars is not None and self.bars.contract == contract else None

    @property
    def used(self) -> str:
        """The values asked for so far, by name, as JSON."""
        return json.dumps(self._used, sort_keys=True)

    def unused(self) -> Evidence:
        """A copy that has recorded no used value yet: each verdict states the values that it used itself."""
        return replace(self, _used={})

    def digest(self, used: str) -> str:
        """16 hex digits of the present values of the names that a verdict `used`, and of the provider's answer.

        `used` is the JSON object that a stored verdict keeps; empty in one of before there was any evidence.
        """
        values = tuple((name, self.baseline.get(name)) for name in _names(used))
        return _digest(self.baseline_days, values, self.witness_digest)


@lru_cache(maxsize=65_536)
def _digest(days: int, values: tuple[tuple[str, float | None], ...], witness_digest: str) -> str:
    """16 hex digits. Cached, because most verdicts of a symbol used the same values as others."""
    return hashlib.sha256(json.dumps((days, values, witness_digest)).encode()).hexdigest()[:16]


NO_EVIDENCE: Final = Evidence()


@lru_cache(maxsize=65_536)
def _names(used: str) -> Sequence[str]:
    return sorted(json.loads(used)) if used else ()
