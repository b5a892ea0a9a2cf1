"""Tick pages out of `rtn_data` frames: typed parsing, a merge by id where a page is not as expected, and columns.

Belongs here: frames in, columns out; no I/O. Does not belong here: what is asked for and when (`lean`), what a field
may hold (`values`).

The fast form decodes a frame straight into structs and expects every tick once, whole, with numbers as numbers.
Anything else (a tick in pieces, a page sent twice, a text, a null, a number that no market has) is a surprise: then
all frames of the day are merged again the client's way, key by key, and the rest of the day stays with that form.
`id` and `datetime` are integers throughout.
"""

# pyright: reportPrivateUsage=false
# tqsdk is pinned to the byte; its merge is used as it is, so that a doubtful page is read as the client reads it.

# tqsdk has no types.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from itertools import chain
from operator import attrgetter
from typing import Any, Final, Protocol, cast

import msgspec
import numpy as np
import numpy.typing as npt
from tqsdk.data_series import DataSeries
from tqsdk.diff import _merge_diff
from tqsdk.entity import Entity
from tqsdk.objs import Tick

from ghtrader_assets.market.ticks import BOOK_COLUMNS, NUMERIC_COLUMNS
from ghtrader_assets.tq.bounds import Allowance
from ghtrader_assets.tq.values import DEFAULTS, LARGEST, Stamp, UnreadableTicks

Columns = dict[str, npt.NDArray[Any]]

_PROTOTYPE: Final = {"ticks": {"*": {"data": {"@": Tick(None)}}}}
"""From here the client takes the `DEFAULTS` of what the server leaves out."""


def delivered_columns(levels: int) -> tuple[str, ...]:
    """The numbers that the client delivers of a tick with `levels` levels."""
    beyond = BOOK_COLUMNS[4 * levels :]
    return tuple(name for name in NUMERIC_COLUMNS if name not in beyond)


class _Tick(Protocol):
    datetime: int


class Chart(msgspec.Struct):
    """What the server said of a chart so far."""

    left_id: int = -1
    right_id: int = -1
    ready: bool = False
    state: dict[str, Any] = {}

    def answers(self, request: Mapping[str, Any]) -> bool:
        """Whether the chart is ready and shows this request: the client's own rule."""
        return self.ready and request.items() <= self.state.items()


class Surprise(Exception):  # noqa: N818 - not an error: the reason to merge the slow way
    """A page is not as the fast form expects it."""


class DayBook:
    """The ticks of one contract as frames bring them. `slow` once the fast form met a surprise."""

    def __init__(self, contract: str, levels: int) -> None:
        self.slow = False
        self._allowance = Allowance()
        self._contract = contract
        self._levels = levels
        self._frames: list[bytes] = []
        self._form: _FastForm | _SlowForm = _FastForm(contract, levels)

    def expect(self, ticks: int) -> None:
        """So many more ticks were asked for: more than that is not taken in."""
        self._allowance.expect(ticks)

    def apply(self, frame: bytes) -> None:
        """Take a frame in. Raises `json.JSONDecodeError` if it is no JSON, `BrokenDayError` if it has another form,
        `UnfitAnswerError` if it is beyond what was asked for, `RecursionError` if it is nested too deep."""
        self._allowance.take(len(frame))
        self._frames.append(frame)
        try:
            self._form.apply(frame)
        except (Surprise, msgspec.MsgspecError):  # of the fast form only
            self._go_slowly()
        self._allowance.hold(self._form.held)

    def _go_slowly(self) -> None:
        self.slow = True
        self._form = _SlowForm(self._contract, self._levels)
        for earlier in self._frames:
            self._form.apply(earlier)

    @property
    def held(self) -> int:
        """How many different ticks have come."""
        return self._form.held

    def chart(self, chart_id: str) -> Chart:
        try:
            return msgspec.convert(self._form.charts.get(chart_id) or {}, Chart, strict=False)
        except msgspec.ValidationError:  # nulls of a chart being released
            return Chart()

    @property
    def last_id(self) -> int:
        return self._form.last_id

    def stamp(self, tick_id: int) -> int | None:
        """When the tick of this id was, if it was delivered."""
        return self._form.stamp(tick_id)

    def columns(self, start: int, end: int) -> Columns:
        """The delivered ticks of ids `[start, end)` in order of id, as columns; those without a readable stamp not.

        A number that no market has shows here: what is `unreadable` is known afterwards.
        """
        try:
            return self._form.columns(start, end)
        except Surprise:
            self._go_slowly()
            return self._form.columns(start, end)

    def unreadable(self, start: int, end: int) -> str:
        """What could not be read of the ticks of ids `[start, end)`; empty if nothing."""
        return self._form.unreadable.among(self._contract, start, end)


