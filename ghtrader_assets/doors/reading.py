"""What a token for reading may ask a GraphQL server: queries and subscriptions, found by parsing and not by words.

Belongs here: looking at what a reader sends before the application gets it. Does not belong here: who is a reader
(`keys`), and requests that the rule refuses by their form (`rule`).
"""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import Any, Final, cast

from graphql import GraphQLError, OperationDefinitionNode, OperationType, parse

from ghtrader_assets.doors.asgi import POWER, Application, Message, Receive, Scope, Send, refuse
from ghtrader_assets.doors.rule import GRAPHQL, Power, Refusal
from ghtrader_assets.doors.wsgi import TooLongError, whole_body

MOST_TOKENS: Final = 20_000
_UNREAD: Final = Refusal(HTTPStatus.BAD_REQUEST, "send one GraphQL request as a JSON object with a `query`")
_CHANGES: Final = Refusal(HTTPStatus.FORBIDDEN, "a token for reading asks queries and subscriptions alone")
_TOO_LONG: Final = Refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "the request is too long")


class ReadingOnly:
    """A GraphQL server that gets no mutation from whoever has only the power to read.

    A message on a websocket is no way around it: GraphQL servers run only subscriptions there.
    """

    def __init__(self, app: Application) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        reads = scope["type"] == "http" and scope.get(POWER, Power.NONE) is not Power.OWNER
        if not reads or scope["method"] != "POST" or scope["path"] != GRAPHQL:
            await self._app(scope, receive, send)
            return
        try:
            body = await whole_body(receive)
        except TooLongError:
            await refuse(_TOO_LONG, send)
            return
        refusal = refusal_of_body(body)
        if refusal is not None:
            await refuse(refusal, send)
        else:
            await self._app(scope, _once(body, receive), send)


def refusal_of_body(body: bytes) -> Refusal | None:
    """None for a request whose every operation reads, whichever of them it names."""
    try:
        asked: Any = json.loads(body)
    except (ValueError, RecursionError):
        return _UNREAD
    query: object = cast("dict[str, Any]", asked).get("query") if isinstance(asked, dict) else None
    if not isinstance(query, str):
        return _UNREAD
    try:
        document = parse(query, max_tokens=MOST_TOKENS)
    except (GraphQLError, RecursionError):
        return _UNREAD
    kinds = {node.operation for node in document.definitions if isinstance(node, OperationDefinitionNode)}
    return None if kinds <= {OperationType.QUERY, OperationType.SUBSCRIPTION} else _CHANGES


def _once(body: bytes, receive: Receive) -> Receive:
    """A channel that gives the body again, and then what comes after it."""
    kept = [body]

    async def received() -> Message:
        if kept:
            return {"type": "http.request", "body": kept.pop(), "more_body": False}
        return await receive()

    return received
