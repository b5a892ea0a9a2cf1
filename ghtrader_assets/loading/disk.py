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

FULL_BYTES: Final = 512 * 2**20
"""QuestDB extends dozens of files at once, by up to 16 MB each, and gives them back when one of them fails: where it
broke off and less than this is left, that is why."""


def require_free_disk(context: StoreContext) -> None:
    """Raises `DiskFullError` when less is free on the disk under the home than the settings ask for (`min_free_mb`).

    QuestDB writes through mapped memory, and where a disk fills up under it, it dies.
    """
    settings = context.settings
    if not settings.uses_external_questdb and _free(context) < settings.min_free_mb * 2**20:
        raise DiskFullError(
            f"the disk under {settings.home} has {_free(context) // 2**20} MB free,"
            f" a load needs {settings.min_free_mb} MB"
        )


def disk_is_full(context: StoreContext) -> bool:
    """Whether the embedded QuestDB can't write any more."""
    return not context.settings.uses_external_questdb and _free(context) < FULL_BYTES


def _free(context: StoreContext) -> int:
    return shutil.disk_usage(context.settings.home).free


@contextmanager
def full_disk_named(context: StoreContext) -> Generator[None]:
    """A store that broke off because its disk filled up says so: to a client it only closes the connection."""
    try:
        yield
    except ServiceError as error:
        if not disk_is_full(context):
            raise
        raise DiskFullError(
            f"the disk under {context.settings.home} is full, {_free(context) // 2**20} MB are left ({error.what})"
        ) from error
