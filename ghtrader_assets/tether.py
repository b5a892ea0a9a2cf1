"""Child processes that end with the process that started them, however that ends.

Belongs here: tying a child to its parent, in the child. Does not belong here: which children there are, and stopping
them in order (`services`).

Two ways, for two kinds of children. A program of any language is started through this file, which asks Linux for a
signal at its parent's death and becomes the program (`tethered`); other systems have no such signal, and there the next
start ends what was left. A Python process that others start for us, as Dagster starts runs, watches its parent itself
(`end_with_parent`).
"""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import resource
import signal
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

WATCHED: Final = "GHTRADER_ENDS_WITH_PARENT"
"""In the environment of a process: it and the processes that it starts watch their parents."""

LOOK_S: Final = 1.0
UNWIND_S: Final = 20.0
"""So long a run may take to end in order once its parent has died: its attempts are closed in that time."""

_PR_SET_PDEATHSIG: Final = 1


def tethered(command: Sequence[str], at_parents_death: signal.Signals) -> list[str]:
    """The command, so started that Linux sends it the signal when the thread that starts it has ended.

    It keeps the process id that it is started with.
    """
    tie = (sys.executable, "-I", "-S", str(Path(__file__)))
    return [*tie, str(os.getpid()), str(at_parents_death.value), *command]


def end_with_parent() -> None:
    """Where the environment says `WATCHED`: have a thread end this process once its parent is gone.

    A process of `multiprocessing`, which is what a run of Dagster is, is interrupted as by Ctrl-C and has `UNWIND_S` to
    end in order. Any other ends at once. Does nothing where there is such a thread already.
    """
    started = any(thread.name == _watch.__name__ for thread in threading.enumerate())
    if os.environ.get(WATCHED) and not started:
        threading.Thread(target=_watch, args=(os.getppid(),), name=_watch.__name__, daemon=True).start()


def _watch(parent: int) -> None:
    """A parent of number 1 took this process over when its own had died."""
    started_by = multiprocessing.parent_process()
    while os.getppid() == parent != 1 and (started_by is None or started_by.is_alive()):
        time.sleep(LOOK_S)
    if started_by is not None:
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(UNWIND_S)
    os._exit(os.EX_TEMPFAIL)


def _become(parent: int, number: int, command: list[str]) -> None:
    """Ask for the signal and become the command, unless the parent has died meanwhile. Its files are its user's alone,
    and it leaves no core."""
    os.umask(0o077)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, number)
    if os.getppid() == parent:
        os.execv(command[0], command)  # noqa: S606 - the command of `tethered`


if __name__ == "__main__":
    _become(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:])
