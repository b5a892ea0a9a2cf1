"""Limits of the operating system: what a store needs is what its server takes, and one that is too low is named."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from itertools import pairwise
from pathlib import Path

import psutil
import pytest

from ghtrader_assets.clock import SYSTEM_CLOCK
from ghtrader_assets.errors import StoreLimitError
from ghtrader_assets.questdb.client.bulk_http import http_session
from ghtrader_assets.questdb.client.connection import Database
from ghtrader_assets.questdb.client.credentials import embedded_endpoint
from ghtrader_assets.questdb.embedded.limits import (
    RUNNING,
    TEN_YEARS,
    Limit,
    allowed_mappings,
    heap_mb,
    limits_of,
    memory_needed_mb,
    needs,
    network_workers,
    partition_counts,
)
from ghtrader_assets.questdb.embedded.server import EmbeddedQuestDB
from ghtrader_assets.questdb.tables.migrations import ensure_schema
from ghtrader_assets.questdb.tables.schema import TABLES, TICKS, Table
from ghtrader_assets_tests.questdb.embedded import own_server
from ghtrader_assets_tests.waiting import await_that

pytestmark = pytest.mark.service  # it starts its own

VALUES = {"SYMBOL": "'a'", "VARCHAR": "'a'", "BOOLEAN": "true", "DOUBLE": "1.0"}
RUNNING_BYTES = 150 * 2**20
DAYS = 1400
DEFAULT_MAPPINGS = 65_530
KEEPING = {"cairo.inactive.reader.max.open.partitions": "10000"}
"""What a query maps stays mapped when it has ended, and can be counted."""


def test_more_partitions_and_readers_need_more_mappings_and_no_more_files() -> None:
    base = TABLES[TICKS].base
    empty, year, ten_years = needs({}), needs({base: 52}), needs({base: 523})
    assert empty.open_files == year.open_files == ten_years.open_files
    assert year.mappings - empty.mappings == (52 + 1) * 40 * 10
    assert needs({base: 52}, readers=1).mappings - empty.mappings == (52 + 1) * 40
    assert needs({"not ours": 10}) == empty


def test_too_few_mappings_for_many_readers_are_a_warning_and_for_those_at_once_an_error() -> None:
    allowed = DEFAULT_MAPPINGS
    found = [
        needs({TABLES[TICKS].base: weeks}, readers).mappings <= allowed
        for weeks in (140, 523, 2430)
        for readers in (10, RUNNING)
    ]
    assert found == [True, True, False, True, False, False]
    levels = [
        Limit("any", allowed, *sizes, "").level for sizes in ((1, 1), (allowed + 1, 1), (allowed + 1, allowed + 1))
    ]
    assert levels == ["ok", "warn", "error"]


def test_no_more_queries_run_at_once_than_may_have_ten_years_open() -> None:
    base = TABLES[TICKS].base
    for mappings, cores, workers in ((DEFAULT_MAPPINGS, 64, 2), (1_048_576, 64, 49), (1_048_576, 4, 4), (100, 1, 2)):
        assert network_workers(mappings, cores) == workers
        assert needs({base: TEN_YEARS}, workers).mappings <= mappings or mappings < DEFAULT_MAPPINGS


def test_memory_goes_by_the_workers() -> None:
    assert memory_needed_mb(5) - memory_needed_mb(4) == 900
    assert (heap_mb(1_000), heap_mb(8_000), heap_mb(64_000)) == (256, 1_000, 2_048)


def test_a_process_is_held_to_its_own_limits() -> None:
    with _limited(777, "sleep", "60") as process:
        await_that("limit", lambda: resource.prlimit(process.pid, resource.RLIMIT_NOFILE)[1] == 777)
        named = {limit.name: limit for limit in limits_of({}, process.pid)}
        ours = {limit.name: limit for limit in limits_of({}, None)}
    assert named["open files"].allowed == 777
    assert named["open files"].level == "error"
    assert "prlimit" in named["open files"].remedy
    assert ours["open files"].allowed == resource.getrlimit(resource.RLIMIT_NOFILE)[1]


def test_a_server_takes_no_more_than_its_store_needs(tmp_path: Path) -> None:
    """Every table written, then the days read whole by one reader; others may have opened none or all of them."""
    with EmbeddedQuestDB(tmp_path, parameters=KEEPING) as server, Database(server.endpoint) as database:
        ensure_schema(database, tmp_path, SYSTEM_CLOCK)
        _write_every_table(database, DAYS)
        assert _bytes_on_disk(server.root / "db") < RUNNING_BYTES
        database.rows("all", f"SELECT * FROM {TICKS}")
        partitions = partition_counts(database)
        pooled = database.rows("readers", f"SELECT * FROM reader_pool() WHERE table_name = '{TABLES[TICKS].base}'")
        process, most = psutil.Process(server.pid), needs(partitions, len(pooled))
        assert process.num_fds() <= most.open_files <= 1.5 * process.num_fds()
        mapped = len(Path(f"/proc/{server.pid}/maps").read_text(encoding="ascii").splitlines())
        assert mapped <= most.mappings
        assert needs(partitions, readers=1).mappings <= 1.5 * mapped


def test_answers_under_way_share_files_and_no_mappings(tmp_path: Path) -> None:
    """QuestDB keeps an answer's reader, and all that it maps, until the client has fetched the answer."""
    with EmbeddedQuestDB(tmp_path) as server, Database(server.endpoint) as database:
        name = "shared.network.worker.count"
        ((workers,),) = database.rows("q", "SELECT value FROM (SHOW PARAMETERS) WHERE property_path = %s", [name])
        assert int(workers) == network_workers(allowed_mappings(), os.cpu_count() or 1)
        ensure_schema(database, tmp_path, SYSTEM_CLOCK)
        _write_every_table(database, days=140)
        weeks = partition_counts(database)[TABLES[TICKS].base]
        with ExitStack() as held:
            counts = [_maps_and_files(server.pid)]
            for _ in range(4):
                held.enter_context(_answer_under_way(server))
                counts.append(_maps_and_files(server.pid))
        maps = [after[0] - before[0] for before, after in pairwise(counts)]
        files = [after[1] - before[1] for before, after in pairwise(counts)]
        # The newest partition's files stay open, so its mappings are shared.
        assert all((weeks - 1) * 40 - 40 <= more <= weeks * 40 + 40 for more in maps), (maps, weeks)
        assert all(more < 10 for more in files[1:]), files


