"""The order book of single ticks: sides that cross or touch, levels out of order, a book that stands still.

Belongs here: rules about bids and asks. Does not belong here: missing values (`nulls`), usual spreads (`outliers`).

Crossed and locked books are normal in a call auction, so only ticks in a session count there.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import pairwise
from typing import Final

import numpy as np

from ghtrader_assets.validation.gaps import runs
from ghtrader_assets.validation.intake import Bools, Floats
from ghtrader_assets.validation.quality.rules import Part, Parts, QualityDay, Rule, nothing_checked, whole

PINNED_TRADES: Final = 0.5
"""Of a pinned market's ticks so large a share trades, where its book that stands still is a fault."""


def best_quotes(day: QualityDay, broken: Callable[[Floats, Floats], Bools]) -> Parts:
    """Best bid and ask, both quoted, that are `broken(bid, ask)`."""
    quoted = day.in_session & day.two_sided
    found = quoted & broken(day.column("bid_price1"), day.column("ask_price1"))
    return whole(found, int(np.count_nonzero(quoted)))


def unordered(day: QualityDay, side: str) -> Parts:
    """Any bid below the bid of the next level, or ask above that of the next level, both quoted."""
    found = np.zeros(day.ticks.n, dtype=np.bool_)
    quoted = np.zeros(day.ticks.n, dtype=np.bool_)
    for near, far in pairwise(day.column(f"{side}_price{level}") for level in range(1, day.levels + 1)):
        both = (near > 0) & (far > 0)
        quoted |= both
        found |= ((near < far) if side == "bid" else (near > far)) & both
    return whole(found, int(np.count_nonzero(quoted)))


def beyond(day: QualityDay) -> Parts:
    """Of the ticks that traded, those whose last price lies away from the best quotes before and after them.

    It is a price tick or more below both best bids, or above both best asks: nothing is left to trade there. So a last
    price shows that stands still.
    """
    volume, last = day.column("volume"), day.column("last_price")[1:]
    bid, ask = day.column("bid_price1"), day.column("ask_price1")
    least = day.price_tick - day.policy.value("OFF_GRID_TOLERANCE_TICKS") * day.price_tick
    traded = day.same_window & (volume[1:] > volume[:-1])
    outside = last <= np.minimum(bid[1:], bid[:-1]) - least
    above = np.maximum(ask[1:], ask[:-1])
    outside |= (last >= above + least) & (above > 0)
    return {"": Part(1 + np.flatnonzero(outside & traded), int(np.count_nonzero(traded)))}


def frozen(day: QualityDay) -> Parts:
    """The first tick of each run of too many ticks of one window that show the same book in every column.

    In a market pinned at its limit one side is empty, and only trades move the other: there a book stands still against
    which most of these ticks traded.
    """
    most = int(day.policy.value("FROZEN_BOOK_MAX"))
    if day.ticks.n <= most:
        return nothing_checked()
    quoted = (day.column("bid_price1") > 0) | (day.column("ask_price1") > 0)
    same, locked = day.same_window & quoted[1:] & quoted[:-1], day.locked[1:]
    for name in day.book_columns:
        values = day.column(name)
        equal = values[1:] == values[:-1]
        if not name.endswith("1") or locked.any():
            absent = np.isnan(values[1:]) & np.isnan(values[:-1])
            equal |= absent & locked if name.endswith("1") else absent
        same &= equal
        if np.count_nonzero(same) < most:
            return whole(np.zeros(0, dtype=np.bool_), day.ticks.n)
    starts, lengths = runs(same)
    long = lengths + 1 > most
    grows = np.diff(day.column("volume")) > 0
    found = [
        start
        for start, end in zip(starts[long].tolist(), (starts + lengths)[long].tolist(), strict=True)
        if not locked[start:end].any() or np.mean(grows[start:end]) > PINNED_TRADES
    ]
    return {"": Part(np.array(found, dtype=np.int64), day.ticks.n)}


_rule: Final = partial(Rule, family="book")
RULES: Final = (
    _rule(
        "crossed", "error", "best bid above best ask", partial(best_quotes, broken=np.greater), limit="CROSSED_MAX_RATE"
    ),
    _rule("bid_order", "error", "bids out of order", partial(unordered, side="bid"), limit="LEVEL_ORDER_MAX_RATE"),
    _rule("ask_order", "error", "asks out of order", partial(unordered, side="ask"), limit="LEVEL_ORDER_MAX_RATE"),
    _rule("frozen_book", "error", "book that stands still", frozen, needs_sequence=True, sources=("FROZEN_BOOK_MAX",)),
    _rule(
        "last_beyond_book",
        "warn",
        "last price away from the book",
        beyond,
        limit="BEYOND_BOOK_MAX_RATE",
        needs_sequence=True,
        sources=("OFF_GRID_TOLERANCE_TICKS",),
    ),
    _rule(
        "locked", "warn", "best bid equal to best ask", partial(best_quotes, broken=np.equal), limit="LOCKED_MAX_RATE"
    ),
)
