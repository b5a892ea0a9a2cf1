"""An ASGI application on a port of this host, in a server that no slow client can hold.

Belongs here: the socket, its time limits and bounds. Does not belong here: who may come in (`asgi`).

uvicorn has no limit for a request that never ends and none for a client that never reads. Here a request has seconds to
arrive; a client that takes nothing of an answer for a minute is hung up on; and of more than `HALF_SENT` connections
without a whole request the oldest is closed for each new one. So a client that opens many costs their sockets, and a
whole request is always heard.
"""

from __future__ import annotations

import asyncio
import signal
import socket
import ssl
import threading
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final, cast

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from ghtrader_assets.doors.asgi import Application
from ghtrader_assets.doors.outside import OutsideAddresses
from ghtrader_assets.errors import ServiceError
from ghtrader_assets.ports import LOOPBACK

REQUEST_WITHIN_S: Final = 10.0
TAKEN_WITHIN_S: Final = 60.0
HALF_SENT: Final = 256
ENDS_WITHIN_S: Final = 3
_BACKLOG: Final = 512


class TimedConnection(H11Protocol):
    """uvicorn's connection, with deadlines for what the client sends and takes.

    `waiting`: the connections of this server whose request hasn't arrived yet, the oldest first.
    """

    def __init__(self, waiting: dict[TimedConnection, None], *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._waiting = waiting
        self._deadline: asyncio.TimerHandle | None = None
        self._untaken: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(cast("asyncio.Transport", transport))
        self._await_request()

    def data_received(self, data: bytes) -> None:
        if self._deadline is None and not self._is_heard():
            self._await_request()
        super().data_received(data)
        if self._is_heard():
            self._heard()

    def connection_lost(self, exc: Exception | None) -> None:
        self._heard()
        self.resume_writing()
        super().connection_lost(exc)

    def handle_websocket_upgrade(self, event: Any) -> None:
        self._heard()
        super().handle_websocket_upgrade(event)

    def on_response_complete(self) -> None:
        """A connection whose answer is sent is idle, and uvicorn's own limit ends that; or its next request, part of
        which was there already, is awaited."""
        self._heard()
        super().on_response_complete()
        if self.cycle.more_body and not self.cycle.response_complete:
            self._await_request()

    def pause_writing(self) -> None:
        super().pause_writing()
        if self._untaken is None:
            self._untaken = self.loop.call_later(TAKEN_WITHIN_S, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._untaken is not None:
            self._untaken.cancel()
            self._untaken = None

    def _is_heard(self) -> bool:
        """Whether a whole request is there that isn't answered yet."""
        cycle = cast("Any", self.cycle)
        return cycle is not None and not cycle.more_body and not cycle.response_complete

    def _await_request(self) -> None:
        if len(self._waiting) >= HALF_SENT:
            next(iter(self._waiting)).hang_up()
        self._waiting[self] = None
        self._deadline = self.loop.call_later(REQUEST_WITHIN_S, self.transport.abort)

    def hang_up(self) -> None:
        """Close the connection at once, and count it no longer."""
        self._heard()
        self.transport.abort()

    def _heard(self) -> None:
        self._waiting.pop(self, None)
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


class _Server(uvicorn.Server):
    """uvicorn's server, which listens by TLS at some sockets more."""

    def __init__(self, config: uvicorn.Config, tls: ssl.SSLContext | None, more: Sequence[socket.socket]) -> None:
        super().__init__(config)
        self._tls = tls
        self._more = more

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        loop = asyncio.get_running_loop()
        for each in self._more:
            listening = await loop.create_server(
                self._connection, sock=each, ssl=self._tls, ssl_handshake_timeout=REQUEST_WITHIN_S, backlog=_BACKLOG
            )
            self.servers.append(listening)

    def _connection(self) -> asyncio.Protocol:
        made = cast("Any", self.config.http_protocol_class)  # `TimedConnection`, partly applied
        return made(config=self.config, server_state=self.server_state, app_state=self.lifespan.state)


class WebServer:
    """An application served from a thread of this process, until `close`."""

    def __init__(
        self, port: int, make: Callable[[int], Application], *, name: str, outside: OutsideAddresses | None = None
    ) -> None:
        """Listen on a port of the loopback address, 0 for any, and by TLS on the same port of the addresses `outside`;
        `make` gives the application for the port.

        Raises `ServiceError` where that can't be.
        """
        self._socket = _listening(LOOPBACK, port)
        self.port: int = self._socket.getsockname()[1]
        self._tls = outside.tls if outside else None
        self._outside = [_listening(address, self.port) for address in (outside.addresses if outside else ())]
        self._name = name
        self._make = make
        self._ended = threading.Event()

    def start(self) -> None:
        """Answer from now on; what has been sent before waits in the socket."""
        config = uvicorn.Config(
            cast("Any", self._make(self.port)),
            http=cast("Any", partial(TimedConnection, {})),
            log_config=None,
            log_level="error",
            access_log=False,
            lifespan="off",
            proxy_headers=False,
            server_header=False,
            timeout_graceful_shutdown=ENDS_WITHIN_S,
            backlog=_BACKLOG,
        )
        self._server = _Server(config, self._tls, self._outside)
        self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Answer what is being answered, for a few seconds, and end."""
        self._server.should_exit = True
        self._thread.join(3 * ENDS_WITHIN_S)
        for each in (self._socket, *self._outside):
            each.close()

    def until_told(self) -> None:
        """Serve until this process is told to end, and `close`."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda _signal, _frame: self._ended.set())
        self._ended.wait()
        self.close()

    def _run(self) -> None:
        try:
            self._server.run(sockets=[self._socket])
        finally:
            self._ended.set()


def _listening(address: str, port: int) -> socket.socket:
    found = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        found.bind((address, port))
        found.listen(_BACKLOG)
    except OSError as error:
        found.close()
        raise ServiceError(f"{address}:{port} can't be listened on: {error.strerror}", "choose another port") from None
    return found
