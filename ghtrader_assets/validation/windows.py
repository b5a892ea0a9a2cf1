"""The baseline of a day: what the whole days before it have in common.

Belongs here: which days, the statistic of each value, the grid that it is laid on. Does not belong here: what a day
gives (`baseline`), what a verdict makes of a value.

A day's baseline is made of the last `WINDOW_DAYS` whole days of the symbol before it, none further back than
`LOOK_BACK`. A roll does not end the history of a continuous symbol. With fewer than `FEWEST_DAYS` there is none, and no
value of a session that fewer of them held.

| value | of a day | statistic |
|---|---|---|
| `ticks/S`, `volume/S` | ticks, lots an hour of the strict seconds of session `S` | median |
| `still/S` | ticks of the session that trade nothing for each one that trades | median |
| `spacing/S/HH:MM` | usual seconds between ticks of that quarter of an hour | median |
| `snapshot` | the largest trade of one snapshot | the second largest: no single day sets it |
| `edges/S/HH:MM` | 1 where the window that opens then ticks in its first and last 5 s, else 0 | the second smallest |
| `auction` | seconds from the call auction's tick to the day's opening | median, if 19 of 20 agree within 1 s |
| `content/S/C` | 1 where session `S`, or an hour of it, holds a content that `C` names | the largest |
| `level/S/F/V` | 1 where `V` is on the level of figure `F` (price, scale, interest) of session `S` | see below |

A price and a scale are on the level of the median, an open interest of the second largest: a day of an ended contract
that was still called the main one, or a product's first weeks, say nothing against more.

Values are laid on a grid, the nearest in ratio, with 3 significant digits: ten values a decade (26 % apart), of
`still/S` forty (6 %), of `auction` 500, of `spacing` and `snapshot` five (58 %). The number of days is one of 0,
`FEWEST_DAYS` and `WINDOW_DAYS`. So a day that changes moves few baselines.
"""

from __future__ import annotations

import json
import math
from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, timedelta
from functools import cached_property, lru_cache
from typing import Final

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from ghtrader_assets.validation.baseline import Figures, significant
from ghtrader_assets.validation.evidence import Evidence
from ghtrader_assets.validation.intake import Floats
from ghtrader_assets.validation.levels import INTEREST, LEVEL, PRICE, SCALE, is_on_level
from ghtrader_assets.validation.repeats import BETWEEN, CONTENT
from ghtrader_assets.validation.verdicts import BaselineDay

WINDOW_DAYS: Final = 20
FEWEST_DAYS: Final = 5
LOOK_BACK: Final = timedelta(days=90)
STEPS_A_DECADE: Final = {
    "ticks": 10,
    "volume": 10,
    "still": 40,
    "spacing": 5,
    "snapshot": 5,
    "edges": 1,
    "auction": 500,
    PRICE: 40,
    SCALE: 40,
    INTEREST: 40,
}

Sessions = Mapping[str, Figures]
ReadFigure = Callable[["_Given", str, str], "float | None"]


class _Given:
    """What one whole day gives, read when it is first asked for."""

    def __init__(self, row: BaselineDay) -> None:
        self._row = row

    @cached_property
    def sessions(self) -> Sessions:
        return json.loads(self._row.sessions_json)

    @cached_property
    def spacings(self) -> Mapping[str, Mapping[str, float]]:
        return json.loads(self._row.spacings_json)


class _Whole:
    """The whole days of a symbol, in order, with what they give. It never changes."""

    def __init__(self, days: list[date], given: list[_Given]) -> None:
        self.days, self.given = days, given
        self._rolled: dict[str, list[float | None]] = {}

    def held(self, name: str, end: int) -> float:
        """1 where one of the days before `end` held one of these contents, else 0."""
        _, session, contents = name.split("/")
        places = (place for each in contents.split(BETWEEN) for place in self._places.get((session, each), ()))
        return float(any(end - WINDOW_DAYS <= place < end for place in places))

    def on_level(self, name: str, end: int) -> float | None:
        """1 where a figure is on the level of the days before `end`, else 0; None where they have no such figure."""
        _, session, figure, value = name.split("/")
        usual = self.rolled(f"{figure}/{session}")[end]
        return None if not usual else float(is_on_level(figure, float(value), usual))

    @cached_property
    def _places(self) -> Mapping[tuple[str, str], Sequence[int]]:
        """Where each content of a session stands among the days."""
        places: dict[tuple[str, str], list[int]] = {}
        for place, given in enumerate(self.given):
            for session, figures in given.sessions.items():
                for content in (figures.get(CONTENT) or "").split(BETWEEN):
                    places.setdefault((session, content), []).append(place)
        return places

    def rolled(self, name: str) -> list[float | None]:
        """The value of this name before each day, and after the last: all at once, since many are asked for."""
        if name not in self._rolled:
            padded = np.concatenate([np.full(WINDOW_DAYS, np.nan), _of_days(name, self.given)])
            self._rolled[name] = _laid(name, _statistic(name, sliding_window_view(padded, WINDOW_DAYS)))
        return self._rolled[name]


