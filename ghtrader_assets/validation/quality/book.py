"""The order book of single ticks: sides that cross or touch, levels out of order, a book that stands still.

Crossed and locked books are normal in a call auction, so only ticks in a session count there.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Final

import numpy as np

from ghtrader_assets.validation.gaps import runs
from ghtrader_assets.validation.quality.rules import Part, QualityDay, Rule, nothing_checked, whole


def crossed(day: QualityDay) -> Mapping[str, Part]:
    """Best bid above best ask, both quoted."""
    bid, ask = day.column("bid_price1"), day.column("ask_price1")
    quoted = day.in_session & day.two_sided
    return whole(quoted & (bid > ask), int(np.count_nonzero(quoted)))


def locked(day: QualityDay) -> Mapping[str, Part]:
    """Best bid equal to best ask, both quoted."""
    bid, ask = day.column("bid_price1"), day.column("ask_price1")
    quoted = day.in_session & day.two_sided
    return whole(quoted & (bid == ask), int(np.count_nonzero(quoted)))


def bid_order(day: QualityDay) -> Mapping[str, Part]:
    """Any bid below the bid of the next level, both quoted."""
    return _unordered(day, "bid")


def ask_order(day: QualityDay) -> Mapping[str, Part]:
    """Any ask above the ask of the next level, both quoted."""
    return _unordered(day, "ask")


def frozen(day: QualityDay) -> Mapping[str, Part]:
    """The first tick of each run of too many ticks of one window that show the same book in every column."""
    most = int(day.policy.value("FROZEN_BOOK_MAX"))
    if day.ticks.n <= most:
        return nothing_checked()
    quoted = (day.column("bid_price1") > 0) | (day.column("ask_price1") > 0)
    same = day.same_window & quoted[1:] & quoted[:-1] & ~day.locked[1:]
    for name in day.book_columns:
        values = day.column(name)
        equal = values[1:] == values[:-1]
        if not name.endswith("1"):
            equal |= np.isnan(values[1:]) & np.isnan(values[:-1])
        same &= equal
        if np.count_nonzero(same) < most:
            return whole(np.zeros(0, dtype=np.bool_), day.ticks.n)
    starts, lengths = runs(same)
    return {"": Part(starts[lengths + 1 > most], day.ticks.n)}


def _unordered(day: QualityDay, side: str) -> Mapping[str, Part]:
    broken = np.zeros(day.ticks.n, dtype=np.bool_)
    quoted = np.zeros(day.ticks.n, dtype=np.bool_)
    for near, far in pairwise(day.prices(side)):
        both = (near > 0) & (far > 0)
        quoted |= both
        broken |= ((near < far) if side == "bid" else (near > far)) & both
    return whole(broken, int(np.count_nonzero(quoted)))


RULES: Final = (
    Rule("crossed", "book", "error", "best bid above best ask", crossed, limit="CROSSED_MAX_RATE"),
    Rule("bid_order", "book", "error", "bids out of order", bid_order, limit="LEVEL_ORDER_MAX_RATE"),
    Rule("ask_order", "book", "error", "asks out of order", ask_order, limit="LEVEL_ORDER_MAX_RATE"),
    Rule(
        "frozen_book",
        "book",
        "error",
        "book that stands still",
        frozen,
        needs_sequence=True,
        sources=("FROZEN_BOOK_MAX",),
    ),
    Rule("locked", "book", "warn", "best bid equal to best ask", locked, limit="LOCKED_MAX_RATE"),
)
