"""Days on their way from the wire into the record: fetched, stored, finished in the background, handed over as events.

Belongs here: the threads, the batches, and that neither side runs far ahead of the other.
Does not belong here: what an event means for a day (`days`), fetching (`tq.pool`), transactions
(`questdb.tables.writer`).

The fetch has a thread of its own, the store has several and finishing (judging and recording) has one, all running
until the last day is done: while one batch is recorded, another is applied and read back, the next is sent and later
days are downloaded. At most `CAPACITY_BATCHES` batches of days are in memory.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from time import perf_counter
from typing import Final, Self

from ghtrader_assets.context.load import LoadContext
from ghtrader_assets.files import process_lock
from ghtrader_assets.loading.disk import require_room
from ghtrader_assets.loading.outcome import DayOutcome
from ghtrader_assets.market.symbols import Symbol
from ghtrader_assets.questdb.tables.writer import DayLoad, DayStore, Result, is_full
from ghtrader_assets.tq.fetch import FetchedDay, FetchRequest
from ghtrader_assets.tq.pool import FetchPool
from ghtrader_assets.tq.slots import SessionSlots

BATCH_AGE_S: Final = 1.0
"""A fetched day waits no longer than this for others of its batch."""
CAPACITY_BATCHES: Final = 2
_ALL_FETCHED: Final = object()

Finish = Callable[[Sequence[Result]], Sequence[DayOutcome]]


@dataclass(frozen=True, slots=True)
class FinishedDays:
    """The outcomes of one transaction's days, recorded."""

    outcomes: Sequence[DayOutcome]


Event = FetchedDay | FinishedDays


class DayPipeline:
    """Fetches the requested days of a symbol and stores those that are handed back. A context manager, for one use.

    `events` yields each day as it is fetched, whole or not, and the days of each transaction as they are finished.
    Whoever takes a whole day from it calls `store` before asking for the next event. `finish` is called from a thread
    of its own, with the results of one transaction after the other.
    """

    def __init__(
        self,
        context: LoadContext,
        symbol: Symbol,
        requests: Sequence[FetchRequest],
        finish: Finish,
        on_retry: Callable[[str], None],
    ) -> None:
        self._context = context
        self._symbol = symbol
        self._requests = requests
        self._finish = finish
        self._finishing = ThreadPoolExecutor(1, thread_name_prefix="finish")
        self._on_retry = on_retry
        size = context.settings.ingest_batch_days
        self._size = size
        self._room = threading.Semaphore(max(CAPACITY_BATCHES * size, context.settings.ingest_workers))
        self._queue: queue.SimpleQueue[object] = queue.SimpleQueue()
        self._batch: list[DayLoad] = []
        self._due_at = 0.0
        self._fetching = True
        self._storing = 0
        self._opened = ExitStack()
        self._writing = ExitStack()

    def __enter__(self) -> Self:
        settings, provider = self._context.settings, self._context.provider
        with ExitStack() as opened:
            slots = SessionSlots(settings.home, provider, settings.ingest_workers)
            granted = opened.enter_context(slots.held(len(self._requests)))
            pool = FetchPool(
                provider,
                granted,
                settings.home,
                fast_history=settings.fast_history,
                on_retry=self._on_retry,
                timing=self._context.timing,
            )
            thread = threading.Thread(target=self._pump, args=(pool,), name="fetch", daemon=True)
            thread.start()
            opened.callback(thread.join)
            opened.callback(self._room.release, len(self._requests))
            opened.callback(pool.close)
            opened.enter_context(self._writing)
            opened.callback(self._finishing.shutdown, cancel_futures=True)
            self._store = opened.enter_context(DayStore(self._context.database, self._queue.put, settings.readback))
            self._opened = opened.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._opened.close()

    def events(self) -> Iterator[Event]:
        """Every event until the last day is stored. Raises what stops all days: the store's or the fetch's error."""
        while self._fetching or self._batch or self._storing:
            item = self._next()
            if item is None:
                self._send()
            elif item is _ALL_FETCHED:
                self._fetching = False
                self._send()
            elif isinstance(item, BaseException):
                raise item
            elif isinstance(item, FetchedDay):
                waiting = len(self._batch) + self._storing
                yield item
                if len(self._batch) + self._storing == waiting:  # nobody stores it
                    self._room.release()
            elif isinstance(item, FinishedDays):
                yield item
                self._done(len(item.outcomes))
            else:
                results: Sequence[Result] = item  # pyright: ignore[reportAssignmentType] - the only kind left
                self._finishing.submit(self._finish_days, results)

    def store(self, load: DayLoad) -> None:
        """Store a day with others of its batch, soon."""
        if not self._batch:
            self._due_at = perf_counter() + BATCH_AGE_S
        self._batch.append(load)
        if len(self._batch) >= self._size or is_full(self._batch):
            self._send()

    def _next(self) -> object:
        """The next item, or None when the batch has become due first."""
        wait = max(0.0, self._due_at - perf_counter()) if self._batch else None
        try:
            return self._queue.get(timeout=wait)
        except queue.Empty:
            return None

    def _send(self) -> None:
        """Hand the batch to the store, its days in order: they share fewer partitions with other batches."""
        if not self._batch:
            return
        require_room(self._context)
        if not self._storing:
            self._become_only_writer()
        batch = sorted(self._batch, key=lambda load: load.trading_day)
        self._batch = []
        self._storing += len(batch)
        self._store.submit(batch)

    def _done(self, days: int) -> None:
        self._storing -= days
        self._room.release(days)
        if not self._storing:
            self._writing.close()

    def _finish_days(self, results: Sequence[Result]) -> None:
        try:
            self._queue.put(FinishedDays(self._finish(results)))
        except BaseException as error:  # noqa: BLE001 - raised where the events are taken
            self._queue.put(error)

    def _become_only_writer(self) -> None:
        """One run of this host at a time stores a symbol's days: two replacements of one day would mix."""
        lock = self._context.settings.home / "writing" / f"{self._symbol.key}.lock"
        self._writing.enter_context(process_lock(lock))

    def _pump(self, pool: FetchPool) -> None:
        try:
            for fetched in pool.fetch(self._requests):
                self._room.acquire()
                self._queue.put(fetched)
        except BaseException as error:  # noqa: BLE001 - raised where the events are taken
            self._queue.put(error)
        else:
            self._queue.put(_ALL_FETCHED)
