"""One Redis that may be away: short time-outs, and a pause for one that did not answer.

Belongs here: the client of Redis. Does not belong here: what is kept in it (`cache`).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final

from pydantic import SecretStr
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from ghtrader_assets.errors import BadInputError
from ghtrader_assets.logs import logger

REDIS_TIMEOUT_S: Final = 0.25
REDIS_PAUSE_S: Final = 5.0
"""How long a Redis that did not answer is left alone: meanwhile questions go straight to the store."""

log = logger(__name__)


class RedisLink:
    """A client for which every question is a miss while its Redis is away."""

    def __init__(self, url: str) -> None:
        self._client = Redis.from_url(  # pyright: ignore[reportUnknownMemberType] - redis's `**kwargs`
            url,
            socket_timeout=REDIS_TIMEOUT_S,
            socket_connect_timeout=REDIS_TIMEOUT_S,
            retry=Retry(NoBackoff(), 1),
        )
        self._away_until = 0.0

    def get(self, *keys: str) -> list[bytes | None] | None:
        """The values of keys, None when Redis does not answer."""
        return self._ask(lambda: self._client.mget(keys))

    def put(self, key: str, value: bytes, ttl_ms: int) -> None:
        self._ask(lambda: self._client.set(key, value, px=ttl_ms))

    def count_up(self, key: str) -> None:
        self._ask(lambda: self._client.incr(key))

    def close(self) -> None:
        self._client.close()

    def _ask(self, question: Callable[[], Any]) -> Any:
        if time.monotonic() < self._away_until:
            return None
        try:
            return question()
        except RedisError as error:
            self._away_until = time.monotonic() + REDIS_PAUSE_S
            log.warning("redis does not answer, questions go to the store", reason=str(error))
            return None


@lru_cache(maxsize=8)
def link_to(url: str) -> RedisLink:
    """One client an address. Raises `BadInputError` for what is none."""
    try:
        return RedisLink(url)
    except ValueError:
        raise BadInputError(
            "GHTRADER_REDIS_URL is no address of a Redis", "write redis://[user:password@]host:6379/0"
        ) from None


def redis_finding(url: SecretStr) -> str:
    """What is wrong with a Redis, empty when it answers."""
    try:
        address = url.get_secret_value()
        with Redis.from_url(address, socket_connect_timeout=2, socket_timeout=2) as client:  # pyright: ignore[reportUnknownMemberType]
            client.ping()  # pyright: ignore[reportUnknownMemberType] - redis's `**kwargs`
    except (RedisError, ValueError) as error:
        return str(error)
    return ""
