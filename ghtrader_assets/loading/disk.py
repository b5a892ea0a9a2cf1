"""Free space of the disk that the embedded QuestDB writes to: required before a load, and named where it ran out.

Belongs here: telling a full disk from every other failure of a store. Does not belong here: the load itself (`days`).
"""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import Final

from ghtrader_assets.context.store import StoreContext
from ghtrader_assets.errors import FULL_ERRNOS, DiskFullError, GhtraderError, ServiceError
from ghtrader_assets.loading.outcome import Stopped
from ghtrader_assets.settings import Settings

FULL_BYTES: Final = 512 * 2**20
"""QuestDB extends hundreds of files at once, and gives them back when one of them fails: where it broke off and less
than this is left, that is why."""

_PRIMARY_CODE: Final = 0xFF
"""SQLite's extended codes hold what they refine in these bits."""


def require_free_disk(context: StoreContext) -> None:
    """Raises `DiskFullError` when less is free on the disk under the home than the settings ask for (`min_free_mb`).

    QuestDB writes through mapped memory, and where a disk fills up under it, it dies.
    """
    shortage = disk_shortage(context.settings)
    if shortage is not None:
        raise shortage


def disk_shortage(settings: Settings) -> DiskFullError | None:
    """The error of a disk with too little room for a load, None where there is enough. The home need not exist yet."""
    free = _free(settings)
    if settings.uses_external_questdb or free >= settings.min_free_mb * 2**20:
        return None
    return DiskFullError(
        f"the disk under {settings.home} has {free // 2**20} MB free, a load needs {settings.min_free_mb} MB"
    )


def disk_is_full(context: StoreContext) -> bool:
    """Whether the embedded QuestDB can't write any more."""
    return not context.settings.uses_external_questdb and _is_full(context.settings)


@contextmanager
def full_disk_named(context: StoreContext) -> Generator[None]:
    """What broke off because the disk under the home filled up says so, whichever part met it first.

    To a client a store that met it only closes the connection; Dagster's database is on the same disk.
    """
    try:
        yield
    except ServiceError as error:
        if not disk_is_full(context):
            raise
        raise _full(context.settings, error.what) from error
    except Exception as error:
        if isinstance(error, GhtraderError) or not could_not_write(error) or not _is_full(context.settings):
            raise
        raise _full(context.settings, str(error).partition("\n")[0]) from error


def full_disk_stop(context: StoreContext, stop: Stopped) -> Stopped:
    """How a run stopped. One that stopped without an exit code of its own while the disk is full stopped for that."""
    if stop.exit_code == DiskFullError.exit_code or not _is_full(context.settings):
        return stop
    error = _full(context.settings, stop.reason.partition("\n")[0])
    return Stopped(error.line, error.exit_code)


def could_not_write(error: BaseException) -> bool:
    """Whether the error came of a write that the operating system refused: a file's, or a database's of SQLite.

    SQLite says `disk I/O error` where it can't extend the index of its log, and `database or disk is full` elsewhere.
    """
    for cause in _causes(error):
        if isinstance(cause, OSError) and cause.errno in FULL_ERRNOS:
            return True
        if isinstance(cause, sqlite3.OperationalError):
            return cause.sqlite_errorcode & _PRIMARY_CODE in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR)
    return False


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _is_full(settings: Settings) -> bool:
    return _free(settings) < FULL_BYTES


def _full(settings: Settings, what: str) -> DiskFullError:
    return DiskFullError(f"the disk under {settings.home} is full, {_free(settings) // 2**20} MB are left ({what})")


def _free(settings: Settings) -> int:
    home = settings.home
    return shutil.disk_usage(next(folder for folder in (home, *home.absolute().parents) if folder.exists())).free
