"""Answers to questions about stored days, kept until a load changes them: in memory, or in Redis for several hosts.

Belongs here: where answers are kept, what makes them old. Does not belong here: the queries (`reader`), and talking to
Redis (`redis_link`).

Each load appends a byte to a version file under `GHTRADER_HOME`; a hit looks at the file's size. So a load is seen at
once by every process of the host. Redis carries a version of its own, counted up by each load, for the other hosts. The
version is read before the question is put: an answer that a load overtakes is filed under the old version, and unused.
A Redis that is away makes every question a miss.
"""

from __future__ import annotations

import hashlib
import os
import socket
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import msgspec

from ghtrader_assets.logs import logger
from ghtrader_assets.private import opened
from ghtrader_assets.questdb.client.credentials import Endpoint
from ghtrader_assets.settings import Settings

if TYPE_CHECKING:
    from ghtrader_assets.questdb.cache.redis_link import RedisLink

Row = TypeVar("Row")
Decoded = TypeVar("Decoded")
Ask = Callable[[], list[Row]]

VERSION_FILE: Final = "coverage-version"
CAPACITY: Final = 4096

log = logger(__name__)


class AnswerCache:
    """Keeps answers: lists of frozen rows, by the question's name and symbols. This one keeps none."""

    def answer(self, name: str, symbols: Sequence[str], kind: type[Row], ask: Ask[Row]) -> list[Row]:  # noqa: ARG002
        """The kept answer, or `ask()`, which is then kept. A hit has the types of a miss."""
        return ask()

    def close(self) -> None:
        """Let go of connections."""


def cache_of(settings: Settings, endpoint: Endpoint) -> AnswerCache:
    """The cache that the settings ask for, for one store."""
    if settings.coverage_cache == "off" or settings.cache_ttl_s == 0:
        return AnswerCache()
    if settings.coverage_cache == "redis" and settings.redis_url is not None:
        return RedisCache(settings, endpoint)
    return MemoryCache(settings.home, settings.cache_ttl_s)


def announce_load(settings: Settings, endpoint: Endpoint) -> None:
    """Make every kept answer old: the table of stored days has just changed.

    A home or a Redis that can't be written costs freshness for at most the answers' time to live, and never the load.
    """
    try:
        _grow(_version_path(settings.home))
    except OSError as error:
        log.warning("the coverage version file was not written", reason=str(error))
    if settings.coverage_cache == "redis" and settings.redis_url is not None:
        _link(settings.redis_url.get_secret_value()).count_up(f"{_prefix(endpoint, settings.home)}:version")


class MemoryCache(AnswerCache):
    """Answers of this process, shared by its threads."""

    def __init__(self, home: Path, ttl_s: float) -> None:
        self._path = str(_version_path(home))
        self._ttl_s = ttl_s
        self._kept: dict[tuple[str, tuple[str, ...]], tuple[str, float, tuple[Any, ...]]] = {}
        self._lock = threading.Lock()

    def answer(self, name: str, symbols: Sequence[str], kind: type[Row], ask: Ask[Row]) -> list[Row]:  # noqa: ARG002
        key = (name, tuple(symbols))
        version = _version(self._path)
        kept = self._kept.get(key)
        if kept is not None and kept[0] == version and time.monotonic() < kept[1]:
            return list(kept[2])
        rows = ask()
        with self._lock:
            self._kept.pop(key, None)
            while len(self._kept) >= CAPACITY:
                del self._kept[next(iter(self._kept))]
            self._kept[key] = (version, time.monotonic() + self._ttl_s, tuple(rows))
        return rows

    def close(self) -> None:
        self._kept.clear()


class _Entry(msgspec.Struct):
    """An answer in Redis: the Redis version, and the file version of each home that has seen it fresh."""

    version: int
    seen: dict[str, str]
    rows: msgspec.Raw


class RedisCache(AnswerCache):
    """Answers shared through one Redis. An entry counts where Redis's version and that of this host's file are its own.

    The file covers loads of this host that could not tell Redis.
    """

    def __init__(self, settings: Settings, endpoint: Endpoint) -> None:
        assert settings.redis_url is not None  # noqa: S101 - narrows a type
        self._redis = _link(settings.redis_url.get_secret_value())
        self._ttl_ms = max(1, round(settings.cache_ttl_s * 1000))
        self._path = str(_version_path(settings.home))
        self._prefix = _prefix(endpoint, settings.home)
        self._place = _short(f"{socket.gethostname()}\n{settings.home.resolve()}")

    def answer(self, name: str, symbols: Sequence[str], kind: type[Row], ask: Ask[Row]) -> list[Row]:
        key = f"{self._prefix}:{name}:{_short(','.join(symbols))}"
        here = _version(self._path)
        found = self._redis.get(f"{self._prefix}:version", key)
        if found is None:
            return ask()
        version, entry = int(found[0] or 0), _decoded(found[1], _Entry)
        if entry is not None and entry.version == version and entry.seen.get(self._place) == here:
            rows = _decoded(entry.rows, list[kind])
            if rows is not None:
                return rows
        rows = ask()
        seen = entry.seen if entry is not None and entry.version == version else {}
        fresh = _Entry(version, {**seen, self._place: here}, msgspec.Raw(msgspec.json.encode(rows)))
        self._redis.put(key, msgspec.json.encode(fresh), self._ttl_ms)
        return rows

    def close(self) -> None:
        self._redis.close()


def _link(url: str) -> RedisLink:
    from ghtrader_assets.questdb.cache.redis_link import link_to  # noqa: PLC0415 - its client takes a while to load

    return link_to(url)


def _decoded(value: bytes | msgspec.Raw | None, kind: type[Decoded]) -> Decoded | None:
    """None for none and for what another version or program wrote."""
    try:
        return None if value is None else msgspec.json.decode(value, type=kind)
    except msgspec.DecodeError:
        return None


def _version_path(home: Path) -> Path:
    return home / "cache" / VERSION_FILE


def _grow(path: Path) -> None:
    """Append a byte: one system call, so that loads of several processes all count."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = opened(path, os.O_WRONLY | os.O_APPEND)
    try:
        os.write(descriptor, b".")
    finally:
        os.close(descriptor)


def _version(path: str) -> str:
    """The version file as it is: it only ever grows, and a new file is another inode."""
    try:
        found = os.stat(path)  # noqa: PTH116 - a hit costs microseconds
    except FileNotFoundError:
        return "none"
    return f"{found.st_ino}.{found.st_size}"


def _prefix(endpoint: Endpoint, home: Path) -> str:
    """Names the store in Redis; a loopback address means another server on each host and for each home."""
    own = endpoint.http.startswith(("127.", "localhost"))
    place = f"\n{socket.gethostname()}\n{home.resolve()}" if own else ""
    return f"ghtrader:{_short(endpoint.http + place)}"


def _short(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
