"""Two symbols on one clock, and frames of several symbols put together, in pandas, Arrow and polars."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from ghtrader_assets.errors import BadInputError, DayStateWarning
from ghtrader_assets.market.clock import NS
from ghtrader_assets.questdb.tables.writer import DayLoad
from ghtrader_assets.store import Store
from ghtrader_assets_tests.fix_questdb import fresh_symbol
from ghtrader_assets_tests.fix_store import Record

WEEK = (date(2026, 1, 5), date(2026, 1, 6), date(2026, 1, 7))
COLUMNS = ["symbol", "tick_id", "last_price"]
LoadOf = Callable[..., DayLoad]


@pytest.fixture
def pair(load_of: LoadOf, record: Record, symbol: str) -> tuple[str, str]:
    """Two symbols with other ticks on other days: the second lacks the first day."""
    other = fresh_symbol()
    for number, day in enumerate(WEEK):
        record(load_of(day, rows=150, seed=number))
        if number:
            record(load_of(day, rows=90, seed=10 + number, name=other, contract="SHFE.al2602"))
    return symbol, other


def by_pandas(left: pd.DataFrame, right: pd.DataFrame, tolerance: pd.Timedelta | None = None) -> pd.DataFrame:
    """The same by `pandas.merge_asof`, day by day and session by session."""
    for frame in (left, right):
        frame["night"] = frame["datetime"] < frame["trading_day"].dt.tz_localize("Asia/Shanghai") + pd.Timedelta(
            hours=6
        )
    right = right.assign(datetime_right=right["datetime"])
    return pd.merge_asof(
        left, right, on="datetime", by=["trading_day", "night"], suffixes=("", "_right"), tolerance=tolerance
    )


@pytest.mark.filterwarnings("ignore::ghtrader_assets.errors.DayStateWarning")
@pytest.mark.parametrize("tolerance", [None, timedelta(seconds=90), pd.Timedelta("10min")])
def test_it_is_what_pandas_finds_session_by_session(
    store: Store, pair: tuple[str, str], tolerance: timedelta | None
) -> None:
    found = store.asof(*pair, WEEK[0], WEEK[-1], columns=COLUMNS, tolerance=tolerance)
    plain = [store.ticks(each, WEEK[0], WEEK[-1], columns=["datetime", "trading_day", *COLUMNS]) for each in pair]
    wanted = by_pandas(*plain, tolerance=None if tolerance is None else pd.Timedelta(tolerance))
    assert len(found) == len(plain[0])
    for name in ("datetime", *COLUMNS, "datetime_right", "last_price_right"):
        assert found[name].equals(wanted[name]), name
    known = found["datetime_right"].notna()
    assert 0 < int(known.sum()) < len(found)
    assert found["tick_id_right"][known].astype("int64").to_list() == wanted["tick_id_right"][known].to_list()
    assert (found["datetime_right"][known] <= found["datetime"][known]).all()


@pytest.mark.filterwarnings("ignore::ghtrader_assets.errors.DayStateWarning")
def test_each_form_says_the_same(store: Store, pair: tuple[str, str]) -> None:
    pandas = store.asof(*pair, WEEK[0], WEEK[-1])
    arrow = store.asof(*pair, WEEK[0], WEEK[-1], output_format="arrow")
    polars = store.asof(*pair, WEEK[0], WEEK[-1], output_format="polars")
    assert list(pandas.columns) == arrow.column_names == polars.columns
    assert [str(pandas[name].dtype) for name in ("tick_id", "tick_id_right", "datetime_ns_right", "seq_right")] == [
        "int64", "Int64", "Int64", "Int32",
    ]  # fmt: skip
    for name in polars.columns:
        values = arrow[name].to_pylist()
        if polars.schema[name].is_temporal():
            values = pl.from_arrow(arrow[name]).to_list()
        assert polars[name].to_list() == values, name
        assert [None if value is pd.NA or value != value else value for value in pandas[name].astype(object)] == [  # noqa: PLR0124 - NaN and NaT differ from themselves
            pd.Timestamp(value) if name.startswith("trading_day") and value is not None else value for value in values
        ], name


def test_days_of_either_side_that_are_not_good_are_told(store: Store, pair: tuple[str, str]) -> None:
    with pytest.warns(DayStateWarning, match=pair[1].replace(".", r"\.")) as caught:
        store.asof(*pair, WEEK[0], WEEK[-1], columns=["last_price"])
    assert {Path(warning.filename) for warning in caught} == {Path(__file__)}, "it points at who asked"
    with pytest.raises(BadInputError, match="no whole day of"):
        store.asof(*pair, WEEK[0])
    for tolerance in (5, "5s", timedelta(seconds=-1), pd.NaT, np.timedelta64(5, "s")):
        wrong: Any = tolerance
        with pytest.raises(BadInputError, match="is no length of time"):
            store.asof(*pair, WEEK[1], tolerance=wrong)


def test_frames_of_symbols_keep_one_text_type(store: Store, pair: tuple[str, str]) -> None:
    """Categories of two frames differ: pandas makes objects of them, and polars joins none of them with a text."""
    frames = [store.ticks(each, WEEK[1], columns=["datetime", "symbol", "contract"]) for each in pair]
    both = pd.concat(frames)
    for name in ("symbol", "contract"):
        assert {str(frame[name].dtype) for frame in (*frames, both)} == {"str"}
    assert both["symbol"].eq(pair[1]).sum() == 90
    read = [store.ticks(each, WEEK[1], columns=["symbol"], output_format="polars") for each in pair]
    together = pl.concat(read)
    assert together.schema["symbol"] == pl.String()
    named = pl.DataFrame({"symbol": list(pair), "side": ["left", "right"]})
    assert together.join(named, on="symbol")["side"].value_counts().sort("side").rows() == [
        ("left", 150),
        ("right", 90),
    ]
    tables = [store.ticks(each, WEEK[1], columns=["symbol"], output_format="arrow") for each in pair]
    assert pa.concat_tables(tables).unify_dictionaries()["symbol"].to_pylist() == together["symbol"].to_list()
    assert str(store.fetch_ticks_for_symbol_day(pair[0], WEEK[1])["symbol"].dtype) == "str"


def test_a_tick_is_known_at_its_own_instant(store: Store, pair: tuple[str, str]) -> None:
    found = store.asof(pair[0], pair[0], WEEK[1], columns=["datetime_ns", "tick_id"], tolerance=timedelta(0))
    assert found["datetime_right"].equals(found["datetime"])
    last = found.groupby("datetime_ns")["tick_id"].transform("last")
    assert found["tick_id_right"].astype("int64").equals(last), "of several of an instant the last"
    assert (found["datetime_ns"] // NS > 0).all()
