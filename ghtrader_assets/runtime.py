"""The runtime file: where the embedded services of one `GHTRADER_HOME` listen, for every process to read; and which
runs of that home live.

Belongs here: the record and its atomic file, the locks of runs. Does not belong here: starting or stopping anything.
"""

from __future__ import annotations

import contextlib
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import psutil
from filelock import Timeout
from pydantic import BaseModel, ValidationError

from ghtrader_assets.files import held_locks, is_stopped, lock_holder, process_lock, put_file

RUNTIME_FILE = "runtime.json"

QUESTDB: Final = "questdb"
EXCHANGE: Final = "exchange"
DASHBOARD: Final = "dashboard"
DAGSTER: Final = "dagster"
LOCATION: Final = "ghtrader_assets"
"""Our code location, as Dagster names it."""
LOAD_POOL: Final = "ghtrader_loads"
"""Dagster's pool of the runs that load: its limit is how many of them go at once."""
DAEMON: Final = "dagster-daemon"
CODE_SERVER: Final = "dagster-code"
PROMETHEUS: Final = "prometheus"

_held: Final[set[Path]] = set()
"""The locks of runs that this process holds."""


class RunningProcess(BaseModel, frozen=True):
    """A process of ours. The creation time tells it from a stranger that got the same pid later."""

    pid: int
    created_at: float

    @classmethod
    def of(cls, pid: int) -> RunningProcess:
        return cls(pid=pid, created_at=psutil.Process(pid).create_time())

    @property
    def alive(self) -> bool:
        with contextlib.suppress(psutil.NoSuchProcess):
            process = psutil.Process(self.pid)
            return process.status() != psutil.STATUS_ZOMBIE and abs(process.create_time() - self.created_at) < 1
        return False


class Service(BaseModel, frozen=True):
    """One service that was started: its process and the URLs a person or a client opens.

    `ready` once it has done what a user needs of it, since the start of its process.
    """

    name: str
    process: RunningProcess
    urls: dict[str, str]
    log: Path
    ready: bool = True


class Runtime(BaseModel, frozen=True):
    """What runs for one home. `owner` is the process that started the services and stops them.

    `given_up` names the services that ended too often to be started again, each with why.
    """

    owner: RunningProcess
    services: tuple[Service, ...] = ()
    given_up: dict[str, str] = {}

    def service(self, name: str) -> Service | None:
        """The named service while it is ready and its process lives."""
        found = (service for service in self.services if service.name == name and service.ready)
        return next((service for service in found if service.process.alive), None)


def read_runtime(home: Path) -> Runtime | None:
    """The runtime record of a home, or None where nothing was started or the file is of another version."""
    try:
        return Runtime.model_validate_json((home / RUNTIME_FILE).read_bytes())
    except (FileNotFoundError, ValidationError):
        return None


def write_runtime(home: Path, runtime: Runtime) -> None:
    put_file(home / RUNTIME_FILE, runtime.model_dump_json(indent=2))


def forget_runtime(home: Path) -> None:
    (home / RUNTIME_FILE).unlink(missing_ok=True)


def owned_runtime(home: Path) -> Runtime | None:
    """The runtime of services that a living process owns; None where no service runs, or its owner was killed."""
    runtime = read_runtime(home)
    return runtime if runtime is not None and runtime.owner.alive else None


@contextmanager
def living_run(home: Path, run_id: str) -> Generator[None]:
    """Show, for as long as it is open and this process lives, that the run lives. May be opened within itself."""
    path = _lock_of(home, run_id)
    if path in _held:
        yield
        return
    with held_locks(path):
        _held.add(path)
        try:
            yield
        finally:
            _held.remove(path)
            path.unlink(missing_ok=True)


def is_living_run(home: Path, run_id: str) -> bool:
    """Whether a process holds the run's lock. No record is asked: a lock ends with its process."""
    path = _lock_of(home, run_id)
    if not path.exists():
        return False
    lock = process_lock(path)
    try:
        lock.acquire(blocking=False)
    except Timeout:
        return True
    path.unlink(missing_ok=True)
    lock.release()
    return False


def stopped_run(home: Path, run_id: str) -> int | None:
    """The number of the process that works on the run, if it was stopped. The lock tells first that there is one: the
    file of a dead run's lock names a number that may be another process's by now."""
    holder = lock_holder(_lock_of(home, run_id)) if is_living_run(home, run_id) else None
    return holder.pid if holder is not None and is_stopped(holder) else None


def _lock_of(home: Path, run_id: str) -> Path:
    return home / "living" / f"{run_id}.lock"
