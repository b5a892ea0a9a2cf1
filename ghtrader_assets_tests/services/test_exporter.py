"""The exporter under many hands: one scrape at a time, over one session, and nobody holds it."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass

import pytest
import requests
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import Metric
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

from ghtrader_assets.clock import SYSTEM_CLOCK
from ghtrader_assets.doors import serving
from ghtrader_assets.doors.keys import keys_of
from ghtrader_assets.services import exporter
from ghtrader_assets.services.exporter import Scrapes, start_exporter
from ghtrader_assets.settings import Settings
from ghtrader_assets_tests.waiting import HANGS_S, await_that


@pytest.fixture
def port(settings: Settings) -> Iterator[int]:
    server = start_exporter(settings, 0, SYSTEM_CLOCK)
    yield server.port
    server.close()


FORGED = 'a"} 1\nghtrader_store_up 1\n# \\ \r\x1b[31m\u2028' + "long" * 10_000
"""Ends a label, begins a sample, is a comment, escapes, is long."""


def test_a_label_from_outside_forges_no_sample() -> None:
    family = exporter._gauge("ghtrader_days", "meaning", ["symbol", "finding"], [("KQ.m@SHFE.cu", FORGED, 2)])
    registry = CollectorRegistry()
    registry.register(Made([family]))
    text = generate_latest(registry).decode()
    (parsed,) = text_string_to_metric_families(text)
    (sample,) = parsed.samples
    assert (sample.name, sample.value) == ("ghtrader_days", 2)
    assert sample.labels["finding"].startswith('a"} 1 ghtrader_store_up 1 # \\')
    assert len(text.splitlines()) == 3
    assert len(text) < 2000


@dataclass(frozen=True, eq=False)
class Made(Collector):
    families: list[Metric]

    def collect(self) -> list[Metric]:
        return self.families


class CountingLock:
    """A lock that knows how many have asked for it."""

    def __init__(self) -> None:
        self.asked: list[None] = []
        self._lock = threading.Lock()

    def __enter__(self) -> None:
        self.asked.append(None)
        self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        self._lock.release()


def test_requests_that_come_during_a_scrape_share_the_next_one() -> None:
    made: list[int] = []
    goes_on, lock = threading.Event(), CountingLock()

    def make() -> bytes:
        made.append(len(made))
        assert goes_on.wait(HANGS_S)
        return str(len(made)).encode()

    scrapes = Scrapes(make)
    scrapes._lock = lock  # type: ignore[assignment]
    with ThreadPoolExecutor(21) as pool:
        first = pool.submit(scrapes.text)
        await_that("the first scrape", lambda: made)
        others = [pool.submit(scrapes.text) for _ in range(20)]
        await_that("all others", lambda: len(lock.asked) == 21)
        goes_on.set()
        assert first.result() == b"1"
        assert {other.result() for other in others} == {b"2"}


def test_half_sent_requests_leave_nothing_behind(port: int, settings: Settings) -> None:
    """Two hundred that are never ended, closed by their senders: the next scrape is answered, and threads are gone."""
    before = threading.active_count()
    with ExitStack() as opened:
        for _ in range(200):
            half = opened.enter_context(socket.create_connection(("127.0.0.1", port)))
            half.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n")
    await_that("the end of their threads", lambda: threading.active_count() <= before)
    sent = keys_of(settings).header
    answer = requests.get(f"http://127.0.0.1:{port}/metrics", headers=sent, timeout=HANGS_S)
    assert answer.ok
    assert "ghtrader_store_up 1.0" in answer.text


def test_whoever_sends_a_byte_now_and_then_is_hung_up_on(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "REQUEST_WITHIN_S", 0.3)
    with socket.create_connection(("127.0.0.1", port)) as slow:
        slow.settimeout(0.05)
        for _ in range(1000):
            try:
                slow.sendall(b"G")
                if slow.recv(1000) == b"":
                    return
            except TimeoutError:
                continue
            except ConnectionError:
                return
    pytest.fail("it was heard for ever")
