"""`up` as a process of its own, and what it tells the process that started it: `up --detach`, or systemd.

Belongs here: systemd's protocol of notifications, both ends. Does not belong here: what `up` does (`embedded`).
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import Final

from ghtrader_assets.children import ALL_SECRETS, PYTHON, child_environment, socket_folder
from ghtrader_assets.errors import ServiceError
from ghtrader_assets.private import opened_log
from ghtrader_assets.runtime import Runtime, owned_runtime
from ghtrader_assets.services.processes import last_lines
from ghtrader_assets.settings import Settings, whole_folders

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


def start_detached(settings: Settings) -> Runtime:
    """Start `up` as a process that outlives this one, and return once it is ready. Raises `ServiceError`."""
    home = settings.home
    log = home / "logs" / "up.log"
    given = child_environment(home, ALL_SECRETS, reads_settings=True) | whole_folders(settings)
    with socket_folder(home) as folder, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as told:
        address = str(folder / "told")
        told.bind(address)
        told.settimeout(_LOOK_S)
        with opened_log(log) as output:
            process = subprocess.Popen(  # noqa: S603 - our own command
                [*PYTHON, "-c", _UP],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**given, NOTIFY_SOCKET: address},
                cwd=home,
                start_new_session=True,
            )
        try:
            _await_ready(process, told, log)
        except BaseException:
            process.send_signal(signal.SIGTERM)
            raise
    runtime = owned_runtime(home)
    assert runtime is not None  # noqa: S101 - narrows a type
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
