"""How a worker reads: which reader, both ways for proof, and the sessions behind them. Worker processes only.

Belongs here: one session at a time, of either reader, and what follows from a reader's doubt.
Does not belong here: when a reader is trusted (`trust`, decided by the pool).
"""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import polars as pl

from ghtrader_assets.errors import FetchError, MaintenanceError
from ghtrader_assets.market.ticks import DayWindow
from ghtrader_assets.tq import faults, reference, wire
from ghtrader_assets.tq.client import PlainClient
from ghtrader_assets.tq.fetch import Reader
from ghtrader_assets.tq.login import LoggedIn, knock, log_in
from ghtrader_assets.tq.pace import Pace
from ghtrader_assets.tq.timing import maintenance_ends_in
from ghtrader_assets.tq.wholeness import whole_day

_SHORT_PAUSE_S: Final = 2.0
"""A worker itself waits this long for its turn; a longer pause is the pool's, so that no deadline runs meanwhile."""


@dataclass(frozen=True)
class DayReading:
    """A day as read, with the fault that keeps it from being whole. `other` is the lean frame that differs."""

    frame: pl.DataFrame
    fault: FetchError | None
    reader: Reader
    pages: int | None = None
    wire_bytes: int | None = None
    proof: Literal["", "agrees", "differs", "doubts"] = ""
    doubt: str = ""
    other: pl.DataFrame | None = None


class Readers:
    """The readers of one worker."""

    def __init__(self, setup: wire.Setup) -> None:
        self._setup = setup
        self._timing = setup.timing
        self._directory = Path(setup.directory)
        home = Path(setup.home)
        self._sessions = Pace(home, setup.account_key, "sessions", self._timing.sessions_per_minute / 60)
        self._throttled = 0
        self._plain: PlainClient | None = None
        self.last_reader: Reader = "tqsdk"

    def read(self, job: wire.ReadDay) -> DayReading:
        return self._read_plain(job)

    def ask(self, job: wire.AskMarket) -> wire.MarketAnswer:
        """Answer a question about the market. tqsdk keeps its tables for life: ask in a fresh worker."""
        if job.kind == "instruments":
            client = self._plain_client()
            content = reference.instruments(client.quote, job.symbols)
        else:
            self._require_open()
            auth = self._log_in()
            asked = reference.holidays if job.kind == "holidays" else reference.main_contracts
            content = asked(auth, job.symbols)
        return wire.MarketAnswer(job=job.job, content=content)

    def drop_sessions(self) -> None:
        """Close what is open; what can't be closed any more is forgotten."""
        plain, self._plain = self._plain, None
        if plain is not None:
            with contextlib.suppress(Exception):
                plain.close()

    def _read_plain(self, job: wire.ReadDay) -> DayReading:
        self.last_reader = "tqsdk"
        frame, fault = whole_day(self._plain_client().read(job), _window(job))
        if fault is not None:
            self.drop_sessions()
        return DayReading(frame, fault, "tqsdk")

    def _plain_client(self) -> PlainClient:
        if self._plain is not None and not self._plain.worn_out:
            return self._plain
        self.drop_sessions()
        auth, url = self._new_session()
        knock(url, auth.headers, self._timing)
        self._throttled = 0
        self._plain = PlainClient(auth, url, self._directory, self._timing)
        return self._plain

    def _new_session(self) -> tuple[LoggedIn, str]:
        """Log in for a new session, at the account's pace and outside the maintenance window."""
        self._require_open()
        wait = self._sessions.delay()
        if wait > _SHORT_PAUSE_S:
            raise faults.ThrottledError("the account's pace of new sessions", wait)
        time.sleep(self._sessions.reserve())
        auth = self._log_in()
        return auth, auth.market_data_url()

    def _log_in(self) -> LoggedIn:
        return log_in(self._setup)

    def _require_open(self) -> None:
        if self._setup.keeps_maintenance_window and maintenance_ends_in(self._timing.now_ns()) is not None:
            raise MaintenanceError(
                "the provider's daily maintenance window 19:00-19:30 Beijing", faults.MAINTENANCE_REMEDY
            )


def _window(job: wire.ReadDay) -> DayWindow:
    return DayWindow(job.trading_day, job.start_ns, job.end_ns)
