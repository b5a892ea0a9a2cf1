"""What the lag settings of QuestDB do to a backlog of waiting transactions: until the first shows, until all do.

Run it: `python -m ghtrader_assets_tests.questdb.measure_modes [rounds]`. It starts QuestDBs of its own in temporary
folders, one after another, the variants alternating. The figures of docs/decisions/questdb-modes.md come from here.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import tempfile
import time
from datetime import date
from pathlib import Path
from typing import Final

import psutil

from ghtrader_assets.clock import SYSTEM_CLOCK
from ghtrader_assets.market.calendar import snapshot_calendar
from ghtrader_assets.questdb.client.connection import Database
from ghtrader_assets.questdb.embedded.server import EmbeddedQuestDB
from ghtrader_assets.questdb.tables.migrations import ensure_schema
from ghtrader_assets.questdb.tables.schema import TABLES, TICKS
from ghtrader_assets.questdb.tables.tick_columns import DayLoad, put_ticks
from ghtrader_assets_tests.fix_questdb import random_ticks

VARIANTS: Final = {
    "cairo.wal.max.lag.size=1M": {"cairo.wal.max.lag.size": "1M"},
    "cairo.wal.max.lag.size=75M (default, live)": {"cairo.wal.max.lag.size": "75M"},
    "cairo.wal.max.lag.size=400M (bulk)": {"cairo.wal.max.lag.size": "400M"},
    "cairo.wal.max.lag.txn.count=1": {"cairo.wal.max.lag.txn.count": "1"},
    "cairo.o3.max.lag=0": {"cairo.o3.max.lag": "0"},
    "cairo.o3.max.lag=1h": {"cairo.o3.max.lag": "1h"},
}
ROWS, SYMBOLS = 20_000, "abcdef"
DAYS: Final = [date(2026, 1, day) for day in (6, 7, 8, 9, 12, 13)]
BASE: Final = TABLES[TICKS].base


def backlog() -> list[DayLoad]:
    """Six symbols' days, latest first, so that each transaction reaches back before the one before it."""
    calendar = snapshot_calendar()
    return [
        DayLoad(f"KQ.m@SHFE.{name}", day, window, "SHFE.cu2602", 0, "0", random_ticks(window, ROWS, ord(name)))
        for name in SYMBOLS
        for day in reversed(DAYS)
        for window in [calendar.window(day)]
    ]


def measure(parameters: dict[str, str], loads: list[DayLoad]) -> tuple[float, float, float]:
    """Seconds until the first transaction shows, until all do, and the server's CPU seconds for it."""
    parameters = {"dev.mode.enabled": "true", **parameters}
    with (
        tempfile.TemporaryDirectory() as home,
        EmbeddedQuestDB(Path(home), parameters=parameters) as server,
        Database(server.endpoint) as db,
    ):
        ensure_schema(db, Path(home), SYSTEM_CLOCK)
        db.execute(f"ALTER TABLE {BASE} SUSPEND WAL")
        for load in loads:
            with db.sender() as sender, sender.transaction(BASE) as transaction:
                put_ticks(transaction, load)
        process = psutil.Process(server.pid)
        used = sum(process.cpu_times()[:2])
        started = time.perf_counter()
        db.execute(f"ALTER TABLE {BASE} RESUME WAL")
        first = 0.0
        while True:
            shown, waiting = db.rows("wal", "SELECT writerTxn, sequencerTxn FROM wal_tables() WHERE name = %s", [BASE])[
                0
            ]
            first = first or (time.perf_counter() - started if shown else 0.0)
            if shown == waiting:
                return first, time.perf_counter() - started, sum(process.cpu_times()[:2]) - used
            time.sleep(0.005)


def main(rounds: int) -> None:
    loads = backlog()
    found: dict[str, list[tuple[float, float, float]]] = {name: [] for name in VARIANTS}
    for _ in range(rounds):
        for name, parameters in VARIANTS.items():
            found[name].append(measure(parameters, loads))
    figures = {
        name: dict(
            zip(
                ("first_shows_s", "all_show_s", "server_cpu_s"),
                (round(statistics.median(column), 2) for column in zip(*runs, strict=True)),
                strict=True,
            )
        )
        for name, runs in found.items()
    }
    machine = {"cores": os.cpu_count(), "load": [round(item, 1) for item in os.getloadavg()]}
    sys.stdout.write(json.dumps({"machine": machine, "transactions": len(loads), "figures": figures}, indent=2) + "\n")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 3)
