"""Days of a few ticks at given seconds, for answers that are worked out by hand.

Belongs here: frames, sessions and verdicts of seconds after one morning. Does not belong here: whole days (`days`).
"""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np
import polars as pl

from ghtrader_assets.market.products import product_of
from ghtrader_assets.market.sessions import DaySessions, SessionWindow
from ghtrader_assets.market.symbols import parse_symbol
from ghtrader_assets.market.ticks import tick_frame
from ghtrader_assets.setting_sources import SourcedValue
from ghtrader_assets.validation.intake import NS
from ghtrader_assets.validation.judge import Provenance, judge_day
from ghtrader_assets.validation.policy import policy_for
from ghtrader_assets.validation.verdicts import DayVerdict
from ghtrader_assets_tests.validation.days import JUDGED_AT
from ghtrader_assets_tests.validation.naive_coverage import Window

BASE = 1_767_661_200
"""2026-01-06 09:00:00 in Shanghai."""


def frame_of(halves: list[float], **columns: list[float]) -> pl.DataFrame:
    """Ticks at seconds after `BASE`, with a quiet two-sided book."""
    n = len(halves)
    stamps = BASE * NS + np.round(np.array(halves, dtype=np.float64) * 1000).astype(np.int64) * 1_000_000
    steady = {"last_price": 100.0, "highest": 100.0, "lowest": 100.0, "bid_price1": 99.0, "ask_price1": 101.0}
    data: dict[str, Any] = {name: np.full(n, value) for name, value in steady.items()}
    data |= {"volume": np.arange(n) + 1.0, "tick_id": np.arange(n), "datetime_ns": stamps}
    data |= {name: np.array(values, dtype=np.float64) for name, values in columns.items() if name != "tick_id"}
    if "tick_id" in columns:
        data["tick_id"] = np.array(columns["tick_id"], dtype=np.int64)
    return tick_frame(data)


def sessions_from(windows: list[Window] | list[list[Any]]) -> DaySessions:
    made = tuple(SessionWindow(name, (BASE + first) * NS, (BASE + last) * NS) for name, first, last in windows)
    return DaySessions(date(2026, 1, 6), made, "test", (), verified=True)


def judge_seconds(case: dict[str, Any]) -> DayVerdict:
    overrides = {
        f"GHTRADER_L5_VALIDATE_{name}": SourcedValue(name, value, "test")
        for name, value in case.get("policy", {}).items()
    }
    symbol = parse_symbol("SHFE.cu2602")
    return judge_day(
        frame_of(case["ticks"], **case.get("columns", {})),
        symbol,
        symbol.text,
        sessions_from(case["windows"]),
        product_of(symbol.exchange, symbol.product),
        policy_for("cu", overrides),
        Provenance(content_digest="d", judged_at=JUDGED_AT),
    )
