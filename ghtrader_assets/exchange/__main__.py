"""`python -m ghtrader_assets.exchange`: the embedded exchange as its own process.

Prints one JSON line, `{"port": …, "url": …}`, when it is ready; ends on SIGTERM or SIGINT.
"""

from __future__ import annotations

import argparse
import asyncio
import errno
import json
import logging
import os
import signal
import socket
import sys
from pathlib import Path
from typing import get_args

from aiohttp import web
from pydantic import SecretStr

from ghtrader_assets.clock import SYSTEM_CLOCK
from ghtrader_assets.doors.keys import WebKeys, keys_of
from ghtrader_assets.doors.rule import Door
from ghtrader_assets.errors import GhtraderError, ServiceError
from ghtrader_assets.exchange.daily import DEFAULT_SEED
from ghtrader_assets.exchange.door import REQUEST_WITHIN_S
from ghtrader_assets.exchange.market import Market
from ghtrader_assets.exchange.memory import LOG, settled_model
from ghtrader_assets.exchange.server import CONTROL, LOG_IN, RESET, ExchangeServer
from ghtrader_assets.exchange.specs import Model, ModelNumber
from ghtrader_assets.ports import LOOPBACK, port_taken
from ghtrader_assets.private import protect_process
from ghtrader_assets.settings import load_settings


def main() -> int:
    """Parse the options and serve. Exit code 2 if the home began with another model, 3 if the port is taken."""
    parser = argparse.ArgumentParser(prog="python -m ghtrader_assets.exchange", description="the embedded exchange")
    parser.add_argument("--port", type=int, default=0, help="TCP port on 127.0.0.1; 0 picks a free one")
    parser.add_argument("--home", type=Path, required=True, help="where exchange.log and the model are kept")
    parser.add_argument("--model", type=int, choices=get_args(ModelNumber), help="default: the home's, 2 in a new one")
    parser.add_argument("--seed", type=int, default=DEFAULT_SEED, help="of the market model")
    parser.add_argument("--latency-ms", type=float, default=0.0, help="added to every page, quote and query")
    parser.add_argument("--cache-mb", type=int, default=256, help="memory for the text of the days served last")
    parser.add_argument("--user", help="the only user let in; default any")
    parser.add_argument("--password", type=SecretStr, help="the only password accepted; default any")
    parser.add_argument("--guarded", action="store_true", help="/control/ wants a token of GHTRADER_HOME")
    options = parser.parse_args()
    protect_process()
    try:
        model = Model(settled_model(options.home, options.model), options.seed)
        keys = keys_of(load_settings()) if options.guarded else None
    except GhtraderError as error:
        return _refused(error)
    logging.basicConfig(
        filename=options.home / LOG,
        level=logging.INFO,
        format="%(asctime)s %(levelname)s %(name)s %(message)s",
    )
    logging.getLogger("aiohttp.access").setLevel(logging.WARNING)
    try:
        asyncio.run(_serve(options, model, keys))
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            return _refused(port_taken(options.port, "--port"))
        what = f"the embedded exchange can't listen on {LOOPBACK}:{options.port}: {error.strerror}"
        return _refused(ServiceError(what, "choose another --port"))
    return 0


def _refused(error: GhtraderError) -> int:
    """Write the error's line. Returns its exit code."""
    sys.stderr.write(f"{error.line}\n")
    return error.exit_code


async def _serve(options: argparse.Namespace, model: Model, keys: WebKeys | None) -> None:
    market = Market(model, options.latency_ms / 1000, options.cache_mb * 1_000_000, SYSTEM_CLOCK)
    server = ExchangeServer(market, options.user, options.password)
    listening = socket.create_server((LOOPBACK, options.port))
    port: int = listening.getsockname()[1]
    door = Door(port, has_pages=False, forms=frozenset({LOG_IN}), bare=frozenset({RESET}), guarded=CONTROL)
    runner = web.AppRunner(server.application(door, keys), shutdown_timeout=2.0, keepalive_timeout=REQUEST_WITHIN_S)
    await runner.setup()
    stop = asyncio.Event()
    for signum in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(signum, stop.set)
    try:
        await web.SockSite(runner, listening).start()
        ready = {"port": port, "url": f"http://{LOOPBACK}:{port}", "pid": os.getpid()}
        sys.stdout.write(json.dumps(ready) + "\n")
        sys.stdout.flush()
        await stop.wait()
    finally:
        await runner.cleanup()


if __name__ == "__main__":
    sys.exit(main())
