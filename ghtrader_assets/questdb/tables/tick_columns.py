"""Tick frames to ILP and back: ghTrader's columns around the numbers of a tick.

Belongs here: the columns written with a tick, in which order rows go out, and how a read-back becomes a tick frame.
Does not belong here: transactions and replacement (`writer`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import partial
from itertools import pairwise
from typing import Any, Final, TypeVar

import numpy as np
import numpy.typing as npt
import polars as pl
from questdb import SenderTransaction

from ghtrader_assets.errors import ReadBackError
from ghtrader_assets.market.clock import instant
from ghtrader_assets.market.ticks import NUMERIC_COLUMNS, TICK_SCHEMA, DayWindow, in_stored_order, row_hashes
from ghtrader_assets.questdb.client.connection import Database
from ghtrader_assets.questdb.client.sql import instant_literal, literal
from ghtrader_assets.questdb.tables.columns import CONTRACT_IN_TICKS
from ghtrader_assets.questdb.tables.schema import TICKS
from ghtrader_assets.validation.verdicts import DATASET_VERSION, TICKS_KIND

_TICK_COLUMNS: Final = tuple(TICK_SCHEMA.names())

Slices = tuple[datetime, ...]
"""Instants (UTC) that part a day. A read in slices may see two versions of it; the content digest tells."""

WHOLE: Final[Slices] = ()
Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class DayLoad:
    """One trading day's ticks on their way into the store, and the columns stored with each of them."""

    symbol: str
    trading_day: date
    window: DayWindow
    contract: str
    segment_id: int
    schedule_hash: str
    frame: pl.DataFrame

    def __str__(self) -> str:
        return f"{self.symbol} {self.trading_day}"


