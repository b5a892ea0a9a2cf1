"""The messages between the pool and its workers: msgpack headers, ticks as Arrow IPC bytes after them.

Belongs here: message types and their encoding. Does not belong here: processes (`process`) and work (`worker`).
The password travels in the first message, over a socket that only the two processes hold.
"""

from __future__ import annotations

import io
from datetime import date
from typing import Final, Literal

import msgspec
import polars as pl

from ghtrader_assets.tq.timing import Timing

ReadMode = Literal["tqsdk", "lean", "both"]


class Setup(msgspec.Struct, tag=True):
    """The first message to a worker. Its fields never reach a text: `__repr__` shows none."""

    user: str
    password: str
    account_key: str
    home: str
    directory: str
    keeps_maintenance_window: bool
    timing: Timing

    def __repr__(self) -> str:
        return "Setup(…)"


class ReadDay(msgspec.Struct, tag=True, frozen=True):
    """Read one trading day of a contract; `symbol` is asked for too when the contract's existence is in doubt."""

    job: int
    symbol: str
    contract: str
    trading_day: date
    start_ns: int
    end_ns: int
    levels: int
    mode: ReadMode


class AskMarket(msgspec.Struct, tag=True, frozen=True):
    """Ask for reference data: the holiday list, main contract changes of symbols, or contracts' instruments."""

    job: int
    kind: Literal["holidays", "main_contracts", "instruments"]
    symbols: tuple[str, ...] = ()


class Ready(msgspec.Struct, tag=True, frozen=True):
    """The worker has imported tqsdk: now an attempt's time runs."""


class DayRead(msgspec.Struct, tag=True, frozen=True):
    """A day came whole; its frame follows as Arrow bytes.

    `proof` says what reading both ways showed: the readers agree, differ (`lean_frame` follows too), or the lean
    reader would not answer for the day (`doubt` says why).
    """

    job: int
    reader: Literal["tqsdk", "lean"]
    seconds: float
    pages: int | None = None
    wire_bytes: int | None = None
    proof: Literal["", "agrees", "differs", "doubts"] = ""
    doubt: str = ""


class DayFailed(msgspec.Struct, tag=True):
    """A day did not come whole. `has_frame`: what did come follows."""

    job: int
    kind: str
    what: str
    remedy: str
    reader: Literal["tqsdk", "lean"]
    seconds: float
    pause_s: float | None = None
    has_frame: bool = False


class MarketAnswer(msgspec.Struct, tag=True, frozen=True):
    """The answer to `AskMarket` as JSON."""

    job: int
    content: bytes


ToWorker = Setup | ReadDay | AskMarket
FromWorker = Ready | DayRead | DayFailed | MarketAnswer

_encoder: Final = msgspec.msgpack.Encoder()
_to_worker: Final = msgspec.msgpack.Decoder(ToWorker)
_from_worker: Final = msgspec.msgpack.Decoder(FromWorker)


def encode(message: ToWorker | FromWorker) -> bytes:
    return _encoder.encode(message)


def decode_to_worker(data: bytes) -> ToWorker:
    return _to_worker.decode(data)


def decode_from_worker(data: bytes) -> FromWorker:
    return _from_worker.decode(data)


def encode_frame(frame: pl.DataFrame) -> bytes:
    """The frame as Arrow IPC bytes, uncompressed: both ends share a machine."""
    buffer = io.BytesIO()
    frame.write_ipc(buffer, compression="uncompressed")
    return buffer.getvalue()


def decode_frame(data: bytes) -> pl.DataFrame:
    return pl.read_ipc(io.BytesIO(data))
