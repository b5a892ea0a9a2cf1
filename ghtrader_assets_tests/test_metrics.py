"""Query metrics: written in batches, off the hot path, lost only where the store is away too long, and then counted."""

from __future__ import annotations

import dataclasses
import re
import threading
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ghtrader_assets import metrics
from ghtrader_assets.clock import SYSTEM_CLOCK
from ghtrader_assets.metrics import DROPPED, QueryMetrics, metrics_into
from ghtrader_assets.questdb.client.connection import Database
from ghtrader_assets.questdb.client.credentials import Endpoint
from ghtrader_assets.questdb.tables.measured import (
    keep_metrics,
    read_ingest_course,
    read_ingest_rates,
    read_percentiles,
    read_query_course,
    read_query_percentiles,
)
from ghtrader_assets.questdb.tables.rows import Metric
from ghtrader_assets.questdb.tables.schema import METRICS, TABLES, ensure_table
from ghtrader_assets_tests.measured import write_metrics
from ghtrader_assets_tests.waiting import HANGS_S

EVER = (datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC))


def measured(name: str, ts: datetime, value: float, symbol: str = "") -> Metric:
    return Metric(ts=ts, name=name, symbol=symbol, trading_day=None, value=value, unit="s")


@pytest.fixture
def patient_close(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is left is written at close, however busy the machine."""
    monkeypatch.setattr(metrics, "CLOSE_WITHIN_S", HANGS_S)


@pytest.mark.usefixtures("patient_close")
def test_a_querys_latency_reaches_the_table_by_its_name_and_all_of_it_at_close(
    questdb_endpoint: Endpoint, db: Database
) -> None:
    name = f"q{uuid.uuid4().hex[:8]}"
    recorder = metrics_into(questdb_endpoint, SYSTEM_CLOCK)
    with Database(questdb_endpoint, on_query=recorder.observe) as observed:
        for _ in range(300):
            observed.rows(name, "SELECT 1")
    recorder.close()
    db.await_applied(METRICS)
    found = {percentile.name: percentile for percentile in read_query_percentiles(db, *EVER)}
    assert found[name].count == 300, "each one, though many fall into one microsecond or one batch"
    assert 0 < found[name].p50 <= found[name].p95 <= found[name].p99 <= found[name].largest
    assert "wal_state" not in found


def apart_for_questdb(value: float) -> float:
    """QuestDB orders doubles that differ by less than 1e-10 as if they were equal."""
    return round(value, 6)


@settings(deadline=None, max_examples=10)
@given(st.lists(st.floats(1e-6, 1e3).map(apart_for_questdb), min_size=1, max_size=120))
def test_percentiles_are_the_nearest_ranks_that_numpy_finds(db: Database, values: list[float]) -> None:
    name, start = f"v{uuid.uuid4().hex}", datetime(2026, 3, 1, tzinfo=UTC)
    rows = [measured(name, start + timedelta(milliseconds=nth), value) for nth, value in enumerate(values)]
    write_metrics(db, rows)
    (found,) = read_percentiles(db, [name], start, start + timedelta(hours=1))
    wanted = [float(item) for item in np.quantile(values, [0.5, 0.95, 0.99], method="inverted_cdf")]
    assert [found.p50, found.p95, found.p99] == wanted
    assert (found.count, found.largest) == (len(values), max(values))


def test_a_window_holds_its_start_and_not_its_end(db: Database) -> None:
    name, start = f"v{uuid.uuid4().hex}", datetime(2026, 3, 2, tzinfo=UTC)
    write_metrics(db, [measured(name, start + timedelta(hours=hour), float(hour)) for hour in range(5)])
    (found,) = read_percentiles(db, [name], start + timedelta(hours=1), start + timedelta(hours=3))
    assert (found.count, found.p50, found.largest) == (2, 1.0, 2.0)


def test_courses_and_rates_add_up(db: Database, symbol: str) -> None:
    start = datetime(2031, 5, 1, tzinfo=UTC)
    day = [("ingest_rows", 1000.0), ("ingest_bytes", 5e6), ("download_seconds", 1.5), ("store_seconds", 0.5)]
    write_metrics(
        db,
        [measured(name, start + timedelta(minutes=40 * nth), value, symbol) for nth in range(3) for name, value in day],
    )
    write_metrics(db, [measured("query.q", start + timedelta(minutes=nth), nth / 1000) for nth in range(120)])
    end = start + timedelta(days=1)
    (rate,) = [rate for rate in read_ingest_rates(db, start, end) if rate.symbol == symbol]
    assert (rate.days, rate.rows, rate.bytes, rate.seconds, rate.rows_per_s) == (3, 3000, 15_000_000, 6.0, 500.0)
    assert rate.last == start + timedelta(minutes=80)
    steps = read_ingest_course(db, start, end, "1h")
    assert [(step.ts, step.days, step.rows, step.seconds) for step in steps] == [
        (start, 2, 2000, 4.0),
        (start + timedelta(hours=1), 1, 1000, 2.0),
    ]
    course = read_query_course(db, start, end, "1h")
    assert [(item.ts, item.count) for item in course] == [(start, 60), (start + timedelta(hours=1), 60)]
    assert [item.p95 for item in course] == [0.056, 0.116]


def test_a_store_that_hangs_costs_a_query_nothing_and_an_exit_no_longer_than_it_may(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Both come back while the store hangs; who waited for it would find it gone on."""
    monkeypatch.setattr(metrics, "CLOSE_WITHIN_S", 0.1)
    hangs, goes_on, went_on = (threading.Event() for _ in range(3))

    def write(_: object) -> None:
        hangs.set()
        if not went_on.is_set():
            goes_on.wait(HANGS_S)
            went_on.set()

    recorder = QueryMetrics(write, SYSTEM_CLOCK, flush_every_s=0.01)
    recorder.observe("first", 0.001)
    assert hangs.wait(HANGS_S)
    for _ in range(10_000):
        recorder.observe("q", 0.001)
    recorder.close()
    assert not went_on.is_set()
    goes_on.set()


@pytest.mark.usefixtures("patient_close")
def test_a_store_that_was_away_gets_what_there_was_room_for_and_how_much_was_dropped() -> None:
    written: list[Metric] = []
    refused, back = threading.Event(), threading.Event()

    def write(rows: list[Metric]) -> None:
        if not back.is_set():
            refused.set()
            raise OSError("away")
        written.extend(rows)

    recorder = QueryMetrics(write, SYSTEM_CLOCK, flush_every_s=0.01, capacity=100)  # pyright: ignore[reportArgumentType]
    for nth in range(250):
        recorder.observe("q", float(nth))
    assert refused.wait(HANGS_S)
    back.set()
    recorder.close()
    queries = [row.value for row in written if row.name == "query.q"]
    dropped = [row.value for row in written if row.name == DROPPED]
    assert queries == [float(nth) for nth in range(150, 250)], "the newest are kept, in order"
    assert dropped == [150.0]
    stamps = [row.ts for row in written if row.name == "query.q"]
    assert sorted(set(stamps)) == stamps, "no two share an instant, or one would replace the other"


@pytest.mark.usefixtures("patient_close")
def test_threads_lose_nothing(questdb_endpoint: Endpoint) -> None:
    written: list[Metric] = []
    recorder = QueryMetrics(written.extend, SYSTEM_CLOCK, flush_every_s=0.005)
    threads = [threading.Thread(target=lambda: [recorder.observe("q", 1e-3) for _ in range(500)]) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    recorder.close()
    assert len(written) == len({row.ts for row in written}) == 4000


def test_old_months_are_dropped_and_the_rest_stays(db: Database) -> None:
    table = dataclasses.replace(TABLES[METRICS], name=f"metrics_kept_{uuid.uuid4().hex[:8]}")
    ensure_table(db, table)
    insert = f"INSERT INTO {table.name} (ts, name, value) VALUES (%s, %s, 1.0)"
    now = datetime.now(UTC)
    for age, name in ((200, "old"), (20, "recent")):
        db.execute(insert, [now - timedelta(days=age), name])
    keep_metrics(db, 3, table.name)
    db.await_applied(table.name)
    db.execute(insert, [now, "new"])
    db.await_applied(table.name)
    assert _names(db, table.name) == ["new", "recent"]
    for months in (12, 18, 18):
        keep_metrics(db, months, table.name)
        db.await_applied(table.name)
    kept = db.rows("ttl", f"SELECT ttlValue, ttlUnit FROM tables() WHERE table_name = '{table.name}'")
    assert kept == [(18, "MONTH")]


def _names(db: Database, table: str) -> list[str]:
    return sorted(row[0] for row in db.rows("names", f"SELECT name FROM {table}"))


def test_the_documents_statement_is_the_percentile_that_the_command_prints(db: Database) -> None:
    text = Path("docs/metrics.md").read_text(encoding="utf-8")
    (statement,) = re.findall(r"```sql\n(.*?)```", text, flags=re.DOTALL)
    start = datetime(2026, 1, 5, 6, tzinfo=UTC)
    write_metrics(db, [measured("query.coverage", start + timedelta(seconds=nth), nth / 1000) for nth in range(1, 61)])
    found = next(
        percentile
        for percentile in read_query_percentiles(db, start, start + timedelta(hours=12))
        if percentile.name == "coverage"
    )
    assert db.rows("documented", statement) == [(found.p95,)] == [(0.057,)]
