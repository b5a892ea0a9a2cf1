"""Trust in the lean reader: earned per server and exchange by reading days both ways, lost at the first difference.

Belongs here: the record in `fast_history.json` and the choice of reader that follows from it.
Does not belong here: reading (`reading`, in the worker).
"""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Final, Literal

import msgspec
import polars as pl

from ghtrader_assets.clock import Clock
from ghtrader_assets.files import held_locks, put_file, whole_file
from ghtrader_assets.tq.fetch import FetchRequest
from ghtrader_assets.tq.wire import ReadMode

log: Final = logging.getLogger(__name__)

LEAN_VERSION: Final = 2
"""Raised with every change of the lean reader: trust is earned anew."""
SAMPLE_ONE_IN: Final = 50
"""Of the days of a trusted exchange, this share is still read both ways."""
MAX_PROOFS: Final = 3
"""So many days of an exchange that prove nothing, and a run goes on with the plain client."""
RECORD_FILE: Final = "fast_history.json"
DIFFERENCES: Final = "fast_history_differences"


class ReaderDifference(msgspec.Struct):
    """A day on which the readers differed, and where both frames lie (relative to the home directory)."""

    contract: str
    trading_day: str
    frames: str
    at: datetime


class ServerRecord(msgspec.Struct):
    """What is known of one server: per exchange, when and on how many days the readers agreed."""

    versions: str
    agreed: dict[str, datetime] = {}
    days: dict[str, int] = {}
    difference: ReaderDifference | None = None


class FastHistory:
    """Which reader reads a day on one server, and the record of it, shared by all processes of a home."""

    def __init__(self, home: Path, server: str, setting: Literal["auto", "on", "off"], clock: Clock) -> None:
        self._home = home
        self._path = home / RECORD_FILE
        self._server = server
        self._setting = setting
        self._clock = clock
        self._proving: set[str] = set()
        self._unproved: dict[str, int] = {}
        self._record = self._own(self._load())

    def mode_for(self, request: FetchRequest, *, allowed: bool) -> ReadMode | None:
        """How to read a day; None to let it wait for the proof under way for its exchange.

        `allowed` is False after failed attempts: then the plain client reads. After `both` comes `settled`.
        """
        exchange = _exchange(request)
        proved = exchange in self._record.agreed
        hopeless = self._record.difference is not None or self._unproved.get(exchange, 0) >= MAX_PROOFS
        if self._setting == "off" or not allowed:
            return "tqsdk"
        if self._setting == "on" or (proved and not hopeless and not _sampled(request)):
            return "lean"
        if hopeless:
            return "tqsdk"
        if not proved and exchange in self._proving:
            return None
        self._proving.add(exchange)
        return "both"

    def settled(self, request: FetchRequest, *, proved: bool) -> None:
        """A day handed out with `both` is back, however it ended."""
        exchange = _exchange(request)
        self._proving.discard(exchange)
        if not proved:
            self._unproved[exchange] = self._unproved.get(exchange, 0) + 1

    def agreed(self, request: FetchRequest) -> None:
        """Record that both readers returned the same columns for a request, bit for bit."""
        exchange = _exchange(request)
        with self._changing() as record:
            record.agreed.setdefault(exchange, self._clock.now())
            record.days[exchange] = record.days.get(exchange, 0) + 1

    def differed(self, request: FetchRequest, plain: pl.DataFrame, lean: pl.DataFrame) -> None:
        """Keep both frames, say it loudly, and read this server with the plain client from now on."""
        day = request.window.trading_day.isoformat()
        name = f"{re.sub(r'[^A-Za-z0-9.]', '_', self._server)}-{request.contract}-{day}"
        kept = self._home / DIFFERENCES / name
        kept.mkdir(parents=True, exist_ok=True)
        for reader, frame in (("tqsdk", plain), ("lean", lean)):
            with whole_file(kept / f"{reader}.parquet") as file:
                frame.write_parquet(file)
        with self._changing() as record:
            record.difference = ReaderDifference(request.contract, day, f"{DIFFERENCES}/{name}", self._clock.now())
        log.error(
            "fast history is switched off for %s: its reader and tqsdk differ on %s %s; both frames are kept in %s",
            self._server,
            request.contract,
            day,
            kept,
        )

    @contextmanager
    def _changing(self) -> Generator[ServerRecord]:
        """This server's record, read again and written back under a lock."""
        with held_locks(self._path.with_suffix(".lock")):
            records = self._load()
            record = self._own(records)
            yield record
            records[self._server] = self._record = record
            put_file(self._path, msgspec.json.format(msgspec.json.encode(records)))

    def _own(self, records: Mapping[str, ServerRecord]) -> ServerRecord:
        stored = records.get(self._server)
        return stored if stored is not None and stored.versions == versions() else ServerRecord(versions())

    def _load(self) -> dict[str, ServerRecord]:
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=dict[str, ServerRecord])
        except FileNotFoundError:
            return {}
        except msgspec.MsgspecError:
            log.warning("%s is not readable: the lean reader earns its trust anew", self._path)
            return {}


def versions() -> str:
    """What agreement is bound to in addition to the server."""
    return f"tqsdk {version('tqsdk')}, msgspec {version('msgspec')}, lean reader {LEAN_VERSION}"


def _exchange(request: FetchRequest) -> str:
    return request.contract.partition(".")[0]


def _sampled(request: FetchRequest) -> bool:
    name = f"{request.contract} {request.window.trading_day}".encode()
    return int.from_bytes(hashlib.sha256(name).digest()[:4]) % SAMPLE_ONE_IN == 0
