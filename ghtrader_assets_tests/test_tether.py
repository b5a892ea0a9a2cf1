"""What a process leaves when it is killed: nothing that was tied to it."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from ghtrader_assets.tether import UNWIND_S, WATCHED
from ghtrader_assets_tests import tied_family
from ghtrader_assets_tests.waiting import await_that

pytestmark = pytest.mark.process


def started_family(kind: str, note: Path) -> tuple[subprocess.Popen[str], psutil.Process]:
    """A process, and its child that sleeps for ten minutes."""
    parent = subprocess.Popen(
        [sys.executable, "-m", tied_family.__name__, kind, str(note)],
        env={"PATH": "", "PYTHONPATH": ":".join(sys.path), WATCHED: "1"},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert parent.stdout is not None
    with parent.stdout:
        (pid,) = {parent.stdout.readline().strip() for _ in range(2)} - {tied_family.WATCHING}
    return parent, psutil.Process(int(pid))


def is_gone(process: psutil.Process) -> bool:
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


@pytest.mark.parametrize("kind", ["program", "python", "run"])
def test_a_child_ends_with_a_parent_that_is_killed(kind: str, tmp_path: Path) -> None:
    """A program of any language by the kernel's signal, a Python process by its own watch, a run in order."""
    note = tmp_path / "note"
    parent, child = started_family(kind, note)
    assert child.is_running()
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    await_that("the child's end", lambda: is_gone(child))
    assert note.exists() == (kind == "run"), "what it was at is closed"


def test_a_run_has_less_than_half_a_minute_to_end() -> None:
    assert UNWIND_S < 30
