"""Worker processes that die, parents that die, clocks that reach the maintenance window, directories left behind."""

from __future__ import annotations

import array
import contextlib
import dataclasses
import fcntl
import os
import resource
import signal
import subprocess
import sys
import termios
import textwrap
import threading
from datetime import date
from pathlib import Path

import msgspec
import psutil
import pytest

from ghtrader_assets.clock import SYSTEM_CLOCK, Clock
from ghtrader_assets.errors import IngestState
from ghtrader_assets.files import is_stopped
from ghtrader_assets.market.clock import instant_ns
from ghtrader_assets.settings import secret_fields, variable_of
from ghtrader_assets.tq import fork_server, process, wire
from ghtrader_assets.tq.fetch import FetchedDay
from ghtrader_assets.tq.market_data import fetch_holidays
from ghtrader_assets.tq.pool import FetchPool
from ghtrader_assets.tq.process import one_fork_server, running_fork_server
from ghtrader_assets_tests.tq.conftest import CANARY, QUICK, Exchange, assert_same, offset_to, request_of, served
from ghtrader_assets_tests.waiting import HANGS_S, await_that

CONTRACT = "SHFE.au2604"
DAY = date(2025, 4, 21)


def workers_of(pid: int) -> list[psutil.Process]:
    return [
        worker
        for item in psutil.Process(pid).children()
        if fork_server.__name__ in item.cmdline()
        for worker in item.children()
    ]


def test_killed_workers_lose_no_day_and_leave_nothing(exchange: Exchange, home: Path) -> None:
    exchange.fault("slow", symbol=CONTRACT, seconds=3.0, times=2)

    def kill_once(line: str) -> None:
        assert "worker process died (-9)" in line

    days = [date(2025, 4, 21), date(2025, 4, 22), date(2025, 4, 23)]
    with FetchPool(
        exchange.provider(), 2, home, SYSTEM_CLOCK, fast_history="on", on_retry=kill_once, timing=QUICK
    ) as pool:
        days_coming = pool.fetch([request_of(CONTRACT, day) for day in days])
        first = next(days_coming)
        victim = workers_of(os.getpid())[0]
        assert CANARY not in " ".join(victim.cmdline())
        assert CANARY not in " ".join(victim.environ().values())
        os.kill(victim.pid, signal.SIGKILL)
        fetched = [first, *days_coming]
    assert {item.state for item in fetched} == {IngestState.COMPLETE}
    for item in fetched:
        assert_same(item.frame, served(CONTRACT, item.request.window.trading_day))
    assert workers_of(os.getpid()) == []
    assert [path.name for path in (home / "tq").iterdir()] == [".guard"]


