"""Reading a stored day the straightforward way: every column of its ticks over psycopg, into a pandas DataFrame.

Belongs here: the query and the day that it asks for. Does not belong here: the rules (`plain_validation`).
"""

# pandas has no types.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, LiteralString, cast

import pandas as pd
import psycopg

from ghtrader_assets.market.ticks import NUMERIC_COLUMNS

NS: Final = 1_000_000_000
COLUMNS: Final = ("tick_id", "datetime_ns", "row_hash", *NUMERIC_COLUMNS)
QUERY: Final = (
    f"SELECT {', '.join(COLUMNS)} FROM ghtrader_ticks_main_l5_v2"
    " WHERE symbol = %s AND ts >= %s AND ts < %s ORDER BY ts, seq"
)

Frame = Any
Series = Any
Window = tuple[str, int, int]
"""Session, opening and closing second (epoch)."""


@dataclass(frozen=True)
class PlainDay:
    """A trading day to be judged: its window in ns, its sessions, its contract's terms. Thresholds are the defaults."""

    symbol: str
    start_ns: int
    end_ns: int
    windows: Sequence[Window]
    tick: float
    multiplier: float
    levels: int
    whole_seconds: bool


def read_plainly(session: psycopg.Connection[Any], day: PlainDay) -> Frame:
    """The stored ticks of a day, by id."""
    found = session.execute(
        cast("LiteralString", QUERY),
        [day.symbol, pd.Timestamp(day.start_ns, tz="UTC"), pd.Timestamp(day.end_ns, tz="UTC")],
    )
    frame = pd.DataFrame(found.fetchall(), columns=list(COLUMNS))
    numbers = list(NUMERIC_COLUMNS)
    frame[numbers] = frame[numbers].astype(float)
    return frame.sort_values("tick_id", kind="stable").reset_index(drop=True)
