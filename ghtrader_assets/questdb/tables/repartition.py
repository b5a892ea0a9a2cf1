"""Bringing a table into partitions of another length: the server copies its rows, and the copy takes its place.

Belongs here: copying, comparing, the exchange of names, and what of it a killed start has done already.
Does not belong here: which tables and when (`migrations`), views of live rows.

QuestDB can't change a table's partitions. The table goes only once every row of it is in its copy; until then it is
read under its name. A start that is killed is made up for by the next: rows have keys, so copying them twice changes
nothing, and what was copied and compares equal is not copied again.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any, Final, LiteralString, NamedTuple, cast

from ghtrader_assets.errors import DiskFullError, ServiceError
from ghtrader_assets.logs import logger
from ghtrader_assets.questdb.client.connection import Database
from ghtrader_assets.questdb.client.sql import instant_literal
from ghtrader_assets.questdb.tables.schema import Table

log = logger(__name__)

COPY_SUFFIX: Final = "_copy"
BEFORE_SUFFIX: Final = "_before"

ROWS_AT_ONCE: Final = 500_000
PARTITIONS_AT_ONCE: Final = 60
"""A statement that reads more partitions would map too much of the table at once."""

COPY_TIMEOUT_S: Final = 3600.0
"""For what is copied at once."""

ROOM_BESIDE_COPY: Final = 2**30


class _Column(NamedTuple):
    name: str
    type: str
    symbol_capacity: int | None
    is_key: bool


def repartition(db: Database, table: Table, home: Path) -> None:
    """Bring the table that rows are written into to its present partition length; nothing where it is missing.

    Its view of live rows is to be made anew afterwards. Raises `DiskFullError` before anything is copied where the
    embedded server's disk (under `home`) can't hold the copy, `ServiceError` where a copy differs.
    """
    base, copy, before = table.base, table.base + COPY_SUFFIX, table.base + BEFORE_SUFFIX
    length = _length(db, base)
    if length not in (None, table.partition_by):
        _require_room(db, base, home)
        _copy(db, base, copy, table.partition_by)
        _run(db, f"RENAME TABLE {base} TO {before}")
    if _length(db, base) is None and _length(db, copy) is not None:
        _run(db, f"RENAME TABLE {copy} TO {base}")
    if _length(db, before) is not None:
        _run(db, f"DROP TABLE {before}")


def _length(db: Database, name: str) -> str | None:
    """The partition length of a table; None where there is none of this name."""
    found = db.rows("tables", "SELECT partitionBy FROM tables() WHERE table_name = %s", [name])
    return found[0][0] if found else None


def _require_room(db: Database, base: str, home: Path) -> None:
    """Say what the copy takes, and refuse where the embedded server's disk has less."""
    ((size,),) = db.rows("table_partitions", f"SELECT sum(diskSize) FROM table_partitions('{base}')")  # noqa: S608 - our own names; values are bound
    needed = (size or 0) + ROOM_BESIDE_COPY
    log.info("copying a table into other partitions", table=base, disk_mb=needed // 2**20)
    root = home / "questdb"
    if root.is_dir() and shutil.disk_usage(root).free < needed:
        raise DiskFullError(
            f"the disk under {root} has {shutil.disk_usage(root).free // 2**20} MB free, and the copy of {base} that"
            f" this version makes needs {needed // 2**20} MB for the while",
            "free so much under GHTRADER_HOME, then start again",
        )


def _copy(db: Database, base: str, copy: str, length: str) -> None:
    columns = _columns_of(db, base)
    fields = ", ".join(_ddl(each) for each in columns)
    keys = ", ".join(each.name for each in columns if each.is_key)
    _run(
        db,
        f"CREATE TABLE IF NOT EXISTS {copy} ({fields}) TIMESTAMP(ts) PARTITION BY {length} WAL"
        f" DEDUP UPSERT KEYS({keys})",
    )
    db.await_applied(base, copy, timeout_s=COPY_TIMEOUT_S)
    names = ", ".join(each.name for each in columns)
    for where in _parts(db, base):
        wanted = _digest(db, base, columns, where)
        if _digest(db, copy, columns, where) == wanted:
            continue
        _run(db, f"INSERT INTO {copy} ({names}) SELECT {names} FROM {base} WHERE {where}")  # noqa: S608 - our own names; values are bound
        db.await_applied(copy, timeout_s=COPY_TIMEOUT_S)
        _require_equal(_digest(db, copy, columns, where), wanted, copy, where)
    _require_equal(_rows(db, copy), _rows(db, base), copy, "in all")


def _parts(db: Database, base: str) -> list[str]:
    """Conditions that part a table's rows: together they find each row once, each a few partitions of the table."""
    found = db.rows("parts", f"SELECT minTimestamp, numRows FROM table_partitions('{base}') ORDER BY minTimestamp")  # noqa: S608 - our own names; values are bound
    starts: list[datetime] = []
    rows = partitions = 0
    for start, count in found:
        if not starts or rows + count > ROWS_AT_ONCE or partitions == PARTITIONS_AT_ONCE:
            starts.append(start.replace(tzinfo=UTC))
            rows = partitions = 0
        rows, partitions = rows + count, partitions + 1
    bounds = [instant_literal(start) for start in starts]
    return [f"ts >= {start} AND ts < {end}" for start, end in pairwise(bounds)] + [
        f"ts >= {start}" for start in bounds[-1:]
    ]


def _digest(db: Database, name: str, columns: Sequence[_Column], where: str) -> tuple[Any, ...]:
    """What the rows of a part sum up to: their number, and figures of each column that no order changes."""
    figures = ", ".join(["count()", *(figure for each in columns for figure in _figures(each))])
    ((*digest,),) = db.rows("digest_of_part", f"SELECT {figures} FROM {name} WHERE {where}")  # noqa: S608 - our own names; values are bound
    return tuple(digest)


def _figures(column: _Column) -> list[str]:
    name, kind = column.name, column.type
    if kind == "BOOLEAN":
        return [f"sum(CASE WHEN {name} THEN 1 ELSE 0 END)"]
    if kind in {"LONG", "INT", "TIMESTAMP"}:
        return [f"count({name})", f"sum({name}::long)"]
    if kind == "DOUBLE":
        return [f"count({name})", f"min({name})", f"max({name})"]
    if kind in {"SYMBOL", "VARCHAR"}:
        return [f"sum(CASE WHEN {name} IS NULL THEN 0 ELSE 1 + length({name}) END)", f"count_distinct({name})"]
    return []


def _require_equal(found: object, wanted: object, copy: str, part: str) -> None:
    if found != wanted:
        raise ServiceError(
            f"table {copy} in QuestDB has other rows than what it is a copy of ({part}): another program writes",
            f"end every other program that writes into this store, `DROP TABLE {copy}`, then start again",
        )


def _rows(db: Database, name: str) -> int:
    ((rows,),) = db.rows("table_partitions", f"SELECT sum(numRows) FROM table_partitions('{name}')")  # noqa: S608 - our own names; values are bound
    return rows or 0


def _columns_of(db: Database, name: str) -> list[_Column]:
    found = db.rows("table_columns", f"SELECT \"column\", type, symbolCapacity, upsertKey FROM table_columns('{name}')")  # noqa: S608 - our own names; values are bound
    return [_Column(*each) for each in found]


def _ddl(column: _Column) -> str:
    capacity = f" CAPACITY {column.symbol_capacity}" if column.type == "SYMBOL" else ""
    return f"{column.name} {column.type}{capacity}"


def _run(db: Database, statement: str) -> None:
    db.execute(cast("LiteralString", statement))
