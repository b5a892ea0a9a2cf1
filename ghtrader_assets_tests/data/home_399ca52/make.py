"""Makes the home in this folder with the code of commit 399ca52, which README.md tells how to run. Not run by tests.

`python make.py FOLDER` lives through a few days of an operator and writes what is left of them into FOLDER.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
import zipfile
from contextlib import closing
from dataclasses import asdict, replace
from datetime import date
from pathlib import Path

import polars as pl
import requests
from ghtrader_assets.loading.overview import days_of
from ghtrader_assets.loading.platform import Platform
from ghtrader_assets.questdb.lineage import read_aggregated
from ghtrader_assets.questdb.reader import (
    read_daily_agg,
    read_day,
    read_gaps,
    read_manifests,
    read_quality,
    read_summary,
)
from ghtrader_assets.services.connect import open_platform

from ghtrader_assets.loading.days import load_days
from ghtrader_assets.loading.record import UNFINISHED
from ghtrader_assets.manifests import as_document
from ghtrader_assets.market.clock import instant_ns
from ghtrader_assets.market.symbols import parse_symbol
from ghtrader_assets.market.ticks import content_digest
from ghtrader_assets.questdb import schema
from ghtrader_assets.services.embedded import running_services
from ghtrader_assets.settings import load_settings

HOME = Path(tempfile.gettempdir()) / "ghtrader-home-399ca52"
SR, RB = "KQ.m@CZCE.SR", "KQ.m@SHFE.rb"
FIRST, SECOND, THIRD, LAST = (date(2026, 1, number) for number in (5, 6, 7, 8))
DAYS = [FIRST, SECOND, THIRD, LAST]
COMMAND = [sys.executable, "-c", "from ghtrader_assets.cli import main; main()"]


def live(platform: Platform, exchange: str) -> None:
    """What the operator did: see README.md."""

    def faults(*rules: dict[str, object]) -> None:
        requests.post(f"{exchange}/control/reset", timeout=10).raise_for_status()
        requests.post(f"{exchange}/control/faults", json=rules, timeout=10).raise_for_status()

    def hole(contract: str, day: date) -> dict[str, object]:
        return {"kind": "hole", "symbol": contract, "trading_day": day.isoformat(), "amount": 300}

    run([SR], SECOND)
    faults(hole("CZCE.SR605", FIRST))
    run([SR, RB], FIRST)
    faults(hole("SHFE.rb2605", FIRST))
    run([SR, RB], FIRST, "--force")
    faults({"kind": "refuse", "message": "busy", "times": None})
    run([SR], THIRD, exit_code=1)
    faults({"kind": "stall", "times": None})
    killed = start([RB], THIRD)
    while not any(manifest.reason == UNFINISHED for manifest in read_manifests(platform.database, RB, [THIRD])):
        time.sleep(0.2)
    os.killpg(killed.pid, signal.SIGKILL)
    killed.wait()
    faults()
    morning = replace(platform, now_ns=lambda: instant_ns(SECOND, 9 * 3600 + 5 * 60))
    arguments = {"must_judge": False, "on_retry": print, "allow_partial": True}
    assert [day.failure for day in load_days(morning, parse_symbol(RB), [SECOND], "partial", **arguments)] == [""]


def start(symbols: list[str], day: date, *words: str) -> subprocess.Popen[bytes]:
    command = [*COMMAND, "backfill", *symbols, "--from", day.isoformat(), "--to", day.isoformat(), *words]
    return subprocess.Popen(command, start_new_session=True)


def run(symbols: list[str], day: date, *words: str, exit_code: int = 0) -> None:
    found = start(symbols, day, *words).wait()
    assert found == exit_code, f"{symbols} {day}: exit code {found}"


def expected(platform: Platform) -> dict[str, object]:
    """What that commit's readers say of the home, as JSON values."""
    database, found = platform.database, []
    for symbol in (SR, RB):
        aggs = {item.trading_day: asdict(item) for item in read_daily_agg(database, symbol, DAYS)}
        coverage, quality = read_summary(database, symbol, DAYS), read_quality(database, symbol, DAYS)
        manifests = read_manifests(database, symbol, DAYS)
        for state in days_of(platform, parse_symbol(symbol), FIRST, LAST):
            day = state.trading_day
            ticks = read_day(database, symbol, platform.calendar.window(day))
            verdicts = {"coverage": coverage.get(day), "quality": quality.get(day)}
            attempts = sorted(
                (manifest for manifest in manifests if manifest.trading_day == day),
                key=lambda manifest: manifest.started,
            )
            found.append(
                {
                    "symbol": symbol,
                    "trading_day": day,
                    "day": asdict(state),
                    "ticks": {"rows": ticks.height, "digest": content_digest(ticks) if ticks.height else ""},
                    "coverage_row": aggs.get(day),
                    "verdicts": {name: asdict(row) if row else None for name, row in verdicts.items()},
                    "gaps": [asdict(gap) for gap in read_gaps(database, symbol, day)],
                    "manifests": [as_document(attempt) for attempt in attempts],
                }
            )
    ids = database.rows("ids", f"SELECT DISTINCT manifest_id FROM {schema.AGGREGATED} ORDER BY manifest_id")
    aggregated = {name: [asdict(item) for item in read_aggregated(database, name)] for (name,) in ids}
    return json.loads(json.dumps({"days": found, "aggregated": aggregated}, default=str))


