"""Locks on files: one process has it, no child inherits it, a killed holder frees it."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest
from filelock import Timeout

from ghtrader_assets.files import process_lock

HOLDER = """
import subprocess, sys
from pathlib import Path
from ghtrader_assets.files import process_lock
lock = process_lock(Path(sys.argv[1])).acquire()
child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=sys.stdin)
print("held", flush=True)
child.wait()
"""


def test_a_killed_holder_frees_its_lock_though_its_child_lives(tmp_path: Path) -> None:
    path = tmp_path / "missing" / "a.lock"
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(Timeout):
            process_lock(path).acquire(blocking=False)
        holder.kill()
        holder.wait()
        process_lock(path).acquire(blocking=False).lock.release()
    assert path.stat().st_mode & 0o777 == 0o600


def test_two_locks_of_one_process_exclude_each_other(tmp_path: Path) -> None:
    path = tmp_path / "a.lock"
    held = process_lock(path)
    held.acquire()
    with pytest.raises(Timeout):
        process_lock(path).acquire(blocking=False)
    another_thread = threading.Thread(target=held.release)
    another_thread.start()
    another_thread.join()
    with process_lock(path).acquire(blocking=False):
        pass
