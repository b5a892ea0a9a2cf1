"""Whether what was read is the whole trading day: the same rules for both readers, as a pure function.

Belongs here: contiguity, order, that everything could be read, and the proof that nothing follows before D 18:00.
Does not belong here: whether the day is plausible (`validation`): a quiet or limit-locked day is whole.

A client that meets a missing id ends there without a word. So a day is whole only if its ids are contiguous, its
time ordered, a second request from its last tick on brings nothing more, and the id after the last one is known to
lie past D 18:00 or not to exist yet.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import polars as pl

from ghtrader_assets.errors import BrokenDayError, FetchError, ProviderEmptyError, ShortDayError
from ghtrader_assets.market.clock import NS, shanghai_time
from ghtrader_assets.market.ticks import DayWindow, tick_frame, trim

_RETRY: Final = "it is read again with an empty cache"
_QUOTE_LEAD_NS: Final = 30 * 60 * NS
"""A quote is refreshed after the last tick too, as settlement figures come in, and a contract may rest for a while; a
quote that is later by more than this tells of ticks that did not come."""


@dataclass(frozen=True)
class Reading:
    """What a reader got for one trading day, as delivered.

    `first_id` is the id at which the server said the window begins, None if the reader can't skip it unnoticed.
    `columns` holds `tick_id`, `datetime_ns` and numbers. `second_ids` are the ids that the second request, from the
    last tick on (for an empty day: of the whole window), brought before D 18:00. `following_ns` is the time of the
    id after the last one (for an empty day: of any tick seen inside the window), None if it was not delivered.
    `series_last_id` is the server's last id of the contract, -1 for none. `quote_ns` is the time of the contract's
    quote, where nothing follows the day and the provider has one: ticks can't end long before it. `unreadable` is what
    stood where a number or a time is due: a day with it is broken, and never empty. `promised_id`, of an empty day, is
    the id that a page was said to begin with, though its tick did not come.
    """

    columns: Mapping[str, npt.NDArray[Any]]
    second_ids: npt.NDArray[np.int64]
    following_ns: int | None
    series_last_id: int
    quote_ns: int | None = None
    first_id: int | None = None
    unreadable: str = ""
    promised_id: int | None = None


def whole_day(reading: Reading, window: DayWindow) -> tuple[pl.DataFrame, FetchError | None]:
    """The day's tick frame, trimmed to its window, and what is wrong with it: None if the day is whole."""
    frame = trim(tick_frame(reading.columns), window)
    if reading.unreadable:
        return frame, BrokenDayError(reading.unreadable, _RETRY)
    if frame.height == 0:
        return frame, _empty_fault(reading, window)
    ids = frame["tick_id"].to_numpy()
    stamps = frame["datetime_ns"].to_numpy()
    fault = (
        _begin_fault(reading, int(ids[0]))
        or _order_fault(ids, stamps)
        or _end_fault(reading, window, int(ids[-1]), int(stamps[-1]))
    )
    return frame, fault


def _begin_fault(reading: Reading, first_id: int) -> FetchError | None:
    if reading.first_id is None or reading.first_id == first_id:
        return None
    return ShortDayError(f"the day begins at id {reading.first_id}, the first tick that came is {first_id}", _RETRY)


def _order_fault(ids: npt.NDArray[np.int64], stamps: npt.NDArray[np.int64]) -> FetchError | None:
    steps = np.diff(ids)
    backward = np.flatnonzero(steps <= 0)
    if len(backward):
        at = int(backward[0])
        return BrokenDayError(f"id {ids[at + 1]} follows id {ids[at]} at {_clock(stamps[at])}", _RETRY)
    jumps = np.flatnonzero(steps != 1)
    if len(jumps):
        at = int(jumps[0])
        missing = int((steps[jumps] - 1).sum())
        return ShortDayError(
            f"{missing} ids are missing, the first is {ids[at] + 1} after {_clock(stamps[at])}", _RETRY
        )
    back_in_time = np.flatnonzero(np.diff(stamps) < 0)
    if len(back_in_time):
        at = int(back_in_time[0])
        return BrokenDayError(
            f"time runs backwards at id {ids[at + 1]}: {_clock(stamps[at])} is followed by {_clock(stamps[at + 1])}",
            _RETRY,
        )
    return None


def _end_fault(reading: Reading, window: DayWindow, last_id: int, last_ns: int) -> FetchError | None:
    more = int((reading.second_ids > last_id).sum())
    if more:
        return ShortDayError(
            f"the answer ended at {_clock(last_ns)} (id {last_id}), a second request brought {more} more ticks", _RETRY
        )
    if reading.following_ns is not None:
        if reading.following_ns < window.end_ns:
            return ShortDayError(f"the answer ended at {_clock(last_ns)} before id {last_id + 1}", _RETRY)
        return None
    if reading.series_last_id > last_id:
        return ShortDayError(
            f"id {last_id + 1} after {_clock(last_ns)} was not delivered, though ids go on to {reading.series_last_id}",
            _RETRY,
        )
    quote_ns = reading.quote_ns
    if quote_ns is not None and quote_ns > last_ns + _QUOTE_LEAD_NS:
        return ShortDayError(
            f"ticks end at {_clock(last_ns)}, but the contract's quote is of {_clock(quote_ns)}", _RETRY
        )
    return None


def _empty_fault(reading: Reading, window: DayWindow) -> FetchError:
    if len(reading.second_ids):
        return ShortDayError(f"no tick came at first, a second request brought {len(reading.second_ids)}", _RETRY)
    if reading.following_ns is not None and window.start_ns <= reading.following_ns < window.end_ns:
        return ShortDayError(f"the answer ended before its first tick at {_clock(reading.following_ns)}", _RETRY)
    if reading.promised_id is not None:
        return ShortDayError(f"a page from id {reading.promised_id} on came without its ticks", _RETRY)
    return ProviderEmptyError(
        f"the provider has no tick between {_clock(window.start_ns)} and {_clock(window.end_ns)}",
        "nothing to do if the contract did not trade",
    )


def _clock(stamp_ns: int | np.int64) -> str:
    return shanghai_time(int(stamp_ns)).isoformat(sep=" ", timespec="milliseconds")
