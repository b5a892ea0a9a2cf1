"""Validation the straightforward way: rows over psycopg into a pandas DataFrame, one day after the other, rule by rule.

Belongs here: the rules of docs/validation.md as one would first write them down, to be measured against and to agree
with. Does not belong here: anything clever; the product never calls it.

Left out to its advantage: the attribution of gaps, figures that no count hangs on, and writing a verdict.
"""

# pandas has no types.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

import numpy as np
import pandas as pd
import psycopg

from ghtrader_assets.market.ticks import NUMERIC_COLUMNS
from ghtrader_assets_tests.bench.plain_reading import NS, Frame, PlainDay, Series, read_plainly
from ghtrader_assets_tests.bench.plain_series import (
    constant_days,
    constant_runs,
    filled_ranges,
    off_level,
    priceless,
    run_lengths,
    usual_size,
    without_returns,
)

TAPE: Final = ("last_price", "highest", "lowest", "average")
LEVEL_1: Final = (*TAPE, "volume", "amount", "open_interest", "bid_price1", "bid_volume1", "ask_price1", "ask_volume1")


@dataclass(frozen=True)
class PlainVerdict:
    """Gaps as (first second, last second), and how often each rule is broken."""

    gaps: list[tuple[int, int]]
    counts: dict[str, int]


def judge_plainly(session: psycopg.Connection[Any], day: PlainDay) -> PlainVerdict:
    """Read a day and judge it."""
    return PlainJudge(read_plainly(session, day), day).verdict()


