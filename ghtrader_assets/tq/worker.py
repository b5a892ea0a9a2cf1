"""A worker process: reads trading days for the pool, one session at a time, until the pool goes away.

Belongs here: the loop, and turning whatever happens into a message.
Does not belong here: its birth (`fork_server`); which reader reads (`reading`); retries, deadlines and the circuit
breaker (`pool`): a worker that hangs is killed.
"""

from __future__ import annotations

import os
import queue
import threading
import time
from multiprocessing.connection import Connection
from typing import NoReturn

from pydantic import SecretStr

from ghtrader_assets.clock import SYSTEM_CLOCK
from ghtrader_assets.errors import FetchError, MaintenanceError, TransientFetchError
from ghtrader_assets.redaction import hide, redacted_text
from ghtrader_assets.tq import wire
from ghtrader_assets.tq.reading import Readers
from ghtrader_assets.tq.timing import maintenance_ends_in


def serve(descriptor: int) -> NoReturn:
    """Serve the socket of this descriptor. The process ends when its other end is closed."""
    pool = Connection(descriptor)
    inbox: queue.SimpleQueue[wire.ToWorker] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(pool, inbox), daemon=True).start()
    setup = inbox.get()
    assert isinstance(setup, wire.Setup)  # noqa: S101 - narrows a type
    hide(SecretStr(setup.password) if setup.password != setup.user else None)
    readers = Readers(setup, SYSTEM_CLOCK)
    pool.send_bytes(wire.encode(wire.Ready()))
    while True:
        job = inbox.get()
        assert not isinstance(job, wire.Setup)  # noqa: S101 - narrows a type
        for part in _answer(setup, readers, job):
            pool.send_bytes(part)


def _listen(pool: Connection, inbox: queue.SimpleQueue[wire.ToWorker]) -> None:
    """Take messages as they come. The pool's end closes when its process ends, however it ends: then so do we."""
    while True:
        try:
            inbox.put(wire.decode_to_worker(pool.recv_bytes()))
        except (EOFError, OSError):
            os._exit(0)


def _answer(setup: wire.Setup, readers: Readers, job: wire.ReadDay | wire.AskMarket | wire.ReadBars) -> list[bytes]:
    started = time.perf_counter()
    try:
        if isinstance(job, wire.ReadDay):
            return _read(setup, readers, job, started)
        return [wire.encode(readers.ask(job))]
    except FetchError as error:
        return [wire.encode(_failed(setup, readers, error, started))]


def _read(setup: wire.Setup, readers: Readers, job: wire.ReadDay, started: float) -> list[bytes]:
    day = readers.read(job)
    if day.fault is None:
        header = wire.DayRead(
            reader=day.reader,
            seconds=time.perf_counter() - started,
            proof=day.proof,
            doubt=redacted_text(day.doubt),
        )
        frames = [day.frame] if day.other is None else [day.frame, day.other]
        return [wire.encode(header), *(wire.encode_frame(frame) for frame in frames)]
    failed = _failed(setup, readers, day.fault, started)
    if day.frame.height == 0:
        return [wire.encode(failed)]
    failed.has_frame = True
    return [wire.encode(failed), wire.encode_frame(day.frame)]


def _failed(setup: wire.Setup, readers: Readers, error: FetchError, started: float) -> wire.DayFailed:
    in_window = setup.keeps_maintenance_window and maintenance_ends_in(readers.provider_clock.now_ns()) is not None
    if in_window and isinstance(error, TransientFetchError):
        error = MaintenanceError(f"{error.what}, in the maintenance window")
    return wire.DayFailed(
        kind=type(error).__name__,
        what=error.what,
        remedy=error.remedy,
        reader=readers.last_reader,
        seconds=time.perf_counter() - started,
        pause_s=getattr(error, "pause_s", None),
    )
