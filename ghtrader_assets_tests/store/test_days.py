"""Days and products as callers of the Python API name them, against a store with ticks."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

from ghtrader_assets.errors import BadInputError
from ghtrader_assets.questdb.tables.writer import DayLoad
from ghtrader_assets.store import Store
from ghtrader_assets_tests.fix_questdb import random_ticks
from ghtrader_assets_tests.fix_store import Record

DAY = date(2026, 1, 6)
WEEK = (date(2026, 1, 5), DAY, date(2026, 1, 7))
LoadOf = Callable[..., DayLoad]


def test_rows_of_a_trading_day_are_found_by_its_text(
    store: Store, load_of: LoadOf, record: Record, symbol: str
) -> None:
    """A column of dates as objects finds none, and says nothing."""
    for day in WEEK:
        record(load_of(day, rows=10))
    frame = store.ticks(symbol, WEEK[0], WEEK[2])
    found: list[Any] = [frame["trading_day"] == day for day in ("2026-01-06", pd.Timestamp(DAY), np.datetime64(DAY))]
    assert [int(rows.sum()) for rows in found] == [10, 10, 10]
    assert int((frame["trading_day"] >= "2026-01-06").sum()) == 20
    empty = store.ticks(symbol, DAY, columns=["trading_day"]).iloc[:0]
    assert str(empty["trading_day"].dtype) == str(frame["trading_day"].dtype) == "datetime64[ms]"
    states = pd.DataFrame(store.days(symbol, WEEK[0], WEEK[2]))
    with pytest.raises(ValueError, match="merge"):
        frame.merge(states, on="trading_day")
    states["trading_day"] = pd.to_datetime(states["trading_day"])
    assert len(frame.merge(states, on="trading_day")) == 30
    (again,) = store.days(symbol, frame["trading_day"].iloc[10])
    assert again.trading_day == DAY, "what a frame says of a day is taken as a day"


def test_an_instant_is_no_day(store: Store, load_of: LoadOf, record: Record, symbol: str) -> None:
    """The auction's ticks of 20:59 belong to the next trading day: a reader who passes one is told which."""
    window = load_of(DAY).window
    auction = random_ticks(window, 20).with_columns(datetime_ns=pl.lit(window.start_ns + (2 * 60 + 59) * 60 * 10**9))
    record(load_of(DAY, frame=auction.with_columns(seq=pl.int_range(20, dtype=pl.Int32))))
    instant = store.ticks(symbol, DAY)["datetime"].iloc[0]
    asked: list[Callable[[Any], Any]] = [
        lambda day: store.ticks(symbol, day),
        lambda day: store.ticks(symbol, WEEK[0], day),
        lambda day: next(store.stream_ticks(symbol, day)),
        lambda day: store.days(symbol, day),
        lambda day: store.gaps(symbol, day),
        lambda day: store.quality(symbol, day),
        lambda day: store.schedule(symbol, day),
        store.manifests,
        lambda day: store.fetch_ticks_for_symbol_day(symbol, day),
    ]
    for ask in asked:
        with pytest.raises(BadInputError, match="is an instant, not a day; its trading day is 2026-01-06"):
            ask(instant)
        with pytest.raises(BadInputError, match=r"NaT'? is no date"):
            ask(pd.NaT)


def test_a_product_that_we_do_not_know_is_refused(store: Store) -> None:
    """Unless days of it are stored: see every other test here."""
    for unknown in ("KQ.m@SHFE.zz", "SHFE.zz2602"):
        asked: list[Callable[[], Any]] = [
            lambda text=unknown: store.ticks(text, DAY),
            lambda text=unknown: store.coverage(text),
            lambda text=unknown: store.latest(text),
            lambda text=unknown: store.days(text, DAY),
            lambda text=unknown: store.gaps(text, DAY),
            lambda text=unknown: store.schedule(text),
            lambda text=unknown: store.manifests(DAY, text),
            lambda text=unknown: store.query_symbol_latest([text]),
        ]
        for ask in asked:
            with pytest.raises(BadInputError, match=r"SHFE has no product 'zz' that we know; known are .*cu"):
                ask()
