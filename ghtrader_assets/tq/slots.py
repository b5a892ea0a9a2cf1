"""Session slots: how many TqSdk sessions an account holds at once, over all processes of this host.

Belongs here: the file locks that count sessions. Does not belong here: how fast new ones may start (`pace`).

A slot is a lock on a file: the kernel frees it when its process ends, however it ends, so nothing is ever stale.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Final

from filelock import FileLock, Timeout

from ghtrader_assets.errors import ServiceError
from ghtrader_assets.files import process_lock
from ghtrader_assets.tq.provider import Provider

_LOOK_AGAIN_S: Final = 0.2


class SessionSlots:
    """The slots of one account; `capacity` is the same for all runs of a host (`GHTRADER_INGEST_WORKERS`).

    An instance holds at most the slots of one run; it is used from one thread.
    """

    def __init__(self, home: Path, provider: Provider, capacity: int) -> None:
        self._directory = home / "slots" / provider.account_key
        self._capacity = capacity
        self._held: dict[int, FileLock] = {}

    def acquire(
        self, want: int, at_least: int = 1, *, timeout_s: float | None = None, on_wait: Callable[[], None] | None = None
    ) -> int:
        """Take what is free, up to `want`, waiting until `at_least` are had. Returns the number held.

        `on_wait` is called once if there is nothing to take yet. Raises `ServiceError` after `timeout_s`.
        """
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        at_least = min(at_least, self._capacity)
        while True:
            self._take(want)
            if len(self._held) >= at_least:
                return len(self._held)
            if deadline is not None and time.monotonic() > deadline:
                self.release()
                raise ServiceError(
                    f"no TqSdk session became free within {timeout_s:g} s ({self._capacity} are in use on this host)",
                    "wait for the other runs, or raise GHTRADER_INGEST_WORKERS if the account allows more",
                )
            if on_wait is not None:
                on_wait()
                on_wait = None
            time.sleep(_LOOK_AGAIN_S)

    def release(self) -> None:
        """Give all slots back."""
        while self._held:
            _, lock = self._held.popitem()
            lock.release()

    @contextmanager
    def held(self, want: int, at_least: int = 1) -> Generator[int]:
        """Hold up to `want` slots, at least `at_least`, for a block; yields the number granted."""
        try:
            yield self.acquire(want, at_least)
        finally:
            self.release()

    def __enter__(self) -> SessionSlots:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()

    def _take(self, want: int) -> None:
        for number in range(self._capacity):
            if len(self._held) >= want:
                return
            if number not in self._held:
                lock = process_lock(self._directory / f"{number:02d}.lock")
                with suppress(Timeout):
                    lock.acquire(blocking=False)
                    self._held[number] = lock
