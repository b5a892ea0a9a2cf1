"""The process that workers come from: it imports tqsdk once, for a second, and forks them in milliseconds.

Belongs here: forking, ending and waiting for workers, on the orders of the process that holds the other end.
Does not belong here: what a worker does (`worker`), its order book on the other side (`process`).

It has one thread and no connection when it forks, so a worker is as fresh as a new interpreter.
"""

from __future__ import annotations

import functools
import os
import resource
import signal
import socket
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Final, NoReturn

import msgspec

from ghtrader_assets.private import opened, protect_process
from ghtrader_assets.redaction import redacted_text
from ghtrader_assets.tq.bounds import WORKER_BYTES
from ghtrader_assets.tq.quiet import import_tqsdk

ORDER_BYTES: Final = 1 << 16
_LAST_WORDS_S: Final = 2.0
_LOOK_S: Final = 0.005


class Fork(msgspec.Struct, tag=True, frozen=True):
    """Fork a worker. The descriptor of its socket comes with the message; its stderr goes to `directory`."""

    number: int
    directory: str


class End(msgspec.Struct, tag=True, frozen=True):
    """End a worker; the answer is its exit code, negative for a signal. `dying`: it hung up and may end by itself."""

    number: int
    dying: bool


def main() -> None:
    """Serve the socket whose descriptor is the only argument; when its other end is closed, end with all workers."""
    protect_process()
    orders = socket.socket(fileno=int(sys.argv[1]))
    import_tqsdk()
    from ghtrader_assets.tq.worker import serve  # noqa: PLC0415 - needs tqsdk

    workers: dict[int, int] = {}
    while True:
        data, descriptors, _, _ = socket.recv_fds(orders, ORDER_BYTES, 1)
        if not data:
            break
        order = msgspec.msgpack.decode(data, type=Fork | End)
        if isinstance(order, End):
            orders.send(msgspec.msgpack.encode(_end(workers.pop(order.number), dying=order.dying)))
            continue
        pid = os.fork()
        if pid == 0:
            orders.close()
            _become_worker(order.directory, functools.partial(serve, descriptors[0]))
        os.close(descriptors[0])
        workers[order.number] = pid
    for pid in workers.values():
        _end(pid, dying=False)


def _become_worker(directory: str, serve: Callable[[], NoReturn]) -> NoReturn:
    stderr = opened(Path(directory) / "stderr", os.O_WRONLY | os.O_TRUNC)
    os.dup2(stderr, sys.stderr.fileno())
    _bound_memory()
    try:
        serve()
    except BaseException as error:  # noqa: BLE001 - a fork never returns into the fork server
        sys.stderr.write(redacted_text("".join(traceback.format_exception(error))))
        sys.stderr.flush()
    os._exit(1)


def _bound_memory() -> None:
    """From now on what this process asks for beyond `WORKER_BYTES` is refused: it fails alone, not the machine."""
    status = Path("/proc/self/status")
    if not status.exists():  # no Linux
        return
    data = status.read_text(encoding="utf-8").partition("VmData:")[2]
    ceiling = int(data.split()[0]) * 1024 + WORKER_BYTES
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    if hard == resource.RLIM_INFINITY or ceiling < hard:
        resource.setrlimit(resource.RLIMIT_DATA, (ceiling, hard))


def _end(pid: int, *, dying: bool) -> int:
    give_up_at = time.monotonic() + (_LAST_WORDS_S if dying else 0.0)
    while time.monotonic() < give_up_at:
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        time.sleep(_LOOK_S)
    os.kill(pid, signal.SIGKILL)  # not reaped yet, so the pid is still its own
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


if __name__ == "__main__":
    main()
