"""A remote store over a bench's own server: the dashboard in a process of its own, which serves it.

Belongs here: starting that process, reading in turn from it and from a local store, the environment of any process that
reads the bench's server. Does not belong here: ratios (`query`).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import warnings
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from datetime import date
from time import perf_counter

import pyarrow as pa

from ghtrader_assets.doors.keys import keys_of
from ghtrader_assets.errors import DayStateWarning, GhtraderError
from ghtrader_assets.settings import Settings
from ghtrader_assets.store import Store, connect


def reader_environment(settings: Settings) -> dict[str, str]:
    """That of a process which reads the server of the settings."""
    assert settings.questdb_password is not None
    return {name: value for name, value in os.environ.items() if not name.startswith("GHTRADER_")} | {
        "GHTRADER_HOME": str(settings.home),
        "GHTRADER_QUESTDB_HTTP": str(settings.questdb_http),
        "GHTRADER_QUESTDB_PG": str(settings.questdb_pg),
        "GHTRADER_QUESTDB_USER": str(settings.questdb_user),
        "GHTRADER_QUESTDB_PASSWORD": settings.questdb_password.get_secret_value(),
    }


@contextmanager
def served_by_dashboard(settings: Settings) -> Generator[Store]:
    """The store of these settings, read through a dashboard that is started for it."""
    words = [sys.executable, "-m", "ghtrader_assets.dashboard", "--port", "0"]
    process = subprocess.Popen(words, env=reader_environment(settings), stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        address = json.loads(process.stdout.readline())["url"].removeprefix("http://")
        with connect(f"ghtrader://{keys_of(settings).reader.get_secret_value()}@{address}") as store:
            yield store
    finally:
        process.terminate()
        process.communicate(timeout=60)


def read_in_turn(local: Store, remote: Store, symbol: str, days: Sequence[date], times: int) -> dict[str, list[float]]:
    """Seconds of a range to Arrow, and of its last day, from both stores in turn; the range's rows. Raises
    `GhtraderError` where they differ."""
    seconds: dict[str, list[float]] = {name: [] for name in ("local", "remote", "local_day", "remote_day", "rows")}
    with warnings.catch_warnings(action="ignore", category=DayStateWarning):  # the days are not judged
        for _ in range(times):
            for suffix, start in (("", days[0]), ("_day", days[-1])):
                found: dict[str, pa.Table] = {}
                for name, store in (("local", local), ("remote", remote)):
                    started = perf_counter()
                    found[name] = store.ticks(symbol, start, days[-1], output_format="arrow")
                    seconds[name + suffix].append(perf_counter() - started)
                if not found["local"].equals(found["remote"]):
                    raise GhtraderError("a local and a remote store hand out different ticks")
                seconds["rows"] += [] if suffix else [found["local"].num_rows]
    return seconds
