"""The bar frame: its columns, and the fingerprint of what a day's bars were made of.

Belongs here: the schema and its units. Does not belong here: how bars are made (`ticks`) and lengthened (`longer`).

A *bar frame* is a polars DataFrame with exactly `BAR_SCHEMA`, in order of `start_ns`; what is missing is null.
"""

from __future__ import annotations

import hashlib
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

from ghtrader_assets.market.ticks import BAR_PRICES

BARS_VERSION: Final = "1"
"""Raised when the same ticks would give other bars: every stored bar is out of date by that."""

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

FIGURES: Final = pl.Schema(
    {
        **dict.fromkeys(BAR_PRICES, pl.Float64),
        "volume": pl.Float64,
        "amount": pl.Float64,
        "open_interest": pl.Float64,
        "ticks": pl.Int32,
        "seconds_with_ticks": pl.Int32,
        "mean_spread": pl.Float64,
        "spread_ticks": pl.Int32,
    }
)
"""Prices in the quote unit, volume and open interest in lots, amount in CNY; all of the bar alone, none cumulative.

`mean_spread` is the mean of ask less bid of level 1 over the `spread_ticks` snapshots that have both.
"""

BAR_SCHEMA: Final = pl.Schema({"start_ns": pl.Int64, "end_ns": pl.Int64, **FIGURES})
"""`start_ns` and `end_ns` are the instants between which the bar lies, epoch nanoseconds UTC."""


def bars_fingerprint(content_digest: str, sessions_fingerprint: str, contract: str) -> str:
    """32 hex digits: of which content, sessions and contract, and by which version of the rules, bars are made."""
    parts = (content_digest, sessions_fingerprint, contract, BARS_VERSION)
    return hashlib.blake2b("\n".join(parts).encode(), digest_size=16).hexdigest()


def mark_of(fingerprint: str) -> int:
    """The first eight bytes of a fingerprint as a signed integer: what each stored bar carries of it."""
    return int.from_bytes(bytes.fromhex(fingerprint[:16]), "big", signed=True)
