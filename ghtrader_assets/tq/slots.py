"""Session slots: how many TqSdk sessions an account holds at once, over all processes of this host.

Belongs here: the file locks that count sessions. Does not belong here: how fast new ones may start (`pace`).

A slot is a lock on a file: the kernel frees it when its process ends, however it ends, so nothing is ever stale.
"""

from __future__ import annotations

import time
from collections.abc import Generator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Final

from filelock import Timeout

from ghtrader_assets.files import process_lock
from ghtrader_assets.tq.provider import Provider

_LOOK_AGAIN_S: Final = 0.2


@contextmanager
def session_slots(home: Path, provider: Provider, capacity: int, want: int) -> Generator[int]:
    """Hold up to `want` of the account's `capacity` slots for a block, waiting for the first; yields the number held.

    `capacity` is the same for all runs of a host (`GHTRADER_INGEST_WORKERS`).
    """
    directory = home / "slots" / provider.account_key
    with ExitStack() as held:
        while not (granted := _take(directory, capacity, want, held)):
            time.sleep(_LOOK_AGAIN_S)
        yield granted


def _take(directory: Path, capacity: int, want: int, held: ExitStack) -> int:
    granted = 0
    for number in range(capacity):
        if granted < want:
            with suppress(Timeout):
                held.enter_context(process_lock(directory / f"{number:02d}.lock").acquire(blocking=False))
                granted += 1
    return granted
