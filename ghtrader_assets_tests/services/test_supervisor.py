"""Parts that die, hang, or never start: started again at their place, or given up by name. Real processes."""

from __future__ import annotations

import signal
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import psutil
import pytest
import requests

from ghtrader_assets.errors import ServiceError
from ghtrader_assets.ports import LOOPBACK, claim_port
from ghtrader_assets.services.parts import CodeServerPart, ProcessPart
from ghtrader_assets.services.processes import last_lines
from ghtrader_assets.services.supervisor import Phase, RestartPolicy, Supervisor, Watched
from ghtrader_assets_tests.waiting import HANGS_S, await_that

pytestmark = pytest.mark.process

BRISK = RestartPolicy(probe_every_s=0.1, hangs_s=HANGS_S, first_pause_s=0.01, longest_pause_s=0.05, starts=3)
"""What a supervisor does does not depend on how patient it is; but only a part that hangs may be slow."""

SERVER = """
import http.server, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.end_headers()
print("serving", flush=True)
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""


@dataclass
class Books:
    """What a supervisor told."""

    said: list[str] = field(default_factory=list)
    failures: list[tuple[str, str]] = field(default_factory=list)
    phases: dict[str, Phase] = field(default_factory=dict)
    looks: int = 0

    def looked(self) -> None:
        self.looks += 1

    def say(self, message: str) -> None:
        self.said.append(message)

    def changed(self, parts: Sequence[Watched]) -> None:
        self.phases = {watched.part.name: watched.phase for watched in parts}

    def failed(self, watched: Watched, parts: Sequence[Watched]) -> None:
        self.failures.append((watched.part.name, watched.why))


def a_server(folder: Path, name: str = "server", needs: tuple[str, ...] = ()) -> ProcessPart:
    port = claim_port(0, "a port")
    url = f"http://{LOOPBACK}:{port}"
    return ProcessPart(name, ["-c", SERVER, str(port)], folder / f"{name}.log", {}, {"http": url}, url, needs)


@contextmanager
def supervised(*parts: ProcessPart, hangs_s: float = HANGS_S) -> Generator[Books]:
    books = Books()
    supervisor = Supervisor(parts, books, watch=True, policy=replace(BRISK, hangs_s=hangs_s))
    supervisor.start()
    try:
        yield books
    finally:
        supervisor.stop()


def restarted(part: ProcessPart, pid: int | None) -> bool:
    return part.pid not in (None, pid) and part.answers()


@pytest.mark.parametrize("kind", [signal.SIGKILL, signal.SIGSTOP])
def test_a_dead_and_a_hung_part_come_back_at_their_place(tmp_path: Path, kind: signal.Signals) -> None:
    part = a_server(tmp_path)
    with supervised(part, hangs_s=HANGS_S if kind == signal.SIGKILL else 0.1) as books:
        pid = part.pid
        assert pid is not None
        psutil.Process(pid).send_signal(kind)
        await_that("the part's return", lambda: restarted(part, pid))
        await_that("its readiness", lambda: books.phases == {"server": Phase.READY})
        assert requests.get(part.urls["http"], timeout=HANGS_S).ok
        name, why = books.failures[0]
        assert name == "server"
        assert why.startswith("has ended" if kind == signal.SIGKILL else "has not answered for ")
        assert "serving" in last_lines(part.log)
        last = part.pid
    assert last is not None
    assert not psutil.pid_exists(last)
    assert not psutil.pid_exists(pid)


def test_a_part_that_dies_each_time_is_given_up_and_the_others_work_on(tmp_path: Path) -> None:
    part, other = a_server(tmp_path), a_server(tmp_path, "other")
    with supervised(other, part) as books:
        pid = part.pid
        assert pid is not None
        part.arguments = ["-c", "raise SystemExit('no such day')"]
        psutil.Process(pid).kill()
        await_that("that it is given up", lambda: books.phases["server"] == Phase.GIVEN_UP)
        assert [why for _, why in books.failures] == [
            "has ended",
            *["server stopped while starting: no such day; see its log"] * BRISK.starts,
        ]
        looks = books.looks
        await_that("more looks", lambda: books.looks > looks + 5)
        assert len(books.failures) == BRISK.starts + 1, "one that was given up is left alone"
        assert other.answers()
        assert books.phases["other"] == Phase.READY


MAKES_A_CHILD = """
import signal, subprocess
child = subprocess.Popen(["sleep", "3600"])
child.wait()
print("it has ended", flush=True)
signal.pause()
"""


def test_a_child_that_a_code_server_makes_while_it_starts_is_not_its_inner_server(tmp_path: Path) -> None:
    """Libraries ask the system by a child of a moment; one that had ended was taken for the server's end."""
    part = CodeServerPart("code", ["-c", MAKES_A_CHILD], tmp_path / "code.log", {}, {}, socket=tmp_path / "code")
    part.start()
    try:
        server = psutil.Process(part.pid or 0)
        await_that("a child", server.children)
        assert not part.is_ready()
        server.children()[0].kill()
        await_that("its end", lambda: "it has ended" in last_lines(part.log))
        assert not part.has_ended()
        assert not part.is_ready()
    finally:
        part.stop()
    assert part.has_ended()


def test_a_first_start_that_fails_stops_what_had_started(tmp_path: Path) -> None:
    other, part = a_server(tmp_path, "other"), a_server(tmp_path, needs=("other",))
    part.arguments = ["-c", "raise SystemExit('no such day')"]
    books = Books()
    with pytest.raises(ServiceError, match="server stopped while starting: no such day"):
        Supervisor([other, part], books, watch=True, policy=BRISK).start()
    assert books.said[:2] == ["starting other", f"other is ready  {other.urls['http']}"], "in order of need"
    assert other.has_ended()


def test_a_part_that_was_stopped_is_woken_to_end(tmp_path: Path) -> None:
    """It ends by its own handling of SIGTERM, and not by signal 9 after a grace."""
    part = a_server(tmp_path)
    part.arguments = [
        "-c",
        f"import signal\nsignal.signal(signal.SIGTERM, lambda *_: print('bye') or exit())\n{SERVER}",
    ]
    part.arguments = [*part.arguments, part.urls["http"].rpartition(":")[2]]
    part.start()
    await_that("the part's start", part.answers)
    assert part.pid is not None
    psutil.Process(part.pid).suspend()
    part.stop()
    assert "bye" in last_lines(part.log)
