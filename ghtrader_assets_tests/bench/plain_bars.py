"""Bars of one minute the straightforward ways, made equal to ours: SAMPLE BY over the ticks, and pandas of the ticks.

Belongs here: the query and the frames. Does not belong here: what is measured (`bars`).

Both are given what makes them right: the sessions of each day, volumes as differences, the running extremes.
"""

# pandas has no types.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

import numpy as np
import pandas as pd

from ghtrader_assets.market.clock import MINUTE_S, NS, instant
from ghtrader_assets.market.sessions import DaySessions
from ghtrader_assets.questdb.client.connection import Database
from ghtrader_assets.questdb.client.sql import instant_literal, literal
from ghtrader_assets.questdb.tables.schema import TICKS

Frame = Any
COLUMNS: Final = ("open", "high", "low", "close", "volume")
TICK_COLUMNS: Final = ("datetime_ns", "last_price", "highest", "lowest", "volume")
MINUTE_NS: Final = MINUTE_S * NS
_LEAD_NS: Final = 5 * MINUTE_NS
_OVER: Final = "(PARTITION BY trading_day ORDER BY ts)"
_QUERY: Final = (
    "WITH t AS (SELECT ts, last_price, highest, lowest,"
    f" volume - coalesce(lag(volume) OVER {_OVER}, 0) lots,"
    f" lag(highest) OVER {_OVER} before_high, lag(lowest) OVER {_OVER} before_low"
    f" FROM {TICKS} WHERE symbol = {{symbol}} AND ts >= {{start}} AND ts < {{end}}"
    ")"
    " SELECT ts, first(last_price) open,"
    " max(CASE WHEN before_high IS NULL OR highest > before_high THEN highest ELSE last_price END) high,"
    " min(CASE WHEN before_low IS NULL OR lowest < before_low THEN lowest ELSE last_price END) low,"
    " last(last_price) close, sum(lots) volume FROM t WHERE lots > 0 SAMPLE BY 1m"
)


def by_sample_by(db: Database, symbol: str, sessions: Sequence[DaySessions]) -> Frame:
    """The bars by one statement; what it can't know of sessions is mended in pandas."""
    start, end = sessions[0].windows[0].start_ns - _LEAD_NS, sessions[-1].windows[-1].end_ns + MINUTE_NS
    found = db.export(
        "sample_by",
        _QUERY.format(symbol=literal(symbol), start=instant_literal(instant(start)), end=instant_literal(instant(end))),
    )
    stamps = found["ts"].dt.epoch("ns").to_numpy()
    frame = found.drop("ts").to_pandas()
    return _filled(frame.assign(minute=_into(stamps, sessions)), sessions)


def by_pandas(days: Iterable[Frame], sessions: Sequence[DaySessions]) -> Frame:
    """The bars of frames of ticks, one a trading day."""
    parts = [_day_by_pandas(ticks, [own]) for ticks, own in zip(days, sessions, strict=True)]
    return pd.concat(parts)


def _day_by_pandas(ticks: Frame, sessions: Sequence[DaySessions]) -> Frame:
    lots = ticks["volume"].diff().fillna(ticks["volume"])
    moved_high = ticks["highest"] != ticks["highest"].shift()
    moved_low = ticks["lowest"] != ticks["lowest"].shift()
    frame = pd.DataFrame(
        {
            "open": ticks["last_price"],
            "high": ticks["last_price"].where(~moved_high, ticks["highest"]),
            "low": ticks["last_price"].where(~moved_low, ticks["lowest"]),
            "close": ticks["last_price"],
            "volume": lots,
            "minute": _into(ticks["datetime_ns"].to_numpy(), sessions),
        }
    )
    return _filled(frame[lots > 0], sessions)


def _into(stamps: Any, sessions: Sequence[DaySessions]) -> Any:
    """The minute of the sessions that each instant belongs to: auctions to the first, late prints to the last."""
    windows = [window for day in sessions for window in day.windows]
    opens = np.array([window.start_ns for window in windows])
    leads = [
        _LEAD_NS if place == 0 or windows[place - 1].session != window.session or window.session == "night" else 0
        for place, window in enumerate(windows)
    ]
    place = np.maximum(np.searchsorted(opens - np.array(leads), stamps, side="right") - 1, 0)
    last = np.array([window.end_ns for window in windows])[place] - MINUTE_NS
    return np.clip(stamps // MINUTE_NS * MINUTE_NS, opens[place], last)


def _filled(frame: Frame, sessions: Sequence[DaySessions]) -> Frame:
    """One row a minute of the sessions, untraded ones at the close before them of the same day."""
    rules = {"open": "first", "high": "max", "low": "min", "close": "last", "volume": "sum"}
    bars = frame.groupby("minute").agg(rules)
    minutes = [
        np.concatenate([np.arange(window.start_ns, window.end_ns, MINUTE_NS) for window in day.windows])
        for day in sessions
    ]
    days = np.repeat(np.arange(len(minutes)), [len(each) for each in minutes])
    bars = bars.reindex(np.concatenate(minutes))
    bars["volume"] = bars["volume"].fillna(0.0)
    bars["close"] = bars["close"].groupby(days).ffill()
    for name in ("open", "high", "low"):
        bars[name] = bars[name].fillna(bars["close"])
    return bars[list(COLUMNS)]
