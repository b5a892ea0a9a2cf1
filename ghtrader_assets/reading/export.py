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
from pathlib import Path
from typing import Any, BinaryIO, Final

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from ghtrader_assets.errors import BadInputError, ServiceError
from ghtrader_assets.files import put_file, whole_file
from ghtrader_assets.reading.handout import HandedDay, Handout

FILE_SUFFIXES: Final = (".parquet", ".csv")
PARTITION_COLUMNS: Final = ("symbol", "trading_day")
"""Of a tree: folders `symbol=…/trading_day=…` carry them, the files do not."""

METADATA_KEY: Final = "ghtrader"
"""Key of a Parquet file's metadata: JSON of `_content_of`."""

CSV_METADATA_SUFFIX: Final = "-metadata.json"
"""A CSV file can't say what it holds. Its companion does, named as in https://www.w3.org/TR/tabular-data-primer/."""

_TEXTS: Final = (pl.String, pl.Categorical, pl.Enum)
_FORMULA: Final = r"^[=+\-@\t\r\n]"

ExportedDay = tuple[HandedDay, pa.Table]


@dataclass
class Exported:
    """What was exported of a handout: rows, files, and each trading day with its load (`manifest_id`) and state."""

    rows: int = 0
    files: list[Path] = field(default_factory=list[Path])
    days: list[HandedDay] = field(default_factory=list[HandedDay])

    def add(self, day: HandedDay, ticks: pa.Table) -> None:
        self.rows += ticks.num_rows
        self.days.append(day)


def require_target(target: Path) -> None:
    """Raises `BadInputError` for a target that is neither a Parquet or CSV file nor a folder."""
    if target.suffix not in FILE_SUFFIXES and (target.suffix or target.is_file()):
        raise BadInputError(
            f"--out {target} has no known suffix", "end it with .parquet or .csv, or name a folder for a tree"
        )


def export_days(handout: Handout, target: Path) -> Exported:
    """Write the days that are handed out.

    To one `.parquet` (a row group a day) or `.csv` file with its companion, or else into a folder as a tree that DuckDB
    and polars read at once: `symbol=…/trading_day=…/ticks.parquet`, whose days that were there already are replaced.
    Raises `ServiceError` when a file can't be written; then no target has changed but the days of a tree that were
    complete by then.
    """
    require_target(target)
    exported = Exported()
    days = handout.read()
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
    """Add ticks to a CSV file: a missing number is empty, instants carry their offset, and no text is a formula.

    A text that a spreadsheet would run has an apostrophe in front, as
    https://owasp.org/www-community/attacks/CSV_Injection says. No name of a symbol or a contract begins so.
    """
    frame = pl.from_arrow(ticks)
    assert isinstance(frame, pl.DataFrame)
    texts = (pl.col(name).cast(pl.String) for name, kind in frame.schema.items() if kind in _TEXTS)
    plain = [pl.when(text.str.contains(_FORMULA)).then(text.str.replace("^", "'")).otherwise(text) for text in texts]
    frame.with_columns(plain).write_csv(file, include_header=header)


def _write_parquet(days: Iterable[ExportedDay], target: Path, exported: Exported) -> None:
    with whole_file(target) as file, contextlib.ExitStack() as stack:
        writer: Any = None
        rows: list[HandedDay] = []
        for day, ticks in days:
            writer = writer or stack.enter_context(pq.ParquetWriter(file, ticks.schema, compression="zstd"))
            writer.write_table(ticks)
            rows.append(day)
            exported.add(day, ticks)
        writer.add_key_value_metadata({METADATA_KEY: json.dumps(_content_of(rows))})
    exported.files.append(target)


def _write_csv(days: Iterable[ExportedDay], target: Path, exported: Exported) -> None:
    """A companion is about the file next to it: the old one goes before, the new one comes after it."""
    companion = target.with_name(f"{target.name}{CSV_METADATA_SUFFIX}")
    rows: list[HandedDay] = []
    with whole_file(target) as file:
        for day, ticks in days:
            put_csv(ticks, file, header=not rows)
            rows.append(day)
            exported.add(day, ticks)
        companion.unlink(missing_ok=True)
    put_file(companion, json.dumps({METADATA_KEY: _content_of(rows)}))
    exported.files.append(target)


def _write_tree(days: Iterable[ExportedDay], target: Path, exported: Exported) -> None:
    for day, ticks in days:
        folder = target / f"symbol={day.symbol}" / f"trading_day={day.trading_day}"
        folder.mkdir(parents=True, exist_ok=True)
        within = ticks.drop_columns([name for name in PARTITION_COLUMNS if name in ticks.column_names])
        _write_parquet([(day, within)], folder / "ticks.parquet", exported)


def _content_of(days: Sequence[HandedDay]) -> dict[str, Any]:
    """What a file says of its content: `{symbol, manifest_ids, contracts, digests, states, reasons, accepted}`.

    All but the symbol are by trading day; `accepted` holds the accepted days alone.
    """
    by_day = {day.trading_day.isoformat(): day for day in days}
    return {
        "symbol": days[0].symbol,
        "manifest_ids": {name: day.manifest_id for name, day in by_day.items()},
        "contracts": {name: day.contract for name, day in by_day.items()},
        "digests": {name: day.digest for name, day in by_day.items()},
        "states": {name: day.state for name, day in by_day.items()},
        "reasons": {name: day.reason for name, day in by_day.items()},
        "accepted": {
            name: {"who": said.who, "when": said.when.isoformat(), "reason": said.reason}
            for name, day in by_day.items()
            if (said := day.accepted) is not None
        },
    }
