"""The command line `ghtrader-assets`: one file a command group, arguments in, one document or one error line out.

Belongs here: arguments, exit codes, what is printed. Does not belong here: any logic; commands call the rooms.
"""

from __future__ import annotations

import sys
import traceback

from ghtrader_assets.cli import (
    backfill,
    bench,
    demo,
    doctor,
    manifests,
    market,
    metrics,
    reading,
    repair,
    services,
    validate,
)
from ghtrader_assets.cli.app import app
from ghtrader_assets.errors import GhtraderError
from ghtrader_assets.logs import configure as configure_logs
from ghtrader_assets.settings import load_settings

COMMANDS = (services, backfill, demo, reading, repair, validate, doctor, bench, manifests, market, metrics)
"""Importing a command file registers its commands."""


def main(arguments: list[str] | None = None) -> None:
    """Run the command line. Exit codes: 0 done, 1 not all of it, 2 bad usage, 3 a service failed."""
    given = sys.argv[1:] if arguments is None else arguments
    debug = "--debug" in given
    try:
        configure_logs(load_settings().log_level)
        app(args=[word for word in given if word != "--debug"], standalone_mode=True)
    except GhtraderError as error:
        if debug:
            traceback.print_exc()
        sys.stderr.write(f"error: {_one_line(error)}\n")
        raise SystemExit(error.exit_code) from None
    except KeyboardInterrupt:
        raise SystemExit(130) from None


def _one_line(error: GhtraderError) -> str:
    return " ".join(str(error).split())
