"""The tick frame: its columns, the order of rows of one instant, and the digests that name its content.

Belongs here: the schema of a tick, prices of a bar, `seq`, trimming to a trading day, row hashes, the content digest.
Does not belong here: where ticks come from (`tq`) or are kept (`questdb`), and whether they are good
(`validation`).

A *tick frame* is a polars DataFrame with exactly `TICK_SCHEMA`, in source order, without polars nulls: a
missing number is NaN. Prices are in the contract's quote unit, volumes in lots, `volume` and `amount`
cumulative over the trading day.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Final, cast

import numpy as np
import numpy.typing as npt
import polars as pl

LEVELS: Final = 5
BOOK_COLUMNS: Final = tuple(
    f"{side}_{kind}{level}" for level in range(1, LEVELS + 1) for side in ("bid", "ask") for kind in ("price", "volume")
)
"""bid_price1, bid_volume1, ask_price1, ask_volume1, bid_price2, ...: ghTrader's order."""

NUMERIC_COLUMNS: Final = (
    "last_price",
    "average",
    "highest",
    "lowest",
    "volume",
    "amount",
    "open_interest",
    *BOOK_COLUMNS,
)
"""The 27 numbers of a tick, in the order in which ghTrader hashes them."""

BAR_PRICES: Final = ("open", "high", "low", "close")

TICK_SCHEMA: Final = pl.Schema(
    {
        "tick_id": pl.Int64,
        "datetime_ns": pl.Int64,
        "seq": pl.Int32,
        **dict.fromkeys(NUMERIC_COLUMNS, pl.Float64),
    }
)

SCHEMA_HASH: Final = hashlib.sha256(
    ",".join(["symbol:string", "datetime:int64", *(f"{name}:float64" for name in NUMERIC_COLUMNS)]).encode()
).hexdigest()[:16]
"""ghTrader's `ticks_schema_hash()`: 6270bba406e22ffd."""

ROW_HASH_ALGORITHM: Final = "fnv1a64_v1"
_FNV_OFFSET: Final = np.uint64(1469598103934665603)
_FNV_PRIME: Final = np.uint64(1099511628211)


@dataclass(frozen=True, slots=True)
class DayWindow:
    """The instants of one trading day: `[start_ns, end_ns)`, epoch nanoseconds UTC.

    From 18:00 of the previous trading day to 18:00 of the day itself, Asia/Shanghai.
    """

    trading_day: date
    start_ns: int
    end_ns: int


def tick_frame(columns: Mapping[str, npt.NDArray[Any]]) -> pl.DataFrame:
    """Build a tick frame from source columns in source order.

    `columns` holds `tick_id` and `datetime_ns` (int64) and any of `NUMERIC_COLUMNS`; numbers that the
    source does not deliver become NaN, and so do infinities, which QuestDB can't tell from a missing value.
    """
    stamps = np.ascontiguousarray(columns["datetime_ns"], dtype=np.int64)
    data: dict[str, npt.NDArray[Any]] = {
        "tick_id": np.ascontiguousarray(columns["tick_id"], dtype=np.int64),
        "datetime_ns": stamps,
        "seq": ordinals_within_instant(stamps),
    }
    for name in NUMERIC_COLUMNS:
        values = columns.get(name)
        data[name] = np.full(len(stamps), np.nan) if values is None else _finite(values)
    return pl.DataFrame(data, schema=TICK_SCHEMA)


def ordinals_within_instant(stamps_ns: npt.NDArray[np.int64]) -> npt.NDArray[np.int32]:
    """The 0-based ordinal of each row among the rows of the same microsecond, in source order.

    Microseconds, because QuestDB's designated timestamp keeps no more. CZCE stamps whole seconds, with
    several ticks in one; without the ordinal, deduplication would drop all but the last of them.
    """
    micros = stamps_ns // 1000
    if len(micros) == 0:
        return np.empty(0, dtype=np.int32)
    order = np.argsort(micros, kind="stable")
    ordered = micros[order]
    first_of_run = np.concatenate(([True], ordered[1:] != ordered[:-1]))
    run_starts = np.flatnonzero(first_of_run)
    run_of_row = np.cumsum(first_of_run) - 1
    ordinals = np.empty(len(micros), dtype=np.int32)
    ordinals[order] = np.arange(len(micros)) - run_starts[run_of_row]
    return ordinals


