"""The pace of an account: how soon the next session or page may be asked for, over all processes of this host.

Belongs here: the shared schedule of starts, and its slowing down after a 429.
Does not belong here: how many sessions there may be at once (`slots`).

One small file per account and kind holds the earliest instant of the next start. A process that starts takes that
instant and moves it on under a lock; so does a 429, for all. The lock is the kernel's own on that very file, not
`files.process_lock`: it is taken for each page, in 5 µs against filelock's 400, and waited for without polling.
"""

from __future__ import annotations

import fcntl
import os
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Final, Literal

from ghtrader_assets.clock import Clock
from ghtrader_assets.private import opened

_NS: Final = 1_000_000_000
_RECORD: Final = struct.Struct("<q")
_FARTHEST_NS: Final = 600 * _NS


class Pace:
    """The schedule of one kind of request of one account, `per_s` of them a second at most."""

    def __init__(
        self, home: Path, account_key: str, kind: Literal["sessions", "pages"], per_s: float, clock: Clock
    ) -> None:
        directory = home / "slots" / account_key
        directory.mkdir(parents=True, exist_ok=True)
        self._path = directory / f"{kind}.next"
        self._interval_ns = int(_NS / per_s)
        self._clock = clock

    def reserve(self) -> float:
        """Take the next start; returns the seconds to wait for it."""
        now = self._clock.now_ns()
        start = max(now, self._move(lambda following: max(now, following) + self._interval_ns))
        return (start - now) / _NS

    def delay(self) -> float:
        """Seconds until the next start, without taking it."""
        now = self._clock.now_ns()
        return max(0, self._move(lambda following: following) - now) / _NS

    def slow_down(self, pause_s: float) -> None:
        """No start for `pause_s`."""
        until = self._clock.now_ns() + int(pause_s * _NS)
        self._move(lambda following: max(until, following))

    def _move(self, moved: Callable[[int], int]) -> int:
        """Replace the stored instant by `moved` of it; returns the former one."""
        descriptor = opened(self._path, os.O_RDWR)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            stored = os.pread(descriptor, _RECORD.size, 0)
            following: int = _RECORD.unpack(stored)[0] if len(stored) == _RECORD.size else 0
            if following > self._clock.now_ns() + _FARTHEST_NS:  # the host's clock was set back
                following = 0
            os.pwrite(descriptor, _RECORD.pack(moved(following)), 0)
            return following
        finally:
            os.close(descriptor)
