"""Files that stand under their name whole or not at all, and locks on files, whatever is killed when.

Belongs here: writing a file under a temporary name and moving it into place; locks between processes.
Does not belong here: what any file holds.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import BinaryIO, Final

import psutil
from filelock import FileLock, Timeout

from ghtrader_assets.errors import ServiceError
from ghtrader_assets.private import PRIVATE_FOLDER, opened

HOLDER_RESTS_S: Final = 60.0
"""A lock is waited for while its holder works, however long; of one that is stopped or unknown, for this time."""
_LOOK_AGAIN_S: Final = 0.05


@contextlib.contextmanager
def whole_file(path: Path) -> Generator[BinaryIO]:
    """A file that takes its name once it was written to the end and lies on the disk, and vanishes otherwise.

    Raises `OSError`, also where its folder is missing.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}")
    try:
        with os.fdopen(opened(temporary, os.O_WRONLY | os.O_TRUNC, 0o666), "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        _fsync_folder(path.parent)
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def put_file(path: Path, content: bytes | str) -> None:
    """`whole_file` of bytes, or of a text as UTF-8; folders that are missing are made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(path) as file:
        file.write(content.encode() if isinstance(content, str) else content)


def put_secret_once(path: Path, content: str) -> None:
    """A text that only its user may read, whole, where no file of that name is there; else what is there stays.

    Of several processes that come at once one is first, and its text holds for all. Raises `OSError`.
    """
    path.parent.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
    new = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}")
    try:
        with os.fdopen(opened(new, os.O_WRONLY | os.O_TRUNC), "w", encoding="utf-8") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):
            path.hardlink_to(new)
        _fsync_folder(path.parent)
    finally:
        new.unlink(missing_ok=True)


def process_lock(path: Path) -> FileLock:
    """A lock on a file that one process at a time holds; missing folders are made when it is taken.

    Taking a lock that another process holds raises `filelock.Timeout` at once; `held_locks` waits. The kernel frees it
    when its process ends, however it ends, and a lock that nothing refers to any more is free, too. No child inherits
    it; any thread may release it. The file says whose it is.
    """
    return FileLock(
        path, timeout=0, mode=0o600, thread_local=False, fallback_to_soft=False, on_acquired=_write_own_number
    )


@contextlib.contextmanager
def held_locks(*paths: Path, want: int = 1) -> Generator[int]:
    """Hold the first `want` of these locks that are free for a block, waiting for one of them; yields how many.

    Raises `ServiceError` once none of the processes that hold them has worked for `HOLDER_RESTS_S`.
    """
    with contextlib.ExitStack() as held:
        worked_at = time.monotonic()
        while not (taken := _take(paths, want, held)):
            now, holders = time.monotonic(), [lock_holder(path) for path in paths]
            if any(holder is not None and not is_stopped(holder) for holder in holders):
                worked_at = now
            elif now - worked_at > HOLDER_RESTS_S:
                numbers = " ".join(sorted({str(holder.pid) for holder in holders if holder is not None}))
                raise ServiceError(
                    f"{paths[0]} is locked by a process that is stopped ({numbers or 'which one is not known'})",
                    f"let it go on (`kill -CONT {numbers or 'PID'}`) or end it (`kill -9 {numbers or 'PID'}`),"
                    " then run the same command again",
                )
            time.sleep(_LOOK_AGAIN_S)
        yield taken


def lock_holder(path: Path) -> psutil.Process | None:
    """The process that holds a lock which is held; None if it can't be told just now."""
    with contextlib.suppress(OSError, ValueError, psutil.NoSuchProcess):
        return psutil.Process(int(path.read_bytes()))
    return None


def is_stopped(process: psutil.Process) -> bool:
    """Whether a process was stopped, as by SIGSTOP or a debugger: it works no more, and keeps what it holds."""
    with contextlib.suppress(psutil.NoSuchProcess):
        return process.status() in (psutil.STATUS_STOPPED, psutil.STATUS_TRACING_STOP)
    return False


def _take(paths: Sequence[Path], want: int, held: contextlib.ExitStack) -> int:
    taken = 0
    for path in paths:
        if taken < want:
            with contextlib.suppress(Timeout):
                held.enter_context(process_lock(path))
                taken += 1
    return taken


def _write_own_number(descriptor: int) -> None:
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, str(os.getpid()).encode(), 0)


def _fsync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
