"""Bars as files: Parquet and CSV, each whole or not at all.

Belongs here: a table of bars. Does not belong here: exporting ticks, day by day (`export`).
"""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

import polars as pl
import pyarrow as pa

from ghtrader_assets.errors import BadInputError, ServiceError
from ghtrader_assets.files import whole_file
from ghtrader_assets.reading.export import FILE_SUFFIXES


def require_bar_file(target: Path) -> None:
    """Raises `BadInputError` for a target that is neither a Parquet nor a CSV file."""
    if target.suffix not in FILE_SUFFIXES:
        raise BadInputError(f"--out {target} has no known suffix", "end it with .parquet or .csv")


def export_bars(bars: pa.Table, target: Path) -> None:
    """Write the bars to a `.parquet` or `.csv` file. Raises `ServiceError` when it can't be written; then it has not
    changed."""
    require_bar_file(target)
    try:
        with whole_file(target) as file:
            if target.suffix == ".csv":
                put_bars(bars, file)
            else:
                _as_written(bars).write_parquet(file, compression="zstd")
    except OSError as error:
        why = error.strerror or error
        raise ServiceError(f"{target} could not be written: {why}", "choose another --out") from None


def put_bars(bars: pa.Table, file: BinaryIO) -> None:
    """Write the bars as CSV: a missing number is empty, instants carry their offset."""
    _as_written(bars).write_csv(file)


def _as_written(bars: pa.Table) -> pl.DataFrame:
    """With instants in microseconds: DuckDB has no functions for nanoseconds with a time zone."""
    frame = pl.from_arrow(bars)
    assert isinstance(frame, pl.DataFrame)  # noqa: S101 - narrows a type
    return frame.with_columns(pl.col(name).dt.cast_time_unit("us") for name in frame.columns if name == "datetime")
