"""A WSGI application behind an ASGI server gets its requests whole, and what it answers arrives as it said it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest
import requests

from ghtrader_assets.doors import wsgi
from ghtrader_assets.doors.asgi import GuardedApp
from ghtrader_assets.doors.rule import Door
from ghtrader_assets.doors.serving import WebServer
from ghtrader_assets.doors.wsgi import ThreadedApp
from ghtrader_assets_tests.doors.open_door import OPEN_TO_ALL
from ghtrader_assets_tests.waiting import HANGS_S

JSON = {"Content-Type": "application/json; charset=utf-8"}


class Parts:
    """An answer in parts that has to be closed."""

    def __init__(self, *parts: bytes) -> None:
        self.parts = parts
        self.closed = False

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.parts)

    def close(self) -> None:
        self.closed = True


class Seen:
    """An application that keeps what it was asked."""

    def __init__(self) -> None:
        self.environment: dict[str, Any] = {}
        self.body = b""
        self.answer = Parts(b"one, ", b"two")

    def __call__(self, environment: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        self.environment, self.body = environment, environment["wsgi.input"].read()
        if environment["PATH_INFO"] == "/broken":
            raise ValueError("of the application")
        write = start("207 Several", [("X-Part", "1"), ("X-Part", "2")])
        write(b"zero, ")
        return self.answer


@pytest.fixture
def seen() -> Seen:
    return Seen()


@pytest.fixture
def url(seen: Seen) -> Iterator[str]:
    server = WebServer(0, lambda port: GuardedApp(ThreadedApp(seen), Door(port), OPEN_TO_ALL), name="seen")
    server.start()
    yield f"http://127.0.0.1:{server.port}"
    server.close()


def test_a_request_and_its_answer(url: str, seen: Seen) -> None:
    answer = requests.post(f"{url}/é?a=%2F", data=b"{}", headers=JSON | {"X-Of": "x"}, timeout=HANGS_S)
    assert (answer.status_code, answer.text, answer.headers["X-Part"]) == (207, "zero, one, two", "1, 2")
    assert seen.body == b"{}"
    assert seen.answer.closed
    wanted = {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": "/é".encode().decode("latin-1"),
        "QUERY_STRING": "a=%2F",
        "CONTENT_TYPE": JSON["Content-Type"],
        "CONTENT_LENGTH": "2",
        "HTTP_X_OF": "x",
        "HTTP_HOST": url.removeprefix("http://"),
    }
    assert {name: seen.environment[name] for name in wanted} == wanted


def test_a_body_beyond_the_bound_is_refused(url: str, seen: Seen, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = requests.post(url, data=b"x" * (wsgi.LONGEST_BODY + 1), headers=JSON, timeout=HANGS_S)
    assert answer.status_code == 413
    assert seen.environment == {}


def test_an_application_that_fails_is_no_end_of_the_server(url: str) -> None:
    assert requests.get(f"{url}/broken", timeout=HANGS_S).status_code == 500
    assert requests.get(url, timeout=HANGS_S).status_code == 207
