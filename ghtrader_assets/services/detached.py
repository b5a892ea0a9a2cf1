"""`up` as a process of its own, and what it tells the process that started it: `up --detach`, or systemd.

Belongs here: systemd's protocol of notifications, both ends. Does not belong here: what `up` does (`embedded`).
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

from ghtrader_assets.errors import ServiceError
from ghtrader_assets.runtime import Runtime, owned_runtime
from ghtrader_assets.services.processes import last_lines

NOTIFY_SOCKET: Final = "NOTIFY_SOCKET"
READY_WITHIN_S: Final = 600.0
_LOOK_S: Final = 0.5
_UP: Final = "from ghtrader_assets.cli import main; main(['up'])"


def tell_manager(state: str) -> None:
    """Tell the process that started this one, where it listens: `READY=1`, `WATCHDOG=1`, `STOPPING=1`."""
    address = os.environ.get(NOTIFY_SOCKET)
    if address:
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.sendto(state.encode(), f"\0{address[1:]}" if address.startswith("@") else address)


def start_detached(home: Path) -> Runtime:
    """Start `up` as a process that outlives this one, and return once it is ready. Raises `ServiceError`."""
    log = home / "logs" / "up.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as told:
        address = str(Path(folder) / "told")
        told.bind(address)
        told.settimeout(_LOOK_S)
        with log.open("ab") as output:
            process = subprocess.Popen(  # noqa: S603 - our own command
                [sys.executable, "-c", _UP],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, NOTIFY_SOCKET: address},
                start_new_session=True,
            )
        try:
            _await_ready(process, told, log)
        except BaseException:
            process.send_signal(signal.SIGTERM)
            raise
    runtime = owned_runtime(home)
    assert runtime is not None
    return runtime


def _await_ready(process: subprocess.Popen[bytes], told: socket.socket, log: Path) -> None:
    give_up_at = time.monotonic() + READY_WITHIN_S
    while time.monotonic() < give_up_at:
        with contextlib.suppress(TimeoutError):
            if told.recv(100) == b"READY=1":
                return
        if process.poll() is not None:
            said = next(reversed(last_lines(log)), "nothing was said").removeprefix("error: ")
            raise ServiceError(f"`up` ended: {said}", f"its log is {log}")
    raise ServiceError(f"`up` was not ready within {READY_WITHIN_S:.0f} s", f"its log is {log}")
