"""The pool: days handed to worker processes, retried, given up or yielded, as one loop.

Belongs here: who works on what, deadlines, pauses, and that maintenance and denial end all days.
Does not belong here: how a day is read (`worker`, `reading`), which reader is trusted (`trust`), what an exception
means (`faults`), how a failed attempt is followed up (`attempts`), what other runs found (`breaker`).
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Final, Literal, Self, cast

import polars as pl

from ghtrader_assets.clock import Clock
from ghtrader_assets.errors import (
    DeniedError,
    FetchError,
    LogInError,
    MaintenanceError,
    SilentProviderError,
    ThrottledError,
    TransientFetchError,
    UnfitAnswerError,
)
from ghtrader_assets.tq import wire
from ghtrader_assets.tq.attempts import Task
from ghtrader_assets.tq.breaker import Breaker
from ghtrader_assets.tq.fetch import FetchedDay, FetchRequest
from ghtrader_assets.tq.market_data import rebuilt
from ghtrader_assets.tq.process import ForkServer, WorkerProcess, running_fork_server
from ghtrader_assets.tq.provider import Provider
from ghtrader_assets.tq.timing import Timing
from ghtrader_assets.tq.trust import FastHistory

log: Final = logging.getLogger(__name__)
_LOOK_UP_S: Final = 1.0
"""The loop looks at the clock at least this often."""


class FetchPool:
    """Worker processes with one TqSdk session each, alive across days and calls of `fetch`.

    A context manager. `fetch` runs in the caller's thread: drive it from a thread of its own to store meanwhile.
    """

    def __init__(
        self,
        provider: Provider,
        workers: int,
        home: Path,
        clock: Clock,
        *,
        fast_history: Literal["auto", "on", "off"] = "auto",
        on_retry: Callable[[str], None] = log.info,
        timing: Timing,
    ) -> None:
        self._provider = provider
        self._size = workers
        self._home = home
        self._clock = clock
        self._timing = timing
        self._on_retry = on_retry
        self._breaker = Breaker(home, provider, self._timing, clock)
        self._fast = FastHistory(home, provider.server, fast_history, clock)
        self._resources = ExitStack()
        self._fork_server: ForkServer | None = None
        self._idle: list[WorkerProcess] = []
        self._busy: dict[Connection, tuple[WorkerProcess, Task]] = {}
        self._closed = False
        self._heard = 0.0

    def fetch(self, requests: Sequence[FetchRequest]) -> Iterator[FetchedDay]:
        """Yield each requested day as it is done, the longest first, days of about one length (the same power of two of
        ticks) as requested: those before a day are its baseline. One day's failure is its state, never raised.

        Ends early only when `close` is called meanwhile. Maintenance and denial end all days not yet done.
        """
        tasks = [Task(request, self._timing, self._clock) for request in requests]
        self._heard = time.monotonic()
        waiting = sorted(tasks, key=lambda task: -task.request.expected_ticks.bit_length())
        try:
            yield from self._run(waiting)
        finally:  # also when the consumer stops early: no answer of this call may reach the next
            for worker, task in list(self._busy.values()):
                worker.kill()
                self._lost(task)
            self._busy.clear()
            if self._closed:  # meanwhile, by another thread
                self._resources.close()

    def _run(self, waiting: list[Task]) -> Iterator[FetchedDay]:
        breaker: FetchError | None = None
        while (waiting or self._busy) and not self._closed:
            breaker = breaker or self._breaker.tripped()
            if breaker is not None and waiting:
                yield from (task.ended_with(breaker) for task in waiting)
                waiting.clear()
                continue
            self._hand_out(waiting)
            collected = self._collect()
            if self._closed:
                return
            for task, outcome in collected:
                if isinstance(outcome, FetchedDay):
                    yield outcome
                    continue
                if self._is_silent(outcome):
                    breaker = breaker or outcome
                pause = task.follow_up(outcome)
                if pause is not None:
                    self._on_retry(task.retry_line(outcome, pause))
                    waiting.append(task)
                    continue
                if isinstance(outcome, MaintenanceError):
                    self._breaker.trip(outcome)
                if isinstance(outcome, DeniedError | LogInError | MaintenanceError):  # no other day will fare better
                    breaker = breaker or outcome
                yield task.ended_with(outcome)

    def _is_silent(self, error: FetchError) -> bool:
        """Whether the provider has not answered anything for too long: no other day will fare better."""
        now = time.monotonic()
        if isinstance(error, ThrottledError) or not isinstance(error, TransientFetchError):
            self._heard = now
        return isinstance(error, SilentProviderError) and now - self._heard > self._timing.silence_s

    def close(self) -> None:
        """End the workers and remove what they kept. Safe from another thread, and twice.

        A `fetch` that runs in another thread ends: its workers are gone.
        """
        self._closed = True
        self._resources.close()
        self._idle.clear()

    def __enter__(self) -> Self:
        self._running_fork_server()  # it imports tqsdk while attempts begin
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _hand_out(self, waiting: list[Task]) -> None:
        now = time.monotonic()
        for task in [task for task in waiting if task.not_before <= now]:
            if len(self._busy) >= self._size:
                return
            mode = self._fast.mode_for(task.request, allowed=task.fast_allowed)
            if mode is None:
                continue
            waiting.remove(task)
            worker = self._idle.pop() if self._idle else self._new_worker()
            worker.send(task.begin(mode, worker_ready=worker.ready))
            self._busy[worker.connection] = (worker, task)

    def _new_worker(self) -> WorkerProcess:
        return self._running_fork_server().worker(self._home, self._timing)

    def _running_fork_server(self) -> ForkServer:
        if self._fork_server is None or not self._fork_server.is_alive:
            started = running_fork_server(self._provider, self._home)
            self._fork_server = self._resources.enter_context(started)
        return self._fork_server

    def _collect(self) -> list[tuple[Task, FetchedDay | FetchError]]:
        """What has come since, after waiting for something to come or to become due."""
        now = time.monotonic()
        due = min((task.deadline for _, task in self._busy.values()), default=now + _LOOK_UP_S)
        pause = max(0.0, min(due - now, _LOOK_UP_S))
        if not self._busy:
            time.sleep(min(pause, _LOOK_UP_S / 10))
            return []
        came = [self._receive(cast("Connection", ready)) for ready in wait(list(self._busy), pause)]
        return [item for item in came if item is not None] + self._overdue()

    def _receive(self, connection: Connection) -> tuple[Task, FetchedDay | FetchError] | None:
        """Take a worker's message: how its task ended, or None if it has only become ready."""
        worker, task = self._busy[connection]
        try:
            message = worker.receive()
            if isinstance(message, wire.Ready):
                task.worker_is_ready()
                return None
            outcome = self._outcome(worker, task, message)
        except (EOFError, OSError) as error:
            self._busy.pop(connection, None)
            self._lost(task)
            return task, worker.died(error)
        self._busy.pop(connection, None)
        if isinstance(outcome, UnfitAnswerError):  # who knows what it has kept of such an answer
            worker.kill()
        else:
            self._idle.append(worker)
        return task, outcome

    def _outcome(self, worker: WorkerProcess, task: Task, message: wire.FromWorker) -> FetchedDay | FetchError:
        if isinstance(message, wire.DayRead):
            frame = worker.receive_frame()
            self._note_proof(task, message, frame, worker)
            self._breaker.close()
            self._heard = time.monotonic()
            return task.came_whole(message, frame)
        assert isinstance(message, wire.DayFailed)  # noqa: S101 - narrows a type
        if task.mode == "both":
            self._fast.settled(task.request, proved=False)
        task.failed(message, worker.receive_frame() if message.has_frame else None)
        return rebuilt(message)

    def _note_proof(self, task: Task, read: wire.DayRead, frame: pl.DataFrame, worker: WorkerProcess) -> None:
        request = task.request
        if task.mode == "both":
            self._fast.settled(request, proved=read.proof == "agrees")
        if read.proof == "agrees":
            self._fast.agreed(request)
        elif read.proof == "differs":
            self._fast.differed(request, frame, worker.receive_frame())
        elif read.doubt:
            day = request.window.trading_day
            log.info("fast history left %s %s to tqsdk: %s", request.contract, day, read.doubt)

    def _lost(self, task: Task) -> None:
        task.lost()
        if task.mode == "both":
            self._fast.settled(task.request, proved=False)

    def _overdue(self) -> list[tuple[Task, FetchedDay | FetchError]]:
        """Kill the workers whose attempt is past its deadline: a client that hangs can't be woken."""
        now = time.monotonic()
        late = [(connection, *pair) for connection, pair in self._busy.items() if pair[1].deadline <= now]
        ended: list[tuple[Task, FetchedDay | FetchError]] = []
        for connection, worker, task in late:
            self._busy.pop(connection, None)
            worker.kill()
            self._lost(task)
            ended.append((task, TransientFetchError("no answer before the attempt's deadline")))
        return ended
