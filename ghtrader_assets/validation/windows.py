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

Values are laid on a grid, the nearest in ratio, with 3 significant digits: ten values a decade (26 % apart), of
`still/S` forty (6 %), of `spacing` and `snapshot` five (58 %). The number of days is one of 0, `FEWEST_DAYS` and
`WINDOW_DAYS`. So a day that changes moves few baselines.
"""

from __future__ import annotations

import json
import math
from bisect import bisect_left, insort
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, timedelta
from typing import Final

import numpy as np

from ghtrader_assets.validation.baseline import Figures, significant
from ghtrader_assets.validation.evidence import Evidence
from ghtrader_assets.validation.intake import Floats
from ghtrader_assets.validation.verdicts import BaselineDay

WINDOW_DAYS: Final = 20
FEWEST_DAYS: Final = 5
LOOK_BACK: Final = timedelta(days=90)
STEPS_A_DECADE: Final = {"ticks": 10, "volume": 10, "still": 40, "spacing": 5, "snapshot": 5}

Sessions = Mapping[str, Figures]
Reader = Callable[[Sessions, str, str], float | None]


class Baselines:
    """The baselines of one symbol's days, from what its days gave; those that are not whole give nothing.

    `rolling`: many will be asked for, and each value is worked out for all days at once.
    """

    def __init__(self, days: Iterable[BaselineDay], *, rolling: bool = False) -> None:
        self._given: dict[date, Sessions] = {}
        self._days: list[date] = []
        self._rolled: dict[str, Floats] | None = {} if rolling else None
        for each in days:
            self.learn(each)

    def learn(self, row: BaselineDay) -> None:
        """Take what a day gives now in place of what it gave."""
        known = self._given.pop(row.trading_day, None) is not None
        if row.whole:
            self._given[row.trading_day] = json.loads(row.sessions_json)
            if not known:
                insort(self._days, row.trading_day)
        elif known:
            self._days.remove(row.trading_day)
        if self._rolled:
            self._rolled = {}

    def before(self, day: date, witness_digest: str = "") -> Evidence:
        """The evidence for a verdict on `day`."""
        end = bisect_left(self._days, day)
        start = max(0, end - WINDOW_DAYS, bisect_left(self._days, day - LOOK_BACK))
        number = max(each for each in (0, FEWEST_DAYS, WINDOW_DAYS) if each <= end - start)
        if not number:
            return Evidence(witness_digest=witness_digest)
        is_usual = self._rolled is not None and start == max(0, end - WINDOW_DAYS)
        values = _Rolling(self.rolled, end) if is_usual else _Window([self._given[d] for d in self._days[start:end]])
        return Evidence(values, number, witness_digest)

    def rolled(self, name: str) -> Floats:
        """The value of this name before each day, and after the last: kept, since a repair asks for ten years."""
        kept = {} if self._rolled is None else self._rolled
        if name not in kept:
            padded = np.concatenate(
                [np.full(WINDOW_DAYS, np.nan), _of_days(name, [self._given[d] for d in self._days])]
            )
            kept[name] = _statistic(name, np.lib.stride_tricks.sliding_window_view(padded, WINDOW_DAYS))
        return kept[name]


class _Window:
    """The values of one day's baseline, each worked out when it is first asked for."""

    def __init__(self, given: Sequence[Sessions]) -> None:
        self._given = given
        self._known: dict[str, float | None] = {}

    def get(self, name: str, /) -> float | None:
        if name not in self._known:
            days = np.full((1, WINDOW_DAYS), np.nan)
            days[0, : len(self._given)] = _of_days(name, self._given)
            self._known[name] = _laid(name, _statistic(name, days)[0])
        return self._known[name]


class _Rolling:
    """The values of one day's baseline among those of all days."""

    def __init__(self, rolled: Callable[[str], Floats], end: int) -> None:
        self._rolled, self._end = rolled, end

    def get(self, name: str, /) -> float | None:
        return _laid(name, self._rolled(name)[self._end])


def _laid(name: str, found: float) -> float | None:
    return None if math.isnan(found) else on_grid(float(found), STEPS_A_DECADE[name.partition("/")[0]])


def _of_days(name: str, given: Sequence[Sessions]) -> Floats:
    """The value of this name of each day; NaN where it has none."""
    family, _, rest = name.partition("/")
    session, _, part = rest.partition("/")
    values = (_READERS[family](sessions, session, part) for sessions in given)
    return np.array([math.nan if value is None else value for value in values], dtype=np.float64)


def on_grid(value: float, steps: int) -> float:
    """The nearest in ratio of so many values a decade; 0 stays 0."""
    return significant(10 ** (round(steps * math.log10(value)) / steps)) if value > 0 else 0.0


def _statistic(name: str, windows: Floats) -> Floats:
    """The value of each window (a row each), NaN where fewer than `FEWEST_DAYS` of its days have one."""
    ordered = np.sort(windows, axis=1)  # NaN last
    known = np.count_nonzero(~np.isnan(ordered), axis=1)
    rows = np.arange(len(ordered))
    if name == "snapshot":
        found = ordered[rows, np.maximum(known - 2, 0)]
    else:
        found = (ordered[rows, np.maximum(known - 1, 0) // 2] + ordered[rows, known // 2]) / 2
    return np.where(known >= FEWEST_DAYS, found, np.nan)


def _an_hour(figure: str) -> Reader:
    def read(sessions: Sessions, session: str, _part: str) -> float | None:
        found = sessions.get(session)
        return found[figure] * 3600 / found["strict_s"] if found and found["strict_s"] else None

    return read


def _still(sessions: Sessions, session: str, _part: str) -> float | None:
    return sessions.get(session, {}).get("still")


def _spacing(sessions: Sessions, session: str, part: str) -> float | None:
    return sessions.get(session, {}).get("spacings", {}).get(part)


def _snapshot(sessions: Sessions, _session: str, _part: str) -> float | None:
    return max((each["snapshot"] for each in sessions.values()), default=None)


_READERS: Final[Mapping[str, Reader]] = {
    "ticks": _an_hour("ticks"),
    "volume": _an_hour("volume"),
    "still": _still,
    "spacing": _spacing,
    "snapshot": _snapshot,
}
