"""Locks on files: one process has it, no child inherits it, a killed holder frees it, none waits for a stopped one."""

from __future__ import annotations

import contextlib
import errno
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
from filelock import Timeout

from ghtrader_assets import files
from ghtrader_assets.errors import ServiceError
from ghtrader_assets.files import held_locks, is_stopped, process_lock
from ghtrader_assets_tests.waiting import HANGS_S, await_that

HOLDER = """
import subprocess, sys
from pathlib import Path
from ghtrader_assets.files import process_lock
lock = process_lock(Path(sys.argv[1])).acquire()
child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=sys.stdin)
print("held", flush=True)
child.wait()
"""


@contextmanager
def held_by_another(path: Path) -> Iterator[psutil.Popen]:
    with psutil.Popen(
        [sys.executable, "-c", HOLDER, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        try:
            assert holder.stdout.readline() == b"held\n"
            yield holder
        finally:
            with contextlib.suppress(psutil.NoSuchProcess):
                holder.kill()


def test_a_file_that_is_not_written_to_the_end_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"before")
    with contextlib.suppress(OSError), files.whole_file(tmp_path / "a") as file:
        file.write(b"half")
        raise OSError(errno.ENOSPC, "full")
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
    assert (tmp_path / "a").read_bytes() == b"before"


def test_a_killed_holder_frees_its_lock_though_its_child_lives(tmp_path: Path) -> None:
    path = tmp_path / "missing" / "a.lock"
    with held_by_another(path) as holder:
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


def test_locks_whose_holders_are_all_stopped_are_waited_for_no_longer_than_they_may_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "HOLDER_RESTS_S", 0.5)
    first, second = tmp_path / "00.lock", tmp_path / "01.lock"
    with held_by_another(first) as one, held_by_another(second) as other:
        for holder in (one, other):
            holder.suspend()
            await_that("it is stopped", lambda holder=holder: is_stopped(holder))
        with pytest.raises(ServiceError) as met, held_locks(first, second):
            pass
        for holder in (one, other):
            assert str(holder.pid) in met.value.what
            assert f"kill -9 {min(str(one.pid), str(other.pid))}" in met.value.remedy
            holder.kill()
            holder.wait(HANGS_S)
        with held_locks(first, second, want=2) as taken:
            assert taken == 2


def test_a_lock_whose_holder_works_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "HOLDER_RESTS_S", 0.0)
    path = tmp_path / "a.lock"
    looked = threading.Event()

    def seen(holder: psutil.Process) -> bool:
        looked.set()
        return is_stopped(holder)

    monkeypatch.setattr(files, "is_stopped", seen)
    with held_by_another(path) as holder:

        def end_it() -> None:
            assert looked.wait(HANGS_S)
            holder.kill()

        ending = threading.Thread(target=end_it)
        ending.start()
        with held_locks(path) as taken:
            assert taken == 1
        ending.join(HANGS_S)
