"""How a worker reads: which reader, both ways for proof, and the sessions behind them. Worker processes only.

Belongs here: one session at a time, of either reader, and what follows from a reader's doubt.
Does not belong here: when a reader is trusted (`trust`, decided by the pool).
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Generator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import polars as pl
from tqsdk import TqTimeoutError

from ghtrader_assets.clock import Clock
from ghtrader_assets.errors import FetchError, MaintenanceError, ThrottledError, TransientFetchError
from ghtrader_assets.market.ticks import content_digest
from ghtrader_assets.tq import faults, reference, wire
from ghtrader_assets.tq.bars import pages_of
from ghtrader_assets.tq.client import PlainClient
from ghtrader_assets.tq.fetch import Reader
from ghtrader_assets.tq.lean import LeanConnection, LeanDoubtError
from ghtrader_assets.tq.login import LoggedIn, log_in, probe_handshake, raise_refusal
from ghtrader_assets.tq.pace import Pace
from ghtrader_assets.tq.timing import maintenance_ends_in
from ghtrader_assets.tq.wholeness import Reading, whole_day

_SHORT_PAUSE_S: Final = 2.0
"""A worker itself waits this long for its turn; a longer pause is the pool's, so that no deadline runs meanwhile."""


@dataclass(frozen=True)
class DayReading:
    """A day as read, with the fault that keeps it from being whole. `other` is the lean frame that differs."""

    frame: pl.DataFrame
    fault: FetchError | None
    reader: Reader
    proof: wire.Proof = ""
    doubt: str = ""
    other: pl.DataFrame | None = None


