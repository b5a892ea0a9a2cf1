"""The provider's own 1-minute bars of a trading day: the minutes that traded, and the day's prices.

Belongs here: taking a day's out of an answer, their text and digest as they are kept.
Does not belong here: what they say of the day's ticks (`witness`).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl

from ghtrader_assets.market.clock import MINUTE_S
from ghtrader_assets.market.ticks import BAR_PRICES, DayWindow
from ghtrader_assets.validation.intake import NS, Floats, Ints


@dataclass(frozen=True, eq=False)
class Bars:
    """The bars of a trading day: the minutes that traded, by epoch second ascending, with their lots; the day's prices.

    Without a bar that traded the prices are NaN. `contract` is the one that the request named.
    """

    contract: str

    minutes: Ints
    lots: Floats
    open: float
    high: float
    low: float
    close: float

    @property
    def volume(self) -> float:
        """The lots of the day."""
        return float(self.lots.sum())

    @property
    def minutes_json(self) -> str:
        """The minutes that traded: `first`, since the epoch, `steps` from each to the next, `lots` of each."""
        since = self.minutes // MINUTE_S
        first = int(since[0]) if len(since) else None
        document = {"first": first, "steps": np.diff(since).tolist(), "lots": self.lots.astype(np.int64).tolist()}
        return json.dumps(document, separators=(",", ":"))

    @property
    def digest(self) -> str:
        """32 hex digits that name contract, minutes and prices."""
        parts = [self.contract, self.minutes_json, *(repr(getattr(self, name)) for name in BAR_PRICES)]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]


def bars_of_text(contract: str, minutes_json: str, prices: Mapping[str, float]) -> Bars:
    """Bars from what `minutes_json` and `BAR_PRICES` give."""
    document = json.loads(minutes_json)
    steps = [document["first"], *document["steps"]] if document["lots"] else []
    minutes = np.cumsum(np.array(steps, dtype=np.int64)) * MINUTE_S
    return Bars(contract, minutes, np.array(document["lots"], dtype=np.float64), **prices)


def bars_of_day(frame: pl.DataFrame, contract: str, window: DayWindow) -> Bars:
    """The bars of `frame` that begin in a trading day's window: `start_ns`, prices and `volume` of each."""
    within = pl.col("start_ns").is_between(window.start_ns, window.end_ns, closed="left")
    traded = frame.filter(within, pl.col("volume") > 0)
    prices = {name: traded[name].to_numpy() for name in BAR_PRICES}
    some = traded.height > 0
    return Bars(
        contract=contract,
        minutes=traded["start_ns"].to_numpy() // NS,
        lots=traded["volume"].to_numpy(),
        open=float(prices["open"][0]) if some else np.nan,
        high=float(prices["high"].max()) if some else np.nan,
        low=float(prices["low"].min()) if some else np.nan,
        close=float(prices["close"][-1]) if some else np.nan,
    )
