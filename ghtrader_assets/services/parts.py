"""The parts of a platform: each service as something that the supervisor can start, ask and stop.

Belongs here: what makes each service ready, how it shows that it lives, how it is ended. Does not belong here: which
of them a configuration needs (`embedded`), and when they are started again (`supervisor`).
"""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import psutil

from ghtrader_assets.dagster_web import DagsterAddress
from ghtrader_assets.doors.keys import WebKeys
from ghtrader_assets.errors import ServiceError
from ghtrader_assets.questdb.client.credentials import Endpoint
from ghtrader_assets.questdb.embedded.server import READY_WITHIN_S, EmbeddedQuestDB
from ghtrader_assets.runtime import QUESTDB
from ghtrader_assets.services.code_server import code_server_answers
from ghtrader_assets.services.dagster_instance import dagster_state
from ghtrader_assets.services.processes import STOP_GRACE_S, answers_http, end, family, spawn, stop_tree
from ghtrader_assets.tether import UNWIND_S

START_DEADLINE_S: Final = 180.0


class QuestDBPart:
    """The embedded QuestDB; ready once its tables stand, since readers have no right to create them."""

    def __init__(self, server: EmbeddedQuestDB, ensure_tables: Callable[[Endpoint], None]) -> None:
        self.name = QUESTDB
        self.needs: tuple[str, ...] = ()
        self.start_deadline_s = READY_WITHIN_S
        self._server = server
        self._ensure_tables = ensure_tables

    @property
    def urls(self) -> dict[str, str]:
        return {"http": f"http://{self._server.endpoint.http}", "pg": self._server.endpoint.pg}

    @property
    def pid(self) -> int | None:
        return None if self.has_ended() else self._server.pid

    @property
    def log(self) -> Path:
        return self._server.log

    def start(self) -> None:
        self._server.launch()

    def has_ended(self) -> bool:
        return self._server.has_ended

    def is_ready(self) -> bool:
        if not self._server.answers():
            return False
        self._ensure_tables(self._server.endpoint)
        return True

    def answers(self) -> bool:
        with contextlib.suppress(ServiceError):
            return self._server.answers()
        return False

    def stop(self) -> None:
        self._server.stop()


@dataclass(slots=True)
class ProcessPart:
    """A Python process of ours; ready and alive once its `probed` URL answers, where it has one."""

    name: str
    arguments: Sequence[str]
    log: Path
    environment: Mapping[str, str]
    urls: dict[str, str]
    probed: str = ""
    needs: tuple[str, ...] = ()
    start_deadline_s: float = START_DEADLINE_S
    folder: Path | None = None
    """Where it stands; else in the folder of its log."""
    _process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    @property
    def pid(self) -> int | None:
        return None if self._process is None or self.has_ended() else self._process.pid

    def start(self) -> None:
        self._process = spawn(self.arguments, self.log, self.environment, self.folder)

    def has_ended(self) -> bool:
        return self._process is None or self._process.poll() is not None

    def is_ready(self) -> bool:
        return self.answers()

    def answers(self) -> bool:
        return answers_http(self.probed)

    def stop(self) -> None:
        if self._process is not None:
            stop_tree(self._process.pid)
            self._process.poll()


@dataclass(slots=True)
class WebServerPart(ProcessPart):
    """Dagster's web server; ready once it has loaded the code locations, be it with an error."""

    keys: WebKeys | None = None

    def is_ready(self) -> bool:
        with contextlib.suppress(ServiceError):
            return not dagster_state(DagsterAddress(self.urls["http"], self.keys)).loading
        return False

    def answers(self) -> bool:
        return self.is_ready() or answers_http(f"{self.urls['http']}/healthz")


@dataclass(slots=True)
class DaemonPart(ProcessPart):
    """Dagster's daemon; ready once each of its threads was heard since the start, alive while any of them is heard.

    One of them may be busy for minutes with an evaluation; a process that is stopped is silent in all.
    """

    web: DagsterAddress = field(default_factory=lambda: DagsterAddress(""))
    _heard: dict[str, float] = field(default_factory=dict[str, float], init=False)
    _before: dict[str, float] = field(default_factory=dict[str, float], init=False)

    def start(self) -> None:
        self._before = self._heartbeats() or {}
        ProcessPart.start(self)

    def is_ready(self) -> bool:
        self._heard = self._heartbeats() or {}
        return bool(self._heard) and all(at > self._before.get(name, 0.0) for name, at in self._heard.items())

    def answers(self) -> bool:
        heard = self._heartbeats()
        if heard is None:
            return True
        changed, self._heard = heard != self._heard, heard
        return changed

    def _heartbeats(self) -> dict[str, float] | None:
        """When each thread was heard last; None where the web server, which knows, does not answer."""
        try:
            return dagster_state(self.web).heartbeats
        except ServiceError:
            return None


@dataclass(slots=True)
class CodeServerPart(ProcessPart):
    """The code server: a process that starts another, which holds the definitions and starts the runs.

    The first outlives the second and can do nothing without it, so both have to live.
    """

    socket: Path = Path()
    _inner: psutil.Process | None = field(default=None, init=False)

    def is_ready(self) -> bool:
        if not self.answers():
            return False
        self._inner = self._find_inner()  # not before: while it starts, libraries make children of a moment
        return self._inner is not None

    def has_ended(self) -> bool:
        if ProcessPart.has_ended(self):
            return True
        if self._inner is not None and not self._inner.is_running():
            self._inner = self._find_inner()  # reloaded definitions are in another process
            return self._inner is None
        return False

    def answers(self) -> bool:
        return code_server_answers(self.socket)

    def stop(self) -> None:
        """Both servers at once; their runs notice it, and have the time to close what they were at."""
        if self._process is None:
            return
        members = family(self._process.pid)
        inner = self._find_inner()
        for server in (*members[:1], *([inner] if inner else [])):
            with contextlib.suppress(psutil.NoSuchProcess):
                server.kill()
        for each in members:
            with contextlib.suppress(psutil.NoSuchProcess):
                each.resume()
        end(members, UNWIND_S + STOP_GRACE_S)
        self._process.poll()
        self._inner = None

    def _find_inner(self) -> psutil.Process | None:
        with contextlib.suppress(psutil.NoSuchProcess):
            living = (each for each in psutil.Process(self._process.pid if self._process else 0).children())
            return max(living, key=lambda each: each.create_time(), default=None)
        return None
