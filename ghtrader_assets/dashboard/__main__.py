"""`python -m ghtrader_assets.dashboard`: the dashboard as its own process.

Prints one JSON line, `{"port": …, "url": …}`, when it listens; ends on SIGTERM or SIGINT.

It answers on the loopback address, and beyond where the settings open it (docs/operations.md).
"""

from __future__ import annotations

import argparse
import json
import os
import secrets
import sys

from ghtrader_assets.clock import SYSTEM_CLOCK
from ghtrader_assets.dashboard.app import dashboard_app
from ghtrader_assets.dashboard.reading import ReadersApp
from ghtrader_assets.doors.guarded import guarded_server
from ghtrader_assets.doors.wsgi import ThreadedApp
from ghtrader_assets.entrance import entered
from ghtrader_assets.errors import GhtraderError
from ghtrader_assets.market.calendar import calendar_for
from ghtrader_assets.ports import LOOPBACK, claim_port
from ghtrader_assets.runtime import DASHBOARD
from ghtrader_assets.store.wire import READ

CALLBACKS = "/_dash-update-component"
"""Where Dash asks for a page: by POST, and none of ours changes anything."""
PORT_SETTING = "GHTRADER_DASHBOARD_PORT"


def main() -> int:
    """Serve until told to stop. Exit code of the error in one line if that can't be."""
    parser = argparse.ArgumentParser(prog="python -m ghtrader_assets.dashboard", description="the dashboard")
    parser.add_argument("--port", type=int, help="TCP port on 127.0.0.1; 0 picks a free one; default: the setting's")
    parser.add_argument("--start", default="", help="of the platform it belongs to, which log-ins end with")
    options = parser.parse_args()
    try:
        settings = entered()
        port = claim_port(settings.dashboard_port if options.port is None else options.port, PORT_SETTING)
        app = dashboard_app(settings, calendar_for(settings.home), SYSTEM_CLOCK)
        start = options.start or secrets.token_urlsafe(12)
        source = app.pages.source
        server = guarded_server(
            ReadersApp(source.store, settings, ThreadedApp(app.server)),
            settings,
            DASHBOARD,
            port,
            start=start,
            clock=SYSTEM_CLOCK,
            scripts=" ".join(app.csp_hashes()),
            read_by_post=frozenset({CALLBACKS, READ}),
        )
    except GhtraderError as error:
        sys.stderr.write(f"error: {error.line}\n")
        return error.exit_code

    server.start()
    url = f"http://{LOOPBACK}:{server.port}"
    sys.stdout.write(json.dumps({"port": server.port, "url": url, "pid": os.getpid()}) + "\n")
    sys.stdout.flush()
    server.until_told()
    source.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
