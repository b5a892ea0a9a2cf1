"""`python -m ghtrader_assets.dashboard`: the dashboard as its own process.

Prints one JSON line, `{"port": …, "url": …}`, when it listens; ends on SIGTERM or SIGINT.

The lock has no WSGI server besides werkzeug's. Its threaded server, without debugger and reloader, answers on the
loopback address only; for more, put a reverse proxy with TLS and a log-in in front.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import signal
import sys
import threading

from werkzeug.serving import WSGIRequestHandler, make_server

from ghtrader_assets.clock import SYSTEM_CLOCK
from ghtrader_assets.dashboard.app import dashboard_app
from ghtrader_assets.errors import GhtraderError
from ghtrader_assets.logs import configure
from ghtrader_assets.market.calendar import calendar_for
from ghtrader_assets.ports import LOOPBACK, claim_port, keep_loopback_direct
from ghtrader_assets.private import keep_home_private, protect_process
from ghtrader_assets.settings import load_settings

PORT_SETTING = "GHTRADER_DASHBOARD_PORT"


class _Handler(WSGIRequestHandler):
    """HTTP/1.1: a browser keeps its connections for the dozen files of a page."""

    protocol_version = "HTTP/1.1"


def main() -> int:
    """Serve until told to stop. Exit code of the error in one line if that can't be."""
    parser = argparse.ArgumentParser(prog="python -m ghtrader_assets.dashboard", description="the dashboard")
    parser.add_argument("--port", type=int, help="TCP port on 127.0.0.1; 0 picks a free one; default: the setting's")
    options = parser.parse_args()
    protect_process()
    keep_loopback_direct()
    try:
        settings = load_settings()
        keep_home_private(settings.home)
        configure(settings.log_level)
        logging.getLogger("werkzeug").setLevel(logging.ERROR)
        port = claim_port(settings.dashboard_port if options.port is None else options.port, PORT_SETTING)
        app = dashboard_app(settings, calendar_for(settings.home), SYSTEM_CLOCK)
        server = make_server(LOOPBACK, port, app.server, threaded=True, request_handler=_Handler)
    except GhtraderError as error:
        sys.stderr.write(f"error: {error.line}\n")
        return error.exit_code

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _signal, _frame: threading.Thread(target=server.shutdown).start())
    url = f"http://{LOOPBACK}:{server.server_port}"
    sys.stdout.write(json.dumps({"port": server.server_port, "url": url, "pid": os.getpid()}) + "\n")
    sys.stdout.flush()
    server.serve_forever()
    server.server_close()
    app.pages.source.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