def test_a_server_that_may_open_too_few_files_says_so(tmp_path: Path) -> None:
    """By the statement that fails, or the table that it suspends: under `ulimit -n 1024` only QuestDB's log told."""
    with _limited_server(tmp_path, files=1024) as (database, pid):
        ensure_schema(database, tmp_path, SYSTEM_CLOCK)
        named = {limit.name: limit for limit in limits_of(partition_counts(database), pid)}
        assert (named["open files"].allowed, named["open files"].level) == (1024, "error")
        with pytest.raises(StoreLimitError, match="limit of open files") as caught:
            _write_every_table(database, days=1)
        assert "prlimit" in caught.value.remedy


@contextmanager
def _answer_under_way(server: EmbeddedQuestDB) -> Generator[None]:
    """A client that has begun to fetch every tick many times over, and does not go on."""
    parameters = {"query": f"SELECT t.* FROM long_sequence(1000000) CROSS JOIN {TICKS} t"}
    with (
        http_session(server.endpoint) as http,
        http.get(f"http://{server.endpoint.http}/exec", params=parameters, stream=True, timeout=60) as answer,
    ):
        content = answer.iter_content(2**20)  # kept: without its iterator the answer is closed
        next(content)
        yield


def _maps_and_files(pid: int) -> tuple[int, int]:
    maps = Path(f"/proc/{pid}/maps").read_text(encoding="ascii").count("\n")
    return maps, psutil.Process(pid).num_fds()


def _write_every_table(database: Database, days: int) -> None:
    """A row in each table, and one of each day in that of the ticks; returns once they show."""
    for table in TABLES.values():
        database.execute(_rows(table, days if table.name == TICKS else 1))  # type: ignore[arg-type]
    database.await_applied(*(table.base for table in TABLES.values()))


def _rows(table: Table, days: int) -> str:
    start = "timestamp_sequence('2016-01-04T02:00:00Z', 86400000000L)"
    kinds = {**VALUES, "TIMESTAMP": start}
    values = ", ".join(kinds.get(column.type, "1") for column in table.base_columns)
    names = ", ".join(column.name for column in table.base_columns)
    return f"INSERT INTO {table.base} ({names}) SELECT {values} FROM long_sequence({days})"


@contextmanager
def _limited_server(home: Path, files: int) -> Generator[tuple[Database, int]]:
    with _limited(files, sys.executable, "-m", own_server.__name__, str(home)) as owner:
        assert owner.stdout is not None
        started = json.loads(owner.stdout.readline())
        try:
            with Database(embedded_endpoint(home, *_ports(started))) as database:
                yield database, started["server"]
        finally:
            psutil.Process(started["server"]).kill()


@contextmanager
def _limited(files: int, *command: str) -> Generator[subprocess.Popen[str]]:
    """A process that may open no more files, nor may its children; killed at the end."""
    shell = ["sh", "-c", f'ulimit -n {files} && exec "$@"', "sh", *command]
    with subprocess.Popen(shell, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def _ports(started: dict[str, str]) -> tuple[int, int]:
    http, pg = (int(started[name].rpartition(":")[2]) for name in ("http", "pg"))
    return http, pg


def _bytes_on_disk(folder: Path) -> int:
    return sum(path.stat().st_blocks * 512 for path in folder.rglob("*"))
