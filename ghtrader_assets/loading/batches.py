"""Items of a source, taken through two steps in batches while the source brings more.

Belongs here: the threads, when a batch is closed, how many items are held at once, and how all of it ends.
Does not belong here: what an item is and what a step does (`days` says it of trading days).
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager, nullcontext
from dataclasses import dataclass
from time import perf_counter
from typing import Generic, TypeVar

Item = TypeVar("Item")
Stored = TypeVar("Stored")
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Limits(Generic[Item]):
    """When a batch is closed, and how much is under way.

    A batch is closed when it `is_full`, or `age_s` after its first item. `in_flight` batches are stored at once. The
    source waits while `held` items have come whose results the caller has not taken.
    """

    is_full: Callable[[Sequence[Item]], bool]
    age_s: float
    in_flight: int
    held: int


@dataclass(frozen=True, slots=True)
class _Came(Generic[Item]):
    item: Item


@dataclass(frozen=True, slots=True)
class _SourceEnded:
    pass


@dataclass(frozen=True, slots=True)
class _Recorded(Generic[Result]):
    results: Sequence[Result]
    items: int


@dataclass(frozen=True, slots=True)
class _Broke:
    error: BaseException


class Batches(Generic[Item, Stored, Result]):
    """Takes the items of `source` through `store` and `record`, once. Everything goes one way: from the source's
    thread to the caller's, where batches are gathered, through the threads of `store` and the one of `record`, and
    back to the caller. While a batch is recorded, others are stored and more items come.

    `cancel` makes the source end soon; it is called from another thread than the source's. `while_storing` is entered
    in the caller's thread when a batch is to be stored and none is under way, and left when all are recorded and their
    results taken.
    """

    def __init__(
        self,
        source: Generator[Item],
        store: Callable[[Sequence[Item]], Stored],
        record: Callable[[Stored], Sequence[Result]],
        limits: Limits[Item],
        *,
        cancel: Callable[[], None] = lambda: None,
        while_storing: Callable[[], AbstractContextManager[object]] = nullcontext,
    ) -> None:
        self._source = source
        self._store = store
        self._record = record
        self._limits = limits
        self._cancel = cancel
        self._while_storing = while_storing
        self._messages: queue.SimpleQueue[_Came[Item] | _SourceEnded | _Recorded[Result] | _Broke] = queue.SimpleQueue()
        self._free = threading.Semaphore(limits.held)
        self._stopped = False
        self._storing = ThreadPoolExecutor(limits.in_flight, thread_name_prefix="store")
        self._recording = ThreadPoolExecutor(1, thread_name_prefix="record")

    def results(self) -> Generator[Result]:
        """Yield what `record` returns for each batch, as soon as it does; raise what the source or a step raises.

        When the caller stops early, steps that run are finished, batches that wait are dropped, the source is closed.
        """
        batch: list[Item] = []
        due_at, under_way, ended = 0.0, 0, False
        with ExitStack() as guard, self._running():
            while batch or under_way or not ended:
                message = self._next(due_at if batch else None)
                match message:
                    case _Came(item):
                        due_at = due_at if batch else perf_counter() + self._limits.age_s
                        batch.append(item)
                    case _SourceEnded():
                        ended = True
                    case _Recorded(results, items):
                        yield from results
                        self._free.release(items)
                        under_way -= items
                    case _Broke(error):
                        raise error
                    case None:
                        pass
                if not under_way:
                    guard.close()
                if batch and (ended or message is None or self._limits.is_full(batch)):
                    if not under_way:
                        guard.enter_context(self._while_storing())
                    under_way += len(batch)
                    self._storing.submit(self._store_batch, batch)
                    batch = []

    @contextmanager
    def _running(self) -> Generator[None]:
        thread = threading.Thread(target=self._take, name="source", daemon=True)
        with ExitStack() as opened:
            opened.callback(self._recording.shutdown, cancel_futures=True)
            opened.callback(self._storing.shutdown, cancel_futures=True)
            thread.start()
            opened.callback(thread.join)
            opened.callback(self._cancel)
            opened.callback(self._stop)
            yield

    def _stop(self) -> None:
        self._stopped = True
        self._free.release()

    def _next(self, due_at: float | None) -> _Came[Item] | _SourceEnded | _Recorded[Result] | _Broke | None:
        """The next message, or None when the batch has become due first."""
        try:
            return self._messages.get(timeout=None if due_at is None else max(0.0, due_at - perf_counter()))
        except queue.Empty:
            return None

    def _take(self) -> None:
        with self._errors_told(), closing(self._source):
            for item in self._source:
                self._free.acquire()
                if self._stopped:
                    return
                self._messages.put(_Came(item))
            self._messages.put(_SourceEnded())

    def _store_batch(self, batch: Sequence[Item]) -> None:
        with self._errors_told():
            self._recording.submit(self._record_batch, self._store(batch), len(batch))

    def _record_batch(self, stored: Stored, items: int) -> None:
        with self._errors_told():
            self._messages.put(_Recorded(self._record(stored), items))

    @contextmanager
    def _errors_told(self) -> Generator[None]:
        try:
            yield
        except BaseException as error:  # noqa: BLE001 - raised where the results are taken
            self._messages.put(_Broke(error))
