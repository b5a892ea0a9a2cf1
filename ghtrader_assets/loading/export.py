"""Exporting stored ticks to files, whole or not at all.

Belongs here: from the store to a Parquet or CSV file. Does not belong here: reading (`questdb.reader`).
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Final

import polars as pl

from ghtrader_assets.errors import BadInputError, ServiceError
from ghtrader_assets.loading.platform import Platform
from ghtrader_assets.market.symbols import Symbol
from ghtrader_assets.market.ticks import TICK_SCHEMA
from ghtrader_assets.questdb.reader import read_daily_agg, read_day

INSTANT: Final = "datetime"
SUFFIXES: Final = (".parquet", ".csv")


def export_day(
    platform: Platform, symbol: Symbol, day: date, columns: Sequence[str] | None, target: Path | None
) -> pl.DataFrame:
    """The ticks of a stored trading day, written to `target` if one is named.

    `datetime` is the exchange's time as an Asia/Shanghai instant. Raises `BadInputError` for a day that is not stored,
    an unknown column or suffix, and `ServiceError` when the file can't be written.
    """
    known = [INSTANT, *TICK_SCHEMA.names()]
    unknown = [name for name in columns or () if name not in known]
    if unknown:
        raise BadInputError(f"there is no tick column {unknown[0]!r}", f"choose from {', '.join(known)}")
    if target is not None and target.suffix not in SUFFIXES:
        raise BadInputError(f"--out {target} has no known suffix", "end it with .parquet or .csv")
    if not list(read_daily_agg(platform.database, symbol.text, [day])):
        raise BadInputError(
            f"no ticks of {symbol.text} are stored for {day}", "load it with `ghtrader-assets backfill`"
        )
    ticks = read_day(platform.database, symbol.text, platform.calendar.window(day))
    frame = ticks.with_columns(
        pl.from_epoch("datetime_ns", time_unit="ns")
        .dt.replace_time_zone("UTC")
        .dt.convert_time_zone("Asia/Shanghai")
        .alias(INSTANT)
    ).select(columns or known)
    if target is not None:
        _write(frame, target)
    return frame


def _write(frame: pl.DataFrame, target: Path) -> None:
    temporary = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        if target.suffix == ".parquet":
            frame.write_parquet(temporary)
        else:
            frame.write_csv(temporary)
        temporary.replace(target)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise ServiceError(f"{target} could not be written: {error.strerror}", "choose another --out") from None
