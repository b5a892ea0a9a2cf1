"""Commands in processes of their own, forked from one that has imported what they need: milliseconds, not seconds.

Belongs here: the fork server and the forked process. Does not belong here: asking for a command (`fix_platform`), and
tests of what a command imports or how its process starts: those start the console script.
"""

from __future__ import annotations

import atexit
import multiprocessing
import os
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from multiprocessing.context import ForkServerProcess
from pathlib import Path

import time_machine

from ghtrader_assets.cli import FILES, main
from ghtrader_assets_tests.open_provider import stay_open

WARM = multiprocessing.get_context("forkserver")
WARM.set_forkserver_preload(
    [
        *(f"ghtrader_assets.cli.{file}" for file in dict.fromkeys(FILES.values())),
        "ghtrader_assets.assets.build",
        "dagster._core.storage.sqlite_storage",
    ]
)
NOW = "TESTS_NOW"
"""The variable with the instant at which a command believes that it starts, ISO 8601."""
os.environ["TTY_COMPATIBLE"] = "0"
"""rich looks at its streams when it is imported, but a forked command prints to files, without a terminal's colours."""


def warm_command(words: Sequence[str], environment: Mapping[str, str], out: Path, err: Path) -> ForkServerProcess:
    """`ghtrader-assets WORDS` in this environment and its home, started; what it says goes to the files."""
    process = WARM.Process(target=_run, args=(words, environment, out, err))
    process.start()
    return process


def _run(words: Sequence[str], environment: Mapping[str, str], out: Path, err: Path) -> None:
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(environment["HOME"])
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(os.open(out, os.O_WRONLY | os.O_CREAT), 1)
    os.dup2(os.open(err, os.O_WRONLY | os.O_CREAT), 2)
    sys.stdin, sys.stdout, sys.stderr = (os.fdopen(number, mode, encoding="utf-8") for number, mode in enumerate("rww"))
    sys.argv = ["ghtrader-assets", *words]
    if NOW in environment:
        time_machine.travel(datetime.fromisoformat(environment[NOW]).astimezone(UTC)).start()
    stay_open()
    try:
        main(list(words))
    finally:
        atexit._run_exitfuncs()  # a forked process ends without them
