"""The circuit breaker of an account: maintenance that one run met keeps every other from asking for a while.

Belongs here: the small file that all processes of a host share, and when the provider may be asked again.
Does not belong here: ending days (`pool`), waiting (`upkeep.patience`).

The daily window needs no file: the clock tells. Maintenance that was announced outside it opens the circuit for
`Timing.breaker_s`; the first day that comes whole afterwards closes it.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from ghtrader_assets.clock import Clock
from ghtrader_assets.errors import MaintenanceError
from ghtrader_assets.files import put_file
from ghtrader_assets.market.clock import NS
from ghtrader_assets.tq.provider import Provider
from ghtrader_assets.tq.timing import Timing, maintenance_ends_in


class _Opened(msgspec.Struct):
    what: str
    until_ns: int


class Breaker:
    """Whether the provider of an account may be asked now. Times are those of `timing`'s provider clock."""

    def __init__(self, home: Path, provider: Provider, timing: Timing, clock: Clock) -> None:
        self._path = home / "slots" / provider.account_key / "maintenance.json"
        self._keeps_window = provider.keeps_maintenance_window
        self._timing = timing
        self._clock = timing.provider_clock(clock)

    def trip(self, error: MaintenanceError) -> None:
        """Stop all requests for a while: the provider said that it is under maintenance."""
        opened = _Opened(error.what, self._clock.now_ns() + int(self._timing.breaker_s * NS))
        put_file(self._path, msgspec.json.encode(opened))

    def close(self) -> None:
        """The provider delivers again."""
        self._path.unlink(missing_ok=True)

    def reopens_in(self) -> float:
        """Seconds until the provider may be asked, 0 if now."""
        now_ns = self._clock.now_ns()
        window_s = maintenance_ends_in(now_ns) if self._keeps_window else None
        opened = self._opened(now_ns)
        return max(window_s or 0.0, (opened.until_ns - now_ns) / NS if opened else 0.0)

    def tripped(self) -> MaintenanceError | None:
        """Why requests are stopped now; None if they are not."""
        now_ns = self._clock.now_ns()
        if self._keeps_window and maintenance_ends_in(now_ns) is not None:
            return MaintenanceError("the provider's daily maintenance window 19:00-19:30 Beijing")
        opened = self._opened(now_ns)
        if opened is None:
            return None
        seconds = (opened.until_ns - now_ns) / NS
        return MaintenanceError(f"{opened.what}; no request for {seconds:.0f} s")

    def _opened(self, now_ns: int) -> _Opened | None:
        try:
            opened = msgspec.json.decode(self._path.read_bytes(), type=_Opened)
        except (FileNotFoundError, msgspec.MsgspecError):
            return None
        farthest_ns = now_ns + int(self._timing.breaker_s * NS)  # beyond it: the clock was set back
        return opened if now_ns < opened.until_ns <= farthest_ns else None
