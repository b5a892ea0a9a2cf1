"""A WSGI application, such as a Flask one, as an ASGI one: it gets whole requests only, each in one of a few threads.

Belongs here: turning one interface into the other. Does not belong here: who may come in (`asgi`).

A request's body is read before a thread is taken, and its answer is made whole before the thread is given back: no
thread waits for a client. So bodies have a bound, and answers should be such as a page's. Starlette's bridge is
deprecated and takes bodies of any length; of a2wsgi, which took its place, a thread reads a body as it comes, and few
slow clients hold all.
"""

from __future__ import annotations

import asyncio
import io
import sys
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, nullcontext
from functools import partial
from http import HTTPStatus
from typing import Any, Final, cast

from ghtrader_assets.doors.asgi import POWER, Receive, Scope, Send, refuse
from ghtrader_assets.doors.rule import Power, Refusal

WsgiApplication = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]

LONGEST_BODY: Final = 1_000_000
THREADS: Final = 16


class TooLongError(Exception):
    """A body is longer than an application reads."""


class ThreadedApp:
    """The WSGI application as an ASGI one."""

    def __init__(self, app: WsgiApplication, *, threads: int = THREADS) -> None:
        self._app = app
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="pages")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
            return
        try:
            body = await whole_body(receive)
        except TooLongError:
            await refuse(Refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "the request is too long"), send)
            return
        loop = asyncio.get_running_loop()
        status, headers, text = await loop.run_in_executor(self._threads, partial(self._answer, scope, body))
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": text})

    def _answer(self, scope: Scope, body: bytes) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
        started: list[tuple[int, list[tuple[bytes, bytes]]]] = []

        def start(status: str, headers: list[tuple[str, str]], _raised: object = None) -> Callable[[bytes], object]:
            sent = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers]
            started.append((int(status.split(maxsplit=1)[0]), sent))
            return written.append

        written: list[bytes] = []
        answer = self._app(environment_of(scope, body), start)
        with closing(cast("Any", answer)) if hasattr(answer, "close") else nullcontext():
            text = b"".join([*written, *answer])
        return *started[-1], text


async def whole_body(receive: Receive, longest: int = LONGEST_BODY) -> bytes:
    """All of a request's body. Raises `TooLongError`."""
    found = bytearray()
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            break
        found += message.get("body", b"")
        more = message.get("more_body", False)
        if len(found) > longest:
            raise TooLongError
    return bytes(found)


def environment_of(scope: Scope, body: bytes) -> dict[str, Any]:
    """What PEP 3333 calls `environ`."""
    host, port = scope["server"]
    environment: dict[str, Any] = {
        "REQUEST_METHOD": scope["method"],
        "SCRIPT_NAME": "",
        "PATH_INFO": scope["path"].encode().decode("latin-1"),
        "QUERY_STRING": scope["query_string"].decode("latin-1"),
        "SERVER_NAME": host,
        "SERVER_PORT": str(port),
        "SERVER_PROTOCOL": f"HTTP/{scope['http_version']}",
        "REMOTE_ADDR": scope["client"][0] if scope["client"] else "",
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope["scheme"],
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
        POWER: scope.get(POWER, Power.NONE),
    }
    for name, value in scope["headers"]:
        key = bytes(name).decode("latin-1").upper().replace("-", "_")
        if key == "CONTENT_TYPE":
            environment[key] = bytes(value).decode("latin-1")
        elif key != "CONTENT_LENGTH":
            before = f"{environment[f'HTTP_{key}']}," if f"HTTP_{key}" in environment else ""
            environment[f"HTTP_{key}"] = before + bytes(value).decode("latin-1")
    return environment
