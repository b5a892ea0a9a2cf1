"""One day's attempts: counted, timed, paused between, and given up.

Belongs here: what a failed attempt is followed by, for one day alone.
Does not belong here: handing attempts to workers and stopping all days (`pool`).
"""

from __future__ import annotations

import random
import time

import polars as pl

from ghtrader_assets.clock import Clock
from ghtrader_assets.errors import BrokenDayError, FetchError, IngestState, ShortDayError, ThrottledError
from ghtrader_assets.tq import wire
from ghtrader_assets.tq.fetch import FetchedDay, FetchRequest, FetchStats, Reader
from ghtrader_assets.tq.timing import Timing

_NUMBER_BYTES = 8


class Task:
    """A requested day on its way. Times are monotonic seconds unless they say otherwise."""

    def __init__(self, request: FetchRequest, timing: Timing, clock: Clock) -> None:
        self.request = request
        self.not_before = 0.0
        self.deadline = 0.0
        self.mode: wire.ReadMode = "tqsdk"
        self._timing = timing
        self._clock = clock
        self._attempts = 0
        self._incomplete = 0
        self._began: float | None = None
        self._paused_s = 0.0
        self._attempt_began = 0.0
        self._started = self._clock.now()
        self._reader: Reader = "tqsdk"
        self._seconds = 0.0
        self._kept: pl.DataFrame | None = None

    @property
    def fast_allowed(self) -> bool:
        """The lean reader gets the first attempts; what it finds short or broken, the plain client reads again."""
        return self._attempts < 2 and self._incomplete == 0

    def begin(self, mode: wire.ReadMode, *, worker_ready: bool) -> wire.ReadDay:
        """Start an attempt. A worker that is not ready yet gets time to become so."""
        now = time.monotonic()
        if self._began is None:
            self._began = now
            self._started = self._clock.now()
        self.mode = mode
        self._attempts += 1
        self._attempt_began = now
        if worker_ready:
            self.worker_is_ready()
        else:
            self.deadline = now + self._timing.start_s
        asked = self.request
        return wire.ReadDay(
            symbol=asked.symbol, contract=asked.contract, window=asked.window, levels=asked.levels, mode=mode
        )

    def worker_is_ready(self) -> None:
        """From now on the attempt's time runs."""
        now = time.monotonic()
        self._paused_s += now - self._attempt_began
        self._attempt_began = now
        self.deadline = min(now + self._timing.attempt_s, self._day_ends())

    def came_whole(self, read: wire.DayRead, frame: pl.DataFrame) -> FetchedDay:
        self._reader, self._seconds = read.reader, read.seconds
        return FetchedDay(self.request, IngestState.COMPLETE, "", frame, self._stats(frame))

    def failed(self, failure: wire.DayFailed, frame: pl.DataFrame | None) -> None:
        """Note a failed attempt that a worker reported."""
        self._reader, self._seconds = failure.reader, failure.seconds
        self._kept = frame

    def lost(self) -> None:
        """Note an attempt without a report: its worker died or was killed."""
        self._seconds = time.monotonic() - self._attempt_began
        self._kept = None

    def follow_up(self, error: FetchError) -> float | None:
        """The pause before the next attempt, or None if this was the last."""
        if isinstance(error, ThrottledError):
            return self._wait_out(error)
        if not error.retryable:
            return None
        if isinstance(error, ShortDayError | BrokenDayError):
            self._incomplete += 1
            if self._incomplete >= self._timing.short_attempts:
                return None
        if self._attempts >= self._timing.attempts:
            return None
        pause = min(self._timing.backoff_cap_s, self._timing.backoff_s * 2 ** (self._attempts - 1))
        pause *= random.uniform(0.5, 1.5)  # noqa: S311 - spreads waits, keeps no secret
        self.not_before = time.monotonic() + pause
        return pause if self.not_before < self._day_ends() else None

    def ended_with(self, error: FetchError) -> FetchedDay:
        """The day's outcome when `error` is final for it."""
        tried = f" (after {self._attempts} attempts)" if self._attempts > 1 else ""
        frame = self._kept if isinstance(error, ShortDayError | BrokenDayError) else None
        return FetchedDay(self.request, error.state, f"{error.what}{tried}", frame, self._stats(frame))

    def retry_line(self, error: FetchError, pause_s: float) -> str:
        day = self.request.window.trading_day
        return f"{self.request.symbol} {day}: attempt {self._attempts}: {error.what}; again in {pause_s:.1f} s"

    def _wait_out(self, error: ThrottledError) -> float | None:
        """A 429 costs time, not an attempt."""
        self._attempts -= 1
        pause = (error.pause_s or self._timing.throttle_s) * random.uniform(1.0, 1.2)  # noqa: S311 - spreads waits, keeps no secret
        self._paused_s += pause + time.monotonic() - self._attempt_began
        self.not_before = time.monotonic() + pause
        return pause if self._paused_s <= self._timing.throttle_budget_s else None

    def _day_ends(self) -> float:
        assert self._began is not None  # noqa: S101 - narrows a type
        return self._began + self._timing.day_s + self._paused_s

    def _stats(self, frame: pl.DataFrame | None) -> FetchStats:
        delivered = 2 + 7 + 4 * self.request.levels
        return FetchStats(
            download_s=self._seconds,
            attempts=self._attempts,
            bytes=0 if frame is None else frame.height * delivered * _NUMBER_BYTES,
            reader=self._reader,
            started=self._started,
            finished=self._clock.now(),
        )