def test_workers_are_private_and_are_given_no_secret(
    exchange: Exchange, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The current folder was a place of modules for them, and the environment held all secrets but three."""
    for field in secret_fields():
        monkeypatch.setenv(variable_of(field), CANARY)
    traps = tmp_path / "traps"
    traps.mkdir()
    for name in ("tqsdk", "aiohttp", "websockets", "alarm"):
        (traps / f"{name}.py").write_text("raise SystemExit('the module of another user')")
    monkeypatch.chdir(traps)
    with FetchPool(exchange.provider(), 1, home, SYSTEM_CLOCK, fast_history="on", timing=QUICK) as pool:
        (fetched,) = pool.fetch([request_of(CONTRACT, DAY)])
        assert fetched.state == IngestState.COMPLETE, fetched.reason
        (worker,) = workers_of(os.getpid())
        for process_ in (worker, worker.parent()):
            assert process_ is not None
            assert CANARY not in " ".join(process_.environ().values())
            assert Path(process_.cwd()).is_relative_to(home)
            assert Path(process_.environ()["TMPDIR"]).is_relative_to(home)
            assert process_.rlimit(resource.RLIMIT_CORE) == (0, 0)
            assert "Umask:\t0077" in Path(f"/proc/{process_.pid}/status").read_text(encoding="utf-8")


def test_a_killed_fork_server_loses_no_day(exchange: Exchange, home: Path) -> None:
    exchange.fault("slow", symbol=CONTRACT, seconds=2.0, times=2)
    days = [date(2025, 4, 21), date(2025, 4, 22), date(2025, 4, 23)]
    with FetchPool(exchange.provider(), 2, home, SYSTEM_CLOCK, fast_history="on", timing=QUICK) as pool:
        days_coming = pool.fetch([request_of(CONTRACT, day) for day in days])
        first = next(days_coming)
        workers = workers_of(os.getpid())
        for victim in (workers[0].parent(), *workers):
            assert victim is not None
            victim.kill()
        fetched = [first, *days_coming]
    assert {item.state for item in fetched} == {IngestState.COMPLETE}
    assert workers_of(os.getpid()) == []


def fork_servers_of(pid: int) -> list[int]:
    return [item.pid for item in psutil.Process(pid).children() if fork_server.__name__ in item.cmdline()]


def test_a_worker_that_is_stopped_in_the_middle_of_an_answer_is_ended(
    exchange: Exchange, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its answer is larger than what a socket holds, so it is stopped while it writes."""
    with running_fork_server(exchange.provider(), home) as server:
        monkeypatch.setattr(process, "_SILENT_S", 0.5)
        worker = server.worker(home, QUICK)
        request = request_of("SHFE.au2506", DAY)  # the main contract of the time
        worker.send(wire.ReadDay(request.symbol, request.contract, request.window, request.levels, "lean"))
        assert worker.connection.poll(HANGS_S)
        assert isinstance(worker.receive(), wire.Ready)
        await_that("a full socket", lambda: bytes_waiting(worker.connection.fileno()) > 100_000)
        [running] = workers_of(os.getpid())
        running.suspend()
        await_that("a stopped worker", lambda: is_stopped(running))
        assert isinstance(worker.receive(), wire.DayRead)
        with pytest.raises(BlockingIOError) as met:
            worker.receive_frame()
        assert "stopped for 0 s in the middle of an answer" in worker.died(met.value).what
        assert workers_of(os.getpid()) == []


def bytes_waiting(descriptor: int) -> int:
    found = array.array("i", [0])
    fcntl.ioctl(descriptor, termios.FIONREAD, found)
    return found[0]


def test_a_fork_server_that_is_stopped_ends_with_its_workers(
    exchange: Exchange, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    exchange.fault("stall", symbol=CONTRACT, times=None)
    monkeypatch.setattr(process, "_SILENT_S", 0.5)
    with running_fork_server(exchange.provider(), home) as server:
        workers = [server.worker(home, QUICK) for _ in range(2)]
        for worker in workers:
            assert worker.connection.poll(HANGS_S)
        running = workers_of(os.getpid())
        process_of_server = psutil.Process(fork_servers_of(os.getpid())[0])
        process_of_server.suspend()
        await_that("a stopped fork server", lambda: is_stopped(process_of_server))
        workers[0].kill()
        assert psutil.wait_procs(running, timeout=HANGS_S)[1] == []
        assert not server.is_alive


def test_questions_and_days_in_turn_share_a_fork_server_that_no_worker_of_before_is_left_in(
    exchange: Exchange, home: Path
) -> None:
    provider = exchange.provider()
    with one_fork_server():
        assert fetch_holidays(provider, home, QUICK)
        [first] = fork_servers_of(os.getpid())
        assert workers_of(os.getpid()) == []
        with FetchPool(provider, 1, home, SYSTEM_CLOCK, fast_history="on", timing=QUICK) as pool:
            [fetched] = pool.fetch([request_of(CONTRACT, DAY)])
            assert fork_servers_of(os.getpid()) == [first]
        assert_same(fetched.frame, served(CONTRACT, DAY))
        assert (fork_servers_of(os.getpid()), workers_of(os.getpid())) == ([first], [])
        assert not list((home / "tq").glob("pool-*/worker-*"))
        os.kill(first, signal.SIGKILL)
        await_that("it is gone", lambda: not psutil.pid_exists(first) or psutil.Process(first).status() == "zombie")
        assert fetch_holidays(provider, home, QUICK)
        assert fork_servers_of(os.getpid()) != [first]
    assert fork_servers_of(os.getpid()) == []
    assert [path.name for path in (home / "tq").iterdir()] == [".guard"]


def test_a_pool_that_is_closed_by_another_thread_leaves_no_worker_in_a_shared_fork_server(
    exchange: Exchange, home: Path
) -> None:
    exchange.fault("stall", symbol=CONTRACT, times=None)
    with one_fork_server():
        pool = FetchPool(exchange.provider(), 1, home, SYSTEM_CLOCK, fast_history="on", timing=QUICK)
        fetching = threading.Thread(target=lambda: list(pool.fetch([request_of(CONTRACT, DAY)])))
        fetching.start()
        await_that("the worker asks for a page", lambda: exchange.requests("set_chart"))
        pool.close()
        fetching.join(HANGS_S)
        assert not fetching.is_alive()
        assert (len(fork_servers_of(os.getpid())), workers_of(os.getpid())) == (1, [])
    assert fork_servers_of(os.getpid()) == []


def test_the_longest_days_are_fetched_first(exchange: Exchange, home: Path) -> None:
    days = [date(2025, 4, 21), date(2025, 4, 22), date(2025, 4, 23)]
    requests = [
        dataclasses.replace(request_of(CONTRACT, day), expected_ticks=ticks)
        for day, ticks in zip(days, (100, 300, 200), strict=True)
    ]
    with FetchPool(exchange.provider(), 1, home, SYSTEM_CLOCK, fast_history="on", timing=QUICK) as pool:
        fetched = [item.request.window.trading_day for item in pool.fetch(requests)]
    assert fetched == [days[1], days[2], days[0]]


def test_workers_end_with_a_killed_parent(exchange: Exchange, home: Path) -> None:
    exchange.fault("stall", symbol=CONTRACT, times=None)
    script = f"""
        from datetime import date
        from pathlib import Path
        from ghtrader_assets.clock import SYSTEM_CLOCK
        from ghtrader_assets.tq.pool import FetchPool
        from ghtrader_assets.tq.timing import Timing
        from ghtrader_assets_tests.tq.conftest import Exchange, request_of
        provider, home = Exchange({exchange.url!r}, 0, Path()).provider(), Path({str(home)!r})
        pool = FetchPool(provider, 1, home, SYSTEM_CLOCK, fast_history="off", timing=Timing())
        list(pool.fetch([request_of({CONTRACT!r}, date(2025, 4, 21))]))
    """
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(entry or "." for entry in sys.path)}
    with subprocess.Popen([sys.executable, "-c", textwrap.dedent(script)], env=environment) as parent:
        await_that("the worker asks for a page", lambda: exchange.requests("set_chart"))
        [worker] = workers_of(parent.pid)
        worker.suspend()  # it can't end by itself
        parent.kill()
    try:
        worker.wait(timeout=HANGS_S)
    finally:
        with contextlib.suppress(psutil.NoSuchProcess):
            worker.kill()


@pytest.mark.parametrize(("hour", "minute"), [(19, 0), (19, 29)])
def test_no_attempt_inside_the_maintenance_window(exchange: Exchange, home: Path, hour: int, minute: int) -> None:
    clock = Clock(lambda: instant_ns(DAY, 3600 * hour + 60 * minute))
    with FetchPool(exchange.provider(name="tqsdk"), 1, home, clock, timing=QUICK) as pool:
        [fetched] = pool.fetch([request_of(CONTRACT, DAY)])
    assert fetched.state == IngestState.MAINTENANCE
    assert "19:00-19:30" in fetched.reason
    assert fetched.stats.attempts == 0
    assert exchange.requests() == []


def test_trouble_that_reaches_into_the_window_is_maintenance(exchange: Exchange, home: Path) -> None:
    exchange.fault("stall", symbol=CONTRACT, times=None)
    timing = msgspec.structs.replace(QUICK, frame_s=60.0, attempt_s=8.0, clock_offset_s=offset_to(18, 59, 58))
    with FetchPool(exchange.provider(name="tqsdk"), 1, home, SYSTEM_CLOCK, fast_history="on", timing=timing) as pool:
        fetched = list(pool.fetch([request_of(CONTRACT, day) for day in (DAY, date(2025, 4, 22))]))
    assert [item.state for item in fetched] == [IngestState.MAINTENANCE] * 2
    assert len(exchange.requests("handshake")) <= 1


def test_closing_from_another_thread_ends_a_fetch(exchange: Exchange, home: Path) -> None:
    exchange.fault("stall", symbol=CONTRACT, times=None)
    said: list[str] = []
    pool = FetchPool(exchange.provider(), 1, home, SYSTEM_CLOCK, fast_history="off", on_retry=said.append, timing=QUICK)
    fetched: list[FetchedDay] = []
    thread = threading.Thread(target=lambda: fetched.extend(pool.fetch([request_of(CONTRACT, DAY)])))
    thread.start()
    await_that("the worker asks for a page", lambda: exchange.requests("set_chart"))
    pool.close()
    thread.join(HANGS_S)
    assert not thread.is_alive()
    assert (fetched, said) == ([], [])
    assert workers_of(os.getpid()) == []
