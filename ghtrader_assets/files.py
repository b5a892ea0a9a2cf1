"""Files that stand under their name whole or not at all, and locks on files, whatever is killed when.

Belongs here: writing a file under a temporary name and moving it into place; locks between processes.
Does not belong here: what any file holds.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Generator
from pathlib import Path
from typing import BinaryIO

from filelock import FileLock


@contextlib.contextmanager
def whole_file(path: Path) -> Generator[BinaryIO]:
    """A file that takes its name once it was written to the end and lies on the disk, and vanishes otherwise.

    Raises `OSError`, also where its folder is missing.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}")
    try:
        with temporary.open("wb") as file:
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


def process_lock(path: Path) -> FileLock:
    """A lock on a file, to be had by one process at a time; missing folders are made when it is taken.

    The kernel frees it when its process ends, however it ends, and a lock that nothing refers to any more is free, too.
    No child inherits it; any thread may release it.
    """
    return FileLock(path, mode=0o600, thread_local=False, fallback_to_soft=False)


def _fsync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
