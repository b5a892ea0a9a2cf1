"""What was known of one symbol at each tick of another: the rows of two days of ticks put together.

Belongs here: the rule, for one trading day at a time. Does not belong here: reading days (`handout`), formats
(`store`).
"""

from __future__ import annotations

from collections.abc import Generator, Iterable
from datetime import date
from typing import Final

import numpy as np
import pyarrow as pa

from ghtrader_assets.market.clock import instant_ns
from ghtrader_assets.reading.handout import HandedDay

RIGHT: Final = "_right"
"""What is added to the names of the other symbol's columns."""

_MORNING_S: Final = 6 * 3600
"""Every night session has ended by then, and no day session has begun, its auction included."""

Days = Iterable[tuple[HandedDay, pa.Table]]


def rows_known(left: Days, right: Days, tolerance_ns: int | None) -> Generator[tuple[pa.Table, pa.Table]]:
    """For each day of `left` its ticks, and as many rows of `right`'s: of each the last tick known at that instant.

    Both sides have a column `datetime_ns`, and their days in order. A row is null where nothing is known (`known_at`),
    and on all of a day that `right` lacks. One day of each side is held, and one more of `right`.
    """
    others = iter(right)
    (other, theirs) = next(others)
    nothing = theirs.slice(0, 0)
    for day, ticks in left:
        while other.trading_day < day.trading_day and (later := next(others, None)) is not None:
            other, theirs = later
        known = theirs if other.trading_day == day.trading_day else nothing
        yield ticks, known.take(known_at(ticks, known, day.trading_day, tolerance_ns))


def known_at(left: pa.Table, right: pa.Table, day: date, tolerance_ns: int | None) -> pa.Array:
    """For each row of `left` the row of `right` that was the last one known at its instant, null where none was.

    Both are ticks of the trading day in stored order, with `datetime_ns` (epoch, UTC). A tick of the very instant is
    known, of several the last. What came in the night session is not known in the day session. With `tolerance_ns` a
    tick is known for so long, the end included.
    """
    at, known = left["datetime_ns"].to_numpy(), right["datetime_ns"].to_numpy()
    if not len(known):
        return pa.array([None] * len(at), pa.int64())
    rows = np.searchsorted(known, at, side="right") - 1
    since = known[np.maximum(rows, 0)]
    morning = instant_ns(day, _MORNING_S)
    none = (rows < 0) | ((at >= morning) & (since < morning))
    if tolerance_ns is not None:
        none |= at - since > tolerance_ns
    return pa.array(rows, pa.int64(), mask=none)