def trim(frame: pl.DataFrame, window: DayWindow) -> pl.DataFrame:
    """The rows inside the trading day's window, in source order."""
    return frame.filter(pl.col("datetime_ns").is_between(window.start_ns, window.end_ns, closed="left"))


def row_hashes(frame: pl.DataFrame) -> npt.NDArray[np.int64]:
    """ghTrader's `fnv1a64_v1` per row: word-wise over `datetime_ns` and the 27 numbers, NaN hashed as 0.0."""
    numbers = {name: _numbers(frame, name) for name in NUMERIC_COLUMNS}
    return hash_columns(frame["datetime_ns"].to_numpy(), numbers)


def hash_columns(
    stamps_ns: npt.NDArray[np.int64], numbers: Mapping[str, npt.NDArray[np.float64]]
) -> npt.NDArray[np.int64]:
    """`row_hashes` of columns that stand in no frame. `numbers` holds all `NUMERIC_COLUMNS`."""
    hashes = stamps_ns.view(np.uint64) ^ _FNV_OFFSET
    hashes *= _FNV_PRIME
    for name in NUMERIC_COLUMNS:
        values = numbers[name]
        missing = np.isnan(values)
        hashes ^= (np.where(missing, 0.0, values) if missing.any() else values).view(np.uint64)
        hashes *= _FNV_PRIME
    return hashes.view(np.int64)


def stored_order(stamps_ns: npt.NDArray[np.int64], seq: npt.NDArray[np.int32]) -> npt.NDArray[np.int64] | None:
    """Where the rows go to stand by (datetime in microseconds, seq), which is how they are stored.

    None if they stand so already, as nearly always.
    """
    micros = stamps_ns // 1000
    step = np.diff(micros)
    if not np.any((step < 0) | ((step == 0) & (np.diff(seq) < 0))):
        return None
    return np.lexsort((seq, micros))


def in_stored_order(frame: pl.DataFrame) -> pl.DataFrame:
    """The rows of a tick frame in stored order."""
    order = stored_order(frame["datetime_ns"].to_numpy(), frame["seq"].to_numpy())
    return frame if order is None else frame[order]


def content_digest(frame: pl.DataFrame) -> str:
    """32 hex digits that name the content of a trading day: every stored number of every row, in stored order.

    Rows count in the order (datetime in microseconds, seq), which is how they are stored and read back. NaN
    differs from 0.0; all NaNs are one.
    """
    digest = hashlib.blake2b(digest_size=16)
    stored = in_stored_order(frame)
    for name in ("tick_id", "datetime_ns"):
        digest.update(np.ascontiguousarray(stored[name].to_numpy()).data)
    digest.update(np.ascontiguousarray(stored["seq"].to_numpy()).data)
    for name in NUMERIC_COLUMNS:
        values = _numbers(stored, name)
        missing = np.isnan(values)
        digest.update((np.where(missing, np.nan, values) if missing.any() else values).data)
    return digest.hexdigest()


def five_level_rows(columns: pl.DataFrame | Mapping[str, npt.NDArray[np.float64]]) -> int:
    """How many rows carry any price or volume above zero beyond level 1: ghTrader's "true L5" rows."""
    found = np.zeros(len(columns[BOOK_COLUMNS[0]]), dtype=np.bool_)
    for name in BOOK_COLUMNS[4:]:
        found |= np.asarray(columns[name]) > 0
        if found.all():
            break
    return int(np.count_nonzero(found))


def _numbers(frame: pl.DataFrame, name: str) -> npt.NDArray[np.float64]:
    return np.ascontiguousarray(cast("npt.NDArray[np.float64]", frame[name].to_numpy()))


def _finite(values: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    numbers = np.ascontiguousarray(values, dtype=np.float64)
    return np.where(np.isfinite(numbers), numbers, np.nan)
