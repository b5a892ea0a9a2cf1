"""Worker processes as the pool holds them: started, spoken to, killed; and the directory they work in.

Belongs here: what a worker's environment holds, and that nothing of it outlives those who use it.
Does not belong here: forking (`fork_server`); what workers are asked (`pool`, `market_data`); how they answer
(`worker`).
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import site
import socket
import struct
import subprocess
import tempfile
import threading
from collections.abc import Generator
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Final

import msgspec
import polars as pl

from ghtrader_assets.children import PYTHON, child_environment, own_module_path
from ghtrader_assets.errors import FetchError, TransientFetchError
from ghtrader_assets.files import held_locks, process_lock
from ghtrader_assets.ports import keep_loopback_direct
from ghtrader_assets.private import opened_log
from ghtrader_assets.redaction import hide
from ghtrader_assets.tq import fork_server, wire
from ghtrader_assets.tq.bounds import out_of_memory
from ghtrader_assets.tq.provider import Provider
from ghtrader_assets.tq.timing import Timing

_STOP_S: Final = 5.0
_SILENT_S: Final = 60.0
"""A process that is in the middle of a message, or was told to end a worker, and says no byte for so long hangs."""
_STDERR_TAIL: Final = 2000
_NO_MEMORY: Final = ("MemoryError", "memory allocation of ")
"""The last words of Python, and of a library written in Rust, where the worker's ceiling is reached."""
_NOT_INHERITED: Final = ("PYTHONOPTIMIZE", "TQSDK_USER")
"""tqsdk signals failures by `assert`. A worker is told its account, and no secret is in its environment."""


class ForkServer:
    """Starts worker processes, each a fork of one process that has imported tqsdk.

    Safe for several threads. Its workers end with it, and it with the process that holds it, however that ends.
    """

    def __init__(self, provider: Provider, directory: Path) -> None:
        hide(provider.secret)
        self._provider = provider
        self._directory = directory
        self._lock = threading.Lock()
        self._born = 0
        self._living: set[int] = set()
        self._stderr = directory / "fork-server-stderr"
        self._orders, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._orders.settimeout(_SILENT_S)
        with theirs, opened_log(self._stderr) as stderr:
            self._process = subprocess.Popen(  # noqa: S603 - our own module
                [*PYTHON, "-m", "ghtrader_assets.tq.fork_server", str(theirs.fileno())],
                env=_environment(provider, directory),
                pass_fds=(theirs.fileno(),),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=stderr,
                cwd=directory,
                start_new_session=True,  # Ctrl-C is the parent's to handle
            )

    @property
    def is_alive(self) -> bool:
        return self._process.poll() is None

    def worker(self, home: Path, timing: Timing) -> WorkerProcess:
        """A new worker, at once: it says itself when it is ready. If it can't be had, its connection is at its end.

        At `home` it finds what processes share: the account's pace, and what is known of the provider.
        """
        with self._lock:
            self._born += 1
            number = self._born
            directory = self._directory / f"worker-{number}"
            directory.mkdir()
            self._living.add(number)
            ours, theirs = socket.socketpair()
            for option in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):
                ours.setsockopt(socket.SOL_SOCKET, option, struct.pack("@ll", *divmod(int(_SILENT_S * 1e6), 1_000_000)))
            with theirs, contextlib.suppress(OSError):
                order = msgspec.msgpack.encode(fork_server.Fork(number, str(directory)))
                socket.send_fds(self._orders, [order], [theirs.fileno()])
        setup = wire.Setup(
            user=self._provider.user,
            password=self._provider.password.get_secret_value(),
            account_key=self._provider.account_key,
            home=str(home),
            directory=str(directory),
            keeps_maintenance_window=self._provider.keeps_maintenance_window,
            timing=timing,
        )
        return WorkerProcess(self, number, Connection(ours.detach()), setup)

    def end(self, number: int, *, dying: bool) -> int | None:
        """End a worker; how it ended, None if that is not known: it was ended before, or the fork server has ended.

        A fork server that does not answer is killed, and all its workers with it.
        """
        with self._lock, contextlib.suppress(OSError):
            if number not in self._living:
                return None
            self._living.remove(number)
            try:
                self._orders.send(msgspec.msgpack.encode(fork_server.End(number, dying)))
                answer = self._orders.recv(fork_server.ORDER_BYTES)
            except TimeoutError:
                self._kill()
                return None
            if answer:
                return msgspec.msgpack.decode(answer, type=int)
        return None

    def end_workers(self) -> None:
        """End those that live, and remove their directories. Safe from another thread."""
        for number in list(self._living):
            self.end(number, dying=False)
            shutil.rmtree(self._directory / f"worker-{number}", ignore_errors=True)

    def last_words(self) -> bytes:
        return _tail(self._stderr)

    def close(self) -> None:
        """End the process and its workers. Safe from another thread, and twice."""
        with contextlib.suppress(OSError):
            self._orders.shutdown(socket.SHUT_RDWR)
        try:
            self._process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            self._kill()
        with self._lock:
            self._orders.close()

    def _kill(self) -> None:
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()


