"""A process that starts a child tied to it, to be killed by a test: prints its child's pid, who says that it is tied.

`program` ties by the kernel's signal, `python` has the child watch its parent, `run` starts it as Dagster does a run.
"""

from __future__ import annotations

import multiprocessing
import signal
import subprocess
import sys
import time
from pathlib import Path

from ghtrader_assets.tether import end_with_parent, tethered

ASLEEP_S = 600
WATCHING = "watching"
"""What the child prints once it is tied."""


def watching() -> None:
    end_with_parent()
    tell(WATCHING)
    time.sleep(ASLEEP_S)


def tell(word: str) -> None:
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


def running(note: str) -> None:
    """A run that notes that it was interrupted."""
    try:
        watching()
    except KeyboardInterrupt:
        Path(note).write_text("closed", encoding="utf-8")


def child_of(kind: str, note: str) -> int:
    """Start it; its pid."""
    if kind == "run":
        run = multiprocessing.get_context("spawn").Process(target=running, args=(note,))
        run.start()
        assert run.pid is not None
        return run.pid
    program = [sys.executable, "-c", f"import time; print('{WATCHING}', flush=True); time.sleep({ASLEEP_S})"]
    watched = [sys.executable, "-c", f"from {__spec__.name} import watching; watching()"]
    command = tethered(program, signal.SIGTERM) if kind == "program" else watched
    return subprocess.Popen(command).pid


if __name__ == "__main__":
    tell(str(child_of(*sys.argv[1:])))
    time.sleep(ASLEEP_S)
