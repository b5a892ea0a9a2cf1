"""Years of ticks or bars by id, on demand: which day holds an id or an instant, and that day's columns.

Belongs here: the arithmetic of ids (contiguous per symbol from its first served day on) and the cache of columns.
Does not belong here: how they are made (`model`, `model2`, `bars`) or written (`render`), what a chart is (`charts`).
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from operator import attrgetter

import numpy as np
import numpy.typing as npt

from ghtrader_assets.errors import BadInputError
from ghtrader_assets.exchange import model as model_1
from ghtrader_assets.exchange import model2 as model_2
from ghtrader_assets.exchange.bars import DAY_NS, DURATIONS, bar_starts, bars_after_loss, bars_of
from ghtrader_assets.exchange.contracts import Contract, contract_named, main_changes
from ghtrader_assets.exchange.daily import life_of
from ghtrader_assets.exchange.model import Columns, Made
from ghtrader_assets.exchange.revisions import (
    COUNTED_BY_COLUMNS,
    Revisions,
    place_in_day,
    revised_columns,
    revised_count,
)
from ghtrader_assets.exchange.specs import Model, specs_of
from ghtrader_assets.market.calendar import snapshot_calendar
from ghtrader_assets.market.symbols import parse_symbol


@dataclass(frozen=True, slots=True)
class DayOfTicks:
    """One trading day of a symbol, in ticks or bars: ids `[first_id, first_id + count)`, taken from `contract`."""

    contract: Contract
    day: date
    first_id: int
    count: int

    @property
    def end_id(self) -> int:
        return self.first_id + self.count


@dataclass(frozen=True)
class Series:
    """All days of a symbol that are served, in order, with the revisions that one reader sees.

    `last_id` is -1 for a symbol without any tick. `duration_ns` is 0 for ticks, a bar's length for bars.
    """

    symbol: str
    days: tuple[DayOfTicks, ...]
    revisions: Revisions
    last_id: int
    duration_ns: int = 0

    def span(self, start: int, end: int) -> list[tuple[DayOfTicks, int, int]]:
        """The days that hold ids of `[start, end)`, each with the part of it as ids; beyond `last_id` is nothing."""
        start, end = max(start, 0), min(end, self.last_id + 1)
        found: list[tuple[DayOfTicks, int, int]] = []
        index = bisect_right(self.days, start, key=attrgetter("end_id"))
        while start < end:
            day = self.days[index]
            if day.count:
                found.append((day, start, min(end, day.end_id)))
                start = min(end, day.end_id)
            index += 1
        return found

    def id_from(self, instant_ns: int, seed: int) -> int:
        """The id of the first tick or bar at or after an instant; one after the last tick if there is none."""
        calendar = snapshot_calendar()
        if not self.days or instant_ns <= calendar.window(self.days[0].day).start_ns:
            return 0
        if instant_ns >= calendar.window(self.days[-1].day).end_ns:
            return self.last_id + 1
        day = calendar.trading_day_of(instant_ns)
        index = bisect_left(self.days, day, key=lambda item: item.day)
        found = self.days[index]
        if found.day != day or not found.count:
            return min(found.first_id, self.last_id + 1)
        stamps = self._stamps(found, seed)
        return min(found.first_id + int(np.searchsorted(stamps, instant_ns, side="left")), self.last_id + 1)

    def columns(self, day: DayOfTicks, seed: int) -> Columns:
        """The columns of one of its days. Not to be changed by the caller."""
        if self.duration_ns:
            return _bars_of(day.contract, day.day, self.duration_ns, self.revisions, seed)
        return columns_of(day.contract, day.day, self.revisions, seed)

    def _stamps(self, day: DayOfTicks, seed: int) -> npt.NDArray[np.int64]:
        if self.duration_ns:
            return bar_starts(day.contract, day.day, self.duration_ns)
        return stamps_of(day.contract, day.day, self.revisions, seed)


@lru_cache(maxsize=256)
def series_of(symbol: str, end: date, revisions: Revisions, model: Model, duration_ns: int = 0) -> Series | None:
    """The ticks, or bars of `duration_ns`, of a contract or a `KQ.m@` alias up to trading day `end`.

    None for an unknown symbol, and for bars that are not served.
    """
    parts = _parts(symbol, end, model)
    if parts is None or duration_ns not in (0, *DURATIONS):
        return None
    days: list[DayOfTicks] = []
    next_id = 0
    for contract, first, last in parts:
        life = life_of(contract, model.seed)
        for day, count in zip(life.days, life.counts.tolist(), strict=True):
            if first <= day <= last:
                left = _count_left(contract, day, count, revisions, model.seed, duration_ns)
                days.append(DayOfTicks(contract, day, next_id, left))
                next_id += left
    return Series(symbol, tuple(days), revisions, _cut(days, next_id, revisions) - 1, duration_ns)


def _count_left(contract: Contract, day: date, count: int, revisions: Revisions, seed: int, duration_ns: int) -> int:
    """How many ticks, of `count`, or bars a contract's day has for a reader with these revisions."""
    left = revised_count(count, day, revisions)
    if duration_ns and left:
        return len(bar_starts(contract, day, duration_ns))
    if left and any(revision.kind in COUNTED_BY_COLUMNS and revision.touches(day) for revision in revisions):
        return len(columns_of(contract, day, revisions, seed)["datetime_ns"])
    return left