class WorkerProcess:
    """One worker process. The socket to it is the only thing that keeps it alive."""

    def __init__(self, fork_server: ForkServer, number: int, connection: Connection, setup: wire.Setup) -> None:
        self._fork_server = fork_server
        self._number = number
        self._directory = Path(setup.directory)
        self.connection = connection
        self.ready = False
        self.send(setup)

    def send(self, message: wire.ToWorker) -> None:
        """Send a message. A worker that is gone shows at the next `receive`."""
        with contextlib.suppress(OSError):
            self.connection.send_bytes(wire.encode(message))

    def receive(self) -> wire.FromWorker:
        """The next message. Raises `EOFError` or `OSError` when the worker has died, or stops in the middle of it."""
        message = wire.decode_from_worker(self.connection.recv_bytes())
        self.ready = True
        return message

    def receive_frame(self) -> pl.DataFrame:
        return pl.read_ipc(self.connection.recv_bytes())

    def kill(self) -> None:
        """End the process now and remove its directory."""
        self._end(dying=False)

    def died(self, error: EOFError | OSError) -> FetchError:
        """What is known of the end of a worker that hung up: its exit code and its last words, without secrets."""
        if isinstance(error, BlockingIOError):
            self.kill()
            return TransientFetchError(f"the worker process stopped for {_SILENT_S:.0f} s in the middle of an answer")
        code, last_words = self._end(dying=True)
        tail = (last_words if code is not None else self._fork_server.last_words()).decode(errors="replace").strip()
        said = tail.splitlines()[-1] if tail else ""
        if said.startswith(_NO_MEMORY):
            return out_of_memory()
        return TransientFetchError(f"the worker process died ({code})" + (f": {said}" if said else ""))

    def _end(self, *, dying: bool) -> tuple[int | None, bytes]:
        code = self._fork_server.end(self._number, dying=dying)
        self.connection.close()
        last_words = _tail(self._directory / "stderr")
        shutil.rmtree(self._directory, ignore_errors=True)
        return code, last_words


def _tail(path: Path) -> bytes:
    return path.read_bytes()[-_STDERR_TAIL:] if path.exists() else b""


@contextlib.contextmanager
def running_fork_server(provider: Provider, home: Path) -> Generator[ForkServer]:
    """A fork server in a working directory of its own in the home, which go at the end, and its workers with them.

    Within `one_fork_server` it is kept for the next that asks the same provider.
    """
    server, resources = _spare.taken(provider) or _started(provider, home)
    try:
        yield server
    finally:
        if not _spare.kept(provider, server, resources):
            resources.close()


@contextlib.contextmanager
def one_fork_server() -> Generator[None]:
    """While it is open, what needs a fork server of the same provider in turn has one, which imports tqsdk once."""
    with _spare.keeping():
        yield


class _Spare:
    """The fork server of this process that no one uses just now, while `keeping`."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._keepers = 0
        self._held: tuple[Provider, ForkServer, contextlib.ExitStack] | None = None

    @contextlib.contextmanager
    def keeping(self) -> Generator[None]:
        with self._lock:
            self._keepers += 1
        try:
            yield
        finally:
            with self._lock:
                self._keepers -= 1
                left, self._held = (None, self._held) if self._keepers else (self._held, None)
            if left is not None:
                left[-1].close()

    def taken(self, provider: Provider) -> tuple[ForkServer, contextlib.ExitStack] | None:
        """The one that is held, if it was started for this provider and lives."""
        with self._lock:
            if self._held is None or self._held[0] != provider or not self._held[1].is_alive:
                return None
            (_, server, resources), self._held = self._held, None
            return server, resources

    def kept(self, provider: Provider, server: ForkServer, resources: contextlib.ExitStack) -> bool:
        """Hold it without its workers, unless no one keeps any, there is one, or it has died."""
        with self._lock:
            if not self._keepers or self._held is not None or not server.is_alive:
                return False
            server.end_workers()
            self._held = provider, server, resources
            return True


_spare: Final = _Spare()


def _started(provider: Provider, home: Path) -> tuple[ForkServer, contextlib.ExitStack]:
    with contextlib.ExitStack() as resources:
        directory = resources.enter_context(_working_directory(home))
        server = resources.enter_context(contextlib.closing(ForkServer(provider, directory)))
        return server, resources.pop_all()


@contextlib.contextmanager
def _working_directory(home: Path) -> Generator[Path]:
    """A directory for the workers of this process, removed at the end; those of dead processes go as well."""
    root = home / "tq"
    with held_locks(root / ".guard"):  # a directory just made is not taken for a stale one
        for stale in root.glob("pool-*"):
            # An OSError (`filelock.Timeout` is one): its process lives, or it has just gone.
            with contextlib.suppress(OSError), process_lock(stale / "lock"):
                shutil.rmtree(stale, ignore_errors=True)
        directory = Path(tempfile.mkdtemp(prefix="pool-", dir=root))
        held = process_lock(directory / "lock").acquire(blocking=False)
    with held:
        try:
            yield directory
        finally:
            shutil.rmtree(directory, ignore_errors=True)


def _environment(provider: Provider, directory: Path) -> dict[str, str]:
    given = child_environment(directory)
    kept = {name: value for name, value in given.items() if not name.startswith("TQ_") and name not in _NOT_INHERITED}
    keep_loopback_direct(kept)
    return kept | {
        "HOME": str(directory),
        "PYTHONUSERBASE": site.getuserbase(),
        "PYTHONPATH": own_module_path(),
        "PYTHONUTF8": "1",
        "POLARS_MAX_THREADS": "1",
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        **provider.environment,
    }
