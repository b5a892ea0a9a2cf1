"""Reading stored trading days in bulk: only whole ones, each in one version, as Arrow tables.

Belongs here: result columns, the proof that what was read is what the table of stored days names, days in parallel.
Does not belong here: files (`reading.export`), pandas and polars (`store`).

A load replaces a day's ticks at one instant and writes its stored-day row later, once it has read the day back. Between
the two, the ticks are newer than the row. So after the ticks the row is looked at again, together with the day's
attempts: where it is the same row and no other attempt is open or ended later, the ticks are the row's. Otherwise the
content digest decides, and where it differs the day is read again until its load is done.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date, timedelta
from functools import partial
from typing import Any, Final

import numpy as np
import polars as pl
import pyarrow as pa

from ghtrader_assets.errors import BadInputError, OtherContentError
from ghtrader_assets.market.ticks import NUMERIC_COLUMNS, TICK_SCHEMA, DayWindow, content_digest, stored_order
from ghtrader_assets.questdb.client.connection import Database
from ghtrader_assets.questdb.tables.reader import read_daily_agg
from ghtrader_assets.questdb.tables.rows import DailyAgg
from ghtrader_assets.questdb.tables.schema import MANIFESTS
from ghtrader_assets.questdb.tables.tick_columns import (
    WHOLE,
    Slices,
    as_tick_frame,
    concurrently,
    even_slices,
    statements_of_day,
)
from ghtrader_assets.validation.verdicts import midnight_utc

SHANGHAI: Final = "Asia/Shanghai"
PATIENCE_S: Final = 60.0
"""How long a day that is just being replaced is waited for: from its ticks' to its stored-day row's commit."""
PAUSE_S: Final = 0.05

LONGEST_LOAD: Final = timedelta(hours=6)
"""An attempt that began longer than this before the stored load ended, and never ended itself, was killed."""

INSTANT: Final = "datetime"
_NAME: Final = pa.dictionary(pa.int32(), pa.string())
_OF_DAY: Final = {"symbol": _NAME, "trading_day": pa.date32(), "contract": _NAME}
"""One value for the whole day: never asked for, filled in here."""

_STORED: Final = {
    "tick_id": pa.int64(),
    "datetime_ns": pa.int64(),
    "seq": pa.int32(),
    **dict.fromkeys(NUMERIC_COLUMNS, pa.float64()),
    "row_hash": pa.int64(),
    "segment_id": pa.int64(),
    "schedule_hash": _NAME,
}
RESULT_TYPES: Final[dict[str, Any]] = {INSTANT: pa.timestamp("ns", tz=SHANGHAI), **_OF_DAY, **_STORED}
"""Every column that can be asked for, with its Arrow type. `datetime` is the exchange's instant in Shanghai's time,
`datetime_ns` the same as epoch ns UTC; a number that the source did not deliver is null."""

DEFAULT_COLUMNS: Final = (INSTANT, *_OF_DAY, *TICK_SCHEMA.names())


@dataclass(frozen=True, slots=True)
class WholeDay:
    """A stored trading day: its stored-day row and its ticks (`RESULT_TYPES`), in stored order."""

    agg: DailyAgg
    ticks: pa.Table


def require_columns(columns: Sequence[str] | None) -> tuple[str, ...]:
    """The columns asked for, `DEFAULT_COLUMNS` for None. Raises `BadInputError` for an unknown or a doubled one."""
    if columns is None:
        return DEFAULT_COLUMNS
    unknown = [name for name in columns if name not in RESULT_TYPES]
    if unknown:
        raise BadInputError(
            f"there is no tick column {str(unknown[0])[:80]!r}", f"choose from {', '.join(RESULT_TYPES)}"
        )
    if not columns or len(set(columns)) < len(columns):
        raise BadInputError(f"columns {', '.join(columns) or 'none'}: name at least one, each once")
    return tuple(columns)


def read_whole_day(
    db: Database,
    symbol: str,
    window: DayWindow,
    columns: Sequence[str] | None = None,
    *,
    workers: int = 1,
    patience_s: float | None = None,
) -> WholeDay:
    """A symbol's trading day, whole and in one version; `workers` read a slice of it each.

    Raises `BadInputError` for a day that has no stored-day row (never loaded, or not to its end) and an unknown column,
    `OtherContentError` when the ticks are not those of the stored-day row for `patience_s`, `PATIENCE_S` by default.
    """
    wanted = require_columns(columns)
    before = _agg_of(db, symbol, window.trading_day)
    span = [(before.first_tick, before.last_tick)] if before.first_tick and before.last_tick else []
    ticks = _read(db, symbol, window, wanted, even_slices(span, workers))
    after = _agg_of(db, symbol, window.trading_day)
    if after.manifest_id == before.manifest_id and after.rows_total == ticks.num_rows and _is_settled(db, after):
        return WholeDay(after, _result(ticks, after, wanted))
    return _read_verified(db, symbol, window, wanted, PATIENCE_S if patience_s is None else patience_s)


def read_whole_days(
    db: Database, symbol: str, windows: Sequence[DayWindow], columns: Sequence[str] | None = None, *, workers: int = 2
) -> Generator[WholeDay]:
    """Trading days one after the other, each as `read_whole_day`; `workers` of them are read ahead at once. Where there
    are fewer days than workers, several read a day.

    No more than `workers` days in addition to the one handed out are held, however long the range.
    """
    wanted = require_columns(columns)
    a_day = max(1, workers // max(1, len(windows)))
    with ThreadPoolExecutor(workers, thread_name_prefix="bulk-read") as pool:
        ahead: deque[Future[WholeDay]] = deque()
        try:
            for window in windows:
                ahead.append(pool.submit(read_whole_day, db, symbol, window, wanted, workers=a_day))
                if len(ahead) > workers:
                    yield ahead.popleft().result()
            while ahead:
                yield ahead.popleft().result()
        finally:
            for future in ahead:
                future.cancel()


def _read_verified(
    db: Database, symbol: str, window: DayWindow, wanted: tuple[str, ...], patience_s: float
) -> WholeDay:
    """Read every column until the content is the stored-day row's."""
    names = (*TICK_SCHEMA.names(), *(name for name in wanted if name in _STORED and name not in TICK_SCHEMA))
    give_up_at = time.monotonic() + patience_s
    while True:
        ticks = _read(db, symbol, window, names)
        agg = _agg_of(db, symbol, window.trading_day)
        if _digest(ticks) == agg.digest:
            return WholeDay(agg, _result(ticks, agg, wanted))
        if time.monotonic() > give_up_at:
            raise OtherContentError(
                f"the ticks of {symbol} on {window.trading_day} are not those of load {agg.manifest_id}:"
                " a load that began later has not ended, or they were changed"
            )
        time.sleep(PAUSE_S)


