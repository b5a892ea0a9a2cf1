"""Ten years of trading days under Linux' default limits: the store is migrated and serves ten clients at once."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import psutil
import pytest

from ghtrader_assets.clock import SYSTEM_CLOCK
from ghtrader_assets.market.calendar import TradingCalendar
from ghtrader_assets.questdb.client.connection import Database
from ghtrader_assets.questdb.client.credentials import Endpoint
from ghtrader_assets.questdb.embedded.limits import RUNNING, TEN_YEARS, needs, network_workers, partition_counts
from ghtrader_assets.questdb.embedded.server import EmbeddedQuestDB
from ghtrader_assets.questdb.standing.day_states import read_grid
from ghtrader_assets.questdb.tables import migrations
from ghtrader_assets.questdb.tables.migrations import ensure_schema, store_version
from ghtrader_assets.questdb.tables.reader import read_stored_ranges
from ghtrader_assets.questdb.tables.schema import SCHEMA_VERSION, TABLES, TICKS
from ghtrader_assets.questdb.tables.steps import STORE_VERSION
from ghtrader_assets.questdb.tables.tick_columns import DayLoad, put_ticks
from ghtrader_assets.questdb.tables.writer import StoredDay, store_batch
from ghtrader_assets_tests.made_records import fill_records

pytestmark = [pytest.mark.service, pytest.mark.joint]  # it starts its own

BASE = TABLES[TICKS].base
DAYS = 2430
CLIENTS = 10
DEFAULT_MAPPINGS = 65_530
DEFAULTS = {"shared.network.worker.count": str(network_workers(DEFAULT_MAPPINGS, cores=64))}
"""What a server is started with under Linux' default limits, whatever the machine has."""

VERSION_OF_DAYS = 8
FIRST, LAST = date(2016, 1, 4), date(2026, 6, 1)
CLIENTS_MAPPINGS = 60_000
READ = "KQ.m@SHFE.rb"


def test_ten_years_are_migrated_and_serve_ten_clients_at_once(
    tmp_path: Path, load_of: Callable[..., DayLoad], calendar: TradingCalendar
) -> None:
    with EmbeddedQuestDB(tmp_path, parameters=DEFAULTS) as server, Database(server.endpoint) as database:
        days = calendar.days(FIRST, LAST)[:DAYS]
        _make_store_of_days(database, tmp_path)
        _write_a_row_a_day(database, [load_of(day, rows=1, name=READ) for day in days])
        fill_records(database, [READ], days)
        with _watched(server.pid) as most:
            ensure_schema(database, tmp_path, SYSTEM_CLOCK)
        assert store_version(database) == STORE_VERSION
        assert most["mappings"] <= CLIENTS_MAPPINGS, most
        weeks = len({day.isocalendar()[:2] for day in days})
        assert partition_counts(database)[BASE] == weeks <= TEN_YEARS

        late = load_of(days[len(days) // 2], name="KQ.m@SHFE.zq")
        together = threading.Barrier(CLIENTS)
        with _watched(server.pid) as most, ThreadPoolExecutor(CLIENTS) as clients:
            loads = [late, *[None] * (CLIENTS - 1)]
            each = [clients.submit(_client, server.endpoint, together, days, load) for load in loads]
            for client in each:
                client.add_done_callback(lambda client: together.abort() if client.exception() else None)
            failures = [failure for client in each if (failure := client.exception())]
        assert not failures, failures
        needed = needs(partition_counts(database), RUNNING)
        assert most["mappings"] <= CLIENTS_MAPPINGS, (most, needed)
        assert most["files"] <= needed.open_files, (most, needed)
        assert needed.mappings <= DEFAULT_MAPPINGS, (most, needed)


def _client(endpoint: Endpoint, together: threading.Barrier, days: Sequence[date], late: DayLoad | None = None) -> None:
    """Each question of all clients at once: it begins when the others have their answer to the one before.

    One of them loads a day of long ago while the others export.
    """
    with Database(endpoint) as database:
        together.wait()
        ((rows, last),) = database.rows("all", f"SELECT count(), max(ts) FROM {TICKS}")
        assert (rows, last.date()) == (DAYS, days[-1])
        together.wait()
        assert read_stored_ranges(database)
        assert read_grid(database, days[0], days[-1], datetime.now(UTC)).height > DAYS // 2
        together.wait()
        if late is not None:
            (stored,) = store_batch(database, [late])
            assert isinstance(stored, StoredDay), stored
            fill_records(database, [late.symbol], [late.trading_day])
        assert database.export("all", f"SELECT * FROM {TICKS} WHERE symbol = '{READ}'").height == DAYS


def _make_store_of_days(database: Database, home: Path) -> None:
    """A store of the version whose tick table has a partition a day."""
    ensure_schema(database, home, SYSTEM_CLOCK)
    for statement in (f"DROP VIEW {TICKS}", f"DROP TABLE {BASE}", f"TRUNCATE TABLE {SCHEMA_VERSION}"):
        database.execute(statement)  # type: ignore[arg-type]
    for statement in dataclasses.replace(TABLES[TICKS], partition_by="DAY").ddl:
        database.execute(statement)  # type: ignore[arg-type]
    migrations._record(database, VERSION_OF_DAYS, SYSTEM_CLOCK)


def _write_a_row_a_day(database: Database, loads: Sequence[DayLoad]) -> None:
    """At ten in the morning."""
    with database.sender() as sender, sender.transaction(BASE) as transaction:
        for load in loads:
            morning = load.frame.with_columns(datetime_ns=pl.lit(load.window.end_ns - 8 * 3600 * 10**9))
            put_ticks(transaction, dataclasses.replace(load, frame=morning))
    database.await_applied(BASE)


@contextmanager
def _watched(pid: int) -> Generator[dict[str, int]]:
    """The most that a process mapped and had open while the block ran."""
    most, done = {"mappings": 0, "files": 0}, threading.Event()

    def look() -> None:
        while not done.wait(0.02):
            maps = Path(f"/proc/{pid}/maps").read_text(encoding="ascii").count("\n")
            most["mappings"] = max(most["mappings"], maps)
            most["files"] = max(most["files"], psutil.Process(pid).num_fds())

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield most
    finally:
        done.set()
        thread.join()
