"""A server of ours under clients that send slowly, or never: they cost sockets, and whole requests are heard."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing

import pytest
import requests

from ghtrader_assets.doors import serving
from ghtrader_assets.doors.asgi import GuardedApp, Receive, Scope, Send
from ghtrader_assets.doors.rule import Door
from ghtrader_assets.doors.serving import WebServer
from ghtrader_assets.doors.wsgi import whole_body
from ghtrader_assets_tests.doors.open_door import OPEN_TO_ALL
from ghtrader_assets_tests.waiting import HANGS_S, await_that


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer with the body."""
    body = await whole_body(receive)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": body})


@pytest.fixture
def port() -> Iterator[int]:
    server = WebServer(0, lambda port: GuardedApp(echo, Door(port), OPEN_TO_ALL), name="echo")
    server.start()
    yield server.port
    server.close()


def head(port: int, length: int = 5, more: str = "") -> bytes:
    return (
        f"POST / HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\n{more}"
        f"Content-Length: {length}\r\n\r\n"
    ).encode()


def is_closed(connection: socket.socket) -> bool:
    """Whether the server has hung up; it is sent a byte, if it listens still."""
    try:
        connection.settimeout(0)
        connection.sendall(b"x")
        return connection.recv(100_000) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True


@pytest.mark.parametrize("sent", ["", "G", "half a head", "half a body"])
def test_two_hundred_slow_clients_are_hung_up_on(port: int, sent: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """And a whole request is answered meanwhile, by as many threads as before."""
    monkeypatch.setattr(serving, "REQUEST_WITHIN_S", 1.0)
    before = threading.active_count()
    begun = {"half a head": head(port)[:40], "half a body": head(port, 100_000) + b"x"}.get(sent, sent.encode())
    with ExitStack() as opened:
        slow = {opened.enter_context(socket.create_connection(("127.0.0.1", port))) for _ in range(200)}
        for connection in slow:
            connection.sendall(begun)
        answer = requests.post(f"http://127.0.0.1:{port}/", json=1, timeout=HANGS_S)
        assert (answer.status_code, answer.text) == (200, "1")
        assert threading.active_count() == before
        for connection in slow:
            await_that("it is hung up on", lambda connection=connection: is_closed(connection))


def test_of_too_many_that_send_half_the_oldest_goes(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "HALF_SENT", 3)
    with ExitStack() as opened:
        slow = [opened.enter_context(socket.create_connection(("127.0.0.1", port))) for _ in range(3)]
        assert requests.post(f"http://127.0.0.1:{port}/", json=1, timeout=HANGS_S).ok
        await_that("the first is hung up on", lambda: is_closed(slow[0]))
        assert not is_closed(slow[2])


def test_a_second_request_on_a_connection_is_awaited_as_the_first(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "REQUEST_WITHIN_S", 1.0)
    with closing(socket.create_connection(("127.0.0.1", port), timeout=HANGS_S)) as connection:
        connection.sendall(head(port) + b"first" + head(port, 100_000) + b"half")
        assert b"first" in connection.recv(1000)
        await_that("it is hung up on", lambda: is_closed(connection))


def test_whoever_takes_nothing_of_an_answer_is_hung_up_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "TAKEN_WITHIN_S", 0.3)
    given_up = threading.Event()

    async def much(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for _ in range(50):
            await send({"type": "http.response.body", "body": bytes(1_000_000), "more_body": True})
        given_up.set()

    server = WebServer(0, lambda _port: much, name="much")
    server.start()
    try:
        with closing(socket.create_connection(("127.0.0.1", server.port), timeout=HANGS_S)) as connection:
            connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            assert given_up.wait(HANGS_S)
    finally:
        server.close()


def test_every_answer_says_how_it_may_be_used(port: int) -> None:
    for host in ("", "evil.example"):
        answer = requests.get(f"http://127.0.0.1:{port}/", headers={"Host": host} if host else {}, timeout=HANGS_S)
        assert answer.status_code == (421 if host else 200)
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
        assert "server" not in answer.headers
