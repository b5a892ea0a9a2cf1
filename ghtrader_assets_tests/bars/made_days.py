"""Trading days of any product with random snapshots of a true tape, and their bars the slow way: trade by trade.

Belongs here: what the tests of bars draw and compare with. Does not belong here: properties (`test_bars`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from math import nan
from typing import Final

import numpy as np
import polars as pl
from hypothesis import strategies as st

from ghtrader_assets.errors import GhtraderError
from ghtrader_assets.market.calendar import snapshot_calendar
from ghtrader_assets.market.clock import NS
from ghtrader_assets.market.products import products
from ghtrader_assets.market.sessions import DaySessions, SessionWindow, day_sessions
from ghtrader_assets.market.symbols import parse_symbol
from ghtrader_assets.market.ticks import ordinals_within_instant

CALENDAR: Final = snapshot_calendar()
DAYS: Final = CALENDAR.days(date(2014, 1, 1), date(2026, 3, 1))
TICK: Final = 0.02
MULTIPLIER: Final = 5
_OFFSETS_MS: Final = (-700_000, -60_000, -1_000, 0, 1, 500, 59_999, 60_000, 61_000, 400_000)
"""Around an opening or a close: before the auction, in it, on it, at the edges of minutes."""


@dataclass(frozen=True)
class MadeDay:
    """A product's trading day: its sessions, and snapshots in source order."""

    sessions: DaySessions
    ticks: pl.DataFrame


@st.composite
def product_days(draw: st.DrawFn) -> DaySessions:
    """The sessions of any product on any day on which it traded."""
    product, day = draw(st.sampled_from(products())), draw(st.sampled_from(DAYS))
    try:
        return day_sessions(parse_symbol(product.alias), day, CALENDAR)
    except GhtraderError:
        return day_sessions(parse_symbol("KQ.m@SHFE.cu"), day, CALENDAR)


@st.composite
def made_days(draw: st.DrawFn) -> MadeDay:
    """A day with up to some hundred snapshots, of a tape whose trades between two of them no last price shows."""
    sessions = draw(product_days())
    seed = draw(st.integers(0, 2**32 - 1))
    count = draw(st.sampled_from((0, 1, 2, 5, 30, 300)))
    random = np.random.default_rng(seed)
    stamps = np.sort(_stamps(random, sessions, count))
    return MadeDay(sessions, _snapshots(random, stamps))


def _stamps(random: np.random.Generator, sessions: DaySessions, count: int) -> np.ndarray:
    found: list[int] = []
    for _ in range(count):
        window = sessions.windows[random.integers(len(sessions.windows))] if sessions.windows else None
        if window is None:
            return np.empty(0, dtype=np.int64)
        edge = (window.start_ns, window.end_ns)[random.integers(2)]
        inside = int(random.integers(window.start_ns, window.end_ns + NS))
        near = edge + int(random.choice(_OFFSETS_MS)) * 1_000_000
        found.append(inside // 500_000_000 * 500_000_000 if random.random() < 0.8 else near)
    return np.array(found, dtype=np.int64)


def _snapshots(random: np.random.Generator, stamps: np.ndarray) -> pl.DataFrame:
    columns: dict[str, list[float]] = {
        name: []
        for name in ("last_price", "highest", "lowest", "volume", "amount", "open_interest", "bid_price1", "ask_price1")
    }
    price, last, high, low, volume, amount, interest = 1000, nan, nan, nan, 0, 0.0, 5000
    for _ in stamps:
        for _ in range(int(random.integers(0, 4))):
            price += int(random.integers(-3, 4))
            lots = int(random.integers(1, 9))
            last = price * TICK
            high, low = np.fmax(high, last), np.fmin(low, last)
            volume, amount = volume + lots, amount + lots * last * MULTIPLIER
            interest += int(random.integers(-2, 3))
        quoted = random.random() < 0.9
        values = (last, high, low, volume, amount, interest if random.random() < 0.95 else nan)
        book = (price * TICK - TICK, price * TICK + TICK) if quoted else (price * TICK, nan)
        for name, value in zip(columns, (*values, *book), strict=True):
            columns[name].append(float(value))
    return pl.DataFrame(
        {"datetime_ns": stamps, "seq": ordinals_within_instant(stamps), **columns},
        schema_overrides=dict.fromkeys(columns, pl.Float64),
    )


def window_of(stamp: int, windows: tuple[SessionWindow, ...]) -> SessionWindow | None:
    """The session window of a snapshot by the words of the rule, one window after the other."""
    found = windows[0]
    for before, window in pairwise(windows):
        lead = 300 * NS if window.session != before.session else 0
        if stamp >= window.start_ns - lead:
            found = window
    return found


def slow_bars(day: MadeDay, seconds: int) -> list[dict[str, float | None]]:
    """The bars of the day by the clock, each worked out by itself, snapshot by snapshot."""
    windows, step = day.sessions.windows, seconds * NS
    rows = day.ticks.sort("datetime_ns", "seq").to_dicts()
    by_bar: dict[int, list[int]] = {}
    for index, row in enumerate(rows):
        window = window_of(row["datetime_ns"], windows)
        assert window is not None
        stamp = min(max(row["datetime_ns"], window.start_ns), window.end_ns - 1)
        by_bar.setdefault(stamp // step, []).append(index)
    keys = sorted({second * NS // step for each in windows for second in range(each.start_ns // NS, each.end_ns // NS)})
    bars, close, interest = list[dict[str, float | None]](), None, None
    traded_before = {"volume": 0.0, "amount": 0.0, "highest": nan, "lowest": nan}
    for key in keys:
        prices, highs, lows, seen, spreads = list[float](), list[float](), list[float](), set[int](), list[float]()
        bar = {"start_ns": key * step, "volume": 0.0, "amount": 0.0}
        for index in by_bar.get(key, ()):
            row = rows[index]
            seen.add(row["datetime_ns"] // NS)
            if not np.isnan(row["ask_price1"] - row["bid_price1"]):
                spreads.append(row["ask_price1"] - row["bid_price1"])
            if not np.isnan(row["open_interest"]):
                interest = row["open_interest"]
            lots = row["volume"] - traded_before["volume"]
            if lots > 0:
                prices.append(row["last_price"])
                highs += [row["highest"]] if row["highest"] != traded_before["highest"] else []
                lows += [row["lowest"]] if row["lowest"] != traded_before["lowest"] else []
                bar["volume"] += lots
                bar["amount"] += row["amount"] - traded_before["amount"]
                traded_before = {name: row[name] for name in traded_before}
        close = prices[-1] if prices else close
        bars.append(
            bar
            | {
                "open": prices[0] if prices else close,
                "high": max(prices + highs) if prices else close,
                "low": min(prices + lows) if prices else close,
                "close": close,
                "open_interest": interest,
                "ticks": len(by_bar.get(key, ())),
                "seconds_with_ticks": len(seen),
                "mean_spread": sum(spreads) / len(spreads) if spreads else None,
                "spread_ticks": len(spreads),
            }
        )
    return bars
