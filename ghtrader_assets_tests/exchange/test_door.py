"""The exchange behind the rule: its control is no page's, its clients notice nothing, slow ones are hung up on."""

from __future__ import annotations

import asyncio
import socket
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests
from aiohttp import web

from ghtrader_assets.doors.rule import Door
from ghtrader_assets.exchange import door
from ghtrader_assets.exchange.door import guard
from ghtrader_assets_tests.fix_exchange import ExchangeControl
from ghtrader_assets_tests.waiting import HANGS_S

FAULT = '[{"kind": "refuse", "at": "token", "status": 503}]'
JSON = "application/json"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Content-Type": "text/plain"}, 415),
        ({"Content-Type": JSON, "Origin": "http://evil.example"}, 403),
        ({"Content-Type": JSON, "Sec-Fetch-Site": "same-site"}, 403),
        ({"Content-Type": JSON, "Host": "evil.example"}, 421),
    ],
)
@pytest.mark.parametrize("path", ["faults", "reset"])
def test_no_page_controls_the_exchange(
    exchange: ExchangeControl, path: str, headers: dict[str, str], status: int
) -> None:
    exchange.faults({"kind": "slow", "at": "token", "seconds": 0.1})
    rules = exchange.rules()
    answer = requests.post(f"{exchange.url}/control/{path}", data=FAULT, headers=headers, timeout=HANGS_S)
    assert answer.status_code == status
    assert exchange.rules() == rules


def test_rules_come_with_a_type_and_a_reset_needs_none(exchange: ExchangeControl) -> None:
    answers = [requests.post(f"{exchange.url}/control/{path}", timeout=HANGS_S) for path in ("faults", "reset")]
    assert [answer.status_code for answer in answers] == [415, 200]


def test_what_was_requested_is_told_to_no_page(exchange: ExchangeControl) -> None:
    image = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"}
    answer = requests.get(f"{exchange.url}/control/requests", headers=image, timeout=HANGS_S)
    assert answer.status_code == 403


def test_no_answer_is_a_page(exchange: ExchangeControl) -> None:
    answer = requests.get(f"{exchange.url}/control/faults", timeout=HANGS_S)
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]


def test_clients_that_send_half_are_hung_up_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door, "REQUEST_WITHIN_S", 0.5)
    halves = [b"", b"P", b"POST / HTTP/1.1\r\nContent-Length: 9\r\nContent-Type: application/json\r\nHost: {}\r\n\r\n1"]

    async def half(sent: bytes, port: int) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(sent.replace(b"{}", f"127.0.0.1:{port}".encode()))
        answer = await reader.read(1000)
        writer.close()
        return answer

    async def all_of_them() -> list[bytes]:
        listening = socket.create_server(("127.0.0.1", 0))
        port = listening.getsockname()[1]
        runner = web.AppRunner(web.Application(middlewares=[guard(Door(port), None)]), keepalive_timeout=0.5)
        await runner.setup()
        await web.SockSite(runner, listening).start()
        try:
            return await asyncio.gather(*(half(sent, port) for sent in halves * 60))
        finally:
            await runner.cleanup()

    with ThreadPoolExecutor(1) as thread:  # where no browser of another test has its loop
        answers = thread.submit(lambda: asyncio.run(all_of_them())).result(HANGS_S)
    assert {answer[:12] for answer in answers} == {b"", b"HTTP/1.1 408"}
