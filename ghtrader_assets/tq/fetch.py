"""The pool's request and its answer: one trading day of one contract.

Belongs here: the request, its outcome and its figures. Does not belong here: how either comes about (`pool`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import polars as pl

from ghtrader_assets.errors import IngestState
from ghtrader_assets.market.ticks import DayWindow

Reader = Literal["tqsdk", "lean"]


@dataclass(frozen=True, slots=True)
class FetchRequest:
    """One trading day of a symbol, to be read from the contract that stands for it on that day."""

    symbol: str
    contract: str
    window: DayWindow
    levels: int
    expected_ticks: int = 0
    """A hint: longer days are fetched first."""


@dataclass(frozen=True, slots=True)
class FetchStats:
    """How a day was fetched. `download_s` is the successful (or last) attempt; `started` the first attempt, UTC.

    `bytes` counts the tick columns delivered, 8 a number, so that both readers compare.
    """

    download_s: float
    attempts: int
    bytes: int
    reader: Reader
    started: datetime
    finished: datetime


@dataclass(frozen=True, slots=True)
class FetchedDay:
    """The outcome of a request. `frame` is whole when `state` is COMPLETE.

    With SHORT or BROKEN it holds what did come, for inspection only; else it is None.
    """

    request: FetchRequest
    state: IngestState
    reason: str
    frame: pl.DataFrame | None
    stats: FetchStats