class Readers:
    def __init__(self, setup: wire.Setup, clock: Clock) -> None:
        self._setup = setup
        self._timing = setup.timing
        self._clock = clock
        self.provider_clock = setup.timing.provider_clock(clock)
        self._directory = Path(setup.directory)
        home = Path(setup.home)
        self._sessions = Pace(home, setup.account_key, "sessions", self._timing.sessions_per_minute / 60, clock)
        self._throttled = 0
        self._pages = Pace(home, setup.account_key, "pages", self._timing.pages_per_s, clock)
        self._plain: PlainClient | None = None
        self._lean: LeanConnection | None = None
        self.last_reader: Reader = "tqsdk"

    def read(self, job: wire.ReadDay) -> DayReading:
        """Read a day in the mode the pool chose. Raises the `FetchError` family."""
        with self._failing_by_kind():
            return self._read(job)

    def _read(self, job: wire.ReadDay) -> DayReading:
        if job.mode == "tqsdk":
            return self._read_plain(job)
        try:
            lean = self._read_lean(job)
        except LeanDoubtError as doubt:
            return replace(self._read_plain(job), proof="doubts" if job.mode == "both" else "", doubt=str(doubt))
        if job.mode == "lean":
            return lean
        plain = self._read_plain(job)
        if plain.fault is not None or lean.fault is not None:
            return replace(plain, proof="doubts", doubt=str(lean.fault or ""))
        if content_digest(plain.frame) == content_digest(lean.frame):
            return replace(plain, proof="agrees")
        return replace(plain, proof="differs", other=lean.frame)

    def ask(self, job: wire.AskMarket | wire.ReadBars) -> wire.MarketAnswer:
        """Answer a question about the market, of a fresh worker only. Raises the `FetchError` family."""
        with self._failing_by_kind():
            if isinstance(job, wire.ReadBars):
                content = wire.encode_frame(self._bars(job))
            elif job.kind == "instruments":
                content = reference.instruments(self._plain_client().quote, job.symbols)
            else:
                asked = reference.holidays if job.kind == "holidays" else reference.main_contracts
                self._require_open()
                content = asked(log_in(self._setup), job.symbols)
        return wire.MarketAnswer(content)

    def _bars(self, job: wire.ReadBars) -> pl.DataFrame:
        """A contract's bars through the plain client, their pages at the account's pace."""
        client = self._plain_client()
        for _ in range(pages_of(job)):
            time.sleep(self._pages.reserve())
        with self._heeding_notices(client):
            return client.bars(job)

    def _drop_sessions(self) -> None:
        """Close what is open; what can't be closed any more is forgotten."""
        for session in (self._plain, self._lean):
            if session is not None:
                with contextlib.suppress(Exception):
                    session.close()
        self._plain = self._lean = None

    def _read_plain(self, job: wire.ReadDay) -> DayReading:
        self.last_reader = "tqsdk"
        client = self._plain_client()
        with self._heeding_notices(client):
            frame, fault = whole_day(client.read(job), job.window)
        if fault is not None:
            self._drop_sessions()
        return DayReading(frame, fault, "tqsdk")

    @contextlib.contextmanager
    def _heeding_notices(self, client: PlainClient) -> Generator[None]:
        """Raise `MaintenanceError` for a time-out on a session on which maintenance was announced."""
        try:
            yield
        except TqTimeoutError:
            client.heed_notices()
            raise

    def _read_lean(self, job: wire.ReadDay) -> DayReading:
        self.last_reader = "lean"
        return DayReading(*whole_day(self._lean_read(job), job.window), "lean")

    def _lean_read(self, job: wire.ReadDay) -> Reading:
        """Read; once more on a new connection if a kept one turns out to have been closed while idle."""
        connection = self._lean_connection()
        try:
            return connection.read(job)
        except TransientFetchError:
            if connection.days_read == 0:
                raise
        self._drop_sessions()
        return self._lean_connection().read(job)

    def _lean_connection(self) -> LeanConnection:
        if self._lean is None:
            self._drop_sessions()
            auth, url = self._new_session()
            connection = LeanConnection(auth, url, self._pages, self._timing)
            try:
                connection.open()
            except Exception as error:
                connection.close()
                raise_refusal(error)
                probe_handshake(url, auth.headers, self._timing)  # tells why, with the server's words
                raise
            self._lean, self._throttled = connection, 0
        return self._lean

    def _plain_client(self) -> PlainClient:
        if self._plain is None or self._plain.worn_out:
            self._drop_sessions()
            auth, url = self._new_session()
            probe_handshake(url, auth.headers, self._timing)
            closes_daily = self._setup.keeps_maintenance_window
            self._plain = PlainClient(auth, url, self._directory, self._timing, self._clock, closes_daily=closes_daily)
            self._throttled = 0
        return self._plain

    def _new_session(self) -> tuple[LoggedIn, str]:
        """Log in for a new session, at the account's pace and outside the maintenance window."""
        self._require_open()
        wait = self._sessions.delay()
        if wait > _SHORT_PAUSE_S:
            raise ThrottledError("the account's pace of new sessions", pause_s=wait)
        time.sleep(self._sessions.reserve())
        auth = log_in(self._setup)
        return auth, auth.market_data_url()

    @contextlib.contextmanager
    def _failing_by_kind(self) -> Generator[None]:
        """Raise the `FetchError` of any failure. A 429 puts off the account's next session, each time for longer."""
        try:
            yield
        except Exception as raised:  # noqa: BLE001 - tqsdk raises bare Exception
            self._drop_sessions()
            error = faults.of_exception(raised, closes_daily=self._setup.keeps_maintenance_window)
            if isinstance(error, ThrottledError):
                if error.pause_s is None:
                    error.pause_s = min(self._timing.throttle_s * 2**self._throttled, self._timing.throttle_cap_s)
                    self._throttled += 1
                self._sessions.slow_down(error.pause_s)
            raise error from None

    def _require_open(self) -> None:
        if self._setup.keeps_maintenance_window and maintenance_ends_in(self.provider_clock.now_ns()) is not None:
            raise MaintenanceError("the provider's daily maintenance window 19:00-19:30 Beijing")
