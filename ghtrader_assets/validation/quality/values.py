"""Values of single ticks that can't be: negative ones, prices off the tick grid, a last price outside its range.

Belongs here: one column of one tick. Does not belong here: columns that must agree (`pairs`), absence (`nulls`).
"""

from __future__ import annotations

from functools import partial
from typing import Final

import numpy as np

from ghtrader_assets.validation.intake import Bools, Floats
from ghtrader_assets.validation.quality.rules import Part, Parts, QualityDay, Rule, nothing_checked

_NONE: Final = np.empty(0, dtype=np.int64)
_TAPE_PRICES: Final = ("last_price", "highest", "lowest")


def negative(day: QualityDay, kind: str, tape: tuple[str, ...]) -> Parts:
    """Per column of the `tape`, and of a `kind` of the book ('price', 'volume'), the rows below zero."""
    return {name: _below_zero(day.column(name), day) for name in (*tape, *_book(day, kind))}


def off_grid(day: QualityDay) -> Parts:
    """Per traded or quoted price column the rows that are no multiple of the price tick."""
    if not day.price_tick > 0:
        return nothing_checked()
    tolerance = day.policy.value("OFF_GRID_TOLERANCE_TICKS")
    found: dict[str, Part] = {}
    for name in (*_TAPE_PRICES, *_book(day, "price")):
        distance = day.column(name) / day.price_tick
        distance -= np.rint(distance)
        np.abs(distance, out=distance)
        found[name] = _part(distance > tolerance, day)
    return found


def outside_range(day: QualityDay) -> Parts:
    """Last prices outside the day's highest and lowest so far, and outside the legal limits where recorded."""
    last, highest, lowest = (day.column(name) for name in _TAPE_PRICES)
    slack = day.policy.value("OFF_GRID_TOLERANCE_TICKS") * day.price_tick
    above = (highest > 0) & (last > highest + slack)
    below = (lowest > 0) & (last < lowest - slack)
    found = {"highest": _part(above, day), "lowest": _part(below, day)}
    if day.limits is not None:
        low, high = day.limits
        found["limits"] = _part(((last > high + slack) | (last < low - slack)) & ~(above | below), day)
    return found


def _below_zero(values: Floats, day: QualityDay) -> Part:
    lowest = values.min(initial=0.0)  # NaN where a value is missing
    return Part(_NONE, day.ticks.n) if lowest >= 0 else _part(values < 0, day)


def _part(mask: Bools, day: QualityDay) -> Part:
    return Part(np.flatnonzero(mask), day.ticks.n)


def _book(day: QualityDay, kind: str) -> list[str]:
    return [name for name in day.book_columns if kind in name]


_rule: Final = partial(Rule, severity="error", family="values")
_negative_prices: Final = partial(negative, kind="price", tape=(*_TAPE_PRICES, "average"))
_negative_volumes: Final = partial(negative, kind="volume", tape=("volume", "amount", "open_interest"))
_TOLERANCE: Final = ("OFF_GRID_TOLERANCE_TICKS",)
RULES: Final = (
    _rule("negative_price", says="price below zero", check=_negative_prices, limit="NEGATIVE_MAX_RATE"),
    _rule("negative_volume", says="volume below zero", check=_negative_volumes, limit="NEGATIVE_MAX_RATE"),
    _rule("off_grid", says="price off the tick grid", check=off_grid, limit="OFF_GRID_MAX_RATE", sources=_TOLERANCE),
    _rule(
        "outside_range",
        says="last price outside the day's range",
        check=outside_range,
        limit="OUTSIDE_RANGE_MAX_RATE",
        sources=_TOLERANCE,
    ),
)