class PlainJudge:
    """One day's ticks, rule by rule."""

    def __init__(self, ticks: Frame, day: PlainDay) -> None:
        self.day, self.df = day, ticks
        self.df["second"] = ticks["datetime_ns"] // NS
        self.df["window"] = -1
        for number, (_, first, last) in enumerate(day.windows):
            self.df.loc[self.df["second"].between(first, last), "window"] = number
        self.per_second = self.df.groupby("second").size()
        self.pause_limit = self._pause_limits()
        self.locked = self._locked()

    def verdict(self) -> PlainVerdict:
        return PlainVerdict(self.gaps(), {name: rule(self) for name, rule in RULES.items()})

    def gaps(self, threshold: float = 5.0) -> list[tuple[int, int]]:
        """Runs of strict seconds without ticks."""
        found: list[tuple[int, int]] = []
        for _, first, last in self.day.windows:
            counts = self.per_second.reindex(range(first + 1, last), fill_value=0)
            silent = counts == 0
            run = (silent != silent.shift()).cumsum()
            for _, seconds in silent[silent].groupby(run[silent]):
                if len(seconds) >= threshold:
                    found.append((int(seconds.index[0]), int(seconds.index[-1])))
        return found

    def _pause_limits(self) -> list[float]:
        """Per window: from how many silent seconds on a change is not looked at."""
        if (self.per_second >= 2).mean() >= 0.8:
            return [5.0] * len(self.day.windows)
        limits: dict[str, float] = {}
        for name in {session for session, _, _ in self.day.windows}:
            spacings: list[int] = []
            ticked = strict = 0
            for _, first, last in (each for each in self.day.windows if each[0] == name):
                seconds = [second for second in self.per_second.index if first < second < last]
                spacings += [later - earlier for earlier, later in pairwise(seconds)]
                ticked, strict = ticked + len(seconds), strict + last - first - 1
            usual = strict / (ticked + 1)
            if spacings:
                usual = max(usual, sorted(spacings)[max(1, math.ceil(0.99 * len(spacings))) - 1])
            limits[name] = max(5.0, 5 * usual)
        return [limits[name] for name, _, _ in self.day.windows]

    def _locked(self) -> Series:
        df = self.df
        no_bid = ~(df["bid_price1"] > 0) & ~(df["bid_volume1"] > 0)
        no_ask = ~(df["ask_price1"] > 0) & ~(df["ask_volume1"] > 0)
        high, low = df.loc[df["highest"] > 0, "highest"].max(), df.loc[df["lowest"] > 0, "lowest"].min()
        up = no_ask & ~no_bid & (df["bid_price1"] == high) & (df["last_price"] == high)
        down = no_bid & ~no_ask & (df["ask_price1"] == low) & (df["last_price"] == low)
        return sum((run_lengths(mask) >= 20) for mask in (up, down)) > 0

    @property
    def book(self) -> list[str]:
        return [
            f"{s}_{k}{n}" for n in range(1, self.day.levels + 1) for s in ("bid", "ask") for k in ("price", "volume")
        ]

    def two_sided(self) -> Series:
        return (self.df["bid_price1"] > 0) & (self.df["ask_price1"] > 0)

    def missing(self, name: str) -> Series:
        """Where a column lacks a value that it should have."""
        missing = self.df[name].isna()
        if name in TAPE or "_price" in name:
            missing |= self.df[name] == 0
        if name in TAPE:
            return missing & ~(self.df["volume"] == 0)
        if "_price" in name or "_volume" in name:
            missing &= ~self.locked
        if "_price" in name and not name.endswith("1"):
            missing &= ~(self.df[name.replace("price", "volume")] == 0)
        return missing

    def null_runs(self) -> int:
        found = 0
        for name in LEVEL_1:
            mask = self.missing(name)
            run = (mask != mask.shift()).cumsum()
            found += int((mask[mask].groupby(run[mask]).size() > 100).sum())
        return found

    def off_grid(self) -> int:
        found = 0
        for name in ("last_price", "highest", "lowest", *(name for name in self.book if "price" in name)):
            ticks = self.df[name] / self.day.tick
            found += int(((ticks - ticks.round()).abs() > 0.01).sum())
        return found

    def outside_range(self) -> int:
        df, slack = self.df, 0.01 * self.day.tick
        above = (df["highest"] > 0) & (df["last_price"] > df["highest"] + slack)
        below = (df["lowest"] > 0) & (df["last_price"] < df["lowest"] - slack)
        return int(above.sum() + below.sum())

    def book_order(self, side: str) -> int:
        broken = pd.Series(data=False, index=self.df.index)
        for near, far in pairwise(f"{side}_price{level}" for level in range(1, self.day.levels + 1)):
            both = (self.df[near] > 0) & (self.df[far] > 0)
            worse = self.df[near] < self.df[far] if side == "bid" else self.df[near] > self.df[far]
            broken |= both & worse
        return int(broken.sum())

    def frozen_book(self) -> int:
        quoted = (self.df["bid_price1"] > 0) | (self.df["ask_price1"] > 0)
        same = self.same_window() & quoted & quoted.shift(fill_value=False)
        for name in self.book:
            now, before = self.df[name], self.df[name].shift()
            same &= (now == before) | (now.isna() & before.isna() & ((not name.endswith("1")) | self.locked))
        run = (same != same.shift()).cumsum()
        grows = self.df["volume"].diff() > 0
        return sum(
            len(ticks) + 1 > 120 and (not self.locked[ticks.index].any() or grows[ticks.index].mean() > 0.5)
            for _, ticks in same[same].groupby(run[same])
        )

    def falls(self, name: str) -> int:
        """Ticks at which a cumulative column is wrong: the peak before a fall, or the fall."""
        values = self.df[name].dropna().tolist()
        blamed: set[int] = set()
        for place in range(1, len(values)):
            if values[place] < values[place - 1]:
                after = values[min(place + 1, len(values) - 1)]
                peak = place >= 2 and values[place] >= values[place - 2] and after < values[place - 1]
                blamed.add(place - 1 if peak else place)
        return len(blamed)

    def day_reset(self) -> int:
        found = 0
        for name in ("volume", "amount"):
            known = self.df[self.df[name].notna()]
            if len(known) < 3 or known["second"].iloc[0] > self.day.windows[0][1] + 1:
                continue
            first, traded = known[name].iloc[0], known[name].diff()
            traded = traded[traded > 0]
            found += bool(first > 0.3 * known[name].max() and len(traded) and first > 100 * traded.median())
        return found

    def duplicate_rows(self) -> int:
        numbers = ["datetime_ns", *NUMERIC_COLUMNS]
        repeated: Series = self.df["tick_id"].duplicated() | self.df.duplicated(numbers)
        return int(repeated.sum())

    def hash_collisions(self) -> int:
        by_hash = ["datetime_ns", "row_hash"]
        return int((self.df.duplicated(by_hash) & ~self.df.duplicated(["datetime_ns", *NUMERIC_COLUMNS])).sum())

    def same_window(self) -> Series:
        window = self.df["window"]
        return (window == window.shift()) & (window != -1)

    def warm(self) -> Series:
        opening = self.df["window"].map({n: first + 60 for n, (_, first, _) in enumerate(self.day.windows)})
        return self.df["second"] >= opening

    def steady(self) -> Series:
        limit = self.df["window"].map(dict(enumerate(self.pause_limit)))
        pause = self.df["second"].diff()
        return self.same_window() & self.warm() & (pause >= 0) & (pause <= limit) & (self.df["tick_id"].diff() <= 1)

    def price_jumps(self) -> int:
        changes = self.df["last_price"].diff()
        sizes = changes[self.steady() & changes.notna()].abs()
        if len(sizes) < 50:
            return 0
        limit = 5 * np.maximum(usual_size(sizes), self.day.tick) + 0.01 * self.day.tick
        return without_returns(sizes.index[sizes > limit], changes)

    def volume_spikes(self) -> int:
        traded = self.df["volume"].diff()
        falls = traded < 0
        near = falls | falls.shift(fill_value=False) | falls.shift(-1, fill_value=False)
        sizes = traded[self.steady() & traded.notna() & ~near]
        if len(sizes) < 50:
            return 0
        usual = usual_size(sizes)
        usual = usual.where(usual > 0, sizes[sizes > 0].median())
        return int((sizes > np.maximum(50, 10 * usual)).sum())

    def wide_spreads(self) -> int:
        spread = (self.df["ask_price1"] - self.df["bid_price1"])[self.warm() & self.two_sided()]
        if len(spread) < 50:
            return 0
        return int((spread > 3 * np.maximum(usual_size(spread), self.day.tick) + 0.01 * self.day.tick).sum())

    def interest_jumps(self) -> int:
        interest = self.df["open_interest"]
        changes = interest.diff()
        large = self.same_window() & (changes.abs() > 100) & (changes.abs() > 0.05 * interest.shift().abs())
        inside = self.df[self.in_session()]
        before = inside.shift()
        change = (inside["open_interest"] - before["open_interest"]).abs()
        over_break = (inside["window"] != before["window"]) & (change > 100)
        over_break &= change > 0.05 * before["open_interest"].abs()
        over_break &= change > inside["volume"].ffill() - before["volume"].ffill()
        return without_returns(sorted({*large[large].index, *over_break[over_break].index}), changes)

    def narrowing(self) -> int:
        """Ticks at which the highest falls or the lowest rises, from the first trade on."""
        traded = self.df[self.df["volume"] > 0]
        highest, lowest = (traded.loc[traded[name] > 0, name].diff() for name in ("highest", "lowest"))
        return int((highest < 0).sum() + (lowest > 0).sum())

    def beyond_book(self) -> int:
        """Ticks that traded at a last price away from the best quotes before and after them."""
        bid, ask, least = self.df["bid_price1"], self.df["ask_price1"], 0.99 * self.day.tick
        bids, asks = pd.concat([bid, bid.shift()], axis=1), pd.concat([ask, ask.shift()], axis=1)
        above = asks.max(axis=1, skipna=False)
        outside = self.df["last_price"] <= bids.min(axis=1, skipna=False) - least
        outside |= (self.df["last_price"] >= above + least) & (above > 0)
        return int((outside & self.same_window() & (self.df["volume"].diff() > 0)).sum())

    def off_scale(self) -> int:
        """Windows whose amounts are no longer lots x prices x multiplier."""
        shown: list[float] = []
        for number in range(len(self.day.windows)):
            mine = self.df[self.df["window"] == number]
            if len(mine):
                worth = (mine["volume"].diff() * mine["last_price"])[1:].sum(skipna=False)
                paid = mine["amount"].iloc[-1] - mine["amount"].iloc[0]
                shown += [paid / worth] if paid > 0 and worth > 0 else []

        def agreeing(usual: float) -> int:
            return sum(usual / 1.25 <= each <= usual * 1.25 for each in shown)

        bare = self.day.whole_seconds and agreeing(self.day.multiplier) < len(shown) / 2 <= agreeing(1.0)
        usual = 1.0 if bare else self.day.multiplier
        return len(shown) - agreeing(usual)

    def in_session(self) -> Series:
        return self.df["window"] >= 0

    def count_negative(self, kind: str) -> int:
        tape = TAPE if kind == "price" else ("volume", "amount", "open_interest")
        names = [*tape, *(name for name in self.book if kind in name)]
        return sum(int((self.df[name] < 0).sum()) for name in names)


