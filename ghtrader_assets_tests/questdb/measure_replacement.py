"""Ways to replace a trading day, side by side: seconds to re-load, cost of reading, and what a polling reader sees.

Run it: `python -m ghtrader_assets_tests.questdb.measure_replacement [rounds]`. It starts a QuestDB of its own in a
temporary folder. The figures of docs/decisions/replace-a-day.md come from here.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ghtrader_assets.questdb.client.connection import Database
from ghtrader_assets.questdb.embedded.server import EmbeddedQuestDB

ROWS, DAYS, NUMBERS = 30_000, 4, 27
COLUMNS = ", ".join(f"c{n}" for n in range(NUMBERS))
FIRST = date(2026, 1, 5)
DOUBLES = ", ".join(f"c{n} DOUBLE" for n in range(NUMBERS))
KEYED = "TIMESTAMP(ts) PARTITION BY DAY WAL DEDUP UPSERT KEYS(ts, symbol, seq)"


def day_frame(symbol: str, day: int, version: int, rows: int) -> pd.DataFrame:
    """A version of a day: other values in `c0`, and fewer or more rows, at partly other instants."""
    random = np.random.default_rng((day, version, len(symbol)))
    midnight = (FIRST + timedelta(days=day) - date(1970, 1, 1)).days * 86_400_000_000
    stamps = midnight + np.sort(random.choice(72_000, rows, replace=False)) * 500_000
    columns: dict[str, Any] = {"symbol": pd.Categorical([symbol] * rows), "ts": stamps.astype("datetime64[us]")}
    columns |= {f"c{n}": np.round(random.normal(70_000, 300, rows)) for n in range(NUMBERS)}
    return pd.DataFrame({**columns, "c0": np.float64(version), "seq": np.zeros(rows, dtype=np.int64)})


@dataclass(slots=True)
class Design:
    """One way: its tables, how it re-loads a day, and the name under which readers read."""

    name: str
    tables: list[str]
    view: str
    load: Callable[[Database, str, int, int, pd.DataFrame], None]
    reload_s: list[float] = field(default_factory=list)
    read_ms: list[float] = field(default_factory=list)
    whole_ms: list[float] = field(default_factory=list)
    seen: Counter[str] = field(default_factory=Counter)


def tombstones(db: Database, base: str, symbol: str, day: int, new: pd.DataFrame) -> pd.DataFrame:
    old = db.rows(
        "old", f"SELECT ts FROM {base} WHERE live AND symbol = %s AND ts IN '{FIRST + timedelta(days=day)}'", [symbol]
    )
    gone = np.setdiff1d(np.array([row[0] for row in old], dtype="datetime64[us]"), new["ts"].to_numpy())
    return pd.DataFrame({"symbol": pd.Categorical([symbol] * len(gone)), "ts": gone, "seq": 0, "live": False})


def send(db: Database, table: str, *frames: pd.DataFrame) -> None:
    with db.sender() as sender, sender.transaction(table) as transaction:
        for frame in frames:
            if len(frame):
                transaction.dataframe(frame, symbols=["symbol"], at="ts")


def one_transaction(db: Database, symbol: str, day: int, version: int, frame: pd.DataFrame) -> None:
    send(db, "one_base", frame.assign(live=True), tombstones(db, "one_base", symbol, day, frame))
    db.await_applied("one_base")


def two_transactions(db: Database, symbol: str, day: int, version: int, frame: pd.DataFrame) -> None:
    gone = tombstones(db, "two_base", symbol, day, frame)
    send(db, "two_base", frame.assign(live=True))
    db.await_applied("two_base")
    send(db, "two_base", gone)
    db.await_applied("two_base")


def staged(db: Database, symbol: str, day: int, version: int, frame: pd.DataFrame) -> None:
    send(db, "staged_staging", frame.assign(live=True, load_id=version))
    db.await_applied("staged_staging")
    there = f"symbol = '{symbol}' AND ts IN '{FIRST + timedelta(days=day)}'"
    new = f"SELECT symbol, ts, {COLUMNS}, seq, true live FROM staged_staging WHERE {there} AND load_id = {version}"
    old = f"SELECT symbol, ts, {COLUMNS}, seq FROM staged_base WHERE live AND {there}"
    kept = f"SELECT ts kept_ts, seq kept_seq FROM staged_staging WHERE {there} AND load_id = {version}"
    gone = (
        f"SELECT symbol, ts, {COLUMNS}, seq, false live FROM ({old}) LEFT JOIN ({kept})"
        " ON ts = kept_ts AND seq = kept_seq WHERE kept_ts IS NULL"
    )
    db.execute(f"INSERT ATOMIC INTO staged_base {new} UNION ALL {gone}")  # type: ignore[arg-type]
    db.await_applied("staged_base")


def versioned(db: Database, symbol: str, day: int, version: int, frame: pd.DataFrame) -> None:
    send(db, "versioned_base", frame.assign(load_id=version, day=day))
    db.await_applied("versioned_base")
    midnight = FIRST + timedelta(days=day)
    db.execute(
        f"INSERT INTO versioned_current VALUES ('{midnight}', '{symbol}', {day}, {version})"  # type: ignore[arg-type]
    )
    db.await_applied("versioned_current")


def designs() -> list[Design]:
    live = f"symbol SYMBOL, ts TIMESTAMP, {DOUBLES}, seq LONG, live BOOLEAN"
    marked = f"symbol SYMBOL, ts TIMESTAMP, {DOUBLES}, seq LONG, load_id LONG"
    select = f"SELECT symbol, ts, {COLUMNS}, seq FROM"
    return [
        Design("one transaction: new rows and tombstones", [f"CREATE TABLE one_base ({live}) {KEYED}",
            f"CREATE VIEW one AS ({select} one_base WHERE live)"], "one", one_transaction),
        Design("two transactions: new rows, then tombstones", [f"CREATE TABLE two_base ({live}) {KEYED}",
            f"CREATE VIEW two AS ({select} two_base WHERE live)"], "two", two_transactions),
        Design("staging table, INSERT ATOMIC … UNION ALL", [f"CREATE TABLE staged_base ({live}) {KEYED}",
            f"CREATE TABLE staged_staging ({live}, load_id LONG) {KEYED.replace('seq)', 'seq, load_id)')}",
            f"CREATE VIEW staged AS ({select} staged_base WHERE live)"], "staged", staged),
        Design("versions, view joins the current ones", [
            f"CREATE TABLE versioned_base ({marked}, day LONG) {KEYED.replace('seq)', 'seq, load_id)')}",
            "CREATE TABLE versioned_current (ts TIMESTAMP, symbol SYMBOL, day LONG, load_id LONG)"
            " TIMESTAMP(ts) PARTITION BY YEAR WAL DEDUP UPSERT KEYS(ts, symbol)",
            "CREATE VIEW versioned AS (SELECT b.* FROM versioned_base b"
            " JOIN versioned_current c ON b.symbol = c.symbol AND b.day = c.day AND b.load_id = c.load_id)",
        ], "versioned", versioned),
    ]  # fmt: skip


def poll(db: Database, design: Design, whole: set[tuple[int, float]], stop: threading.Event) -> None:
    """Read the day that is being replaced, over and over; what is no whole version is a mixture."""
    statement = f"SELECT count(), sum(c0) FROM {design.view} WHERE symbol = 'A' AND ts IN '{FIRST}'"
    while not stop.is_set():
        count, total = db.rows("poll", statement)[0]
        design.seen["whole" if (count, total) in whole else "mixture"] += 1


def measure(db: Database, design: Design, rounds: int) -> None:
    """Re-load day 0 of symbol A in turn with fewer and more rows while symbol B's loads of the same days queue up."""
    versions = {n: day_frame("A", 0, n, ROWS - 2000 * (n % 3)) for n in range(2, rounds + 2)}
    whole = {(len(frame), float(frame["c0"].sum())) for frame in versions.values()} | {(ROWS, float(ROWS))}
    stop = threading.Event()
    reader = threading.Thread(target=poll, args=(db, design, whole, stop))
    reader.start()
    for version, frame in versions.items():
        others = [day_frame("BB", day, version, ROWS) for day in reversed(range(DAYS))]
        noise = [
            threading.Thread(target=design.load, args=(db, "BB", day, version, other))
            for day, other in enumerate(others)
        ]
        for thread in noise:
            thread.start()
        started = time.perf_counter()
        design.load(db, "A", 0, version, frame)
        design.reload_s.append(time.perf_counter() - started)
        for thread in noise:
            thread.join()
    stop.set()
    reader.join()
    for statement, figures in (
        (f"SELECT count(), sum(c1) FROM {design.view} WHERE symbol = 'A' AND ts IN '{FIRST}'", design.read_ms),
        (f"SELECT count() FROM {design.view}", design.whole_ms),
    ):
        for _ in range(20):
            started = time.perf_counter()
            db.rows("read", statement)
            figures.append((time.perf_counter() - started) * 1000)


def main(rounds: int) -> None:
    with (
        tempfile.TemporaryDirectory() as folder,
        EmbeddedQuestDB(Path(folder)) as server,
        Database(server.endpoint) as db,
    ):
        found = designs()
        for design in found:
            for statement in design.tables:
                db.execute(statement)  # type: ignore[arg-type]
            for day in range(DAYS):
                for symbol in ("A", "BB"):
                    design.load(db, symbol, day, 1, day_frame(symbol, day, 1, ROWS))
        for design in found:
            measure(db, design, rounds)
        figures = {
            design.name: {
                "reload_s": round(statistics.median(design.reload_s), 2),
                "symbol_day_ms": round(statistics.median(design.read_ms), 1),
                "everything_ms": round(statistics.median(design.whole_ms), 1),
                "polls": design.seen.total(),
                "mixtures_seen": design.seen["mixture"],
            }
            for design in found
        }
        machine = {"cores": os.cpu_count(), "load": [round(item, 1) for item in os.getloadavg()]}
        sys.stdout.write(json.dumps({"machine": machine, "figures": figures}, indent=2, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 6)
