"""The wall clock: the one place that reads it, and the type by which it is handed down.

Belongs here: the present instant. Does not belong here: the trading day of an instant (`market.clock`), and durations
and deadlines, which are measured by `time.monotonic` or `time.perf_counter` where they are needed.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final


@dataclass(frozen=True, slots=True)
class Clock:
    """The present instant. `read_ns` returns epoch nanoseconds, UTC; a test passes its own."""

    read_ns: Callable[[], int] = time.time_ns

    def now_ns(self) -> int:
        """Epoch nanoseconds, UTC."""
        return self.read_ns()

    def now_s(self) -> float:
        """Epoch seconds, UTC."""
        return self.read_ns() / 1e9

    def now(self) -> datetime:
        """The instant to the microsecond, zone-aware UTC."""
        return datetime.fromtimestamp(self.read_ns() // 1000 / 1e6, tz=UTC)


SYSTEM_CLOCK: Final = Clock()
"""The host's clock: the default wherever a clock is handed down."""