class _FastForm:
    def __init__(self, contract: str, levels: int) -> None:
        self.charts: dict[str, Any] = {}
        self.unreadable = UnreadableTicks()  # none: each would be a surprise
        self.last_id = -1
        self._contract = contract
        self._names = delivered_columns(levels)
        self._numbers_of: Callable[[Any], tuple[float, ...]] = attrgetter(*self._names)
        self._decoder = _decoder(levels)
        self._ticks: dict[int, _Tick] = {}

    def apply(self, frame: bytes) -> None:
        for patch in self._decoder.decode(frame).data:
            series = patch.ticks.get(self._contract)
            if series is not None:
                if not self._ticks.keys().isdisjoint(series.data):
                    raise Surprise
                self._ticks.update(series.data)
                if series.last_id is not None:
                    self.last_id = series.last_id
            _merge(self.charts, patch.charts)

    @property
    def held(self) -> int:
        return len(self._ticks)

    def stamp(self, tick_id: int) -> int | None:
        tick = self._ticks.get(tick_id)
        return tick.datetime if tick is not None else None

    def columns(self, start: int, end: int) -> Columns:
        ticks, have = self._ticks, self._ticks.__contains__
        ids = [tick_id for tick_id in range(start, end) if have(tick_id)]
        rows = [ticks[tick_id] for tick_id in ids]
        columns: Columns = {
            "tick_id": np.array(ids, dtype=np.int64),
            "datetime_ns": np.fromiter(map(_datetime_of, rows), dtype=np.int64, count=len(rows)),
        }
        numbers = np.fromiter(
            chain.from_iterable(map(self._numbers_of, rows)), dtype=np.float64, count=len(rows) * len(self._names)
        )
        if rows and max(np.fmax.reduce(numbers), -np.fmin.reduce(numbers)) > LARGEST:
            raise Surprise
        return columns | dict(zip(self._names, numbers.reshape(len(rows), len(self._names)).T, strict=True))


class _SlowForm:
    """The client's way, by the client's own merge: key by key into one tree; a null removes."""

    def __init__(self, contract: str, levels: int) -> None:
        self.charts: dict[str, Any] = {}
        self.unreadable = UnreadableTicks()
        self._contract = contract
        self._names = delivered_columns(levels)
        self._tree = Entity()
        self._tree._instance_entity([])

    def apply(self, frame: bytes) -> None:
        answer = json.loads(frame)
        self.unreadable.sift(answer)
        for patch in answer.get("data") or ():
            _merge(self.charts, patch.get("charts") or {})
            if "ticks" in patch:
                _merge_diff(self._tree, {"ticks": patch["ticks"]}, _PROTOTYPE, persist=False)

    @property
    def last_id(self) -> int:
        return int(self._series.get("last_id", -1))

    @property
    def held(self) -> int:
        return len(self._series.get("data", {}))

    @property
    def _series(self) -> Mapping[str, Any]:
        return self._tree.get("ticks", {}).get(self._contract, {})

    def stamp(self, tick_id: int) -> int | None:
        return self._series.get("data", {}).get(str(tick_id), {}).get("datetime") or None

    def columns(self, start: int, end: int) -> Columns:
        ids = [tick_id for tick_id in range(start, end) if self.stamp(tick_id)]
        rows = [self._series["data"][str(tick_id)] for tick_id in ids]
        columns: Columns = {
            "tick_id": np.array(ids, dtype=np.int64),
            "datetime_ns": np.array([row["datetime"] for row in rows], dtype=np.int64),
        }
        for name in self._names:
            values = (DataSeries._get_float_value(row, name) for row in rows)
            columns[name] = np.fromiter(values, dtype=np.float64, count=len(rows))
        return columns


def joined(pages: Sequence[Columns]) -> Columns:
    """The columns of successive pages as one."""
    return {name: np.concatenate([page[name] for page in pages]) for name in pages[0]}


def _merge(target: dict[str, Any], patch: Mapping[str, Any]) -> None:
    for key, value in patch.items():
        if value is None:
            target.pop(key, None)
        elif isinstance(value, dict):
            kept = target.get(key)
            if not isinstance(kept, dict):
                kept = target[key] = {}
            _merge(cast("dict[str, Any]", kept), cast("dict[str, Any]", value))
        else:
            target[key] = value


_datetime_of: Final[Callable[[Any], int]] = attrgetter("datetime")


@cache
def _decoder(levels: int) -> msgspec.json.Decoder[Any]:
    """A decoder of frames whose ticks have the numbers of `levels` levels; other keys are skipped."""
    numbers = [(name, float, DEFAULTS[name]) for name in delivered_columns(levels)]
    tick = msgspec.defstruct("Tick", [("datetime", Stamp), *numbers], gc=False)
    series = msgspec.defstruct("Series", [("data", dict[int, tick], {}), ("last_id", int | None, None)])
    patch = msgspec.defstruct("Patch", [("ticks", dict[str, series | None], {}), ("charts", dict[str, Any], {})])
    frame = msgspec.defstruct("Frame", [("aid", str), ("data", list[patch], [])])
    return msgspec.json.Decoder(frame)
