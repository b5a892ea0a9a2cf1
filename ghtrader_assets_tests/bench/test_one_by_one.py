"""ghTrader's flow, which ours is measured against, does load what it says: two days, exactly once."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
from pydantic import SecretStr

from ghtrader_assets.market.calendar import snapshot_calendar
from ghtrader_assets.questdb.client.connection import Database
from ghtrader_assets.tq.provider import Provider
from ghtrader_assets_tests.bench.one_by_one import DROP, TABLE, one_by_one
from ghtrader_assets_tests.fix_exchange import ExchangeControl
from ghtrader_assets_tests.true_ticks import ticks_of

CONTRACT = "SHFE.au2604"
DAYS = [date(2025, 4, 21), date(2025, 4, 22)]


def test_the_rebuilt_flow_stores_each_day_once(db: Database, exchange: ExchangeControl, tmp_path: Path) -> None:
    provider = Provider("trader", SecretStr("unused"), exchange.environment, "embedded")
    windows = [snapshot_calendar().window(day) for day in DAYS]
    served = [ticks_of(CONTRACT, day)["datetime_ns"] for day in DAYS]
    with one_by_one(db, provider, tmp_path) as (flow, start_s):
        loaded = [flow.load("KQ.m@SHFE.au", CONTRACT, window) for window in windows]
    assert start_s > 0
    assert [rows for rows, _ in loaded] == [len(stamps) for stamps in served]
    db.await_applied(TABLE)
    stored = db.rows("test", f"SELECT datetime_ns FROM {TABLE} ORDER BY datetime_ns")
    np.testing.assert_array_equal([row[0] for row in stored], np.unique(np.concatenate(served)))
    opened = exchange.requests("handshake")
    assert len(opened) == 1
    db.execute(DROP)
