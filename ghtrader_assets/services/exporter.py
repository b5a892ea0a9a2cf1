"""`/metrics` for Prometheus, fed from the tables when it is scraped; part of `up` where a port is set.

Belongs here: which figures are exported under which names. Does not belong here: the queries (`questdb`), rules and
dashboards over them (`infra/`).

A scrape asks the tables a handful of questions; a store that is away shows as `ghtrader_store_up 0`, and the figures
that need it are absent rather than stale.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final
from wsgiref.simple_server import WSGIServer

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from ghtrader_assets.clock import Clock
from ghtrader_assets.context.store import open_database
from ghtrader_assets.errors import GhtraderError
from ghtrader_assets.logs import logger
from ghtrader_assets.ports import LOOPBACK
from ghtrader_assets.questdb.client.connection import Database
from ghtrader_assets.questdb.standing.day_states import read_grid
from ghtrader_assets.questdb.tables.measured import (
    Percentiles,
    read_ingest_rates,
    read_percentiles,
    read_query_percentiles,
)
from ghtrader_assets.questdb.tables.reader import read_coverage
from ghtrader_assets.runtime import read_runtime
from ghtrader_assets.settings import Settings
from ghtrader_assets.validation.verdicts import midnight_utc

WINDOW: Final = timedelta(minutes=15)
LOAD_WINDOW: Final = timedelta(days=1)
STATE_DAYS: Final = timedelta(days=365)
STEPS: Final = ("download_seconds", "store_seconds", "readback_seconds", "validation_seconds")
QUANTILES: Final = (("0.5", "p50"), ("0.95", "p95"), ("0.99", "p99"))

log = logger(__name__)


class TablesCollector(Collector):
    """What the tables say, asked at each scrape."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock

    def collect(self) -> Iterator[Metric]:
        """The families of one scrape."""
        yield _services(self._settings)
        up = GaugeMetricFamily("ghtrader_store_up", "1 while QuestDB answers")
        try:
            with open_database(self._settings, readonly=True, clock=self._clock) as database:
                now = self._clock.now()
                found = [family for ask in _QUESTIONS for family in ask(database, now)]
        except GhtraderError as error:
            log.info("scraped without the store", error=str(error))
            found = []
        up.add_metric([], 1.0 if found else 0.0)
        yield up
        yield from found


def start_exporter(settings: Settings, port: int, clock: Clock) -> WSGIServer:
    """Serve `/metrics` on the loopback address from a thread; returns the server, whose `shutdown` ends it."""
    registry = CollectorRegistry()
    registry.register(TablesCollector(settings, clock))
    server, _ = start_http_server(port, addr=LOOPBACK, registry=registry)
    return server


def _services(settings: Settings) -> Metric:
    family = GaugeMetricFamily("ghtrader_service_running", "1 while the process of a service lives", labels=["service"])
    runtime = read_runtime(settings.home)
    for service in runtime.services if runtime else ():
        family.add_metric([service.name], 1.0 if service.process.alive else 0.0)
    return family


def _stored(database: Database, _now: datetime) -> list[Metric]:
    days = GaugeMetricFamily("ghtrader_stored_days", "trading days stored and read back", labels=["symbol"])
    rows = GaugeMetricFamily("ghtrader_stored_ticks", "ticks of those days", labels=["symbol"])
    last = GaugeMetricFamily(
        "ghtrader_last_day_timestamp_seconds", "midnight UTC of the last stored trading day", labels=["symbol"]
    )
    for item in read_coverage(database):
        days.add_metric([item.symbol], item.n_days)
        rows.add_metric([item.symbol], item.rows)
        last.add_metric([item.symbol], midnight_utc(item.last_day).timestamp())
    return [days, rows, last]


def _states(database: Database, now: datetime) -> list[Metric]:
    today = now.date()
    grid = read_grid(database, today - STATE_DAYS, today)
    family = GaugeMetricFamily(
        "ghtrader_days", "trading days of the last year by symbol and state", labels=["symbol", "state"]
    )
    for (symbol, state), count in sorted(Counter(grid.select("symbol", "state").iter_rows()).items()):
        family.add_metric([symbol, state], count)
    return [family]


def _ingest(database: Database, now: datetime) -> list[Metric]:
    rows = GaugeMetricFamily("ghtrader_ingest_ticks_24h", "ticks loaded in the last 24 hours", labels=["symbol"])
    rate = GaugeMetricFamily("ghtrader_ingest_ticks_per_second", "of the loads of 24 hours", labels=["symbol"])
    for item in read_ingest_rates(database, now - LOAD_WINDOW, now):
        rows.add_metric([item.symbol], item.rows)
        rate.add_metric([item.symbol], item.rows_per_s)
    return [rows, rate]


def _latencies(database: Database, now: datetime) -> list[Metric]:
    queries = _quantiles(
        "ghtrader_query_seconds", "query", "latency of queries over 15 minutes, exact",
        read_query_percentiles(database, now - WINDOW, now),
    )  # fmt: skip
    steps = read_percentiles(
        database,
        ["validation_seconds", "download_seconds", "store_seconds", "readback_seconds"],
        now - LOAD_WINDOW,
        now,
    )
    return [*queries, *_quantiles("ghtrader_step_seconds", "step", "a trading day's step over 24 hours, exact", steps)]


def _quantiles(name: str, label: str, help_text: str, found: list[Percentiles]) -> list[Metric]:
    values = GaugeMetricFamily(name, help_text, labels=[label, "quantile"])
    counts = GaugeMetricFamily(f"{name}_window_count", f"how many: {help_text}", labels=[label])
    for item in found:
        for quantile, field in QUANTILES:
            values.add_metric([item.name.removesuffix("_seconds"), quantile], getattr(item, field))
        counts.add_metric([item.name.removesuffix("_seconds")], item.count)
    return [values, counts]


def _wal(database: Database, _now: datetime) -> list[Metric]:
    found = database.rows("wal_tables", "SELECT name, suspended FROM wal_tables() WHERE name LIKE 'ghtrader_%'")
    family = GaugeMetricFamily("ghtrader_table_suspended", "1 if a table takes writes and shows none", labels=["table"])
    for name, suspended in found:
        family.add_metric([name], 1.0 if suspended else 0.0)
    return [family]


_QUESTIONS: Final = (_stored, _states, _ingest, _latencies, _wal)
