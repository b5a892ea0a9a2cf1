"""Values of single ticks that can't be: negative ones, prices off the tick grid, a last price outside its range."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np

from ghtrader_assets.validation.intake import Bools
from ghtrader_assets.validation.quality.rules import Part, QualityDay, Rule, nothing_checked

_TAPE_PRICES: Final = ("last_price", "highest", "lowest")


def negative_prices(day: QualityDay) -> Mapping[str, Part]:
    """Per price column the rows below zero."""
    return _negative(day, (*_TAPE_PRICES, "average", *_book(day, "price")))


def negative_volumes(day: QualityDay) -> Mapping[str, Part]:
    """Per column of volumes, amount and open interest the rows below zero."""
    return _negative(day, ("volume", "amount", "open_interest", *_book(day, "volume")))


def off_grid(day: QualityDay) -> Mapping[str, Part]:
    """Per traded or quoted price column the rows that are no multiple of the price tick."""
    if not day.price_tick > 0:
        return nothing_checked()
    tolerance = day.policy.value("OFF_GRID_TOLERANCE_TICKS")
    found: dict[str, Part] = {}
    for name in (*_TAPE_PRICES, *_book(day, "price")):
        distance = day.column(name) / day.price_tick
        distance -= np.rint(distance)
        np.abs(distance, out=distance)
        found[name] = Part(np.flatnonzero(distance > tolerance), day.ticks.n)
    return found


def outside_range(day: QualityDay) -> Mapping[str, Part]:
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


def _part(mask: Bools, day: QualityDay) -> Part:
    return Part(np.flatnonzero(mask), day.ticks.n)


def _book(day: QualityDay, kind: str) -> list[str]:
    return [name for name in day.book_columns if kind in name]


def _negative(day: QualityDay, names: tuple[str, ...]) -> Mapping[str, Part]:
    return {name: _part(day.column(name) < 0, day) for name in names}


RULES: Final = (
    Rule("negative_price", "values", "error", "price below zero", negative_prices, limit="NEGATIVE_MAX_RATE"),
    Rule("negative_volume", "values", "error", "volume below zero", negative_volumes, limit="NEGATIVE_MAX_RATE"),
    Rule(
        "off_grid",
        "values",
        "error",
        "price off the tick grid",
        off_grid,
        limit="OFF_GRID_MAX_RATE",
        sources=("OFF_GRID_TOLERANCE_TICKS",),
    ),
    Rule(
        "outside_range",
        "values",
        "error",
        "last price outside the day's range",
        outside_range,
        limit="OUTSIDE_RANGE_MAX_RATE",
        sources=("OFF_GRID_TOLERANCE_TICKS",),
    ),
)