def put_ticks(transaction: SenderTransaction, load: DayLoad) -> None:
    """Add the rows of a day, live, to an ILP transaction, in stored order."""
    if load.frame.is_empty():
        return
    ordered = in_stored_order(load.frame)
    same = {
        "symbol": load.symbol,
        "trading_day": load.trading_day.isoformat(),
        "dataset_version": DATASET_VERSION,
        "ticks_kind": TICKS_KIND,
        CONTRACT_IN_TICKS: load.contract,
        "schedule_hash": load.schedule_hash,
    }
    columns = {
        "ts": (ordered["datetime_ns"].to_numpy() // 1000).astype("datetime64[us]"),
        "row_hash": row_hashes(ordered),
        "segment_id": np.full(ordered.height, load.segment_id, dtype=np.int64),
        "live": np.ones(ordered.height, dtype=np.bool_),
        **{name: ordered[name].to_numpy() for name in _TICK_COLUMNS},
    }
    _put(transaction, same, columns)


def put_tombstones(transaction: SenderTransaction, load: DayLoad, keys: pl.DataFrame) -> None:
    """Add rows that hide the keys (`micros`, `seq`) which the day's new content does not have."""
    if keys.is_empty():
        return
    same = {"symbol": load.symbol, "trading_day": load.trading_day.isoformat()}
    columns = {
        "ts": keys["micros"].to_numpy().astype("datetime64[us]"),
        "seq": keys["seq"].to_numpy(),
        "live": np.zeros(keys.height, dtype=np.bool_),
    }
    _put(transaction, same, columns)


def keys_of(frame: pl.DataFrame) -> pl.DataFrame:
    """The keys of a tick frame's rows within their symbol: `micros` (epoch µs) and `seq`."""
    return frame.select(micros=pl.col("datetime_ns") // 1000, seq="seq")


def read_ticks(db: Database, symbol: str, window: DayWindow, slices: Slices = WHOLE) -> pl.DataFrame:
    """The stored ticks of a symbol's trading day as a tick frame, in stored order."""
    return as_tick_frame(read_columns(db, symbol, window, _TICK_COLUMNS, slices))


def read_columns(
    db: Database, symbol: str, window: DayWindow, columns: tuple[str, ...], slices: Slices = WHOLE
) -> pl.DataFrame:
    """Columns of the live rows of a symbol's trading day, in stored order."""
    statements = statements_of_day(symbol, window, columns, slices)
    return in_stored_order(pl.concat(concurrently(partial(db.export, "ticks_of_day"), statements))).select(columns)


def even_slices(spans: Sequence[tuple[datetime, datetime]], number: int) -> Slices:
    """The instants that part a day into `number` slices of equal length, counting only its `spans` (start and end, in
    order of time): those in which ticks are expected."""
    lengths = [end - start for start, end in spans]
    total = sum(lengths, timedelta())
    if not total:
        return WHOLE
    cuts: list[datetime] = []
    for nth in range(1, number):
        left = total / number * nth
        for (start, _), length in zip(spans, lengths, strict=True):
            if left <= length:
                cuts.append(start + left)
                break
            left -= length
    return tuple(cuts)


def statements_of_day(symbol: str, window: DayWindow, columns: Iterable[str], slices: Slices) -> list[str]:
    """What to ask `/exp` for a day's live rows: one statement a slice, in time order.

    `columns` come with `datetime_ns` and `seq`, by which rows are put in stored order.
    """
    wanted = ", ".join(dict.fromkeys(("datetime_ns", "seq", *columns)))
    bounds = [instant(window.start_ns), *slices, instant(window.end_ns)]
    return [
        f"SELECT {wanted} FROM {TICKS} WHERE symbol = {literal(symbol)}"  # noqa: S608 - our own names; values are bound
        f" AND ts >= {instant_literal(start)} AND ts < {instant_literal(end)}"
        for start, end in pairwise(bounds)
    ]


def concurrently(ask: Callable[[str], Answer], statements: Sequence[str]) -> list[Answer]:
    """The answers to all statements, run in parallel, in the order of the statements."""
    if len(statements) == 1:
        return [ask(statements[0])]
    with ThreadPoolExecutor(len(statements), thread_name_prefix="slice") as pool:
        return list(pool.map(ask, statements))


def as_tick_frame(stored: pl.DataFrame) -> pl.DataFrame:
    """Stored columns as a tick frame: null is NaN."""
    return stored.select(
        pl.col(name).cast(kind).fill_null(np.nan) if name in NUMERIC_COLUMNS else pl.col(name).cast(kind)
        for name, kind in TICK_SCHEMA.items()
    )


def require_same(load: DayLoad, stored: pl.DataFrame) -> None:
    """Raises `ReadBackError` naming the day and the first difference between what was loaded and what is stored."""
    sent = in_stored_order(load.frame)
    if sent.height != stored.height:
        raise _different(load, f"{stored.height} rows are stored, {sent.height} were loaded")
    for name in _TICK_COLUMNS:
        differs = np.flatnonzero(~_equal(sent[name].to_numpy(), stored[name].to_numpy()))
        if len(differs):
            row = int(differs[0])
            raise _different(
                load,
                f"{len(differs)} values of {name} differ, the first at datetime_ns {sent['datetime_ns'][row]}:"
                f" {stored[name][row]} is stored, {sent[name][row]} was loaded",
            )


def _different(load: DayLoad, what: str) -> ReadBackError:
    return ReadBackError(f"{load}: what is stored is not what was loaded: {what}", "load the day again with --force")


def _equal(left: npt.NDArray[Any], right: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    same: npt.NDArray[np.bool_] = left == right
    return same if left.dtype != np.float64 else same | (np.isnan(left) & np.isnan(right))


def put_rows(
    transaction: SenderTransaction,
    texts: Mapping[str, tuple[npt.NDArray[Any], Sequence[str]]],
    columns: Mapping[str, npt.NDArray[Any]],
) -> None:
    """Add rows with `columns`, and symbols by the number of each row's value among those given.

    ILP takes pandas alone.
    """
    import pandas as pd  # noqa: PLC0415 - reading does without it

    symbols = {
        name: pd.Categorical.from_codes(codes, categories=list(values))  # pyright: ignore[reportUnknownMemberType] - pandas has no types
        for name, (codes, values) in texts.items()
    }
    frame = pd.DataFrame({**symbols, **columns}, copy=False)
    transaction.dataframe(frame, symbols=list(texts), at="ts")


def _put(transaction: SenderTransaction, same: Mapping[str, str], columns: Mapping[str, npt.NDArray[Any]]) -> None:
    """Add rows with `columns`, and the symbols that are the same in each of them."""
    codes = np.zeros(len(columns["ts"]), dtype=np.int8)
    put_rows(transaction, {name: (codes, [value]) for name, value in same.items()}, columns)
