"""Frames no source should deliver: nothing crashes, everything is named."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ghtrader_assets.market.ticks import NUMERIC_COLUMNS, TICK_SCHEMA, tick_frame
from ghtrader_assets_tests.validation.days import clean_day, judge_frame

CONTRACT = "SHFE.rb2605"


def clean(rows: int = 3000) -> pl.DataFrame:
    return tick_frame(clean_day(CONTRACT).columns).head(rows)


def _replaced(name: str, values: Any, dtype: Any = None) -> pl.DataFrame:
    frame = clean()
    return frame.with_columns(pl.Series(name, values if isinstance(values, list) else [values] * frame.height, dtype))


CASES: dict[str, Any] = {
    **{f"no column {name}": (lambda name=name: clean().drop(name)) for name in NUMERIC_COLUMNS[:12]},
    "no id": lambda: clean().drop("tick_id"),
    "no time": lambda: clean().drop("datetime_ns"),
    "no seq": lambda: clean().drop("seq"),
    "no columns at all": pl.DataFrame,
    "no rows": lambda: pl.DataFrame(schema=TICK_SCHEMA),
    "one row": lambda: clean(1),
    "two rows": lambda: clean(2),
    "only ids": lambda: clean().select("tick_id"),
    "null ids": lambda: _replaced("tick_id", None, pl.Int64),
    "null times": lambda: _replaced("datetime_ns", None, pl.Int64),
    "some null times": lambda: clean().with_columns(
        datetime_ns=pl.when(pl.col("tick_id") % 7 == 0).then(None).otherwise(pl.col("datetime_ns"))
    ),
    "NaN times": lambda: _replaced("datetime_ns", float("nan"), pl.Float64),
    "times as text": lambda: _replaced("datetime_ns", "99:99:99.9", pl.String),
    "huge text": lambda: _replaced("last_price", "9" * 10_000, pl.String),
    "text prices": lambda: clean().with_columns(pl.col("last_price").cast(pl.String)),
    "list prices": lambda: _replaced("last_price", [[1.0]] * 3000, pl.List(pl.Float64)),
    "boolean prices": lambda: _replaced("last_price", True, pl.Boolean),
    "date prices": lambda: _replaced("last_price", datetime(2026, 1, 1, tzinfo=UTC)),
    "integer prices": lambda: clean().with_columns(pl.col("last_price").cast(pl.Int64)),
    "float32 prices": lambda: clean().with_columns(pl.col("last_price").cast(pl.Float32)),
    "null prices": lambda: _replaced("last_price", None, pl.Float64),
    "infinite prices": lambda: _replaced("bid_price1", float("inf"), pl.Float64),
    "minus infinite volume": lambda: _replaced("volume", float("-inf"), pl.Float64),
    "all NaN": lambda: clean().with_columns(pl.lit(float("nan")).alias(name) for name in NUMERIC_COLUMNS),
    "all zero": lambda: clean().with_columns(pl.lit(0.0).alias(name) for name in NUMERIC_COLUMNS),
    "all negative": lambda: clean().with_columns(-pl.col(name) for name in NUMERIC_COLUMNS),
    "enormous": lambda: clean().with_columns(pl.lit(1.7e308).alias(name) for name in NUMERIC_COLUMNS),
    "denormal": lambda: clean().with_columns(pl.lit(5e-324).alias(name) for name in NUMERIC_COLUMNS),
    "reversed": lambda: clean().reverse(),
    "shuffled": lambda: clean().sample(fraction=1.0, shuffle=True, seed=1),
    "every row ten times": lambda: pl.concat([clean()] * 10),
    "one row a thousand times": lambda: pl.concat([clean(1)] * 1000),
    "one instant": lambda: _replaced("datetime_ns", 1_767_661_200_000_000_000, pl.Int64),
    "the epoch": lambda: _replaced("datetime_ns", 0, pl.Int64),
    "the end of time": lambda: _replaced("datetime_ns", 2**63 - 1, pl.Int64),
    "before time": lambda: _replaced("datetime_ns", -(2**63), pl.Int64),
    "zoned datetimes": lambda: clean().with_columns(
        pl.from_epoch("datetime_ns", time_unit="ns").dt.replace_time_zone("Asia/Shanghai").alias("datetime_ns")
    ),
    "microsecond datetimes": lambda: clean().with_columns(
        (pl.col("datetime_ns") // 1000).cast(pl.Datetime("us")).alias("datetime_ns")
    ),
    "falling volume": lambda: clean().with_columns(volume=-pl.col("volume") + 1e6),
    "volume near the largest number": lambda: clean(3).with_columns(volume=pl.Series([6e305, 0.0, 1.8e306])),
    "extra columns": lambda: clean().with_columns(pl.lit("x").alias("remark")),
    "columns in another order": lambda: clean().select(sorted(clean().columns)),
    "in pieces": lambda: pl.concat([clean(100), clean(200).tail(100), clean(300).tail(100)], rechunk=False),
}
HARMLESS = {
    "no seq",
    "no rows",
    "one row",
    "two rows",
    "integer prices",
    "float32 prices",
    "extra columns",
    "columns in another order",
    "in pieces",
}
NO_TICK_IN_SESSION = {"one row a thousand times", "the epoch", "the end of time", "before time"}


def test_there_are_at_least_forty() -> None:
    assert len(CASES) >= 40


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("windowed", [True, False])
def test_malformed_frames_are_judged_not_crashed(name: str, windowed: bool) -> None:
    options: dict[str, Any] = {} if windowed else {"window": None}
    verdict = judge_frame(CASES[name](), CONTRACT, **options)
    if name in HARMLESS:
        assert verdict.quality.state in ("ok", "partial"), verdict.quality.rules_json
    else:
        assert verdict.state == "error" or name in NO_TICK_IN_SESSION, (verdict.reason_code, verdict.quality.rules_json)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_any_numbers_are_judged(data: st.DataObject) -> None:
    rows = data.draw(st.integers(0, 40))
    wild = st.floats(allow_nan=True, allow_infinity=True, width=64)
    names = data.draw(st.lists(st.sampled_from(NUMERIC_COLUMNS), max_size=6, unique=True))
    frame = clean(rows).with_columns(
        pl.Series(name, data.draw(st.lists(wild, min_size=rows, max_size=rows)), pl.Float64) for name in names
    )
    times = data.draw(st.lists(st.integers(-(2**63), 2**63 - 1), min_size=rows, max_size=rows))
    if data.draw(st.booleans()):
        frame = frame.with_columns(pl.Series("datetime_ns", np.array(times, dtype=np.int64)))
    verdict = judge_frame(frame, CONTRACT, window=None)
    assert verdict.coverage.rows_total == rows
    assert frame.schema == TICK_SCHEMA
