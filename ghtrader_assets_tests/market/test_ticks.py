"""The tick frame: ordinals, trimming, hashes and the digest, on random and on real recorded ticks."""

from __future__ import annotations

import struct
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ghtrader_assets.market.calendar import snapshot_calendar
from ghtrader_assets.market.ticks import (
    BOOK_COLUMNS,
    NUMERIC_COLUMNS,
    SCHEMA_HASH,
    TICK_SCHEMA,
    content_digest,
    five_level_rows,
    ordinals_within_instant,
    row_hashes,
    tick_frame,
    trim,
)

REAL = Path(__file__).parent.parent / "data" / "real_ticks_2019-09-12.csv"
STAMPS = st.lists(st.integers(0, 12), max_size=40).map(lambda items: np.array(items, dtype=np.int64) * 500)


def real_columns() -> dict[str, np.ndarray]:
    table = pl.read_csv(REAL)
    columns = {name: table[name].cast(pl.Float64).to_numpy() for name in NUMERIC_COLUMNS}
    return {"tick_id": table["id"].to_numpy(), "datetime_ns": table["datetime"].to_numpy(), **columns}


def made(stamps: np.ndarray, **columns: np.ndarray) -> pl.DataFrame:
    return tick_frame({"tick_id": np.arange(len(stamps)), "datetime_ns": stamps, **columns})


def changed(frame: pl.DataFrame, row: int, column: str, value: float) -> pl.DataFrame:
    values = frame[column].to_list()
    values[row] = value
    return frame.with_columns(pl.Series(column, values, dtype=frame.schema[column]))


def test_schema() -> None:
    assert SCHEMA_HASH == "6270bba406e22ffd"
    assert len(NUMERIC_COLUMNS) == 27
    assert len(BOOK_COLUMNS) == 20
    assert BOOK_COLUMNS[:5] == ("bid_price1", "bid_volume1", "ask_price1", "ask_volume1", "bid_price2")


