"""The two forms of page parsing read alike whatever a server may send, and like the client's own merge."""

from __future__ import annotations

import json
import random
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from tqsdk.data_series import DataSeries
from tqsdk.diff import _merge_diff
from tqsdk.entity import Entity
from tqsdk.objs import Tick

from ghtrader_assets.tq.pages import DayBook, delivered_columns, joined
from ghtrader_assets.tq.values import LARGEST

CONTRACT = "SHFE.cu2602"
NAMES = delivered_columns(5)
STAMP = 1_767_618_001_123_000_000

numbers = st.one_of(
    st.integers(-(10**6), 10**15),
    st.floats(-LARGEST, LARGEST),
    st.decimals(0, 10**6, places=4).map(float),
)
odd_numbers = st.one_of(numbers, st.just("-"), st.just("NaN"), st.just(""), st.none())


@st.composite
def ticks(draw: st.DrawFn, values: Any = numbers) -> dict[int, dict[str, Any]]:
    first = draw(st.integers(0, 10**7))
    count = draw(st.integers(1, 12))
    stamp = STAMP
    page = {}
    for tick_id in range(first, first + count):
        stamp += draw(st.integers(0, 3)) * 1_000_001
        left_out = draw(st.sets(st.sampled_from(NAMES), max_size=2))
        page[tick_id] = {"datetime": stamp} | {name: draw(values) for name in NAMES if name not in left_out}
    return page


def frame_of(*patches: dict[str, Any]) -> bytes:
    return json.dumps({"aid": "rtn_data", "data": list(patches)}).encode()


def patch_of(page: dict[int, dict[str, Any]], **more: Any) -> dict[str, Any]:
    return {"ticks": {CONTRACT: {"data": {str(tick_id): tick for tick_id, tick in page.items()}, **more}}}


def as_the_client_reads(frames: list[bytes], first: int, end: int) -> dict[str, np.ndarray]:
    """tqsdk's own merge and its own conversion of a tick to a row."""
    tree = Entity()
    tree._instance_entity([])
    prototype = {"ticks": {"*": {"data": {"@": Tick(None)}}}}
    for frame in frames:
        for patch in json.loads(frame)["data"]:
            _merge_diff(tree, patch, prototype, persist=False)
    data = tree["ticks"][CONTRACT]["data"]
    rows = [data[str(tick_id)] for tick_id in range(first, end)]
    columns: dict[str, Any] = {name: [DataSeries._get_float_value(row, name) for row in rows] for name in NAMES}
    return {"datetime_ns": np.array([row["datetime"] for row in rows], dtype=np.int64)} | {
        name: np.array(values, dtype=np.float64) for name, values in columns.items()
    }


def require_equal(frames: list[bytes], page: dict[int, Any], *, slow: bool | None = None) -> None:
    book = DayBook(CONTRACT, 5)
    for frame in frames:
        book.apply(frame)
    if slow is not None:
        assert book.slow is slow
    first, end = min(page), max(page) + 1
    columns = book.columns(first, end)
    assert columns["tick_id"].tolist() == list(range(first, end))
    wanted = as_the_client_reads(frames, first, end)
    for name, values in wanted.items():
        np.testing.assert_array_equal(columns[name], values, err_msg=name)


@given(page=ticks())
@settings(max_examples=30, deadline=None)
def test_a_plain_page_is_read_fast(page: dict[int, dict[str, Any]]) -> None:
    require_equal([frame_of(patch_of(page, last_id=max(page)))], page, slow=False)


@given(page=ticks(odd_numbers), seed=st.integers(0, 1000))
@settings(max_examples=60, deadline=None)
def test_pieces_repeats_quotes_and_extra_keys(page: dict[int, dict[str, Any]], seed: int) -> None:
    """Every tick cut into pieces in any order, some sent twice, with unknown keys, over several frames."""
    dice = random.Random(seed)
    pieces: list[dict[int, dict[str, Any]]] = []
    for tick_id, tick in page.items():
        keys = list(tick)
        dice.shuffle(keys)
        cut = dice.randrange(1, len(keys))
        pieces += [{tick_id: {key: tick[key] for key in part} | {"colour": "red"}} for part in (keys[:cut], keys[cut:])]
    dice.shuffle(pieces)
    pieces += [piece for piece in pieces if dice.random() < 0.2]
    frames = [frame_of(*(patch_of(piece) for piece in pieces[low : low + 3])) for low in range(0, len(pieces), 3)]
    require_equal(frames, page)


def test_charts_merge_and_are_released() -> None:
    book = DayBook(CONTRACT, 1)
    request = {"chart_id": "a", "left_kline_id": 5}
    state = {**request, "focus_datetime": None}
    book.apply(frame_of({"charts": {"a": {"left_id": 5, "right_id": 9, "state": state}}}))
    assert not book.chart("a").answers(request)
    book.apply(frame_of({"charts": {"a": {"ready": True}}}, {"charts": {"b": None}}))
    assert book.chart("a").answers(request)
    assert not book.chart("a").answers(request | {"left_kline_id": 15})
    book.apply(frame_of({"charts": {"a": None}}))
    assert not book.chart("a").ready


def test_pages_join_in_order() -> None:
    book = DayBook(CONTRACT, 1)
    book.apply(frame_of(patch_of({tick_id: {"datetime": STAMP, "last_price": 1} for tick_id in range(3, 9)})))
    columns = joined([book.columns(3, 6), book.columns(6, 9)])
    assert columns["tick_id"].tolist() == [3, 4, 5, 6, 7, 8]
    assert columns["last_price"].tolist() == [1.0] * 6
    assert np.isnan(columns["average"]).all()
