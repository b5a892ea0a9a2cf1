"""A worker process as the pool holds it: started, spoken to, killed; and the directory it works in.

Belongs here: what a worker's environment holds, and that nothing of it outlives the pool.
Does not belong here: what workers are asked (`pool`, `market_data`) and how they answer (`worker`).
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import site
import socket
import subprocess
import sys
import tempfile
from collections.abc import Generator
from multiprocessing.connection import Connection
from pathlib import Path
from types import TracebackType
from typing import Final

import polars as pl

from ghtrader_assets.tq import faults, wire
from ghtrader_assets.tq.provider import Provider
from ghtrader_assets.tq.timing import Timing

_STOP_S: Final = 5.0
_STDERR_TAIL: Final = 2000
_NOT_INHERITED: Final = ("PYTHONOPTIMIZE", "TQSDK_USER", "TQSDK_PASSWORD", "GHTRADER_QUESTDB_PASSWORD")
"""tqsdk signals failures by `assert`; and no secret is in a worker's environment."""


class WorkerProcess:
    """One worker process. The socket to it is the only thing that keeps it alive."""

    def __init__(self, provider: Provider, home: Path, directory: Path, timing: Timing) -> None:
        directory.mkdir(parents=True)
        self._directory = directory
        self._password = provider.password.get_secret_value()
        ours, theirs = socket.socketpair()
        self.connection = Connection(ours.detach())
        self._stderr = directory / "stderr"
        with theirs, self._stderr.open("wb") as stderr:
            self._process = subprocess.Popen(  # noqa: S603 - our own module
                [sys.executable, "-m", "ghtrader_assets.tq.worker", str(theirs.fileno())],
                env=_environment(provider, directory),
                pass_fds=(theirs.fileno(),),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=stderr,
                start_new_session=True,  # Ctrl-C is the parent's to handle
            )
        self.send(
            wire.Setup(
                user=provider.user,
                password=self._password,
                account_key=provider.account_key,
                home=str(home),
                directory=str(directory),
                keeps_maintenance_window=provider.keeps_maintenance_window,
                timing=timing,
            )
        )

        self.ready = False
        self._last_words = b""

    @property
    def pid(self) -> int:
        return self._process.pid

    def send(self, message: wire.ToWorker) -> None:
        """Send a message. A worker that is gone shows at the next `receive`."""
        with contextlib.suppress(OSError):
            self.connection.send_bytes(wire.encode(message))

    def receive(self) -> wire.FromWorker:
        """The next message. Raises `EOFError` or `OSError` when the worker has died."""
        message = wire.decode_from_worker(self.connection.recv_bytes())
        self.ready = True
        return message

    def receive_frame(self) -> pl.DataFrame:
        return wire.decode_frame(self.connection.recv_bytes())

    def kill(self) -> str:
        """End the process now and remove its directory; returns its last words, without secrets."""
        self.stop()
        self.connection.close()
        tail = self._last_words.decode(errors="replace").strip()
        return faults.redacted(tail.splitlines()[-1] if tail else "", self._password)

    def stop(self) -> None:
        """`kill` for another thread than the one that waits for the connection, which then finds it ended."""
        self._process.kill()
        self._process.wait(_STOP_S)
        if self._stderr.exists():
            self._last_words = self._stderr.read_bytes()[-_STDERR_TAIL:]
        shutil.rmtree(self._directory, ignore_errors=True)

    @property
    def exit_code(self) -> int | None:
        """How a worker that ended by itself ended: its exit code, negative for a signal."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            return self._process.wait(_STOP_S)
        return None

    def __enter__(self) -> WorkerProcess:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()


@contextlib.contextmanager
def working_directory(home: Path) -> Generator[Path]:
    """A directory for the workers of this process, removed at the end; those of dead processes go as well."""
    root = home / "tq"
    root.mkdir(parents=True, exist_ok=True)
    with (root / ".guard").open("w") as guard:  # a directory just made is not taken for a stale one
        fcntl.flock(guard, fcntl.LOCK_EX)
        for stale in root.iterdir():
            with _locked(stale / "lock") as free:
                if free:
                    shutil.rmtree(stale, ignore_errors=True)
        directory = Path(tempfile.mkdtemp(prefix="pool-", dir=root))
        held = contextlib.ExitStack()
        held.enter_context(_locked(directory / "lock"))
    with held:
        try:
            yield directory
        finally:
            shutil.rmtree(directory, ignore_errors=True)


@contextlib.contextmanager
def _locked(path: Path) -> Generator[bool]:
    """Hold a lock on a file; yields False if another process holds it or the directory is gone."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError:
        yield False
        return
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
    finally:
        os.close(descriptor)


def _environment(provider: Provider, directory: Path) -> dict[str, str]:
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith("TQ_") and name not in _NOT_INHERITED
    }
    return kept | {
        "HOME": str(directory),
        "PYTHONUSERBASE": site.getuserbase(),
        "PYTHONPATH": os.pathsep.join(entry or str(Path.cwd()) for entry in sys.path),
        "PYTHONUTF8": "1",
        "POLARS_MAX_THREADS": "1",
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        **provider.environment,
    }
