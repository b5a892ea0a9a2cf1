"""Child processes: start one with its log, wait until it is ready, stop it with everything it started.

Belongs here: what holds for any child. Does not belong here: which children there are (`embedded`).
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

import psutil
import requests

from ghtrader_assets.errors import ServiceError

STOP_GRACE_S: Final = 15.0
POLL_S: Final = 0.1
LOG_TAIL_LINES: Final = 12


def spawn(arguments: Sequence[str], log: Path, environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    """Start this Python with `arguments` in its own process group, its output appended to `log`."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        return subprocess.Popen(  # noqa: S603 - our own interpreter and our own arguments
            [sys.executable, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, **environment},
            start_new_session=True,
        )


def wait_ready(
    what: str, process: subprocess.Popen[bytes], log: Path, ready: Callable[[], bool], deadline_s: float
) -> None:
    """Return once `ready()` holds. Raises `ServiceError` with the log's end if the process dies or time runs out."""
    give_up_at = time.monotonic() + deadline_s
    while time.monotonic() < give_up_at:
        if ready():
            return
        if process.poll() is not None:
            raise ServiceError(f"{what} stopped while starting: {_last_line(log)}", f"its log is {log}")
        time.sleep(POLL_S)
    raise ServiceError(f"{what} was not ready within {deadline_s:.0f} s", f"its log is {log}")


def answers_http(url: str) -> bool:
    """Whether a server at `url` answers at all, whatever it says."""
    try:
        requests.get(url, timeout=5)
    except requests.RequestException:
        return False
    return True


def stop_tree(pid: int) -> None:
    """Stop a process and all its descendants: asked first, killed after a grace."""
    with contextlib.suppress(psutil.NoSuchProcess):
        root = psutil.Process(pid)
        family = [root, *root.children(recursive=True)]
        with contextlib.suppress(psutil.NoSuchProcess):
            root.terminate()
        _, alive = psutil.wait_procs([root], timeout=STOP_GRACE_S)
        for process in [*alive, *family]:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(family, timeout=STOP_GRACE_S)


def _last_line(log: Path) -> str:
    lines = [line.strip() for line in log.read_text(encoding="utf-8", errors="replace").splitlines()]
    return next((line for line in reversed(lines[-LOG_TAIL_LINES:]) if line), "nothing was logged")