def _agg_of(db: Database, symbol: str, day: date) -> DailyAgg:
    found = read_daily_agg(db, symbol, [day])
    if not found:
        raise BadInputError(f"no whole day of {symbol} is stored for {day}", "load it with `ghtrader-assets backfill`")
    return found[0]


def _is_settled(db: Database, agg: DailyAgg) -> bool:
    """Whether no other attempt of the day is open (it began and has not ended) or ended after the stored load."""
    ((others,),) = db.rows(
        "later_attempts",
        f"SELECT count() FROM {MANIFESTS} WHERE symbol = %s AND ts = %s AND manifest_id != %s"  # noqa: S608 - our own names; values are bound
        " AND (finished > %s OR (finished IS NULL AND started > %s))",
        [agg.symbol, midnight_utc(agg.trading_day), agg.manifest_id, agg.updated_at, agg.updated_at - LONGEST_LOAD],
    )
    return others == 0


def _read(db: Database, symbol: str, window: DayWindow, columns: Sequence[str], slices: Slices = WHOLE) -> pa.Table:
    """Stored columns of the day's live rows, with `datetime_ns` and `seq`, in stored order."""
    statements = statements_of_day(symbol, window, (name for name in columns if name in _STORED), slices)
    tables = concurrently(partial(db.arrow, "whole_day"), statements)
    ticks = tables[0] if len(tables) == 1 else pa.concat_tables(tables).combine_chunks()
    # QuestDB hands rows out by microsecond, and those of one mostly by `seq`.
    order = stored_order(ticks["datetime_ns"].to_numpy(), ticks["seq"].to_numpy())
    return ticks if order is None else ticks.take(pa.array(order))


def _digest(ticks: pa.Table) -> str:
    frame = pl.from_arrow(ticks.select(TICK_SCHEMA.names()))
    assert isinstance(frame, pl.DataFrame)  # noqa: S101 - narrows a type
    return content_digest(as_tick_frame(frame))


def _result(ticks: pa.Table, agg: DailyAgg, columns: Sequence[str]) -> pa.Table:
    """The columns asked for, of their types."""
    arrays = [
        _constant(name, agg, ticks.num_rows)
        if name in _OF_DAY
        else ticks["datetime_ns" if name == INSTANT else name].cast(RESULT_TYPES[name])
        for name in columns
    ]
    return pa.table(arrays, schema=pa.schema([(name, RESULT_TYPES[name]) for name in columns]))


def _constant(name: str, agg: DailyAgg, rows: int) -> Any:
    value = getattr(agg, name)
    if name == "trading_day":
        return pa.repeat(pa.scalar(value, pa.date32()), rows)
    return pa.DictionaryArray.from_arrays(pa.array(np.zeros(rows, dtype=np.int32)), pa.array([value], pa.string()))
