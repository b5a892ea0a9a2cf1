"""The version of a store and of a home's manifest files, and how older ones are brought to this code's version.

Belongs here: finding the version, and taking the steps. Does not belong here: what a step is (`steps`), the present
shape of the tables (`schema`) and of a manifest (`manifests`).

A store's version is the largest in `ghtrader_schema_version_v1`; a store from before that table has version 1. A home's
is in `manifests/version` under it: homes of several hosts may share a store. Each step can be repeated, and killed
anywhere: it looks for what is of the old form and rewrites only that, by the table's own keys, and its version is
recorded once all of it shows. Rows are copied by the server, so that what a step does not name stays as it is, bit by
bit. No load may run meanwhile: what an older program writes after a step keeps the old form.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, LiteralString, cast

from ghtrader_assets.clock import Clock
from ghtrader_assets.errors import ServiceError, VersionError
from ghtrader_assets.files import put_file
from ghtrader_assets.logs import logger
from ghtrader_assets.manifests import code_version, manifest_files, put_document
from ghtrader_assets.questdb.client.connection import Database
from ghtrader_assets.questdb.tables.columns import Column
from ghtrader_assets.questdb.tables.repartition import repartition
from ghtrader_assets.questdb.tables.schema import (
    SCHEMA_VERSION,
    TABLES,
    Table,
    base_difference,
    difference_of,
    ensure_table,
    foreign_columns,
    live_query,
    make_tables,
    require_ours,
)
from ghtrader_assets.questdb.tables.steps import (
    FIRST_VERSION,
    STEPS,
    STORE_VERSION,
    Document,
    Rewrite,
    Step,
    columns_to_come,
    lengths_before,
    steps_after,
)

log = logger(__name__)

_OF_EVERY_VERSION: Final = ("outcome", "reason", "upstream")
"""What a manifest file of any version has as texts, and the steps look at."""


def ensure_schema(db: Database, home: Path, clock: Clock) -> None:
    """Bring the store and the home's manifest files to this version: make what is missing, migrate what is older.

    Raises `VersionError` before anything is changed where the store or the home is newer, `ForeignTableError` where a
    table has another shape than ours; `ServiceError` where the home's files can't be read or written.
    """
    _require_not_newer(home_version(home), f"the home {home}")
    found = store_version(db)
    _require_not_newer(found or STORE_VERSION, "the store")
    pending = steps_after(found or STORE_VERSION)
    if pending:
        _require_migratable(db, pending)
        ensure_table(db, TABLES[SCHEMA_VERSION])
    for step in pending:
        _migrate(db, step, home, clock)
    make_tables(db)
    if found is None:
        _record(db, STORE_VERSION, clock)
    migrate_files(home)


def require_version(db: Database) -> None:
    """Refuse to read a store of another version. Raises `VersionError`; a store without a table of ours is none."""
    found = store_version(db)
    _require_not_newer(found or STORE_VERSION, "the store")
    if found is not None and found < STORE_VERSION:
        raise VersionError(
            f"the store at {db.endpoint.http} is of version {found}, and this code reads version {STORE_VERSION}",
            "run `ghtrader-assets up`, which migrates it",
        )


def store_version(db: Database) -> int | None:
    """The version of the store; None where it has no table of ours."""
    tables = [table.base for table in TABLES.values()]
    places = ", ".join(["%s"] * len(tables))
    found = db.rows("our_tables", f"SELECT table_name FROM tables() WHERE table_name IN ({places})", tables)  # noqa: S608 - our own names; values are bound
    if not found:
        return None
    if (SCHEMA_VERSION,) not in found:
        return FIRST_VERSION
    ((version,),) = db.rows("schema_version", f"SELECT max(version) FROM {SCHEMA_VERSION}")  # noqa: S608 - our own names; values are bound
    return version or FIRST_VERSION


def home_version(home: Path) -> int:
    """The version of the home's manifest files. Raises `ServiceError` where the file that says it is damaged."""
    path = _version_file(home)
    try:
        return int(path.read_text(encoding="ascii"))
    except FileNotFoundError:
        return FIRST_VERSION
    except (OSError, ValueError) as error:
        raise ServiceError(
            f"{path} can't be read: {error}", f"write the home's version into it, such as {STORE_VERSION}"
        ) from None


def shape_findings(db: Database) -> dict[str, str]:
    """What is wrong with each table or view that is missing or of another shape; empty when all is well.

    What pending steps will add is not missed.
    """
    pending = steps_after(store_version(db) or STORE_VERSION)
    found = (
        (
            table.name,
            difference_of(db, table, columns_to_come(table.name, pending), lengths_before(table.name, pending)),
        )
        for table in TABLES.values()
    )
    return {name: difference for name, difference in found if difference and not (pending and name == SCHEMA_VERSION)}


def foreign_columns_of_all(db: Database) -> dict[str, list[str]]:
    """The columns of each of our tables that no version of ours has, by the name under which rows are written."""
    pending = steps_after(store_version(db) or STORE_VERSION)
    found = (
        (table.base, foreign_columns(db, table, columns_to_come(table.name, pending))) for table in TABLES.values()
    )
    return {name: columns for name, columns in found if columns}


