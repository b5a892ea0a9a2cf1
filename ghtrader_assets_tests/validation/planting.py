"""A day's columns as plain arrays, and what planting a fault in them takes.

Belongs here: the day, the fault that was planted, finding a place for one. Does not belong here: any fault.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

NS = 1_000_000_000
WARMUP_S = 60
Rows = npt.NDArray[np.int64]


@dataclass
class Day:
    """Columns of one day (all float64 but `tick_id` and `datetime_ns`), windows as (first second, last second)."""

    columns: dict[str, npt.NDArray[Any]]
    windows: tuple[tuple[int, int], ...]
    tick: float
    levels: int
    whole_seconds: bool
    longest_pause_s: float

    @property
    def n(self) -> int:
        return len(self.columns["tick_id"])

    @property
    def seconds(self) -> Rows:
        return self.columns["datetime_ns"] // NS

    def copy(self) -> Day:
        columns = {name: values.copy() for name, values in self.columns.items()}
        return Day(columns, self.windows, self.tick, self.levels, self.whole_seconds, self.longest_pause_s)

    def window_rows(self, window: tuple[int, int]) -> Rows:
        return np.flatnonzero((self.seconds >= window[0]) & (self.seconds <= window[1]))


@dataclass
class Planted:
    """A fault: the rule that must find it, the ids it must name (first five), how often, and what follows from it."""

    rule: str
    ids: tuple[int, ...] = ()
    count: int | None = None
    gap: tuple[int, int] | None = None
    implied: frozenset[str] = field(default_factory=frozenset)


Plant = Callable[[Day, np.random.Generator, slice], Planted]


def size(random: np.random.Generator) -> float:
    """How many times its threshold a fault is: 1.01 to 3."""
    return float(random.uniform(1.01, 3.0))


def spot(day: Day, random: np.random.Generator, region: slice, room: int = 1, lead_s: int = 65) -> int:
    """A row of the region with `room` rows after it in the same window, beyond the warm-up, without a pause around."""
    seconds = day.seconds
    for _ in range(5000):
        row = int(random.integers(region.start + 3, region.stop - room - 3))
        for first, last in day.windows:
            inside = first + lead_s <= seconds[row - 2] and seconds[row + room + 2] <= last - 5
            calm = np.diff(seconds[row - 2 : row + 3]).max() <= day.longest_pause_s
            if inside and calm:
                return row
    raise AssertionError("no place for the fault")


def ids_of(day: Day, rows: Rows | list[int]) -> tuple[int, ...]:
    return tuple(int(day.columns["tick_id"][row]) for row in sorted(rows)[:5])


def insert(day: Day, row: int, copies: int = 1, *, new_ids: bool = True) -> None:
    """Repeat `row` after itself; later ids move up so that they stay contiguous."""
    for name, values in day.columns.items():
        day.columns[name] = np.insert(values, row + 1, np.repeat(values[row], copies))
    ids = day.columns["tick_id"]
    if new_ids:
        ids[row + 1 :] = ids[row] + np.arange(1, len(ids) - row)


def usual_size(sizes: npt.NDArray[Any], day: Day, row: int, *, steady: bool = True) -> float:
    """The 95th percentile around `row`: the largest of its block of 512 evaluated ticks and the two next to it."""
    seconds = day.seconds
    opening = np.full(day.n, -1, dtype=np.int64)
    for first, last in day.windows:
        opening[(seconds >= first) & (seconds <= last)] = first
    warm = (opening >= 0) & (seconds - opening >= WARMUP_S)
    allowed = warm[1:]
    if steady:
        allowed = allowed & (opening[1:] == opening[:-1]) & (np.diff(seconds) <= day.longest_pause_s)
    else:
        allowed = np.concatenate(([warm[0]], allowed))
        sizes = np.concatenate(([0.0], sizes))
        row += 1
    rows = np.flatnonzero(allowed)
    blocks = max(1, len(rows) // 512)
    mine = min(int(np.searchsorted(rows, row - 1)) // 512, blocks - 1)
    percentiles = [
        np.sort(sizes[rows[block * 512 : (block + 1) * 512]])[int(0.95 * 511)]
        for block in range(max(0, mine - 1), min(blocks, mine + 2))
    ]
    return float(max(percentiles))
