"""A contract's 1-minute bars over a range of trading days: what they cost, and whether an answer is whole.

Belongs here: the columns handed on, the number of pages, what makes an answer short or broken.
Does not belong here: reading them (`client`), the caller's side (`market_data`), what they say of a day's ticks
(`validation.witness`).

The client ends without a word at a bar that it can't find, as with ticks. So an answer is whole only if the id after
its last bar is known to lie past the range or not to exist.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import polars as pl

from ghtrader_assets.errors import BrokenDayError, ShortDayError
from ghtrader_assets.market.clock import NS, shanghai_time
from ghtrader_assets.market.ticks import BAR_PRICES
from ghtrader_assets.tq.wire import ReadBars

_PAGE: Final = 2000
"""The bars that the client asks for at once."""


def pages_of(job: ReadBars) -> int:
    """How many pages the client will ask for: those of the bars, and the one that shows that they have ended."""
    return job.expected_bars // _PAGE + 1


def whole_bars(bars: Mapping[str, npt.NDArray[Any]], series: Mapping[str, Any], job: ReadBars) -> pl.DataFrame:
    """The bars of a range as `start_ns`, prices and `volume`; none at all where the provider has none.

    `bars` are the client's columns, `series` is what the server delivered of the contract. Raises `ShortDayError` where
    the answer ended early, `BrokenDayError` where it contradicts itself or holds no numbers.
    """
    delivered, series_last_id = series.get("data", {}), int(series.get("last_id", -1))
    stamps = bars.get("datetime", np.empty(0, dtype=np.int64))
    if not len(stamps):
        inside = [each for each in map(_stamp, delivered.values()) if job.start_ns <= each < job.end_ns]
        if inside:
            raise ShortDayError(f"the bars ended before the one of {_clock(min(inside))}")
        return _frame(stamps, {})
    last_id = int(bars["id"][-1])
    if not _stamp(delivered.get(str(last_id + 1), {})) and series_last_id > last_id:
        raise ShortDayError(f"the bars ended at {_clock(stamps[-1])}, though their ids go on to {series_last_id}")
    _require_sound(bars, stamps)
    inside = stamps >= job.start_ns  # the client's first one may precede them
    return _frame(stamps[inside], {name: bars[name][inside] for name in (*BAR_PRICES, "volume")})


def _require_sound(bars: Mapping[str, npt.NDArray[Any]], stamps: npt.NDArray[np.int64]) -> None:
    volume = bars["volume"]
    unreadable = ~(volume >= 0)
    for name in BAR_PRICES:
        unreadable |= (volume > 0) & ~np.isfinite(bars[name])
    if unreadable.any():
        raise BrokenDayError(f"the bar of {_clock(stamps[unreadable][0])} has no price or no volume")
    if (np.diff(stamps) <= 0).any():
        raise BrokenDayError("the bars are not in the order of time")


def _frame(stamps: npt.NDArray[np.int64], values: Mapping[str, npt.NDArray[Any]]) -> pl.DataFrame:
    none = np.empty(0)
    return pl.DataFrame(
        {"start_ns": stamps, **{name: values.get(name, none).astype(np.float64) for name in (*BAR_PRICES, "volume")}}
    )


def _stamp(bar: Any) -> int:
    return int(bar.get("datetime", 0) or 0) if hasattr(bar, "get") else 0


def _clock(stamp_ns: int | np.int64) -> str:
    return f"{shanghai_time(int(stamp_ns) // NS * NS):%Y-%m-%d %H:%M}"
