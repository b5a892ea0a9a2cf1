"""The runtime file: where the embedded services of one `GHTRADER_HOME` listen, for every process to read.

Belongs here: the record and its atomic file. Does not belong here: starting or stopping anything.
"""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Final

import psutil
from pydantic import BaseModel, ValidationError

from ghtrader_assets.files import put_file

RUNTIME_FILE = "runtime.json"

QUESTDB: Final = "questdb"
EXCHANGE: Final = "exchange"
DASHBOARD: Final = "dashboard"
DAGSTER: Final = "dagster"
PROMETHEUS: Final = "prometheus"


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
    """One running service: its process and the URLs a person or a client opens."""

    name: str
    process: RunningProcess
    urls: dict[str, str]
    log: Path


class Runtime(BaseModel, frozen=True):
    """What runs for one home. `owner` is the process that started the services and stops them."""

    owner: RunningProcess
    services: tuple[Service, ...] = ()

    def service(self, name: str) -> Service | None:
        """The named service while its process lives."""
        return next((service for service in self.services if service.name == name and service.process.alive), None)

    def with_service(self, service: Service) -> Runtime:
        others = tuple(item for item in self.services if item.name != service.name)
        return self.model_copy(update={"services": (*others, service)})


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
