"""Clients that send a byte a second, and heavy pages without end: loading, judging and `status` go on."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from urllib.parse import SplitResult, urlsplit

import pytest
import requests

from ghtrader_assets_tests.fix_platform import PLATFORM_SYMBOLS, RunningPlatform
from ghtrader_assets_tests.waiting import HANGS_S

SERVERS = ("dagster", "dashboard", "prometheus", "exchange")
SLOW_A_SERVER = 200
PAGES_AT_ONCE = 50
DAY = date(2026, 1, 13)
HEAVY = ("/", *(f"/symbol/{symbol}" for symbol in PLATFORM_SYMBOLS), "/operations?window=30d")


class SlowClient:
    """Half a request, and then a byte a second; a new one where the server hangs up."""

    def __init__(self, address: SplitResult) -> None:
        self._address = address
        self._socket: socket.socket | None = None

    def send(self) -> None:
        with contextlib.suppress(OSError):
            if self._socket is None:
                self._socket = socket.create_connection((self._address.hostname, self._address.port), timeout=HANGS_S)
                self._socket.settimeout(0)
                self._socket.sendall(f"POST /read HTTP/1.1\r\nHost: {self._address.netloc}\r\nX-Slow: ".encode())
            self._socket.sendall(b"x")
            if self._socket.recv(1) != b"":
                return
        self.close()

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
        self._socket = None


@contextlib.contextmanager
def repeated(does: Callable[[], object], threads: int, pause_s: float) -> Iterator[list[object]]:
    """Do it again and again, in so many threads, while it is open; what came of it."""
    done, found = threading.Event(), list[object]()

    def work() -> None:
        while not done.wait(pause_s):
            found.append(does())

    with ThreadPoolExecutor(threads) as pool:
        working = [pool.submit(work) for _ in range(threads)]
        try:
            yield found
        finally:
            done.set()
    for each in working:
        each.result(HANGS_S)


@pytest.mark.joint
def test_slow_clients_and_heavy_pages_stop_no_work(platform: RunningPlatform) -> None:
    """A run loads and judges a day, another judges it again, and the commands answer."""
    slow = [SlowClient(urlsplit(platform.url(name))) for name in SERVERS for _ in range(SLOW_A_SERVER)]
    paths = iter(HEAVY * 100_000)

    def page() -> int:
        url = f"{platform.url('dashboard')}{next(paths)}"
        return requests.get(url, headers=platform.keys.header, timeout=10 * HANGS_S).status_code

    symbol = PLATFORM_SYMBOLS[3]
    with (
        contextlib.ExitStack() as opened,
        repeated(lambda: [each.send() for each in slow], threads=1, pause_s=1.0) as rounds,
        repeated(page, threads=PAGES_AT_ONCE, pause_s=0.0) as pages,
    ):
        for each in slow:
            opened.callback(each.close)
        platform.await_success(platform.launch_run(symbol, DAY, DAY))
        judged = platform.command.run("validate", symbol, "--from", str(DAY), "--to", str(DAY), "--full", "--json")
        status = platform.command.run("status", "--json").document
        days = platform.command.run("days", symbol, "--from", str(DAY), "--to", str(DAY), "--json").document
    assert judged.code in (0, 1), judged.err
    assert [day["ingest_state"] for day in days] == ["complete"]
    assert days[0]["coverage_state"]
    assert {service["name"]: service["detail"] for service in status["services"] if not service["healthy"]} == {}
    assert len(rounds) > 1
    assert set(pages) == {200}
    assert len(pages) > PAGES_AT_ONCE
