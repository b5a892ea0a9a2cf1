"""A store and a home of version 1 that tests of migrations can have again and again.

Belongs here: making what the steps change old again. Does not belong here: building the home (`fix_old_home`).
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import LiteralString, cast

import pandas as pd
import polars as pl

from ghtrader_assets.clock import SYSTEM_CLOCK
from ghtrader_assets.questdb.client.connection import Database
from ghtrader_assets.questdb.tables.migrations import ensure_schema
from ghtrader_assets.questdb.tables.repartition import BEFORE_SUFFIX, COPY_SUFFIX
from ghtrader_assets.questdb.tables.schema import (
    DAILY_AGG,
    FIELD_QUALITY,
    MANIFESTS,
    METRICS,
    SCHEMA_VERSION,
    TABLES,
    TICKS,
    VALIDATE_GAPS,
    VALIDATE_SUMMARY,
    live_query,
)
from ghtrader_assets.settings import Settings
from ghtrader_assets_tests.fix_old_home import OLD_HOME, Expected

CHANGED = (DAILY_AGG, MANIFESTS)
RENAMED = (DAILY_AGG, VALIDATE_SUMMARY, FIELD_QUALITY)
GAPS = TABLES[VALIDATE_GAPS]
ADDED = {
    VALIDATE_SUMMARY: ("gap_seconds_lost", "detail", "baseline_days", "baseline_used", "witness", "witness_digest"),
    GAPS.base: ("lots_across",),
}


@dataclass(frozen=True)
class OldHome:
    """A store and a home of version 1 that can be had again and again."""

    database: Database
    settings: Settings
    expected: Expected

    @property
    def home(self) -> Path:
        return self.settings.home

    def migrate(self) -> None:
        ensure_schema(self.database, self.home, SYSTEM_CLOCK)

    def rows(self, *names: str) -> dict[str, pl.DataFrame]:
        """Every row of these tables, of all but for metrics, which queries leave, and versions where none is named."""
        tables = [TABLES[name] for name in names or TABLES.keys() - {METRICS, SCHEMA_VERSION}]
        return {
            table.name: self.database.export("all", f"SELECT * FROM {table.base}").sort(table.keys) for table in tables
        }

    def files(self) -> dict[str, str]:
        manifests = self.home / "manifests"
        return {str(path.relative_to(manifests)): path.read_text() for path in sorted(manifests.rglob("*.*"))}

    def make_old_again(self) -> None:
        """What the steps changed is as it was: views, columns, rows, partitions, versions, the home's files."""
        self._make_old_ticks()
        old_gaps = live_query(
            GAPS.base, [name for name in self.columns(GAPS.base) if name not in ("live", "lots_across")]
        )
        self.execute(f"CREATE OR REPLACE VIEW {GAPS.name} AS ({old_gaps})")
        for name, columns in ADDED.items():
            for column in set(columns) & set(self.columns(name)):
                self.execute(f"ALTER TABLE {name} DROP COLUMN {column}")
        for name in RENAMED:
            if "manifest_id" in self.columns(name):
                self.execute(f"ALTER TABLE {name} RENAME COLUMN manifest_id TO load_id")
        for name in CHANGED:
            if "partial" in self.columns(name):
                self.execute(f"ALTER TABLE {name} DROP COLUMN partial")
            _put(self.database, name)
        self.database.await_applied(*CHANGED, *RENAMED, *ADDED)
        if self.has(SCHEMA_VERSION):
            self.execute(f"TRUNCATE TABLE {SCHEMA_VERSION}")
            self.database.await_applied(SCHEMA_VERSION)
        shutil.rmtree(self.home / "manifests")
        shutil.copytree(OLD_HOME / "home" / "manifests", self.home / "manifests")

    def _make_old_ticks(self) -> None:
        """The tick table has a partition a day, whatever of it a migration left and under whichever name."""
        base = TABLES[TICKS].base
        for name in (base, base + COPY_SUFFIX, base + BEFORE_SUFFIX):
            self.execute(f"DROP TABLE IF EXISTS {name}")
        statements = (OLD_HOME / "ddl.sql").read_text(encoding="utf-8").split(";\n")
        self.execute(next(statement for statement in statements if f" {base} (" in statement))
        # A connection that wrote to a table goes on writing to it when it is dropped and its name is another's.
        with Database(self.database.endpoint) as database:
            _put(database, base)
            database.await_applied(base)

    def has(self, table: str) -> bool:
        return bool(self.database.rows("table", "SELECT table_name FROM tables() WHERE table_name = %s", [table]))

    def columns(self, table: str) -> list[str]:
        return [name for (name,) in self.database.rows("columns", f"SELECT \"column\" FROM table_columns('{table}')")]

    def execute(self, statement: str) -> None:
        self.database.execute(cast("LiteralString", statement))

    def assert_same(self, rows: dict[str, pl.DataFrame], files: dict[str, str]) -> None:
        found = self.rows(*rows)
        for name, frame in rows.items():
            assert frame.equals(found[name].select(frame.columns)), name
        assert self.files() == files


def _put(database: Database, name: str) -> None:
    """Write the rows that the old home had in a table."""
    rows = pd.read_parquet(OLD_HOME / "tables" / f"{name}.parquet", dtype_backend="numpy_nullable")
    with database.sender() as sender:
        sender.dataframe(rows, table_name=name, symbols="auto", at="ts")
        sender.flush()
