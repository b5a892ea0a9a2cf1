"""`python -m ghtrader_assets.assets.web_server`: Dagster's web server, in a server of ours and behind the rule.

Belongs here: making Dagster's application as `dagster-webserver` makes it, which has no log-in and no limits of its
own. Does not belong here: who may come in (`doors`), when it is started (`services`).
"""

from __future__ import annotations

import argparse
import sys
from contextlib import ExitStack
from typing import Any, Final, cast

import dagster as dg
from dagster_webserver.webserver import DagsterWebserver

from ghtrader_assets.assets.dagster_internals import configure_loggers, opened_workspace
from ghtrader_assets.clock import SYSTEM_CLOCK
from ghtrader_assets.doors.guarded import guarded_server
from ghtrader_assets.doors.reading import ReadingOnly
from ghtrader_assets.doors.rule import GRAPHQL
from ghtrader_assets.entrance import entered
from ghtrader_assets.errors import GhtraderError
from ghtrader_assets.runtime import DAGSTER

STATEMENT_TIMEOUT_MS: Final = 15_000
RECYCLED_AFTER_S: Final = 3600
MORE_CONNECTIONS: Final = 20
"""Dagster's own defaults for a web server, for an instance on PostgreSQL."""


def main() -> int:
    """Serve until told to stop. Exit code of the error in one line if that can't be."""
    parser = argparse.ArgumentParser(prog="python -m ghtrader_assets.assets.web_server", description="Dagster's pages")
    parser.add_argument("--port", type=int, required=True, help="TCP port on 127.0.0.1")
    parser.add_argument("-w", dest="workspaces", action="append", required=True, help="workspace file")
    parser.add_argument("--start", required=True, help="of the platform it belongs to, which log-ins end with")
    options = parser.parse_args()
    configure_loggers(log_level="WARNING")
    try:
        settings = entered()
        with ExitStack() as stack:
            instance = stack.enter_context(dg.DagsterInstance.get())
            instance.optimize_for_webserver(STATEMENT_TIMEOUT_MS, RECYCLED_AFTER_S, MORE_CONNECTIONS)
            context = stack.enter_context(opened_workspace(instance, options.workspaces))
            dagster = cast("Any", DagsterWebserver(context).create_asgi_app())  # pyright: ignore[reportUnknownMemberType]
            server = guarded_server(
                ReadingOnly(dagster),  # looks at what a reader's GraphQL says
                settings,
                DAGSTER,
                options.port,
                start=options.start,
                clock=SYSTEM_CLOCK,
                scripts="'unsafe-inline'",  # Dagster's own policy, which goes with its pages, knows which run
                read_by_post=frozenset({GRAPHQL}),
            )
            server.start()
            server.until_told()
    except GhtraderError as error:
        sys.stderr.write(f"error: {error.line}\n")
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
