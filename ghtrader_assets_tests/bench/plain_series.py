"""What several of the straightforward rules need of a column: runs, what is usual around a value, jumps that come back.

Belongs here: columns alone. Does not belong here: rules (`plain_validation`), reading (`plain_reading`).
"""

# pandas has no types.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
from __future__ import annotations

from itertools import pairwise
from typing import Any, Final

import numpy as np
import pandas as pd

from ghtrader_assets_tests.bench.plain_reading import Series

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
