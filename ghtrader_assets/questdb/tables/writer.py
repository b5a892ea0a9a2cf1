"""Storing trading days: each replaces what was stored of it at one instant, for every reader, and is read back.

Belongs here: replacement, read-back, what happens to a batch that fails.
Does not belong here: which days make a batch (`loading`), columns of a tick (`tick_columns`), the small tables
(`records`).

One ILP transaction carries a day's new rows and, for every stored key that the new content doesn't have, the same key
with `live = false`. QuestDB applies a transaction whole or not at all, so no reader sees a mixture
(docs/decisions/replace-a-day.md has the measurements). Sending a transaction twice changes nothing: keys are unique.
"""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from time import perf_counter
from typing import Final, Literal

import polars as pl

from ghtrader_assets.errors import BadInputError, GhtraderError, ReadBackError
from ghtrader_assets.market.clock import instant
from ghtrader_assets.market.ticks import TICK_SCHEMA, DayWindow, content_digest, row_hashes
from ghtrader_assets.questdb.client.connection import Database, answers
from ghtrader_assets.questdb.tables.columns import CONTRACT_IN_TICKS
from ghtrader_assets.questdb.tables.schema import TABLES, TICKS
from ghtrader_assets.questdb.tables.tick_columns import (
    DayLoad,
    keys_of,
    put_ticks,
    put_tombstones,
    read_columns,
    read_ticks,
    require_same,
)

BATCH_ROWS: Final = 120_000
"""Rows of one transaction, 850 bytes each on the wire, far below the sender's buffer. A few days in one transaction and
three on their way beat all days in one by 1.8 (docs/decisions/replace-a-day.md): sending, applying and reading back
then overlap."""

BATCHES_IN_FLIGHT: Final = 3
"""While one batch is read back, the next is applied and another one sent."""

STORED_AGAIN: Final = 5
FIRST_PAUSE_S: Final = 0.2

Readback = Literal["full", "checksum"]
Replaced = Literal["new", "changed", "unchanged"]


@dataclass(frozen=True, slots=True)
class StoredDay:
    """A trading day that is stored and was read back. Instants are UTC, None for a day without a tick."""

    load: DayLoad
    rows: int
    digest: str
    first_tick: datetime | None
    last_tick: datetime | None
    replaced: Replaced
    bytes: int
    store_s: float
    readback_s: float


@dataclass(frozen=True, slots=True)
class StoreFailure:
    """A trading day that is not stored, or not as it was loaded."""

    load: DayLoad
    error: GhtraderError


@dataclass(frozen=True, slots=True)
class _Prepared:
    load: DayLoad
    digest: str
    replaced: Replaced
    tombstones: pl.DataFrame


Result = StoredDay | StoreFailure


def store_batch(db: Database, loads: Sequence[DayLoad], readback: Readback = "full") -> list[Result]:
    """Store different days by one transaction, read each back, and return their results in order.

    A day's failure is its `StoreFailure`: when the transaction fails, each of its days is sent alone. A day whose
    content is stored already is proved so and not written. `full` recomputes the digest from every column read back;
    `checksum` compares count and the server's sum of row hashes.
    """
    try:
        results = _store_together(db, loads, readback)
    except GhtraderError as error:
        if len(loads) == 1 or not answers(db.endpoint):
            return [StoreFailure(load, error) for load in loads]
        return [result for load in loads for result in store_batch(db, [load], readback)]
    return [_store_again(db, result, readback) if _was_disturbed(result) else result for result in results]


def require_content(frame: pl.DataFrame, symbol: str, day: date, digest: str) -> None:
    """Raises `ReadBackError` naming the day if `frame`, as it was read back, is not the content of this digest."""
    found = content_digest(frame)
    if found != digest:
        raise ReadBackError(
            f"{symbol} {day}: the stored ticks have digest {found}, the load's was {digest}",
            "they were changed since; load the day again with --force",
        )


def _was_disturbed(result: Result) -> bool:
    return isinstance(result, StoreFailure) and isinstance(result.error, ReadBackError)


def _store_again(db: Database, failure: Result, readback: Readback) -> Result:
    """Replace again a day that reads back differently: another process may have replaced it meanwhile.

    After a random pause each time, so that two writers of one day fall out of step.
    """
    result = failure
    for attempt in range(STORED_AGAIN):
        time.sleep(random.uniform(0.0, FIRST_PAUSE_S * 2**attempt))  # noqa: S311 - spreads waits, keeps no secret
        try:
            result = _store_together(db, [failure.load], readback)[0]
        except GhtraderError as error:
            return StoreFailure(failure.load, error)
        if not _was_disturbed(result):
            break
    return result


