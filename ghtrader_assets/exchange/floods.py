"""Answers that no client can want: without end, of any size, of any depth.

Belongs here: their bytes. Does not belong here: which request meets one (`faults`), the connection (`diff`), routes
(`server`).
"""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterator
from functools import cache
from typing import Final, Literal

FloodKind = Literal["endless", "idle", "nested", "promised", "bomb"]
"""In place of a page: ticks whose page never ends; an empty message every `seconds`; a message nested `amount` deep;
the header of a message of 2^62 bytes and what there is time for; a compressed message of `amount` MB."""
BodyKind = Literal["huge", "expanding", "html"]
"""In place of an answer over HTTP: `amount` MB of JSON; the same compressed; an error page with status 200."""

MEGABYTE: Final = 1 << 20
EMPTY: Final = b"{}"
HTML: Final = "<!DOCTYPE html><html><head><title>Sign in</title></head><body>Please sign in.</body></html>"
PROMISE: Final = bytes([0x81, 127]) + (2**62).to_bytes(8, "big")
"""The header of one text message that no server can send to its end."""
SPACE: Final = b" " * (MEGABYTE // 16)
_TICKS_A_MESSAGE: Final = 1000
_STAMP_NS: Final = 1_767_618_001_000_000_000
_PRICES: Final = ("last_price", "average", "highest", "lowest", "bid_price1", "ask_price1")


def endless_patches(symbol: str, first_id: int) -> Iterator[bytes]:
    """Patches with ever more ticks of a symbol, half a megabyte each with what else they carry."""
    while True:
        ids = range(first_id, first_id + _TICKS_A_MESSAGE)
        ticks = {str(one): dict.fromkeys(_PRICES, 1.0) | {"datetime": _STAMP_NS, "note": "x" * 350} for one in ids}
        yield json.dumps({"ticks": {symbol: {"data": ticks}}}, separators=(",", ":")).encode()
        first_id += _TICKS_A_MESSAGE


def nested(depth: int) -> bytes:
    """A message nested so deep."""
    return b'{"aid":"rtn_data","data":[' + b"[" * depth + b"]" * depth + b"]}"


def bomb(megabytes: int) -> bytes:
    """A whole websocket frame, compressed, that expands to so many megabytes of JSON."""
    payload = _deflated(megabytes)
    return bytes([0x80 | 0x40 | 0x01, 127]) + len(payload).to_bytes(8, "big") + payload


def huge(megabytes: int) -> Iterator[bytes]:
    """A JSON list of one text of so many megabytes."""
    yield b'["'
    for _ in range(megabytes * 16):
        yield SPACE
    yield b'"]'


@cache
def expanding(megabytes: int) -> bytes:
    """The bytes of `huge`, as gzip."""
    return gzip.compress(b"".join(huge(megabytes)), 6)


def _deflated(megabytes: int) -> bytes:
    """The same block again and again: a flush before it makes its bytes mean the same wherever they stand, and no
    client waits for so many megabytes to be compressed."""
    compressor = zlib.compressobj(6, zlib.DEFLATED, -15)

    def apart(piece: bytes) -> bytes:
        return compressor.compress(piece) + compressor.flush(zlib.Z_FULL_FLUSH)

    before = apart(b'{"aid":"rtn_data","data":[],"more":["')
    block, after = apart(SPACE), apart(b'"]}')
    return (before + block * (megabytes * MEGABYTE // len(SPACE)) + after).removesuffix(b"\x00\x00\xff\xff")