@given(STAMPS)
@settings(max_examples=200, deadline=None)
def test_ordinals_count_the_rows_of_a_microsecond_in_source_order(stamps: np.ndarray) -> None:
    seen: dict[int, int] = {}
    expected = []
    for stamp in stamps:
        expected.append(seen.get(int(stamp) // 1000, 0))
        seen[int(stamp) // 1000] = expected[-1] + 1
    ordinals = ordinals_within_instant(stamps)
    assert ordinals.tolist() == expected
    assert ordinals.dtype == np.int32


@given(STAMPS)
@settings(max_examples=100, deadline=None)
def test_no_row_is_lost_under_the_key(stamps: np.ndarray) -> None:
    frame = made(stamps)
    assert frame.height == len(stamps)
    assert frame.select((pl.col("datetime_ns") // 1000).alias("ts"), "seq").n_unique() == len(stamps)


def test_missing_numbers_and_infinities_become_nan() -> None:
    frame = made(np.array([1000, 2000]), last_price=np.array([np.inf, 5.0]), volume=np.array([3, 4]))
    assert np.isnan(frame["last_price"][0])
    assert frame["last_price"][1] == 5.0
    assert frame["volume"].to_list() == [3.0, 4.0]
    assert frame["average"].is_nan().all()
    assert frame.null_count().to_numpy().sum() == 0
    assert frame.schema == TICK_SCHEMA


def slow_hash(stamp: int, numbers: list[float]) -> int:
    value = 1469598103934665603
    words = [stamp, *(0.0 if number != number else number for number in numbers)]  # noqa: PLR0124 - NaN
    for word in words:
        bits = struct.unpack("<Q", struct.pack("<q" if isinstance(word, int) else "<d", word))[0]
        value = ((value ^ bits) * 1099511628211) % 2**64
    return value - 2**64 if value >= 2**63 else value


NUMBERS = st.lists(
    st.one_of(st.floats(allow_infinity=False, width=64), st.just(float("nan"))),
    min_size=len(NUMERIC_COLUMNS),
    max_size=len(NUMERIC_COLUMNS),
)


@given(st.lists(st.tuples(st.integers(0, 2**62), NUMBERS), max_size=4))
@settings(max_examples=100, deadline=None)
def test_row_hashes_agree_with_a_slow_reference(rows: list[tuple[int, list[float]]]) -> None:
    columns = {name: np.array([numbers[i] for _, numbers in rows]) for i, name in enumerate(NUMERIC_COLUMNS)}
    frame = made(np.array([stamp for stamp, _ in rows], dtype=np.int64), **columns)
    assert row_hashes(frame).tolist() == [slow_hash(stamp, numbers) for stamp, numbers in rows]


def test_real_ticks() -> None:
    columns = real_columns()
    frame = tick_frame(columns)
    assert frame.height == 200
    assert five_level_rows(frame) == 200
    assert frame["seq"].sum() == 0
    assert trim(frame, snapshot_calendar().window(date(2019, 9, 12))).equals(frame)
    assert trim(frame, snapshot_calendar().window(date(2019, 9, 11))).is_empty()
    hashes = [
        slow_hash(int(stamp), [float(columns[name][i]) for name in NUMERIC_COLUMNS])
        for i, stamp in enumerate(columns["datetime_ns"])
    ]
    assert row_hashes(frame).tolist() == hashes
    assert len(set(hashes)) == 200


def test_only_five_level_rows_are_counted_as_such() -> None:
    columns = real_columns()
    first_level = {name: values for name, values in columns.items() if name[-1] not in "2345"}
    assert five_level_rows(tick_frame(first_level)) == 0
    assert five_level_rows(tick_frame(first_level | {"ask_volume3": np.zeros(200)})) == 0
    assert five_level_rows(tick_frame(first_level | {"ask_volume3": np.arange(200.0)})) == 199


def test_digest_is_fixed() -> None:
    assert content_digest(tick_frame(real_columns())) == "f057cf6daab7ab0529c7ff8fccda3573"
    assert len(content_digest(pl.DataFrame(schema=TICK_SCHEMA))) == 32


@given(st.integers(0, 199), st.sampled_from([*NUMERIC_COLUMNS, "tick_id", "datetime_ns", "seq"]))
@settings(max_examples=100, deadline=None)
def test_digest_sees_every_cell(row: int, column: str) -> None:
    frame = tick_frame(real_columns())
    other = changed(frame, row, column, frame[column][row] + 1)
    assert content_digest(other) != content_digest(frame)


def test_digest_tells_nan_from_zero_and_no_nan_from_another() -> None:
    frame = tick_frame(real_columns())
    nan, zero = changed(frame, 7, "average", float("nan")), changed(frame, 7, "average", 0.0)
    assert content_digest(nan) != content_digest(zero)
    assert row_hashes(nan).tolist() == row_hashes(zero).tolist()
    odd_nan = struct.unpack("<d", struct.pack("<Q", 0x7FF8000000000123))[0]
    assert content_digest(changed(frame, 7, "average", odd_nan)) == content_digest(nan)


@given(st.randoms(use_true_random=False))
@settings(max_examples=25, deadline=None)
def test_digest_counts_rows_in_stored_order(random: object) -> None:
    stamps = np.array([3000, 1000, 1000, 2000, 1000, 3000], dtype=np.int64)
    frame = made(stamps, volume=np.arange(6.0))
    order = list(range(6))
    random.shuffle(order)  # type: ignore[attr-defined]
    assert content_digest(frame[order]) == content_digest(frame)


def test_digest_sees_a_swap_of_two_rows_of_one_instant() -> None:
    stamps = np.array([1000, 1000], dtype=np.int64)
    rising = made(stamps, volume=np.array([1.0, 2.0]))
    falling = made(stamps, volume=np.array([2.0, 1.0]))
    assert content_digest(rising) != content_digest(falling)


@pytest.mark.parametrize("rows", [0, 1, 200])
def test_digest_does_not_depend_on_the_chunks_of_a_frame(rows: int) -> None:
    frame = tick_frame(real_columns())[:rows]
    parts = pl.concat([frame[: rows // 2], frame[rows // 2 :]], rechunk=False)
    assert content_digest(parts) == content_digest(frame)
