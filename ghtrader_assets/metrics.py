"""Measuring queries: each one's latency by its name, on its way into the metrics table without being in the way.

Belongs here: the recorder that queries report to, and its background flusher.
Does not belong here: what loads and judgements leave (`loading.figures`), reading the figures
(`questdb.tables.measured`).

A query's part is to append to a bounded buffer. A thread of its own, over a sender of its own, writes the buffer in
batches; a store that is away or slow costs old values, counted in `metrics_dropped`, and never a query.
"""

from __future__ import annotations

import atexit
import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from ghtrader_assets.clock import Clock
from ghtrader_assets.errors import GhtraderError
from ghtrader_assets.logs import logger
from ghtrader_assets.questdb.client.connection import Database
from ghtrader_assets.questdb.client.credentials import Endpoint
from ghtrader_assets.questdb.tables.measured import QUERY_PREFIX
from ghtrader_assets.questdb.tables.records import send_metrics
from ghtrader_assets.questdb.tables.rows import Metric

FLUSH_EVERY_S: Final = 2.0
CAPACITY: Final = 20_000
BATCH: Final = 5_000
CLOSE_WITHIN_S: Final = 3.0
SLOW_QUERY_S: Final = 1.0
UNMEASURED: Final = frozenset({"wal_state"})
"""Asked every few milliseconds while a commit is awaited: how long that takes is a load's `store_seconds`."""

DROPPED: Final = "metrics_dropped"

Write = Callable[[Sequence[Metric]], None]

log = logger(__name__)
_LEVEL: Final = logging.getLogger(__name__)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class QueryMetrics:
    """Takes queries' latencies from any thread and writes them in batches. Nothing starts before the first one.

    `write` stores a batch and may raise or take as long as it likes. `close()` writes what is left, for at most
    `CLOSE_WITHIN_S`; it is called at exit at the latest.
    """

    def __init__(
        self, write: Write, clock: Clock, *, flush_every_s: float = FLUSH_EVERY_S, capacity: int = CAPACITY
    ) -> None:
        self._write = write
        self._clock = clock
        self._flush_every_s = flush_every_s
        self._capacity = capacity
        self._waiting: deque[tuple[int, str, float]] = deque()
        self._dropped = 0
        self._last_us = 0
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None
        self._away = False

    def observe(self, name: str, seconds: float) -> None:
        """Note that the query `name` took `seconds`. Costs a microsecond or two, whatever the store does."""
        if name in UNMEASURED:
            return
        with self._lock:
            self._last_us = max(self._clock.now_ns() // 1000, self._last_us + 1)
            self._waiting.append((self._last_us, name, seconds))
            if len(self._waiting) > self._capacity:
                self._waiting.popleft()
                self._dropped += 1
            if self._thread is None and not self._closing.is_set():
                self._start()
        if seconds >= SLOW_QUERY_S:
            log.info("slow query", query=name, seconds=round(seconds, 3))
        elif _LEVEL.isEnabledFor(logging.DEBUG):
            log.debug("query", query=name, seconds=round(seconds, 6))

    def close(self) -> None:
        """Write what is left and stop; gives up after `CLOSE_WITHIN_S`."""
        atexit.unregister(self.close)
        self._closing.set()
        thread = self._thread
        if thread is not None:
            thread.join(CLOSE_WITHIN_S)

    def _start(self) -> None:
        self._thread = threading.Thread(target=self._run, name="query-metrics", daemon=True)
        self._thread.start()
        atexit.register(self.close)

    def _run(self) -> None:
        closing = False
        while not closing:
            closing = self._closing.wait(self._flush_every_s)
            while self._waiting and self._flush():
                pass

    def _flush(self) -> bool:
        """Write one batch; whether it is written. One that is not stays, as far as there is room."""
        with self._lock:
            batch = [self._waiting.popleft() for _ in range(min(BATCH, len(self._waiting)))]
            dropped = self._dropped
        try:
            self._write([_metric(*item) for item in batch] + _dropped(batch, dropped))
        except Exception as error:  # noqa: BLE001 - whatever it is, measuring must not end the process
            self._put_back(batch, error)
            return False
        with self._lock:
            self._dropped -= dropped
        self._away = False
        return True

    def _put_back(self, batch: list[tuple[int, str, float]], error: Exception) -> None:
        with self._lock:
            room = max(0, self._capacity - len(self._waiting))
            kept = batch[len(batch) - min(room, len(batch)) :]
            self._dropped += len(batch) - len(kept)
            self._waiting.extendleft(reversed(kept))
        if not self._away:
            cause = str(error) if isinstance(error, GhtraderError) else type(error).__name__
            log.info("query metrics wait: the store does not take them", cause=cause)
        self._away = True


def metrics_into(endpoint: Endpoint, clock: Clock) -> QueryMetrics:
    """A recorder that writes into this store, over a connection of its own."""
    database = Database(endpoint, max_senders=1)
    return QueryMetrics(lambda rows: send_metrics(database, rows), clock)


def _metric(micros: int, name: str, seconds: float) -> Metric:
    instant = _EPOCH + timedelta(microseconds=micros)
    return Metric(ts=instant, name=QUERY_PREFIX + name, symbol="", trading_day=None, value=seconds, unit="s")


def _dropped(batch: list[tuple[int, str, float]], dropped: int) -> list[Metric]:
    if not dropped:
        return []
    instant = _EPOCH + timedelta(microseconds=batch[-1][0])
    return [Metric(ts=instant, name=DROPPED, symbol="", trading_day=None, value=float(dropped), unit="1")]
