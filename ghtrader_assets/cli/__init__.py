"""The command line `ghtrader-assets`: one file a command group, arguments in, one document or one error line out.

Belongs here: arguments, exit codes, what is printed. Does not belong here: any logic; commands call the rooms.
"""

from __future__ import annotations

import signal
import sys
import warnings
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Final

from typer import Abort, TyperException

from ghtrader_assets.cli.app import NAME, app
from ghtrader_assets.context.universe import universe_of
from ghtrader_assets.entrance import entered
from ghtrader_assets.errors import FULL_ERRNOS, BadInputError, DiskFullError, FileAccessError, GhtraderError
from ghtrader_assets.logs import traced
from ghtrader_assets.settings import Settings
from ghtrader_assets.texts import shown

FILES: Final[Mapping[str, str]] = {
    **dict.fromkeys(("up", "down", "status", "rotate-secrets"), "services"),
    "backfill": "backfill",
    "demo": "demo",
    "init": "init",
    **dict.fromkeys(
        ("coverage", "days", "gaps", "quality", "manifests", "manifest", "schedule", "ticks", "contracts"), "reading"
    ),
    "bars": "bars",
    "repair": "repair",
    "forget": "forget",
    "override": "override",
    "accept": "accept",
    "validate": "validate",
    "doctor": "doctor",
    "bench": "bench",
    **dict.fromkeys(("aggregate-manifest", "verify-manifest", "diff-manifests", "lineage"), "manifests"),
    **dict.fromkeys(("calendar", "sessions", "l5-start"), "market"),
    "metrics": "metrics",
}
"""The file of each command, in the order of `--help`. Importing a file registers its commands, so a command pays for
what it needs and not for what the others do."""


def main(arguments: list[str] | None = None) -> None:
    """Run the command line. Exit codes: 0 done, 1 not all of it, 2 bad usage, 3 a service failed."""
    given = sys.argv[1:] if arguments is None else arguments
    debug = "--debug" in given
    warnings.showwarning = _show_warning
    _end_in_order()
    try:
        settings = entered()
        universe_of(settings)  # a text that is no symbol ends every command
        register(given)
        raise SystemExit(run([word for word in given if word != "--debug"], settings))
    except GhtraderError as error:
        if debug:
            sys.stderr.write(traced(error))
        raise SystemExit(_shown(error)) from None
    except OSError as error:
        if debug or error.filename is None:
            raise
        kind = DiskFullError if error.errno in FULL_ERRNOS else FileAccessError
        raise SystemExit(_shown(kind(f"{error.filename}: {error.strerror}"))) from None
    except KeyboardInterrupt:
        raise SystemExit(130) from None


def run(words: Sequence[str], settings: Settings) -> int:
    """Run the command that the words name. Returns its exit code; raises `BadInputError` for words that it refuses."""
    try:
        code: int | None = app(args=words, prog_name=NAME, standalone_mode=False, obj=settings)
    except TyperException as error:
        command = getattr(getattr(error, "ctx", None), "command_path", NAME)
        if not words:  # the message is the whole help
            sys.stderr.write(f"{error.format_message()}\n")
            return BadInputError.exit_code
        says = error.format_message().removesuffix(".")
        raise BadInputError(f"{command}: {says}", f"see `{command} --help`") from error
    except Abort:
        return GhtraderError.exit_code
    return code or 0


def register(words: Sequence[str]) -> None:
    """Import the file of the command that the words begin with, or all of them for `--help` and unknown ones."""
    command = next((word for word in words if not word.startswith("-")), "")
    for file in dict.fromkeys([FILES[command]] if command in FILES else FILES.values()):
        import_module(f"ghtrader_assets.cli.{file}")


def _end_in_order() -> None:
    """Have a command that is told to end, or whose terminal hangs up, end as by Ctrl-C, in order."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) == signal.SIG_DFL:
            signal.signal(number, signal.default_int_handler)


def _show_warning(message: Warning | str, *_: object, **__: object) -> None:
    """Write a warning as one line, without the place in our code that raised it."""
    sys.stderr.write(f"warning: {shown(' '.join(str(message).split()))}\n")


def _shown(error: GhtraderError) -> int:
    """Write the error's line. Returns its exit code."""
    sys.stderr.write(f"error: {shown(error.line)}\n")
    return error.exit_code
