"""A websocket proxy in front of the exchange that alters what the server says: what no server of ours would send."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress

import aiohttp
from aiohttp import web

Alter = Callable[[bytes], bytes]


@contextmanager
def altered(url: str, alter: Alter) -> Generator[str]:
    """The address of a proxy to the websocket `url` while it runs. `alter` sees each message of the server."""
    ready: list[str] = []
    loop, started = asyncio.new_event_loop(), threading.Event()

    async def pass_on(request: web.Request) -> web.WebSocketResponse:
        return await _passed_on(request, url, alter)

    async def serve() -> web.AppRunner:
        application = web.Application()
        application.router.add_get("/{path:.*}", pass_on)
        runner = web.AppRunner(application, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        ready.append(f"ws://127.0.0.1:{runner.addresses[0][1]}/md")
        return runner

    def run() -> None:
        runner = loop.run_until_complete(serve())
        started.set()
        loop.run_forever()
        loop.run_until_complete(runner.cleanup())
        loop.close()

    thread = threading.Thread(target=run)
    thread.start()
    started.wait()
    try:
        yield ready[0]
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()


async def _passed_on(request: web.Request, url: str, alter: Alter) -> web.WebSocketResponse:
    client = web.WebSocketResponse(max_msg_size=0, compress=False)
    await client.prepare(request)
    async with aiohttp.ClientSession() as session, session.ws_connect(url, max_msg_size=0) as server:

        async def up() -> None:
            async for message in client:
                await server.send_str(message.data)
            await server.close()

        going_up = asyncio.create_task(up())
        with suppress(ConnectionError):
            async for message in server:
                text = message.data.encode() if isinstance(message.data, str) else message.data
                await client.send_str(alter(text).decode())
            await client.close()
        going_up.cancel()
    return client
