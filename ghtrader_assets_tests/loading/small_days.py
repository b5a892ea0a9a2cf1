"""Trading days of a few hundred ticks, and what of a judgement is no matter of when it was made.

Belongs here: made-up content that several tests of this room judge. Does not belong here: storing it.
"""

from __future__ import annotations

import dataclasses
from datetime import date
from functools import lru_cache
from typing import Any

import numpy as np
import polars as pl

from ghtrader_assets.market.calendar import TradingCalendar
from ghtrader_assets.market.sessions import day_sessions
from ghtrader_assets.market.symbols import parse_symbol
from ghtrader_assets.market.ticks import NUMERIC_COLUMNS, tick_frame
from ghtrader_assets.validation.verdicts import CoverageVerdict, GapRow, QualityVerdict

_TIN = parse_symbol("KQ.m@SHFE.sn")
_NOT_CONTENT = ("updated_at", "judgement_id")
"""What two judgements of the same day may differ in."""


@lru_cache(maxsize=256)
def small_day(calendar: TradingCalendar, day: date, version: int) -> pl.DataFrame:
    """A few hundred ticks of a session with holes; another `version` has others, one in ten has none at all."""
    drawn = np.random.default_rng((version, day.toordinal()))
    windows = day_sessions(_TIN, day, calendar).windows
    rows = 0 if version % 10 == 9 else int(drawn.integers(150, 400))
    chosen = np.sort(drawn.integers(0, len(windows), rows))
    starts, ends = (np.array([getattr(each, name) for each in windows])[chosen] for name in ("start_ns", "end_ns"))
    half_seconds = (drawn.random(rows) * ((ends - starts) // 500_000_000)).astype(np.int64)
    walk = 280_000.0 + 10 * np.cumsum(drawn.integers(-1, 2, rows))
    columns: dict[str, Any] = dict.fromkeys(NUMERIC_COLUMNS, walk)
    columns |= {name: np.full(rows, 5.0) for name in NUMERIC_COLUMNS if "volume" in name}
    columns |= {f"ask_price{level}": walk + 10 * level for level in range(1, 6)}
    columns |= {f"bid_price{level}": walk - 10 * level for level in range(1, 6)}
    columns["volume"] = np.cumsum(drawn.integers(0, 3, rows)).astype(float)
    columns["bid_price1"] = np.where(drawn.random(rows) < 0.01 * (version % 3), walk + 30, columns["bid_price1"])
    columns |= {"tick_id": np.arange(rows), "datetime_ns": np.sort(starts + half_seconds * 500_000_000)}
    return tick_frame(columns)


def content_of(row: CoverageVerdict | QualityVerdict | GapRow) -> str:
    """All of a row that is no matter of when it was judged. As text, so that NaN equals NaN."""
    return repr([(name, str(value)) for name, value in dataclasses.asdict(row).items() if name not in _NOT_CONTENT])
