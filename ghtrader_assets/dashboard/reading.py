"""Reading for others: questions of a remote store, answered over the store of this platform.

Belongs here: how many are answered at once, sending pieces as they are made. Does not belong here: the questions
(`store`), their form (`store.wire`), who may ask (`doors`).

A question is ours, with its values bound; whoever asks sends its name and arguments, and no statement. An answer is
made in a thread, a piece while the one before is sent and none further ahead; a client that goes away ends it, and so
does one that takes twice the time in which an answer may be made.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from typing import Final

from ghtrader_assets.doors.asgi import Application, Receive, Scope, Send, refuse
from ghtrader_assets.doors.rule import Refusal
from ghtrader_assets.doors.wsgi import TooLongError, whole_body
from ghtrader_assets.logs import logger
from ghtrader_assets.settings import Settings
from ghtrader_assets.store import Store
from ghtrader_assets.store.wire import READ, STREAM, AnswerBounds, answered

AT_ONCE: Final = 8
PIECE_BYTES: Final = 2**18
"""Sent at a time: a client that takes 5 kB a second takes it within the minute that `doors.serving` gives."""
_BUSY: Final = Refusal(HTTPStatus.SERVICE_UNAVAILABLE, f"{AT_ONCE} readers are being answered; ask again later")
_TOO_LONG: Final = Refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "the question is too long")


log = logger(__name__)


class ReadersApp:
    """An application that answers questions at `READ`, and hands everything else on."""

    def __init__(self, store: Callable[[], Store], settings: Settings, others: Application) -> None:
        self._store = store
        self._bounds = AnswerBounds(settings.web_read_rows, settings.web_read_s, time.monotonic)
        self._others = others
        self._answering = 0
        self._threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="readers")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] != READ or scope["method"] != "POST":
            await self._others(scope, receive, send)
            return
        try:
            body = await whole_body(receive)
        except TooLongError:
            await refuse(_TOO_LONG, send)
            return
        if self._answering >= AT_ONCE:
            await refuse(_BUSY, send)
            return
        self._answering += 1
        try:
            await self._answer(answered(self._store, body, self._bounds), receive, send)
        except TimeoutError:
            log.info("a reader took too long")
        finally:
            self._answering -= 1

    async def _answer(self, pieces: Generator[bytes], receive: Receive, send: Send) -> None:
        loop = asyncio.get_running_loop()
        ends_at = loop.time() + 2 * self._bounds.seconds
        gone = asyncio.create_task(_gone(receive))
        making = loop.run_in_executor(self._threads, next, pieces, None)
        try:
            piece = await making
            headers = [(b"content-type", STREAM.encode()), (b"cache-control", b"no-store")]
            await send({"type": "http.response.start", "status": HTTPStatus.OK.value, "headers": headers})
            while piece is not None and not gone.done():
                making = loop.run_in_executor(self._threads, next, pieces, None)
                async with asyncio.timeout_at(ends_at):
                    await _send(memoryview(piece), gone, send)
                piece = await making
            await send({"type": "http.response.body", "body": b""})
        finally:
            gone.cancel()
            await asyncio.wait([making])
            await loop.run_in_executor(self._threads, pieces.close)


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _send(piece: memoryview, gone: asyncio.Task[None], send: Send) -> None:
    for start in range(0, piece.nbytes, PIECE_BYTES):
        if gone.done():
            return
        body = bytes(piece[start : start + PIECE_BYTES])
        await send({"type": "http.response.body", "body": body, "more_body": True})
