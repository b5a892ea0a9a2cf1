"""Free space of the disk that the embedded QuestDB writes to: required before a load, and named where it ran out.

Belongs here: telling a full disk from every other failure of a store. Does not belong here: the load itself (`days`).
"""

from __future__ import annotations

import shutil
from collections.abc import Generator
from contextlib import contextmanager
from typing import Final

from ghtrader_assets.context.store import StoreContext
from ghtrader_assets.errors import DiskFullError, ServiceError
from ghtrader_assets.settings import Settings

FULL_BYTES: Final = 512 * 2**20
"""QuestDB extends hundreds of files at once, and gives them back when one of them fails: where it broke off and less
than this is left, that is why."""


def require_free_disk(context: StoreContext) -> None:
    """Raises `DiskFullError` when less is free on the disk under the home than the settings ask for (`min_free_mb`).

    QuestDB writes through mapped memory, and where a disk fills up under it, it dies.
    """
    shortage = disk_shortage(context.settings)
    if shortage is not None:
        raise shortage


def disk_shortage(settings: Settings) -> DiskFullError | None:
    """What `require_free_disk` raises for these settings, whose home need not exist yet; None where it doesn't."""
    free = _free(settings)
    if settings.uses_external_questdb or free >= settings.min_free_mb * 2**20:
        return None
    return DiskFullError(
        f"the disk under {settings.home} has {free // 2**20} MB free, a load needs {settings.min_free_mb} MB"
    )


def disk_is_full(context: StoreContext) -> bool:
    """Whether the embedded QuestDB can't write any more."""
    return not context.settings.uses_external_questdb and _free(context.settings) < FULL_BYTES


def _free(settings: Settings) -> int:
    home = settings.home
    return shutil.disk_usage(next(folder for folder in (home, *home.absolute().parents) if folder.exists())).free


@contextmanager
def full_disk_named(context: StoreContext) -> Generator[None]:
    """A store that broke off because its disk filled up says so: to a client it only closes the connection."""
    try:
        yield
    except ServiceError as error:
        if not disk_is_full(context):
            raise
        settings = context.settings
        raise DiskFullError(
            f"the disk under {settings.home} is full, {_free(settings) // 2**20} MB are left ({error.what})"
        ) from error
