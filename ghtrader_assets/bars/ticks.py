"""Bars of a trading day's ticks.

Belongs here: what a bar says, in one definition. Does not belong here: longer bars of shorter ones (`longer`), where
bars of the clock stand (`grid`).

A snapshot *trades* where the day's cumulative volume rises above all that was seen of it before. Of the trades of a bar

- volume and amount are what the cumulative columns rose by: the first bar includes the auction, and the bars of a day
  add up to the day's, whatever snapshots come late or twice;
- open is the last price of the first snapshot that trades, close that of the last one;
- high and low are the extremes of those last prices, and of the exchange's running `highest` and `lowest` where they
  moved since the snapshot before that traded: they prove trades between the two that no last price shows. So the
  highest bar of a day is as high as the exchange's highest.

A bar without a trade repeats the close before it, as TqSdk's K-lines do, and has no prices before the day's first
trade: of the day before it knows nothing. Open interest is the last that was known.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import polars as pl

from ghtrader_assets.bars.frame import BAR_SCHEMA, Floats, Ints
from ghtrader_assets.bars.grid import BarGrid, bar_grid, into_sessions
from ghtrader_assets.bars.length import Align, BarLength
from ghtrader_assets.market.clock import MINUTE_S, NS
from ghtrader_assets.market.sessions import DaySessions
from ghtrader_assets.market.ticks import stored_order

BAR_SOURCE: Final = (
    "datetime_ns", "last_price", "highest", "lowest", "volume", "amount", "open_interest", "bid_price1", "ask_price1",
)  # fmt: skip
"""The tick columns that bars are made of."""

Arrays = Mapping[str, npt.NDArray[Any]]


def bars_of_ticks(
    ticks: pl.DataFrame, sessions: DaySessions, length: BarLength | None = None, align: Align = "clock"
) -> pl.DataFrame:
    """The bars (`BAR_SCHEMA`) of a trading day's ticks, of one minute or of another `length` that ticks are cut into.

    `ticks` holds `BAR_SOURCE` and `seq`, prices in the quote unit, missing numbers NaN or null, in any order. Bars of
    the clock come for every part of the sessions, traded in or not; those of ticks, lots or CNY begin anew with each
    trading day. A snapshot is never split: one of lots or CNY belongs to the bar that its first lot falls into.
    """
    with np.errstate(over="ignore", invalid="ignore"):  # what a garbled tick shows is for verdicts to name
        return _bars(_ordered(ticks), sessions, length or BarLength("seconds", MINUTE_S), align)


def _bars(columns: Arrays, sessions: DaySessions, length: BarLength, align: Align) -> pl.DataFrame:
    if length.unit == "seconds":
        grid = bar_grid(sessions.windows, length.size, align)
        if not len(grid.starts):
            return pl.DataFrame(schema=BAR_SCHEMA)
        return _frame(columns, grid.place_of(into_sessions(columns["datetime_ns"], sessions.windows)), grid)
    if not len(columns["datetime_ns"]):
        return pl.DataFrame(schema=BAR_SCHEMA)
    _, place = np.unique(_counted(columns, length), return_inverse=True)
    begins = np.flatnonzero(np.diff(place, prepend=-1))
    stamps = columns["datetime_ns"]
    return _frame(columns, place, BarGrid(stamps[begins], stamps[np.append(begins[1:], len(stamps)) - 1]))


def _ordered(ticks: pl.DataFrame) -> Arrays:
    """The columns in stored order, missing numbers NaN."""
    order = stored_order(ticks["datetime_ns"].to_numpy(), ticks["seq"].to_numpy())
    ordered = ticks if order is None else ticks[order]
    return {name: ordered[name].to_numpy() for name in BAR_SOURCE}


def _counted(columns: Arrays, length: BarLength) -> Ints:
    """The number of each snapshot's bar, of so many ticks, lots or CNY, ascending with numbers left out."""
    if length.unit == "tick":
        return np.arange(len(columns["datetime_ns"])) // length.size
    so_far = _so_far(columns[length.unit])
    before = np.concatenate(([0.0], so_far[:-1]))
    return (before // length.size).astype(np.int64)


def _so_far(values: Floats) -> Floats:
    """The largest of the values of a cumulative column up to each row; 0 before the first."""
    return np.maximum.accumulate(np.nan_to_num(values, nan=0.0).clip(min=0.0)) if len(values) else values


def _frame(columns: Arrays, place: Ints, grid: BarGrid) -> pl.DataFrame:
    """The bars of a grid, of snapshots in stored order whose `place` in it ascends."""
    bars = len(grid.starts)
    lots = np.diff(_so_far(columns["volume"]), prepend=0.0)
    paid = np.diff(_so_far(columns["amount"]), prepend=0.0)
    interest = columns["open_interest"]
    figures = {
        "start_ns": grid.starts,
        "end_ns": grid.ends,
        **_prices(columns, np.flatnonzero(lots > 0), place, bars),
        "volume": np.bincount(place, weights=lots, minlength=bars),
        "amount": np.bincount(place, weights=paid, minlength=bars),
        "open_interest": _last_known(interest, np.flatnonzero(np.isfinite(interest)), place, bars),
        **_counts(columns, place, bars),
    }
    return pl.DataFrame(figures, schema=BAR_SCHEMA).fill_nan(None)


def _prices(columns: Arrays, rows: Ints, place: Ints, bars: int) -> dict[str, Floats]:
    """The prices of each bar, of the snapshots that trade, `rows`. One with volume and no price has a close at most."""
    last, at = columns["last_price"][rows], place[rows]
    close = _last_known(columns["last_price"], rows[np.isfinite(last)], place, bars)
    begins = np.flatnonzero(np.diff(at, prepend=-1))
    traded = at[begins]
    found: dict[str, Floats] = {}
    for name, running, better in (("high", "highest", np.fmax), ("low", "lowest", np.fmin)):
        known = better.accumulate(columns[running][rows])
        moved = known != np.concatenate(([np.nan], known[:-1]))[: len(known)]
        prices = close.copy()
        if len(rows):
            prices[traded] = better.reduceat(better(last, np.where(moved, known, np.nan)), begins)
        found[name] = prices
    priced = np.flatnonzero(np.isfinite(last))
    opened = close.copy()
    opened[traded] = np.nan
    opened[at[priced[::-1]]] = last[priced[::-1]]
    return {"open": opened, "high": found["high"], "low": found["low"], "close": close}


def _counts(columns: Arrays, place: Ints, bars: int) -> dict[str, npt.NDArray[Any]]:
    """Snapshots of each bar, seconds that have one, and the mean spread of those with both best prices."""
    spread = columns["ask_price1"] - columns["bid_price1"]
    both = np.isfinite(spread)
    quoted = np.bincount(place[both], minlength=bars)
    wide = np.bincount(place[both], weights=spread[both], minlength=bars)
    new_second = (np.diff(columns["datetime_ns"] // NS, prepend=-1) != 0) | (np.diff(place, prepend=-1) != 0)
    return {
        "ticks": np.bincount(place, minlength=bars).astype(np.int32),
        "seconds_with_ticks": np.bincount(place[new_second], minlength=bars).astype(np.int32),
        "mean_spread": wide / np.where(quoted > 0, quoted, np.nan),
        "spread_ticks": quoted.astype(np.int32),
    }


def _last_known(values: Floats, rows: Ints, place: Ints, bars: int) -> Floats:
    """The value of the last of `rows` up to the end of each bar; NaN before the first."""
    nearest = np.searchsorted(place[rows], np.arange(bars), side="right") - 1
    found = np.full(bars, np.nan)
    known = nearest >= 0
    found[known] = values[rows[nearest[known]]]
    return found