def export(platform: Platform, folder: Path) -> None:
    """The tables as DDL and Parquet, the files of the home, and what its readers say."""
    statements = [statement for table in schema.TABLES.values() for statement in table.ddl]
    statements.append(f"CREATE VIEW IF NOT EXISTS {schema.TICK_GAPS} AS ({schema._TICK_GAPS_QUERY})")
    (folder / "ddl.sql").write_text("".join(f"{statement};\n" for statement in statements), encoding="utf-8")
    (folder / "tables").mkdir()
    for table in schema.TABLES.values():
        rows = platform.database.export("fixture", f"SELECT * FROM {table.base}").sort("symbol", *table.keys)
        rows = rows.with_columns(pl.col(table.symbol_columns).cast(pl.Categorical))
        rows.write_parquet(folder / "tables" / f"{table.base}.parquet", compression="zstd", compression_level=19)
    document = json.dumps(expected(platform), ensure_ascii=False, indent=1)
    (folder / "expected.json").write_text(f"{document}\n", encoding="utf-8")


def copy_files(folder: Path) -> None:
    """The home without the store itself, its log-ins, its logs and what belongs to running processes."""
    running = ("runtime.json", "writing", "slots", "tq", "*.lock", "*.db", "*.db-wal", "*.db-shm")
    left_out = shutil.ignore_patterns("questdb", "questdb-credentials.json", "logs", "exchange", "storage", *running)
    shutil.copytree(HOME, folder / "home", ignore=left_out)
    with zipfile.ZipFile(folder / "dagster.zip", "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for database in sorted(HOME.glob("dagster/**/*.db")):
            with closing(sqlite3.connect(database)) as opened:
                opened.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            archive.write(database, database.relative_to(HOME))


def main() -> None:
    folder = Path(sys.argv[1])
    ports = {
        f"GHTRADER_{name}_PORT": "0" for name in ("QUESTDB_HTTP", "QUESTDB_PG", "DAGSTER", "DASHBOARD", "EXCHANGE")
    }
    HOME.mkdir()
    with tempfile.TemporaryDirectory() as user_home:
        os.environ |= {"HOME": user_home, "GHTRADER_HOME": str(HOME), "GHTRADER_SYMBOLS": f"{SR},{RB}", **ports}
        settings = load_settings()
        with running_services(settings, print, with_dagster=False) as runtime, open_platform(settings) as platform:
            live(platform, next(service.urls["http"] for service in runtime.services if service.name == "exchange"))
            export(platform, folder)
        copy_files(folder)


if __name__ == "__main__":
    main()
