"""Exporting stored trading days to files: each file whole or not at all, and saying which loads it holds.

Belongs here: Parquet, CSV and partitioned trees of Parquet. Does not belong here: reading them
(`stored`).

A range goes to disk day by day, so that its size does not matter. A file grows under a hidden name next to its target
and takes the target's name when it is complete. Its `datetime` is in microseconds, cut: DuckDB has no function for
nanoseconds with a time zone. `datetime_ns` is exact.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, Final

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from ghtrader_assets.errors import BadInputError, ServiceError
from ghtrader_assets.files import put_file, whole_file
from ghtrader_assets.questdb.tables.whole_days import INSTANT, RESULT_TYPES, SHANGHAI
from ghtrader_assets.reading.handout import NAMED, HandedDay, Handout

FILE_SUFFIXES: Final = (".parquet", ".csv")
PARTITION_COLUMNS: Final = ("symbol", "trading_day")
"""Of a tree: folders `symbol=…/trading_day=…` carry them, the files do not."""

_IN_TREE: Final = "symbol={}/trading_day={}/ticks.parquet"

METADATA_KEY: Final = "ghtrader"
"""Key of a Parquet file's metadata: JSON of `_content_of`."""

EXPORT_TYPES: Final = {**RESULT_TYPES, INSTANT: pa.timestamp("us", tz=SHANGHAI)}
"""Every column of a Parquet file, with its Arrow type."""

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
            _require_same_columns(target, handout)
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
    frame = pl.from_arrow(_as_written(ticks))
    assert isinstance(frame, pl.DataFrame)  # noqa: S101 - narrows a type
    texts = (pl.col(name).cast(pl.String) for name, kind in frame.schema.items() if isinstance(kind, _TEXTS))
    plain = [pl.when(text.str.contains(_FORMULA)).then(text.str.replace("^", "'")).otherwise(text) for text in texts]
    frame.with_columns(plain).write_csv(file, include_header=header)


def _write_parquet(days: Iterable[ExportedDay], target: Path, exported: Exported) -> None:
    with whole_file(target) as file, contextlib.ExitStack() as stack:
        writer: Any = None
        rows: list[HandedDay] = []
        for day, ticks in days:
            written = _as_written(ticks)
            writer = writer or stack.enter_context(pq.ParquetWriter(file, written.schema, compression="zstd"))
            writer.write_table(written)
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
        file = target / _IN_TREE.format(day.symbol, day.trading_day)
        file.parent.mkdir(parents=True, exist_ok=True)
        within = ticks.drop_columns([name for name in PARTITION_COLUMNS if name in ticks.column_names])
        _write_parquet([(day, within)], file, exported)


def _require_same_columns(tree: Path, handout: Handout) -> None:
    """Raise `BadInputError` where a file that is replaced, or another of the tree, has other columns than this export.

    DuckDB and polars refuse a tree of different columns, pandas leaves out those that the first file lacks.
    """
    ours = {name: str(EXPORT_TYPES[name]) for name in handout.columns if name not in PARTITION_COLUMNS}
    replaced = (tree / _IN_TREE.format(day.symbol, day.trading_day) for day in handout.days)
    for file in (*islice(tree.glob(_IN_TREE.format("*", "*")), 1), *filter(Path.is_file, replaced)):
        theirs = _columns_of(file)
        if list(theirs.items()) != list(ours.items()):
            raise BadInputError(
                f"{file} has other columns than this export: {_difference(theirs, ours)}",
                "a tree holds one set of columns: choose the tree's, or another folder",
            )


def _columns_of(file: Path) -> dict[str, str]:
    """The columns of a Parquet file with their types; none of what is no Parquet file."""
    try:
        return {field.name: str(field.type) for field in pq.read_schema(file)}
    except pa.ArrowInvalid:
        return {}


def _difference(theirs: dict[str, str], ours: dict[str, str]) -> str:
    changed = [f"{name} is {theirs[name]} there" for name in ours if name in theirs and theirs[name] != ours[name]]
    told = [
        _listed("it has", [name for name in theirs if name not in ours]),
        _listed("it lacks", [name for name in ours if name not in theirs]),
        _listed("", changed),
    ]
    return "; ".join(filter(None, told)) or "they stand in another order"


def _listed(what: str, names: Sequence[str]) -> str:
    if not names:
        return ""
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return f"{what} {', '.join(names[:NAMED])}{more}".strip()


def _as_written(ticks: pa.Table) -> pa.Table:
    """The ticks in the types of a file."""
    if INSTANT not in ticks.column_names:
        return ticks
    instants = ticks[INSTANT].cast(EXPORT_TYPES[INSTANT], safe=False)
    return ticks.set_column(ticks.column_names.index(INSTANT), INSTANT, instants)


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