def migrate_files(home: Path) -> None:
    """Bring the home's manifest files to this version, each whole at once. Raises `ServiceError`."""
    pending = steps_after(home_version(home))
    if not pending:
        return
    try:
        for path in manifest_files(home):
            try:
                _migrate_file(path, pending)
            except (ValueError, RecursionError) as error:
                log.warning("no manifest, left as it is", path=str(path), error=str(error))
        put_file(_version_file(home), f"{STORE_VERSION}\n")
    except OSError as error:
        raise ServiceError(
            f"the manifests of {home} could not be migrated: {error}", "free or mend the disk under GHTRADER_HOME"
        ) from None


def _migrate_file(path: Path, pending: Sequence[Step]) -> None:
    """Bring a manifest file of any version to this one. Raises `ValueError` or `RecursionError` for what is none."""
    found = json.loads(path.read_bytes())
    document = cast("Document", found) if isinstance(found, dict) else {}
    wrong = [name for name in _OF_EVERY_VERSION if not isinstance(document.get(name), str)]
    if wrong:
        raise ValueError(f"it has no text as its {wrong[0]}")
    migrated = document
    for step in pending:
        migrated = step.document(migrated)
    if migrated != document:
        put_document(path, migrated)


def _migrate(db: Database, step: Step, home: Path, clock: Clock) -> None:
    log.info("migrating the store", version=step.version, says=step.says)
    for table in {**step.columns, **step.renamed}:
        _alter(db, TABLES[table], step.columns.get(table, ()), step.renamed.get(table, {}))
    for rewrite in step.rewrites:
        _rewrite(db, rewrite)
    for name in step.repartitioned:
        repartition(db, TABLES[name], home)
        _show_live(db, TABLES[name])
    _record(db, step.version, clock)


def _alter(db: Database, table: Table, added: Sequence[Column], renamed: Mapping[str, str]) -> None:
    """Add the columns that the table lacks, rename those that still have their old name; nothing where it is missing.

    Its view of live rows shows them too. QuestDB 9.3.4 refuses ADD COLUMN IF NOT EXISTS of a column that does.
    """
    present = _columns_of(db, table.base)
    if not present:
        return
    changes = [f"ADD COLUMN {item.ddl}" for item in added if item.name not in present]
    changes += [f"RENAME COLUMN {old} TO {new}" for old, new in renamed.items() if old in present]
    for change in changes:
        db.execute(cast("LiteralString", f"ALTER TABLE {table.base} {change}"))
    db.await_applied(table.base)
    _show_live(db, table)


def _show_live(db: Database, table: Table) -> None:
    """Have the view of a table's live rows show the columns of ours that the table has by now."""
    present = _columns_of(db, table.base)
    if table.hides_dead_rows and present:
        foreign = foreign_columns(db, table, columns_to_come(table.name, STEPS))
        query = live_query(table.base, [name for name in present if name != "live" and name not in foreign])
        db.execute(cast("LiteralString", f"CREATE OR REPLACE VIEW {table.name} AS ({query})"))


def _rewrite(db: Database, rewrite: Rewrite) -> None:
    """Write the rows again in one transaction. `SELECT *` within keeps the new values out of the condition."""
    columns = _columns_of(db, rewrite.table)
    if not columns:
        return
    values = ", ".join(f"{rewrite.values.get(name, name)} {name}" for name in columns)
    statement = (
        f"INSERT ATOMIC INTO {rewrite.table} ({', '.join(columns)})"  # noqa: S608 - our own names; values are bound
        f" SELECT {values} FROM (SELECT * FROM {rewrite.table} WHERE {rewrite.where})"
    )
    db.execute(cast("LiteralString", statement))
    db.await_applied(rewrite.table)


def _columns_of(db: Database, table: str) -> list[str]:
    """The columns of a table as it stands; none where it does not exist yet."""
    if not db.rows("tables", "SELECT table_name FROM tables() WHERE table_name = %s", [table]):
        return []
    return [name for (name,) in db.rows("table_columns", f"SELECT \"column\" FROM table_columns('{table}')")]  # noqa: S608 - our own names; values are bound


def _record(db: Database, version: int, clock: Clock) -> None:
    statement = f"INSERT INTO {SCHEMA_VERSION} (ts, version, code_version) VALUES (%s, %s, %s)"  # noqa: S608 - our own names; values are bound
    db.execute(statement, [clock.now(), version, code_version()])
    db.await_applied(SCHEMA_VERSION)


def _require_migratable(db: Database, pending: Sequence[Step]) -> None:
    """Refuse tables that are of no version of ours before any is altered; those that are missing are made later.

    What a killed migration committed is applied before the steps look at columns.
    """
    for table in TABLES.values():
        if _columns_of(db, table.base):
            to_come, lengths = columns_to_come(table.name, pending), lengths_before(table.name, pending)
            require_ours(table, base_difference(db, table, to_come, lengths))
            db.await_applied(table.base)


def _require_not_newer(found: int, what: str) -> None:
    if found > STORE_VERSION:
        raise VersionError(f"{what} is of version {found}, newer than the {STORE_VERSION} of this code")


def _version_file(home: Path) -> Path:
    return home / "manifests" / "version"
