"""The rule before the exchange: refused requests reach no handler, and a request's body has seconds to arrive.

Belongs here: reading a request as aiohttp has it. Does not belong here: what is refused (`doors.rule`), handlers
(`server`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Final

from aiohttp import hdrs, web
from aiohttp.typedefs import Middleware

from ghtrader_assets.doors.keys import WebKeys
from ghtrader_assets.doors.rule import HEADERS, Asked, Door, Power, Refusal, refusal_of

REQUEST_WITHIN_S: Final = 10.0
"""For a request's head (aiohttp's own limit of an idle connection) and again for its body."""

NO_PAGE: Final = "default-src 'none'; frame-ancestors 'none'"

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def guard(door: Door, keys: WebKeys | None) -> Middleware:
    """The middleware of a server at this door; without `keys`, as by itself, all who come may control it."""

    @web.middleware
    async def guarded(request: web.Request, handler: Handler) -> web.StreamResponse:
        refusal = refusal_of(asked_of(request, keys), door) or await _late(request)
        if refusal is None:
            return await handler(request)
        answer = web.Response(text=f"{refusal.line}\n", status=refusal.status.value)
        answer.force_close()
        return answer

    return guarded


def asked_of(request: web.Request, keys: WebKeys | None) -> Asked:
    """What the rule sees of it; of a header that comes twice, both: no value of the rule's is made of two."""

    def header(name: str) -> str:
        return ", ".join(request.headers.getall(name, ()))

    return Asked(
        method=request.method,
        path=request.path,
        query=request.query_string,
        host=header(hdrs.HOST),
        origin=header(hdrs.ORIGIN),
        site=header("Sec-Fetch-Site"),
        mode=header("Sec-Fetch-Mode"),
        destination=header("Sec-Fetch-Dest"),
        content_type=header(hdrs.CONTENT_TYPE),
        power=_power_of(header(hdrs.AUTHORIZATION), keys),
        opens_socket=request.headers.get(hdrs.UPGRADE, "").lower() == "websocket",
    )


def _power_of(authorization: str, keys: WebKeys | None) -> Power:
    if keys is None or not keys.required:
        return Power.OWNER
    scheme, _, token = authorization.partition(" ")
    return keys.power_of_token(token.strip()) if scheme.lower() == "bearer" else Power.NONE


async def add_headers(_request: web.Request, response: web.StreamResponse) -> None:
    """Before each answer: a browser is to make nothing of it."""
    response.headers.update({**HEADERS, "Content-Security-Policy": NO_PAGE})


async def _late(request: web.Request) -> Refusal | None:
    try:
        async with asyncio.timeout(REQUEST_WITHIN_S):
            await request.read()  # and is kept for the handler
    except TimeoutError:
        return Refusal(HTTPStatus.REQUEST_TIMEOUT, "the request did not arrive in time")
    return None