def made_day(contract: Contract, day: date, seed: int, *, with_book: bool = True) -> Made:
    """A contract's trading day as its model makes it."""
    maker = model_1 if contract.spec.model == 1 else model_2
    return maker.made_day(contract, day, seed, with_book=with_book)


@lru_cache(maxsize=6)
def columns_of(contract: Contract, day: date, revisions: Revisions, seed: int) -> Columns:
    """The columns of a contract-day as a reader with these revisions sees them. Not to be changed by the caller."""
    return revised_columns(made_day(contract, day, seed).columns, contract, day, revisions)


@lru_cache(maxsize=2048)
def _bars_of(contract: Contract, day: date, duration_ns: int, revisions: Revisions, seed: int) -> Columns:
    """The bars of a contract-day; those of a reader with revisions lost the minutes of the ticks that are gone."""
    touching = frozenset(revision for revision in revisions if revision.touches(day))
    if not touching and duration_ns == DAY_NS and contract.spec.model == 2:
        return model_2.day_bar(contract, day, seed)
    made = made_day(contract, day, seed, with_book=False)
    bars = bars_of(contract, day, duration_ns, made, seed)
    if not touching:
        return bars
    left = revised_columns(made.columns, contract, day, touching)
    return bars_after_loss(bars, made.columns["datetime_ns"], left["datetime_ns"])


@lru_cache(maxsize=128)
def stamps_of(contract: Contract, day: date, revisions: Revisions, seed: int) -> npt.NDArray[np.int64]:
    """When the ticks of a contract-day are, epoch ns: all that finding an id takes, for many days."""
    return columns_of(contract, day, revisions, seed)["datetime_ns"].copy()


def _parts(symbol: str, end: date, model: Model) -> list[tuple[Contract, date, date]] | None:
    """Which contracts make up a symbol, and from which day to which."""
    contract = contract_named(symbol, model.number)
    if contract is not None:
        return [(contract, contract.first_served, end)]
    try:
        parsed = parse_symbol(symbol)
    except BadInputError:
        return None
    spec = specs_of(model.number).get(f"{parsed.exchange}.{parsed.product}")
    if spec is None or parsed.kind != "main":
        return None
    changes = main_changes(spec, end)
    calendar = snapshot_calendar()
    lasts = [*(calendar.previous(day) for day, _ in changes[1:]), end]
    return [(contract, day, last) for (day, contract), last in zip(changes, lasts, strict=True)]


def _cut(days: list[DayOfTicks], end_id: int, revisions: Revisions) -> int:
    """Where the history ends for a reader who meets a truncated day."""
    for revision in revisions:
        if revision.kind == "truncated":
            for day in days:
                if revision.day is not None and revision.touches(day.day) and day.count:
                    end_id = min(end_id, day.first_id + place_in_day(revision, day.count))
    return end_id
