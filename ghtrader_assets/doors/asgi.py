"""The rule before an ASGI application: requests and websockets that it refuses never reach the application.

Belongs here: reading a request as ASGI has it, refusing as ASGI does, headers of every answer. Does not belong here:
what is refused (`rule`), the server's socket (`serving`).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final

from ghtrader_assets.doors.rule import Asked, Door, Refusal, refusal_of

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

PAGES: Final = (
    "default-src 'self'; script-src 'self' {scripts}; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:;"
    " font-src 'self' data:; worker-src 'self' blob:; object-src 'none'; base-uri 'none'; form-action 'self';"
    " frame-ancestors 'none'"
)
"""What pages of ours may load: what comes from their own server. `scripts`: which of those within a page run."""

_HEADERS: Final = {
    b"x-content-type-options": b"nosniff",
    b"x-frame-options": b"DENY",
    b"referrer-policy": b"same-origin",
    b"cross-origin-resource-policy": b"same-origin",
    b"cross-origin-opener-policy": b"same-origin",
}


class GuardedApp:
    """An application that only gets what the rule lets in."""

    def __init__(self, app: Application, door: Door, *, scripts: str = "") -> None:
        self._app = app
        self._door = door
        self._policy = PAGES.format(scripts=scripts).encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        refusal = refusal_of(asked_of(scope), self._door)
        if refusal is None:
            await self._app(scope, receive, self._with_headers(send))
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1008})
        else:
            await refuse(refusal, self._with_headers(send))

    def _with_headers(self, send: Send) -> Send:
        async def sent(message: Message) -> None:
            if message["type"] == "http.response.start":
                given = list(message.get("headers", ()))
                names = {bytes(name).lower() for name, _ in given}
                more = [(name, value) for name, value in _HEADERS.items() if name not in names]
                message["headers"] = [*given, *more, (b"content-security-policy", self._policy)]
            await send(message)

        return sent


def asked_of(scope: Scope) -> Asked:
    """What the rule sees of an ASGI request. Of a header that comes twice, both: no value of the rule's is made of
    two."""
    found: dict[bytes, list[bytes]] = {}
    for name, value in scope["headers"]:
        found.setdefault(bytes(name).lower(), []).append(bytes(value))

    def header(name: bytes) -> str:
        return b", ".join(found.get(name, ())).decode("latin-1")

    return Asked(
        method=scope.get("method", "GET"),
        path=scope["path"],
        query=scope["query_string"].decode("latin-1"),
        host=header(b"host"),
        origin=header(b"origin"),
        site=header(b"sec-fetch-site"),
        mode=header(b"sec-fetch-mode"),
        destination=header(b"sec-fetch-dest"),
        content_type=header(b"content-type"),
        opens_socket=scope["type"] == "websocket",
    )


async def refuse(refusal: Refusal, send: Send) -> None:
    """Answer with the refusal's line; the connection ends, since what else it has sent isn't read."""
    text = f"{refusal.line}\n".encode()
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", str(len(text)).encode())]
    headers += [(b"connection", b"close"), (b"cache-control", b"no-store")]
    if refusal.location:
        headers.append((b"location", refusal.location.encode()))
    await send({"type": "http.response.start", "status": refusal.status.value, "headers": headers})
    await send({"type": "http.response.body", "body": text})
