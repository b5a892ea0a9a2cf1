"""A tick frame as arrays in one canonical order, whatever state the frame is in.

Belongs here: reading columns out of a frame, mending what can be mended, counting what can't.
Does not belong here: judging the values (`coverage`, `quality`).

The canonical order is the source's: by tick id. A frame in source order and the same rows read back in the order of
the store give the same arrays, so both are judged alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

from ghtrader_assets.market.sessions import SessionWindow
from ghtrader_assets.market.ticks import NUMERIC_COLUMNS, DayWindow

NS: Final = 1_000_000_000
OUTSIDE: Final = -1

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class DayTicks:
    """The ticks of one symbol-day as arrays of one length, in canonical order.

    `window_of` is the index of the session window a tick falls in, or `OUTSIDE`. `faults` says what was wrong with
    the frame itself; `disorder` counts ticks whose id is below that of the tick before;
    columns that are not `holed` have every value.
    """

    ids: Ints
    stamps: Ints
    seconds: Ints
    window_of: npt.NDArray[np.int8]
    numbers: dict[str, Floats]
    windows: tuple[SessionWindow, ...]
    has_ids: bool = True
    holed: frozenset[str] = frozenset()
    outside_window_rows: int = 0
    disorder: int = 0
    faults: tuple[str, ...] = ()

    @property
    def n(self) -> int:
        """How many ticks there are."""
        return len(self.ids)

    @cached_property
    def window_runs(self) -> tuple[tuple[slice, int], ...]:
        """The stretches of ticks of one window (or outside), in order: usually as many as there are windows."""
        edges = 1 + np.flatnonzero(self.window_of[1:] != self.window_of[:-1])
        bounds = [0, *(int(edge) for edge in edges), self.n]
        return tuple((slice(a, b), int(self.window_of[a])) for a, b in pairwise(bounds) if b > a)

    def missing(self, name: str) -> Bools | None:
        """Which ticks lack a value of a column; None where none does."""
        return np.isnan(self.numbers[name]) if name in self.holed else None

    @cached_property
    def known_volume(self) -> Floats:
        """The cumulative volume at each tick: where it is missing the last one known, 0 before the first."""
        volume, missing = self.numbers["volume"], self.missing("volume")
        if missing is None:
            return volume
        last = np.maximum.accumulate(np.where(missing, -1, np.arange(self.n)))
        return np.where(last >= 0, volume[last], 0.0)

    def take(self, rows: Ints) -> DayTicks:
        """The ticks at `rows`, in that order."""
        return replace(
            self,
            ids=self.ids[rows],
            stamps=self.stamps[rows],
            seconds=self.seconds[rows],
            window_of=self.window_of[rows],
            numbers={name: values[rows] for name, values in self.numbers.items()},
        )


def ticks_of_frame(
    frame: pl.DataFrame, windows: Sequence[SessionWindow], day_window: DayWindow | None = None
) -> DayTicks:
    """Read a frame. Never raises: a missing or unreadable column is NaN throughout and named in `faults`.

    Rows outside `day_window` are no part of the trading day: left out and counted.
    """
    faults: list[str] = []
    stamps, present = _stamps(frame, faults)
    has_ids, ids = _ids(frame, faults)
    holed: set[str] = set()
    numbers = {name: _numbers(frame, name, faults, holed) for name in NUMERIC_COLUMNS}
    seq = _sequence(frame)
    keep = present
    if day_window is not None:
        keep = present & (stamps >= day_window.start_ns) & (stamps < day_window.end_ns)
    outside = int(np.count_nonzero(present & ~keep))
    order, disorder = _canonical_order(ids, stamps, seq)
    if order is not None or not keep.all():
        rows = np.arange(frame.height) if order is None else order
        rows = rows[keep[rows]]
        stamps, ids = stamps[rows], ids[rows]
        numbers = {name: values[rows] for name, values in numbers.items()}
    seconds = stamps // NS
    ordered = tuple(sorted(windows, key=lambda window: window.start_ns))
    return DayTicks(
        ids=ids,
        stamps=stamps,
        seconds=seconds,
        window_of=_windows_of(seconds, ordered),
        numbers=numbers,
        windows=ordered,
        has_ids=has_ids,
        holed=frozenset(holed),
        outside_window_rows=outside,
        disorder=disorder,
        faults=tuple(faults),
    )


def _stamps(frame: pl.DataFrame, faults: list[str]) -> tuple[Ints, Bools]:
    series = _column(frame, "datetime_ns", faults)
    if series is None:
        return np.zeros(frame.height, dtype=np.int64), np.zeros(frame.height, dtype=np.bool_)
    if isinstance(series.dtype, pl.Datetime):
        faults.append("datetime_ns is no integer")
        series = series.dt.timestamp("ns") if series.dtype.time_unit == "ns" else series.dt.epoch("us") * 1000
    elif series.dtype != pl.Int64:
        faults.append(f"datetime_ns is {series.dtype}")
        series = _cast(series, pl.Int64)
    missing = series.null_count()
    if missing:
        faults.append(f"datetime_ns is missing in {missing} rows")
    present = series.is_not_null().to_numpy()
    return np.ascontiguousarray(series.fill_null(0).to_numpy(), dtype=np.int64), present


def _ids(frame: pl.DataFrame, faults: list[str]) -> tuple[bool, Ints]:
    series = _column(frame, "tick_id", faults)
    if series is not None and series.dtype != pl.Int64:
        faults.append(f"tick_id is {series.dtype}")
        series = _cast(series, pl.Int64)
    if series is None or series.null_count():
        if series is not None:
            faults.append(f"tick_id is missing in {series.null_count()} rows")
        return False, np.arange(frame.height, dtype=np.int64)
    return True, np.ascontiguousarray(series.to_numpy(), dtype=np.int64)


def _numbers(frame: pl.DataFrame, name: str, faults: list[str], holed: set[str]) -> Floats:
    series = _column(frame, name, faults)
    if series is None:
        holed.add(name)
        return np.full(frame.height, np.nan)
    if series.dtype != pl.Float64:
        if not series.dtype.is_numeric():
            faults.append(f"{name} is {series.dtype}")
        series = _cast(series, pl.Float64)
    if series.null_count():
        series = series.fill_null(np.nan)
    values = np.ascontiguousarray(series.to_numpy(), dtype=np.float64)
    if np.isfinite(values).all():
        return values
    holed.add(name)
    infinite = np.isinf(values)
    if infinite.any():
        faults.append(f"{name} is infinite in {int(infinite.sum())} rows")
        return np.where(infinite, np.nan, values)
    return values


def _sequence(frame: pl.DataFrame) -> Ints:
    if "seq" not in frame.columns or not frame["seq"].dtype.is_integer():
        return np.zeros(frame.height, dtype=np.int64)
    return np.ascontiguousarray(frame["seq"].fill_null(0).to_numpy(), dtype=np.int64)


def _column(frame: pl.DataFrame, name: str, faults: list[str]) -> pl.Series | None:
    if name in frame.columns:
        return frame[name]
    faults.append(f"column {name} is missing")
    return None


def _cast(series: pl.Series, dtype: type[pl.Float64] | type[pl.Int64]) -> pl.Series:
    try:
        return series.cast(dtype, strict=False)
    except pl.exceptions.PolarsError:
        return pl.Series(series.name, [None] * len(series), dtype=dtype)


def _canonical_order(ids: Ints, stamps: Ints, seq: Ints) -> tuple[Ints | None, int]:
    """The permutation into source order (None: it is that already) and how many ids fall in the order given.

    The store's order, by microsecond and ordinal, is as legitimate as the source's.
    """
    steps = np.diff(ids)
    if not (steps < 0).any():
        return None, 0
    ahead = np.diff(stamps // 1000)
    forward = (ahead > 0) | ((ahead == 0) & (np.diff(seq) >= 0))
    disorder = 0 if forward.all() else int(np.count_nonzero(steps < 0))
    return np.lexsort((seq, stamps, ids)), disorder


def _windows_of(seconds: Ints, windows: Sequence[SessionWindow]) -> npt.NDArray[np.int8]:
    """The window of each second; opening and closing second belong to it."""
    found = np.full(len(seconds), OUTSIDE, dtype=np.int8)
    ordered = not (np.diff(seconds) < 0).any()
    for index, window in enumerate(windows):
        first, last = window.start_ns // NS, window.end_ns // NS
        if ordered:
            found[np.searchsorted(seconds, first) : np.searchsorted(seconds, last, side="right")] = index
        else:
            found[(seconds >= first) & (seconds <= last)] = index
    return found
