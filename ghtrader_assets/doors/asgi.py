"""The rule before an ASGI application: requests and websockets that it refuses never reach the application.

Belongs here: reading a request as ASGI has it, refusing as ASGI does, logging in, headers of every answer. Does not
belong here: what is refused (`rule`), what a token, link or cookie is worth (`keys`), the server's socket (`serving`).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from http import HTTPStatus
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import parse_qs

from ghtrader_assets.doors.keys import LOG_IN, Doorkeeper
from ghtrader_assets.doors.rule import HEADERS, OURS, Asked, Door, Power, Refusal, opens_page, refusal_of

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

POWER: Final = "ghtrader.power"
ALIVE: Final = "/healthz"
_PAGE: Final = (
    '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>ghtrader-assets</title>{more}</head>'
    "<body><p>{text}</p></body></html>"
)
WELCOME: Final = _PAGE.format(
    more='<meta http-equiv="refresh" content="0; url=/">', text='You are logged in: <a href="/">go on</a>.'
)
AGAIN: Final = _PAGE.format(more='<meta http-equiv="refresh" content="0">', text="One moment.")
"""A browser sends no cookie with a link from another page, but does when this page loads itself again."""
STRANGER: Final = _PAGE.format(
    more="",
    text="{why}These pages are open to whoever runs this platform. Type <code>ghtrader-assets status</code> and open"
    " the link that it prints: it works once, within ten minutes, and then this browser stays logged in for twelve"
    " hours or until the platform stops.",
)

_SENT: Final = tuple((name.lower().encode(), value.encode()) for name, value in HEADERS.items())


class GuardedApp:
    """An application that only gets what the rule lets in; with it, at `scope["ghtrader.power"]`, whose it is."""

    def __init__(self, app: Application, door: Door, keeper: Doorkeeper, *, scripts: str = "") -> None:
        self._app = app
        self._door = door
        self._keeper = keeper
        self._policy = PAGES.format(scripts=scripts).encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        asked = asked_of(scope, self._keeper)
        refusal = refusal_of(asked, self._door)
        if scope["type"] == "websocket":
            if refusal is None:
                await self._app(scope, receive, send)
            else:
                await receive()
                await send({"type": "websocket.close", "code": 1008})
            return
        unknown = refusal is not None and refusal.status is HTTPStatus.UNAUTHORIZED
        send = self._with_headers(send)
        if asked.path == LOG_IN and asked.method == "GET" and (refusal is None or unknown):
            await self._log_in(asked, send)
        elif refusal is None and asked.path == ALIVE:
            await answer(send, HTTPStatus.OK, "alive\n")
        elif refusal is None:
            scope[POWER] = asked.power
            await self._app(scope, receive, send)
        elif unknown and opens_page(asked):
            page = STRANGER.format(why="") if asked.site in OURS else AGAIN
            await answer(send, refusal.status, page)
        else:
            await refuse(refusal, send, {"www-authenticate": "Bearer"} if unknown else {})

    async def _log_in(self, asked: Asked, send: Send) -> None:
        """A cookie for a link, or a page that says how to get another."""
        is_secure = self._door.scheme_of(asked.host.lower()) == "https"
        link = parse_qs(asked.query).get("link", [""])[0]
        cookie = self._keeper.cookie_for(link, asked.host, is_secure=is_secure)
        if cookie or asked.power is not Power.NONE:
            await answer(send, HTTPStatus.OK, WELCOME, {"set-cookie": cookie} if cookie else {})
        else:
            page = STRANGER.format(why="This link was used, or is too old. ")
            await answer(send, HTTPStatus.UNAUTHORIZED, page)

    def _with_headers(self, send: Send) -> Send:
        async def sent(message: Message) -> None:
            if message["type"] == "http.response.start":
                given = list(message.get("headers", ()))
                names = {bytes(name).lower() for name, _ in given}
                more = [(name, value) for name, value in _SENT if name not in names]
                message["headers"] = [*given, *more, (b"content-security-policy", self._policy)]
            await send(message)

        return sent


def asked_of(scope: Scope, keeper: Doorkeeper) -> Asked:
    """What the rule sees of an ASGI request. Of a header that comes twice, both: no value of the rule's is made of
    two."""
    found: dict[bytes, list[bytes]] = {}
    for name, value in scope["headers"]:
        found.setdefault(bytes(name).lower(), []).append(bytes(value))

    def header(name: bytes) -> str:
        return b", ".join(found.get(name, ())).decode("latin-1")

    cookies = b"; ".join(found.get(b"cookie", ())).decode("latin-1")
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
        power=keeper.power_of(header(b"host"), header(b"authorization"), cookies),
    )


async def refuse(refusal: Refusal, send: Send, more: Mapping[str, str] = MappingProxyType({})) -> None:
    """Answer with the refusal's line; the connection ends, since what else it has sent isn't read."""
    where = {"location": refusal.location} if refusal.location else {}
    await answer(send, refusal.status, f"{refusal.line}\n", {"connection": "close", **where, **more})


async def answer(send: Send, status: HTTPStatus, text: str, more: Mapping[str, str] = MappingProxyType({})) -> None:
    """Answer with a text, or a page where it begins as one."""
    kind = "text/html" if text.startswith("<!DOCTYPE") else "text/plain"
    body = text.encode()
    headers = {"content-type": f"{kind}; charset=utf-8", "content-length": str(len(body)), "cache-control": "no-store"}
    sent = [(name.encode(), value.encode("latin-1")) for name, value in {**headers, **more}.items()]
    await send({"type": "http.response.start", "status": status.value, "headers": sent})
    await send({"type": "http.response.body", "body": body})
