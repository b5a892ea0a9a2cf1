"""What several of the straightforward rules need of a column: runs, what is usual around a value, jumps that come back.

Belongs here: columns alone, and contradictions between them. Does not belong here: other rules (`plain_validation`),
reading (`plain_reading`).
"""

# pandas has no types.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, Final

import numpy as np
import pandas as pd

from ghtrader_assets_tests.bench.plain_reading import Frame, Series

MOVES_WITH: Final = {
    "volume": ["bid_price1", "ask_price1"],
    "open_interest": ["trade"],
    "last_price": ["bid_price1", "ask_price1"],
    "average": ["last_price", "amount"],
    "bid_price1": ["last_price", "ask_price1"],
    "ask_price1": ["last_price", "bid_price1"],
    "bid_volume1": ["bid_price1"],
    "ask_volume1": ["ask_price1"],
}
"""The columns that change where another one does."""


def run_lengths(mask: Series) -> Series:
    """For each row of a run of true values the run's length, else 0."""
    return mask.groupby((mask != mask.shift()).cumsum()).transform("size").where(mask, 0)


def usual_size(sizes: Series) -> Series:
    """The 95th percentile around each value: the largest of its block of 512 and its two neighbours."""
    blocks = max(1, len(sizes) // 512)
    block = np.minimum(np.arange(len(sizes)) // 512, blocks - 1)
    percentiles: list[float] = []
    for number in range(blocks):
        values = np.sort(sizes.iloc[number * 512 : (number + 1) * 512 if blocks > 1 else None].to_numpy())
        percentiles.append(float(values[int(0.95 * (len(values) - 1))]))
    around = [max(percentiles[max(0, number - 1) : number + 2]) for number in range(blocks)]
    return pd.Series(np.array(around)[block], index=sizes.index)


def without_returns(places: Any, changes: Series) -> int:
    """How many jumps there are if one that directly undoes the jump before it is not counted."""
    back = (
        later - earlier == 1 and np.sign(changes[later]) != np.sign(changes[earlier])
        for earlier, later in pairwise(places)
    )
    return len(places) - sum(back)


def priceless(df: Frame) -> int:
    """Ticks that traded and have no last price."""
    traded = df["volume"].diff().fillna(df["volume"]) > 0
    return int((traded & (df["last_price"].isna() | (df["last_price"] == 0))).sum())


RANGE = ("highest", "lowest")


def constant_runs(df: Frame, moves: Mapping[str, Series]) -> int:
    """How often columns keep one value while those that they move with change 100 times all day, or 1,000 times."""
    found = 0
    for name, partners in MOVES_WITH.items():
        stands = df[name].diff() == 0
        run = (~stands).cumsum()
        least = 100 if run.max() <= 1 else 1000
        found += int(
            np.logical_and.reduce([(moves[each] & stands).groupby(run).sum() >= least for each in partners]).sum()
        )
    return found


def constant_days(df: Frame, book: Sequence[str], moves: Mapping[str, Series]) -> int:
    """How many deeper volumes have one value all day while their prices change often, or prices while the best does."""
    deep = {name: name.replace("volume", "price") for name in book if "_volume" in name and not name.endswith("1")}
    deep |= {name: f"{name[:3]}_price1" for name in book if "_price" in name and not name.endswith("1")}
    often = [name for name, price in deep.items() if len(df) > 100 and moves[price].sum() >= 100]
    return sum(df[name].nunique(dropna=False) == 1 for name in often)


def filled_ranges(df: Frame, moves: Mapping[str, Series]) -> int:
    """How many of highest and lowest have one value all day that the auction's own tick contradicts."""
    first = df.iloc[0]
    if len(df) <= 100 or first["window"] >= 0 or not first["volume"] > 0 or moves["last_price"].sum() < 100:
        return 0
    return sum(df[name].nunique(dropna=False) == 1 and first[name] != first["last_price"] for name in RANGE)


def off_level(df: Frame, book: Sequence[str]) -> int:
    """Prices more than twice the last price of their tick, or less than half of it."""
    names = ["highest", "lowest", "average", *(name for name in book if "price" in name)]
    last = df["last_price"]
    return sum(int(((df[name] > 0) & (last > 0) & ~(df[name] / last).between(0.5, 2)).sum()) for name in names)
