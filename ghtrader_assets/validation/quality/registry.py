"""All rules of field quality, in the order in which they give a day its reason: errors first, then warnings.

An `info` rule is reported like the others and never changes a state.
"""

from __future__ import annotations

from typing import Final

from ghtrader_assets.validation.quality import book, nulls, outliers, sequence, values
from ghtrader_assets.validation.quality.rules import Rule

_ALL: Final = (*sequence.RULES, *nulls.RULES, *values.RULES, *book.RULES, *outliers.RULES)
_ORDER: Final = {"error": 0, "warn": 1, "info": 2}
RULES: Final[tuple[Rule, ...]] = tuple(sorted(_ALL, key=lambda rule: _ORDER[rule.severity]))
