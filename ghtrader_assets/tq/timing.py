"""Every wait, limit and deadline of fetching, in one frozen record, so that tests can shorten them.

Belongs here: the numbers and the clock. Does not belong here: what is done when one runs out (`pool`, `faults`).
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

import msgspec

from ghtrader_assets.clock import Clock
from ghtrader_assets.market.clock import NS, shanghai_time

MAINTENANCE_START: Final = timedelta(hours=19)
MAINTENANCE_END: Final = timedelta(hours=19, minutes=30)
"""Daily, Beijing time, as the client's own messages name it."""


class Timing(msgspec.Struct, frozen=True):
    """Waits in seconds. A day never takes longer than `day_s` from its first attempt, pauses after a 429 aside."""

    attempt_s: float = 180.0
    """A worker that has not answered within this time is killed; its day is tried again elsewhere."""
    start_s: float = 90.0
    """A new worker may take this long to import tqsdk (2 s on a free core) before its first attempt counts."""
    day_s: float = 600.0
    """The deadline of one trading day, all its attempts and their pauses together."""
    attempts: int = 5
    """How often a day is tried after transient failures."""
    short_attempts: int = 3
    """How often a short or broken day is tried, each time with an empty cache."""
    backoff_s: float = 1.0
    backoff_cap_s: float = 30.0
    throttle_s: float = 5.0
    """The first pause of the whole account after a 429 that names none itself; doubles up to the cap."""
    throttle_cap_s: float = 60.0
    throttle_budget_s: float = 1800.0
    """How long a day waits out 429s before it is given up."""
    breaker_s: float = 300.0
    """Maintenance that the provider announced keeps all runs of the account from asking for this long."""
    silence_s: float = 75.0
    """No day is begun, or tried again, where a log-in was not answered and no day has come for so long. tqsdk waits
    30 s for one; an attempt under way when the provider fell silent has `frame_s` or `attempt_s` besides."""
    handshake_s: float = 10.0
    instrument_s: float = 10.0
    """How long an instrument query may take before the contract's existence is in doubt."""
    frame_s: float = 20.0
    """How long the lean reader waits for the next frame."""
    renew_after_ticks: int = 30_000
    """A TqApi keeps what it has merged, with its garbage about 8 kB a tick: a day that begins when it has seen this
    many begins with a new one. 42,000 ticks make a worker of 700 MB, 84,000 one of 870 MB: none reaches 1 GB."""
    sessions_per_minute: float = 120.0
    """New sessions of the account, all processes of this host together (`GHTRADER_SESSIONS_PER_MINUTE`)."""
    pages_per_s: float = 50.0
    """Pages that the lean readers of the account ask for, all processes of this host (`GHTRADER_PAGES_PER_SECOND`)."""
    clock_offset_s: float = 0.0
    """Tests only: added to the clock that decides about the maintenance window, in the pool and its workers."""

    def provider_clock(self, clock: Clock) -> Clock:
        """The clock that decides about the maintenance window."""
        offset_ns = int(self.clock_offset_s * NS)
        return Clock(lambda: clock.now_ns() + offset_ns)


def maintenance_ends_in(now_ns: int) -> float | None:
    """Seconds until the provider's daily maintenance window ends, or None outside it."""
    now = shanghai_time(now_ns)
    since_midnight = now - now.replace(hour=0, minute=0, second=0, microsecond=0)
    if MAINTENANCE_START <= since_midnight < MAINTENANCE_END:
        return (MAINTENANCE_END - since_midnight).total_seconds()
    return None
