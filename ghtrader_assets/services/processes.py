"""Child processes: start one with its log, probe it, stop it with everything it started, whatever state it is in.

Belongs here: what holds for any child. Does not belong here: which children there are (`parts`), and how a child is
tied to its parent (`tether`).
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

import psutil
import requests

from ghtrader_assets.children import PYTHON
from ghtrader_assets.private import opened, opened_log
from ghtrader_assets.tether import tethered

STOP_GRACE_S: Final = 15.0
PROBE_TIMEOUT_S: Final = 5.0
LOG_TAIL_LINES: Final = 12
LOG_BYTES: Final = 16 * 2**20
"""A log of a service is at most twice as long, with the one before it."""


def spawn(
    arguments: Sequence[str], log: Path, environment: Mapping[str, str], folder: Path | None = None
) -> subprocess.Popen[bytes]:
    """Start this Python with `arguments` in its own process group, its output appended to `log`.

    It stands in `folder`, or that of its log, and has `environment` and no other. It ends with the thread that starts
    it, where the system has a signal for that.
    """
    with opened_log(log) as output:
        return subprocess.Popen(  # noqa: S603 - our own interpreter and our own arguments
            tethered([*PYTHON, *arguments], signal.SIGKILL),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=dict(environment),
            cwd=folder or log.parent,
            start_new_session=True,
        )


def answers_http(url: str) -> bool:
    """Whether a server at `url` answers at all, whatever it says."""
    try:
        requests.get(url, timeout=PROBE_TIMEOUT_S)
    except requests.RequestException:
        return False
    return True


def family(pid: int) -> list[psutil.Process]:
    """The process and all its descendants, it first; empty where there is none."""
    with contextlib.suppress(psutil.NoSuchProcess):
        root = psutil.Process(pid)
        return [root, *root.children(recursive=True)]
    return []


def ask_to_end(process: psutil.Process) -> None:
    """Tell a process to end, and wake it if it was stopped: a stopped one hears nothing."""
    with contextlib.suppress(psutil.NoSuchProcess):
        process.terminate()
        process.resume()


def end(processes: Iterable[psutil.Process], grace_s: float) -> None:
    """Wait for processes that were told to end, and kill those that have not after `grace_s`."""
    _, alive = psutil.wait_procs(list(processes), timeout=grace_s)
    for process in alive:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(alive, timeout=STOP_GRACE_S)


def stop_tree(pid: int) -> None:
    """Stop a process, asked first and killed after a grace, and then all its descendants."""
    stopped = family(pid)
    for process in stopped[:1]:
        ask_to_end(process)
        end([process], STOP_GRACE_S)
    end(stopped[1:], 0)


def turn_over(log: Path, most_bytes: int = LOG_BYTES) -> bool:
    """Once a log has grown beyond `most_bytes`, keep it as `NAME.1`, in place of the one before, and empty it.

    Its process keeps it open and appends: what it writes in the moment between is lost. Raises `OSError`.
    """
    if not log.exists() or log.stat().st_size <= most_bytes:
        return False
    kept = log.with_name(f"{log.name}.1")
    with log.open("rb") as file, os.fdopen(opened(kept, os.O_WRONLY | os.O_TRUNC), "wb") as copy:
        shutil.copyfileobj(file, copy)
        os.truncate(log, 0)
    return True


def last_lines(log: Path, count: int = LOG_TAIL_LINES) -> list[str]:
    """The last lines of a log that are not blank."""
    with contextlib.suppress(OSError):
        lines = [line.rstrip() for line in log.read_text(encoding="utf-8", errors="replace").splitlines()]
        return [line for line in lines if line][-count:]
    return []