class Baselines:
    """The baselines of one symbol's days, from what its days gave; those that are not whole give nothing."""

    def __init__(self, days: Iterable[BaselineDay]) -> None:
        whole = {each.trading_day: each for each in days if each.whole}
        self._whole = _Whole(sorted(whole), [_Given(whole[day]) for day in sorted(whole)])

    def learn(self, row: BaselineDay) -> None:
        """Take what a day gives now in place of what it gave. Evidence that was handed out stays as it was."""
        days, given = self._whole.days, self._whole.given
        place = bisect_left(days, row.trading_day)
        after = place + (place < len(days) and days[place] == row.trading_day)
        mine = [(row.trading_day, _Given(row))] if row.whole else []
        self._whole = _Whole(
            [*days[:place], *(day for day, _ in mine), *days[after:]],
            [*given[:place], *(gives for _, gives in mine), *given[after:]],
        )

    def before(self, day: date, witness_digest: str = "") -> Evidence:
        """The evidence for a verdict on `day`."""
        whole = self._whole
        end = bisect_left(whole.days, day)
        start = max(0, end - WINDOW_DAYS, bisect_left(whole.days, day - LOOK_BACK))
        number = max(each for each in (0, FEWEST_DAYS, WINDOW_DAYS) if each <= end - start)
        if not number:
            return Evidence(witness_digest=witness_digest)
        if start == max(0, end - WINDOW_DAYS):
            return Evidence(_Window(whole, end), number, witness_digest)
        recent = _Whole(whole.days[start:end], whole.given[start:end])
        return Evidence(_Window(recent, end - start), number, witness_digest)


class _Window:
    """The values of one day's baseline."""

    def __init__(self, whole: _Whole, end: int) -> None:
        self._whole, self._end = whole, end

    def get(self, name: str, /) -> float | None:
        if name.startswith(f"{CONTENT}/"):
            return self._whole.held(name, self._end)
        if name.startswith(f"{LEVEL}/"):
            return self._whole.on_level(name, self._end)
        return self._whole.rolled(name)[self._end]


def _laid(name: str, found: Floats) -> list[float | None]:
    """The values on their grid; None for NaN."""
    steps = STEPS_A_DECADE[name.partition("/")[0]]
    return [None if math.isnan(value) else on_grid(value, steps) for value in found.tolist()]


def _of_days(name: str, given: Sequence[_Given]) -> Floats:
    """The value of this name of each day; NaN where it has none."""
    family, _, rest = name.partition("/")
    session, _, part = rest.partition("/")
    values = (_READERS[family](each, session, part) for each in given)
    return np.array([math.nan if value is None else value for value in values], dtype=np.float64)


@lru_cache(maxsize=4096)
def on_grid(value: float, steps: int) -> float:
    """The nearest in ratio of so many values a decade; 0 stays 0."""
    return significant(10 ** (round(steps * math.log10(value)) / steps)) if value > 0 else 0.0


def _statistic(name: str, windows: Floats) -> Floats:
    """The value of each window (a row each), NaN where fewer than `FEWEST_DAYS` of its days have one."""
    ordered = np.sort(windows, axis=1)  # NaN last
    known = np.count_nonzero(~np.isnan(ordered), axis=1)
    rows = np.arange(len(ordered))
    largest = ordered[rows, np.maximum(known - 2, 0)]
    if name == "snapshot" or name.startswith(f"{INTEREST}/"):
        found = largest
    elif name.startswith("edges/"):
        found = ordered[rows, 1]
    else:
        found = (ordered[rows, np.maximum(known - 1, 0) // 2] + ordered[rows, known // 2]) / 2
    if name == "auction":
        found = np.where(largest - ordered[rows, 1] <= 1, found, np.nan)
    return np.where(known >= FEWEST_DAYS, found, np.nan)


def _an_hour(figure: str) -> ReadFigure:
    def read(given: _Given, session: str, _part: str) -> float | None:
        found = given.sessions.get(session)
        return found[figure] * 3600 / found["strict_s"] if found and found["strict_s"] else None

    return read


def _spacing(given: _Given, session: str, part: str) -> float | None:
    return given.spacings.get(session, {}).get(part)


def _edges(given: _Given, session: str, part: str) -> float | None:
    """Days that were taken before rules of version 6 have one figure for all windows of a session."""
    found: dict[str, float] | float | None = given.sessions.get(session, {}).get("edges")
    return found.get(part) if isinstance(found, dict) else found


def _figure(figure: str) -> ReadFigure:
    return lambda given, session, _part: given.sessions.get(session, {}).get(figure)


def _level(figure: str) -> ReadFigure:
    return lambda given, session, _part: given.sessions.get(session, {}).get(LEVEL, {}).get(figure)


def _auction(given: _Given, _session: str, _part: str) -> float | None:
    """That of the session which opened the day: after a holiday it is another one."""
    return next((each["auction"] for each in given.sessions.values() if each.get("auction") is not None), None)


def _snapshot(given: _Given, _session: str, _part: str) -> float | None:
    return max((each["snapshot"] for each in given.sessions.values()), default=None)


_READERS: Final[Mapping[str, ReadFigure]] = {
    "ticks": _an_hour("ticks"),
    "volume": _an_hour("volume"),
    "still": _figure("still"),
    "spacing": _spacing,
    "snapshot": _snapshot,
    "edges": _edges,
    "auction": _auction,
    **{figure: _level(figure) for figure in (PRICE, SCALE, INTEREST)},
}