def _quoted(judge: PlainJudge) -> Series:
    return judge.in_session() & judge.two_sided()


def _uncounted(judge: PlainJudge) -> int:
    trades, grows = _trades(judge), [judge.df[name].diff() > 0 for name in ("volume", "amount")]
    return sum(int((trades & ~each).sum()) for each in grows)


def _trades(judge: PlainJudge) -> Series:
    last, volume, amount = (judge.df[name].diff() for name in ("last_price", "volume", "amount"))
    still = (judge.df["volume"] == judge.df["volume"].shift(20)) & judge.same_window()
    interest = judge.df["open_interest"].diff().fillna(0) != 0
    return (last.fillna(0) != 0) | (volume > 0) | (amount > 0) | (still & interest)


def _constant(judge: PlainJudge) -> int:
    moves = {name: judge.df[name].diff().fillna(0) != 0 for name in NUMERIC_COLUMNS}
    still = constant_days(judge.df, judge.book, moves) + filled_ranges(judge.df, moves)
    return constant_runs(judge.df, {**moves, "trade": _trades(judge)}) + still


RULES: Final[dict[str, Callable[[PlainJudge], int]]] = {
    "null_l1": lambda judge: sum(int(judge.missing(name).sum()) for name in LEVEL_1),
    "null_l5": lambda judge: sum(int(judge.missing(name).sum()) for name in judge.book if name[-1] != "1"),
    "null_run": PlainJudge.null_runs,
    "amount_without_volume": lambda judge: int(((judge.df["amount"] > 0) & (judge.df["volume"] == 0)).sum()),
    "volume_without_price": lambda judge: priceless(judge.df),
    "uncounted_trade": _uncounted,
    "amount_off_scale": PlainJudge.off_scale,
    "quote_off_scale": lambda judge: off_level(judge.df, judge.book),
    "constant_column": _constant,
    "regressing_time": lambda judge: int((judge.df["datetime_ns"].diff() < 0).sum()),
    "volume_monotone": lambda judge: judge.falls("volume"),
    "amount_monotone": lambda judge: judge.falls("amount"),
    "range_monotone": PlainJudge.narrowing,
    "day_reset": PlainJudge.day_reset,
    "negative_price": lambda judge: judge.count_negative("price"),
    "negative_volume": lambda judge: judge.count_negative("volume"),
    "off_grid": PlainJudge.off_grid,
    "outside_range": PlainJudge.outside_range,
    "crossed": lambda judge: int((_quoted(judge) & (judge.df["bid_price1"] > judge.df["ask_price1"])).sum()),
    "locked": lambda judge: int((_quoted(judge) & (judge.df["bid_price1"] == judge.df["ask_price1"])).sum()),
    "bid_order": lambda judge: judge.book_order("bid"),
    "ask_order": lambda judge: judge.book_order("ask"),
    "frozen_book": PlainJudge.frozen_book,
    "last_beyond_book": PlainJudge.beyond_book,
    "duplicate_row": PlainJudge.duplicate_rows,
    "duplicate_time": lambda judge: 0 if judge.day.whole_seconds else int((judge.df["datetime_ns"].diff() == 0).sum()),
    "hash_collision": PlainJudge.hash_collisions,
    "oi_jump": PlainJudge.interest_jumps,
    "price_jump": PlainJudge.price_jumps,
    "volume_spike": PlainJudge.volume_spikes,
    "spread_anomaly": PlainJudge.wide_spreads,
}
