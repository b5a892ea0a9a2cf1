"""Missing values: rates per column by the depth the exchange delivers, and long runs of them.

Belongs here: which absences are faults. Does not belong here: values that can't be (`values`).

A price of 0 is a missing one. Two absences are no fault. In a market pinned at its limit one side
of the book is empty. And a level without a quote has no price and a volume of 0. Before the day's first trade, as
volume and amount tell it, there is no last, highest, lowest or average price.
"""

from __future__ import annotations

from functools import partial
from typing import Final

import numpy as np

from ghtrader_assets.market.ticks import BOOK_COLUMNS
from ghtrader_assets.validation.gaps import runs
from ghtrader_assets.validation.intake import Bools
from ghtrader_assets.validation.quality.rules import Part, Parts, QualityDay, Rule

TAPE: Final = ("last_price", "highest", "lowest", "average")
LEVEL_1: Final = (*TAPE, "volume", "amount", "open_interest", *BOOK_COLUMNS[:4])


def level_1_nulls(day: QualityDay) -> Parts:
    """Per level-1 column the rows without a value."""
    return {name: _part(day, name) for name in LEVEL_1}


def deep_nulls(day: QualityDay) -> Parts:
    """Per column of the levels beyond 1 that are expected, the rows without a value."""
    deep = [name for name in day.book_columns if not name.endswith("1")]
    return {name: _part(day, name) for name in deep}


def null_runs(day: QualityDay) -> Parts:
    """Per level-1 column the first row of each run of missing values that is too long."""
    most = day.policy.value("NULL_RUN_MAX")
    found: dict[str, Part] = {}
    for name in LEVEL_1:
        mask = _missing(day, name)
        if mask is None or np.count_nonzero(mask) <= most:
            continue
        starts, lengths = runs(mask)
        found[name] = Part(starts[lengths > most], day.ticks.n)
    return found


def _part(day: QualityDay, name: str) -> Part:
    mask = _missing(day, name)
    return Part(np.empty(0, dtype=np.int64) if mask is None else np.flatnonzero(mask), day.ticks.n)


def _missing(day: QualityDay, name: str) -> Bools | None:
    missing = day.ticks.missing(name)
    if name in TAPE or "_price" in name:
        zero = day.column(name) == 0
        missing = (zero if missing is None else missing | zero) if zero.any() else missing
    if missing is None:
        return None
    if name in TAPE:
        untraded = (day.column("volume") == 0) & ~(day.column("amount") > 0)
        return missing & ~untraded
    if "_price" in name or "_volume" in name:
        missing = missing & ~day.locked
    if "_price" in name and not name.endswith("1"):
        return missing & ~(day.column(name.replace("price", "volume")) == 0)
    return missing


_rule: Final = partial(Rule, family="nulls")
_worst: Final = partial(_rule, worst_part=True)
RULES: Final = (
    _worst("null_l1", "error", "level-1 column without values", level_1_nulls, limit="NULL_L1_MAX_RATE"),
    _rule(
        "null_run",
        "error",
        "long run of missing level-1 values",
        null_runs,
        needs_sequence=True,
        sources=("NULL_RUN_MAX",),
    ),
    _worst("null_l5", "warn", "column of levels 2 to 5 without values", deep_nulls, limit="NULL_L5_MAX_RATE"),
)
