"""Servers that speak just enough of PG, HTTP or ILP to fail in a way that a test chooses.

Belongs here: the other side of a socket. Does not belong here: what a client makes of it (`test_client_errors`).
"""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Final

Serve = Callable[[socket.socket], None]

PG_READY: Final = b"Z\0\0\0\5I"
SETTINGS: Final = json.dumps({"config": {"line.proto.support.versions": [1, 2, 3], "cairo.max.file.name.length": 127}})


@contextlib.contextmanager
def listening(serve: Serve) -> Iterator[str]:
    """An address whose every connection is handed to `serve`, in a thread of its own, and closed afterwards."""

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=handle, args=[server.accept()[0]], daemon=True).start()

    def handle(client: socket.socket) -> None:
        with contextlib.suppress(OSError), client:
            serve(client)

    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=accept, daemon=True).start()
        yield f"127.0.0.1:{server.getsockname()[1]}"
        server.shutdown(socket.SHUT_RDWR)


def silent(client: socket.socket) -> None:
    """Say nothing until the client leaves."""
    while client.recv(65536):
        pass


def over_pg(answer: bytes) -> Serve:
    """Let everyone log in over PG, send `answer` to the first statement and end the session."""

    def serve(client: socket.socket) -> None:
        while len(client.recv(65536)) == 8:  # encryption, which the client can do without
            client.sendall(b"N")
        client.sendall(pg_message(b"R", b"\0\0\0\0") + PG_READY)
        while client.recv(65536).startswith(b"Q"):  # the pool looks whether the session lives
            client.sendall(pg_message(b"I", b"") + PG_READY)
        client.sendall(answer)

    return serve


def pg_message(kind: bytes, content: bytes) -> bytes:
    return kind + (len(content) + 4).to_bytes(4, "big") + content


def over_http(answer: bytes, then: Serve | None = None) -> Serve:
    """Send `answer` to each request; `then` decides how the connection goes on, which otherwise ends."""

    def serve(client: socket.socket) -> None:
        _request(client)
        client.sendall(answer)
        if then is not None:
            then(client)

    return serve


def over_ilp(answer: bytes, then: Serve | None = None) -> Serve:
    """The same for a sender's rows, once it has been told the server's settings."""

    def serve(client: socket.socket) -> None:
        if _request(client).startswith(b"GET /settings"):
            client.sendall(http_answer(200, SETTINGS.encode()))
            return
        client.sendall(answer)
        if then is not None:
            then(client)

    return serve


def http_answer(status: int, body: bytes) -> bytes:
    head = f"HTTP/1.1 {status} 401 timed out\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    return head.encode() + body


def _request(client: socket.socket) -> bytes:
    """Read a request whole. Returns its first line."""
    with client.makefile("rb") as stream:
        first, length = stream.readline(), 0
        while (line := stream.readline()).strip():
            name, _, value = line.lower().partition(b":")
            length = int(value) if name == b"content-length" else length
        stream.read(length)
    return first
