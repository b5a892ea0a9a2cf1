"""A load needs room on the disk under the home, and says so before it begins."""

from __future__ import annotations

import errno
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from pydantic import SecretStr

from ghtrader_assets.context.store import StoreContext
from ghtrader_assets.errors import DiskFullError
from ghtrader_assets.loading.disk import could_not_write, require_free_disk
from ghtrader_assets.market.calendar import snapshot_calendar
from ghtrader_assets.questdb.client.connection import Database
from ghtrader_assets.questdb.client.credentials import Endpoint
from ghtrader_assets.settings import Settings


def context(home: Path, min_free_mb: int, address: str | None = None) -> StoreContext:
    settings = Settings(home=home, min_free_mb=min_free_mb, questdb_http=address, questdb_pg=address)
    never_opened = Database(Endpoint("127.0.0.1:9", "127.0.0.1:9", "user", SecretStr("password")))
    return StoreContext(settings=settings, calendar=snapshot_calendar(), database=never_opened)


def test_a_disk_without_room_is_named_before_a_load(tmp_path: Path) -> None:
    require_free_disk(context(tmp_path, 0))
    with pytest.raises(DiskFullError, match=rf"the disk under {tmp_path} has [0-9]+ MB free, a load needs {2**40} MB"):
        require_free_disk(context(tmp_path, 2**40))


def test_the_disk_of_a_server_elsewhere_is_not_looked_at(tmp_path: Path) -> None:
    require_free_disk(context(tmp_path, 2**40, "elsewhere:9000"))


def test_a_write_that_sqlite_was_refused_is_told_from_other_errors(tmp_path: Path) -> None:
    """Dagster's database lies on the home's disk, and its errors come wrapped."""
    with closing(sqlite3.connect(tmp_path / "any.db")) as database:
        database.execute("PRAGMA max_page_count = 2")
        assert could_not_write(_wrapped(database, "CREATE TABLE a AS SELECT randomblob(1000000)"))
        assert not could_not_write(_wrapped(database, "SELECT * FROM missing"))
    assert could_not_write(OSError(errno.ENOSPC, "full"))
    assert not could_not_write(OSError(errno.EACCES, "denied"))


def _wrapped(database: sqlite3.Connection, statement: str) -> Exception:
    try:
        database.execute(statement)
    except sqlite3.Error as error:
        wrapper = RuntimeError("around it")
        wrapper.__cause__ = error
        return wrapper
    raise AssertionError(statement)
