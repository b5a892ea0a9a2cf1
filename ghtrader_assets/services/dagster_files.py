"""The databases of the embedded Dagster as files: what was deleted in them is given back to the disk.

Belongs here: what holds for the files alone. Does not belong here: what is deleted (`assets.retention`).

SQLite uses the room of deleted rows again and gives none back. Packing a database locks it for seconds, so that is done
before Dagster starts, and only where much is free.
"""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
from pathlib import Path
from typing import Final

DATABASES: Final = ("history/runs.db", "history/runs/index.db", "schedules/schedules.db")
LEAST_BYTES: Final = 16 * 2**20
LEAST_SHARE: Final = 0.25
_WAIT_S: Final = 1.0


def pack_databases(home: Path) -> int:
    """Pack those databases of a `GHTRADER_HOME` of which a good part is free; the bytes given back.

    One that another process uses, or that the disk has no room to copy, stays as it is.
    """
    files = [home / "dagster" / name for name in DATABASES]
    return sum(_packed(file) for file in files if file.exists())


def _packed(file: Path) -> int:
    before = file.stat().st_size
    with contextlib.suppress(sqlite3.Error), contextlib.closing(sqlite3.connect(file, timeout=_WAIT_S)) as database:
        free = _number(database, "freelist_count") * _number(database, "page_size")
        if free >= max(LEAST_BYTES, LEAST_SHARE * before) and shutil.disk_usage(file.parent).free > 2 * before:
            database.execute("VACUUM")
            database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return before - file.stat().st_size


def _number(database: sqlite3.Connection, pragma: str) -> int:
    return int(database.execute(f"PRAGMA {pragma}").fetchone()[0])