def _store_together(db: Database, loads: Sequence[DayLoad], readback: Readback) -> list[Result]:
    started = perf_counter()
    prepared = [_prepare(db, load) for load in loads]
    written = [day for day in prepared if day.replaced != "unchanged"]
    if written:
        with db.sender() as sender, sender.transaction(TABLES[TICKS].base) as transaction:
            for day in written:
                put_ticks(transaction, day.load)
                put_tombstones(transaction, day.load, day.tombstones)
        db.await_applied(TABLES[TICKS].base)
    seconds_a_row = (perf_counter() - started) / max(1, sum(load.frame.height for load in loads))
    return [_read_back(db, day, readback, seconds_a_row * day.load.frame.height) for day in prepared]


def _prepare(db: Database, load: DayLoad) -> _Prepared:
    """Compare the day with what is stored. Raises `BadInputError` for a frame that can't be stored."""
    _require_storable(load)
    digest = content_digest(load.frame)
    count, checksum = _stored_checksum(db, load.symbol, load.window)
    none = keys_of(load.frame.clear())
    if count == 0:
        return _Prepared(load, digest, "new", none)
    if (count, checksum) == _checksum(load) and _is_stored(db, load, digest):
        return _Prepared(load, digest, "unchanged", none)
    old = keys_of(read_columns(db, load.symbol, load.window, ("datetime_ns", "seq")))
    return _Prepared(load, digest, "changed", old.join(keys_of(load.frame), on=["micros", "seq"], how="anti"))


def _require_storable(load: DayLoad) -> None:
    frame, window = load.frame, load.window
    if frame.schema != TICK_SCHEMA:
        raise BadInputError(f"{load}: this is no tick frame: {frame.schema}")
    outside = frame.filter(~pl.col("datetime_ns").is_between(window.start_ns, window.end_ns, closed="left")).height
    if outside:
        raise BadInputError(f"{load}: {outside} of {frame.height} rows lie outside the trading day")
    if keys_of(frame).is_duplicated().any():
        raise BadInputError(f"{load}: rows of the same instant share a seq")


def _is_stored(db: Database, load: DayLoad, digest: str) -> bool:
    labels = db.rows(
        "ticks_labels",
        f"SELECT DISTINCT {CONTRACT_IN_TICKS}, segment_id FROM {TICKS} WHERE symbol = %s AND ts >= %s AND ts < %s",  # noqa: S608 - our own names; values are bound
        [load.symbol, instant(load.window.start_ns), instant(load.window.end_ns)],
    )
    return (
        labels == [(load.contract, load.segment_id)]
        and content_digest(read_ticks(db, load.symbol, load.window)) == digest
    )


def _read_back(db: Database, prepared: _Prepared, readback: Readback, store_s: float) -> Result:
    started = perf_counter()
    load, frame = prepared.load, prepared.load.frame
    try:
        if prepared.replaced != "unchanged":
            _require_stored(db, load, prepared.digest, readback)
    except GhtraderError as error:
        return StoreFailure(load, error)
    stamps = frame["datetime_ns"]
    return StoredDay(
        load=load,
        rows=frame.height,
        digest=prepared.digest,
        first_tick=None if frame.is_empty() else instant(int(stamps.to_numpy().min())),
        last_tick=None if frame.is_empty() else instant(int(stamps.to_numpy().max())),
        replaced=prepared.replaced,
        bytes=int(frame.estimated_size()),
        store_s=store_s,
        readback_s=perf_counter() - started,
    )


def _require_stored(db: Database, load: DayLoad, digest: str, readback: Readback) -> None:
    if readback == "full":
        stored = read_ticks(db, load.symbol, load.window)
        if content_digest(stored) != digest:
            require_same(load, stored)
        return
    found = _stored_checksum(db, load.symbol, load.window)
    if found != _checksum(load):
        raise ReadBackError(
            f"{load}: count and checksum {found} are stored, {_checksum(load)} were loaded",
            "load the day again with --force",
        )


def _checksum(load: DayLoad) -> tuple[int, int]:
    return load.frame.height, int(row_hashes(load.frame).sum())


def _stored_checksum(db: Database, symbol: str, window: DayWindow) -> tuple[int, int]:
    """Count and wrapping int64 sum of row hashes of the stored day: numpy's sum of the same rows is equal."""
    count, checksum = db.rows(
        "ticks_checksum",
        f"SELECT count(), sum(row_hash) FROM {TICKS} WHERE symbol = %s AND ts >= %s AND ts < %s",  # noqa: S608 - our own names; values are bound
        [symbol, instant(window.start_ns), instant(window.end_ns)],
    )[0]
    return count, checksum or 0
