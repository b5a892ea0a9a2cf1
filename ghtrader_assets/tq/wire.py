"""The messages between the pool and its workers: msgpack headers, ticks as Arrow IPC bytes after them.

Belongs here: message types and their encoding. Does not belong here: processes (`process`) and work (`worker`).
The password travels in the first message, over a socket that only the two processes hold.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Literal

import msgspec
import polars as pl

from ghtrader_assets.market.ticks import DayWindow
from ghtrader_assets.tq.fetch import Reader
from ghtrader_assets.tq.timing import Timing

ReadMode = Literal["tqsdk", "lean", "both"]
Proof = Literal["", "agrees", "differs", "doubts"]


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

    symbol: str
    contract: str
    window: DayWindow
    levels: int
    mode: ReadMode


class AskMarket(msgspec.Struct, tag=True, frozen=True):
    """Ask for reference data: the holiday list, main contract changes of symbols, or contracts' instruments."""

    kind: Literal["holidays", "main_contracts", "instruments"]
    symbols: tuple[str, ...] = ()


class ReadBars(msgspec.Struct, tag=True, frozen=True):
    """Read a contract's 1-minute bars that begin in `[start_ns, end_ns)`, about `expected_bars` of them."""

    contract: str
    start_ns: int
    end_ns: int
    expected_bars: int
    kind: Literal["bars"] = "bars"


class Ready(msgspec.Struct, tag=True, frozen=True):
    """The worker has imported tqsdk: now an attempt's time runs."""


class DayRead(msgspec.Struct, tag=True, frozen=True):
    """A day came whole; its frame follows as Arrow bytes.

    `proof` says what reading both ways showed: the readers agree, differ (`lean_frame` follows too), or the lean
    reader would not answer for the day (`doubt` says why).
    """

    reader: Reader
    seconds: float
    proof: Proof = ""
    doubt: str = ""


class DayFailed(msgspec.Struct, tag=True):
    """A day did not come whole. `has_frame`: what did come follows."""

    kind: str
    what: str
    remedy: str
    reader: Reader
    seconds: float
    pause_s: float | None = None
    has_frame: bool = False


class MarketAnswer(msgspec.Struct, tag=True, frozen=True):
    """The answer to `AskMarket` as JSON, to `ReadBars` as Arrow bytes."""

    content: bytes


ToWorker = Setup | ReadDay | AskMarket | ReadBars
FromWorker = Ready | DayRead | DayFailed | MarketAnswer

encode: Final[Callable[[ToWorker | FromWorker], bytes]] = msgspec.msgpack.Encoder().encode
decode_to_worker: Final[Callable[[bytes], ToWorker]] = msgspec.msgpack.Decoder(ToWorker).decode
decode_from_worker: Final[Callable[[bytes], FromWorker]] = msgspec.msgpack.Decoder(FromWorker).decode


def encode_frame(frame: pl.DataFrame) -> bytes:
    """The frame as Arrow IPC bytes, uncompressed: both ends share a machine."""
    return frame.write_ipc(None, compression="uncompressed").getvalue()
