"""What the operating system must allow QuestDB's process for a store of a size, and what it does allow.

Belongs here: the formula of docs/operations.md ("Limits that bite"), and the limits of a server that runs or will.
Does not belong here: the error of a limit that was reached (`questdb.client.errors`).
"""

from __future__ import annotations

import resource
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, LiteralString, cast

import psutil

from ghtrader_assets.questdb.client.connection import Database
from ghtrader_assets.questdb.client.errors import RAISE_FILES, RAISE_MAPPINGS
from ghtrader_assets.questdb.tables.schema import TABLES, TICKS, Table

READERS: Final = 10
"""Clients that each have an answer of the whole store under way."""

RUNNING: Final = 2
"""Queries that QuestDB runs at once under Linux' default limits (`network_workers`)."""

TEN_YEARS: Final = 2430 // 5 + 40
"""Partitions of so many trading days, holidays' short weeks included."""

BESIDE_TICKS: Final = 10_000
"""Mappings of a store of any length that are no reader's of its ticks."""

SENDERS: Final = 4
"""Transactions of ticks at once: each has a log of its own."""

KEPT_BY_IDLE_READER: Final = 1
"""Partitions of a table that stay mapped for each reader when its query has ended: server.conf's
`cairo.inactive.reader.max.open.partitions`."""

SERVER_FILES: Final = 200
SERVER_MAPPINGS: Final = 500
TABLE_FILES: Final = 12
"""What a server without tables has open (jar, sockets, its own tables), and a table besides its columns."""

DICTIONARY_FILES: Final = 4
"""Of each column of symbols."""

OFF_HEAP_MB: Final = 1000
STORING_MB: Final = 600
WORKER_MB: Final = 900
"""Above what `bench memory` and the largest day (docs/decisions/fast-history.md) take."""

UNLIMITED: Final = 2**31

_MAX_MAP_COUNT: Final = Path("/proc/sys/vm/max_map_count")


@dataclass(frozen=True, slots=True)
class StoreNeeds:
    """What one QuestDB process holds at most."""

    open_files: int
    mappings: int


@dataclass(frozen=True, slots=True)
class Limit:
    """A limit of the operating system: what it allows, what the store needs, what it can't do without (`least`: as many
    readers as QuestDB runs queries at once), what raises it."""

    name: str
    allowed: int
    needed: int
    least: int
    remedy: str

    @property
    def level(self) -> Literal["ok", "warn", "error"]:
        return "ok" if self.needed <= self.allowed else "warn" if self.least <= self.allowed else "error"

    def __str__(self) -> str:
        return f"QuestDB may have {self.allowed:,}, this store needs {self.needed:,}"


def needs(partitions: Mapping[str, int], readers: int = READERS) -> StoreNeeds:
    """What QuestDB needs for tables with so many partitions each (by the name that rows are written under).

    Files go by columns, since the last partition of each table is open for writing, and so is its transaction log; the
    dictionaries of symbols are open for readers too.
    Mappings go by columns x partitions x readers: a query reads the ticks or the small tables, and what the queries
    before it read is kept in part.
    """
    written = sum(
        TABLE_FILES + 2 * _files(table) + DICTIONARY_FILES * len(table.symbol_columns) for table in TABLES.values()
    )
    files = SERVER_FILES + written + (SENDERS - 1) * _files(TABLES[TICKS])
    mapped = {table.name: partitions.get(table.base, 0) * _mapped(table) for table in TABLES.values()}
    kept = sum(min(partitions.get(table.base, 0), KEPT_BY_IDLE_READER) * _mapped(table) for table in TABLES.values())
    ticks = mapped.pop(TICKS)
    return StoreNeeds(files, SERVER_MAPPINGS + files + readers * (max(ticks, sum(mapped.values())) + kept))


def _files(table: Table) -> int:
    """Of a partition that is written: a file a column, two for text, and four of each symbol's dictionary."""
    return _mapped(table) + DICTIONARY_FILES * len(table.symbol_columns)


def _mapped(table: Table) -> int:
    """Of a partition that is read."""
    return len(table.base_columns) + sum(column.type == "VARCHAR" for column in table.base_columns)


def network_workers(mappings: int, cores: int) -> int:
    """How many queries a server may run at once where its process is allowed so many `mappings`.

    By default a worker a core, each of which may have ten years open. No fewer than QuestDB has on two cores.
    """
    allowed = (mappings - BESIDE_TICKS) // (TEN_YEARS * _mapped(TABLES[TICKS]))
    return max(RUNNING, min(cores, allowed))


def allowed_mappings() -> int:
    """Linux' `vm.max_map_count`; `UNLIMITED` where there is no /proc."""
    return int(_MAX_MAP_COUNT.read_text(encoding="ascii")) if _MAX_MAP_COUNT.exists() else UNLIMITED


def memory_mb() -> int:
    """The machine's memory."""
    return psutil.virtual_memory().total // 2**20


def heap_mb(memory: int) -> int:
    """Java's heap on a machine of this memory; QuestDB keeps its data off the heap, which bounds itself."""
    return max(256, min(2048, memory // 8))


def memory_needed_mb(workers: int) -> int:
    """What a load with so many client sessions takes at most: QuestDB, the process that stores, and a process each."""
    return heap_mb(memory_mb()) + OFF_HEAP_MB + STORING_MB + workers * WORKER_MB


def partition_counts(db: Database) -> dict[str, int]:
    """How many partitions each of our tables has, by the name that rows are written under."""
    bases = [table.base for table in TABLES.values()]
    each = (f"SELECT '{base}' name, count() partitions FROM table_partitions('{base}')" for base in bases)  # noqa: S608 - our own names; values are bound
    return dict(db.rows("table_partitions", cast("LiteralString", " UNION ALL ".join(each))))


def limits_of(partitions: Mapping[str, int], pid: int | None) -> list[Limit]:
    """How the limits of the server's process stand to what the store needs; of this process where none runs (`pid`).

    Java raises the soft limit of open files to the hard one. Empty where there is no /proc.
    """
    if not _MAX_MAP_COUNT.exists():
        return []
    needed = needs(partitions)
    hard = resource.prlimit(0 if pid is None else pid, resource.RLIMIT_NOFILE)[1]
    files = UNLIMITED if hard == resource.RLIM_INFINITY else hard
    return [
        Limit("open files", files, needed.open_files, needed.open_files, f"{RAISE_FILES}, then start QuestDB again"),
        Limit(
            "vm.max_map_count", allowed_mappings(), needed.mappings, needs(partitions, RUNNING).mappings, RAISE_MAPPINGS
        ),
    ]
