"""Exporting stored trading days to files: each file whole or not at all, and saying which loads it holds.

Belongs here: Parquet, CSV and partitioned trees of Parquet. Does not belong here: reading them
(`stored`).

A range goes to disk day by day, so that its size does not matter. A file grows under a hidden name next to its target
and takes the target's name when it is complete.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, BinaryIO, Final

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from ghtrader_assets.context.store import StoreContext
from ghtrader_assets.errors import BadInputError, ServiceError
from ghtrader_assets.files import put_file, whole_file
from ghtrader_assets.market.symbols import Symbol
from ghtrader_assets.questdb.tables.rows import DailyAgg
from ghtrader_assets.questdb.tables.whole_days import WholeDay
from ghtrader_assets.reading.stored import whole_days

FILE_SUFFIXES: Final = (".parquet", ".csv")
PARTITION_COLUMNS: Final = ("symbol", "trading_day")
"""Of a tree: folders `symbol=…/trading_day=…` carry them, the files do not."""

METADATA_KEY: Final = "ghtrader"
"""Key of a Parquet file's metadata: JSON of `_content_of`."""

CSV_METADATA_SUFFIX: Final = "-metadata.json"
"""A CSV file can't say what it holds. Its companion does, named as in https://www.w3.org/TR/tabular-data-primer/."""


@dataclass
class Exported:
    """What was exported: rows, files, and the load (manifest id) of each trading day."""

    rows: int = 0
    files: list[Path] = field(default_factory=list[Path])
    manifest_ids: dict[date, str] = field(default_factory=dict[date, str])

    def add(self, day: WholeDay) -> None:
        self.rows += day.ticks.num_rows
        self.manifest_ids[day.agg.trading_day] = day.agg.manifest_id


def require_target(target: Path) -> None:
    """Raises `BadInputError` for a target that is neither a Parquet or CSV file nor a folder."""
    if target.suffix not in FILE_SUFFIXES and (target.suffix or target.is_file()):
        raise BadInputError(
            f"--out {target} has no known suffix", "end it with .parquet or .csv, or name a folder for a tree"
        )


def export_days(
    context: StoreContext, symbol: Symbol, start: date, end: date, columns: Sequence[str] | None, target: Path
) -> Exported:
    """Write the stored trading days from `start` to `end`, both included.

    To one `.parquet` (a row group a day) or `.csv` file with its companion, or else into a folder as a tree that DuckDB
    and polars read at once: `symbol=…/trading_day=…/ticks.parquet`, whose days that were there already are replaced.
    Raises `BadInputError` when no day is stored or a column is unknown, `ServiceError` when a file can't be written;
    then no target has changed but the days of a tree that were complete by then.
    """
    require_target(target)
    exported = Exported()
    days = whole_days(context, symbol, start, end, columns)
    try:
        if target.suffix == ".parquet":
            _write_parquet(days, target, exported)
        elif target.suffix == ".csv":
            _write_csv(days, target, exported)
        else:
            _write_tree(days, target, exported)
    except OSError as error:
        raise ServiceError(
            f"{target} could not be written: {error.strerror or error}", "choose another --out"
        ) from None
    return exported


def put_csv(ticks: pa.Table, file: BinaryIO, *, header: bool) -> None:
    """Add ticks to a CSV file: a missing number is empty, instants carry their offset."""
    frame = pl.from_arrow(ticks)
    assert isinstance(frame, pl.DataFrame)
    frame.write_csv(file, include_header=header)


def _write_parquet(days: Iterable[WholeDay], target: Path, exported: Exported) -> None:
    with whole_file(target) as file, contextlib.ExitStack() as stack:
        writer: Any = None
        rows: list[DailyAgg] = []
        for day in days:
            writer = writer or stack.enter_context(pq.ParquetWriter(file, day.ticks.schema, compression="zstd"))
            writer.write_table(day.ticks)
            rows.append(day.agg)
            exported.add(day)
        writer.add_key_value_metadata({METADATA_KEY: _content_of(rows)})
    exported.files.append(target)


def _write_csv(days: Iterable[WholeDay], target: Path, exported: Exported) -> None:
    """A companion is about the file next to it: the old one goes before, the new one comes after it."""
    companion = target.with_name(f"{target.name}{CSV_METADATA_SUFFIX}")
    rows: list[DailyAgg] = []
    with whole_file(target) as file:
        for day in days:
            put_csv(day.ticks, file, header=not rows)
            rows.append(day.agg)
            exported.add(day)
        companion.unlink(missing_ok=True)
    put_file(companion, json.dumps({METADATA_KEY: json.loads(_content_of(rows))}))
    exported.files.append(target)


def _write_tree(days: Iterable[WholeDay], target: Path, exported: Exported) -> None:
    for day in days:
        folder = target / f"symbol={day.agg.symbol}" / f"trading_day={day.agg.trading_day}"
        folder.mkdir(parents=True, exist_ok=True)
        within = day.ticks.drop_columns([name for name in PARTITION_COLUMNS if name in day.ticks.column_names])
        _write_parquet([WholeDay(day.agg, within)], folder / "ticks.parquet", exported)


def _content_of(days: Sequence[DailyAgg]) -> str:
    """What a file says of its content: `{symbol, manifest_ids, contracts, digests}`, the latter by trading day."""
    return json.dumps(
        {
            "symbol": days[0].symbol,
            "manifest_ids": {day.trading_day.isoformat(): day.manifest_id for day in days},
            "contracts": {day.trading_day.isoformat(): day.contract for day in days},
            "digests": {day.trading_day.isoformat(): day.digest for day in days},
        }
    )
