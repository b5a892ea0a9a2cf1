"""Session slots: how many TqSdk sessions an account holds at once, over all processes of this host.

Belongs here: the file locks that count sessions. Does not belong here: how fast new ones may start (`pace`).

A slot is a lock on a file: the kernel frees it when its process ends, however it ends, so nothing is ever stale.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from ghtrader_assets.files import held_locks
from ghtrader_assets.tq.provider import Provider


@contextmanager
def session_slots(home: Path, provider: Provider, capacity: int, want: int) -> Generator[int]:
    """Hold up to `want` of the account's `capacity` slots for a block, waiting for the first; yields the number held.

    `capacity` is the same for all runs of a host (`GHTRADER_INGEST_WORKERS`). Raises `ServiceError` where all slots are
    held by processes that are stopped.
    """
    directory = home / "slots" / provider.account_key
    with held_locks(*(directory / f"{number:02d}.lock" for number in range(capacity)), want=want) as granted:
        yield granted
