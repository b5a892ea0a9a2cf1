"""`/metrics` for Prometheus, fed from the tables when it is scraped; part of `up` where a port is set.

Belongs here: which figures are exported under which names, and that a label is one line of bounded length. Does not
belong here: the queries (`questdb`), rules and dashboards over them (`infra/`).

A scrape asks the tables a handful of questions, one after the other, over one session; requests that come meanwhile
share the next scrape. A request has seconds to arrive (`doors.serving`), and no more than `REQUESTS_AT_ONCE` wait for
a scrape: a client that opens more connections, or never ends a request, costs a socket and no session of QuestDB's. A
store that is away shows as `ghtrader_store_up 0`, and the figures that need it are absent rather than stale.
"""

from __future__ import annotations

import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from typing import Any, Final, cast

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from ghtrader_assets.clock import SYSTEM_CLOCK, Clock
from ghtrader_assets.context.store import StoreContext, open_store
from ghtrader_assets.context.universe import universe_of
from ghtrader_assets.doors.guarded import guarded_server
from ghtrader_assets.doors.serving import WebServer
from ghtrader_assets.entrance import entered
from ghtrader_assets.errors import GhtraderError
from ghtrader_assets.logs import logger
from ghtrader_assets.market.clock import shanghai_day
from ghtrader_assets.questdb.standing.day_states import read_grid
from ghtrader_assets.questdb.standing.obstacles import read_obstacles
from ghtrader_assets.questdb.tables.measured import (
    Percentiles,
    read_ingest_rates,
    read_percentiles,
    read_query_percentiles,
)
from ghtrader_assets.questdb.tables.reader import read_stored_ranges
from ghtrader_assets.runtime import PROMETHEUS, read_runtime
from ghtrader_assets.settings import Settings
from ghtrader_assets.texts import one_line
from ghtrader_assets.validation.verdicts import midnight_utc

WINDOW: Final = timedelta(minutes=15)
LOAD_WINDOW: Final = timedelta(days=1)
STATE_DAYS: Final = timedelta(days=365)
STEPS: Final = ("download_seconds", "store_seconds", "readback_seconds", "validation_seconds")
FIGURES: Final = "/metrics"
REQUESTS_AT_ONCE: Final = 32
SESSIONS: Final = 1
"""The exporter's share of QuestDB's sessions."""
QUANTILES: Final = (("0.5", "p50"), ("0.95", "p95"), ("0.99", "p99"))

LabelledValue = tuple[*tuple[str, ...], float]
"""The values of a family's labels, and the figure."""

log = logger(__name__)


@dataclass(frozen=True, eq=False)
class TablesCollector(Collector):
    """What the tables say at each scrape."""

    settings: Settings
    clock: Clock

    def collect(self) -> Iterator[Metric]:
        """The families of one scrape."""
        yield _services(self.settings)
        try:
            with open_store(self.settings, clock=self.clock) as context:
                found = [family for ask in _QUESTIONS for family in ask(context)]
        except GhtraderError as error:
            log.info("scraped without the store", error=str(error))
            found = []
        yield _gauge("ghtrader_store_up", "1 while QuestDB answers", [], [(1 if found else 0,)])
        yield from found


class Scrapes:
    """One scrape at a time. Requests that arrive while one is made share the next one."""

    def __init__(self, make: Callable[[], bytes]) -> None:
        self._make = make
        self._lock = threading.Lock()
        self._begun = float("-inf")
        self._made = b""

    def text(self) -> bytes:
        """A scrape that began no earlier than this call."""
        asked = time.monotonic()
        with self._lock:
            if self._begun < asked:
                self._begun = time.monotonic()
                self._made = self._make()
            return self._made


class Metrics:
    """The application: the figures, for no more than `REQUESTS_AT_ONCE` at once."""

    def __init__(self, scrapes: Scrapes) -> None:
        self._scrapes = scrapes
        self._heard = 0

    def application(self) -> Starlette:
        return Starlette(routes=[Route(FIGURES, self._figures)])

    async def _figures(self, _request: Request) -> Response:
        if self._heard >= REQUESTS_AT_ONCE:
            return PlainTextResponse("too many requests at once\n", HTTPStatus.SERVICE_UNAVAILABLE)
        self._heard += 1
        try:
            text = await run_in_threadpool(self._scrapes.text)
        finally:
            self._heard -= 1
        return Response(text, media_type=CONTENT_TYPE_LATEST)


def start_exporter(settings: Settings, port: int, clock: Clock, start: str = "") -> WebServer:
    """Serve `/metrics` on the loopback address from a thread; returns the server, whose `close` ends it."""
    registry = CollectorRegistry()
    registry.register(TablesCollector(settings.model_copy(update={"questdb_sessions": SESSIONS}), clock))
    metrics = Metrics(Scrapes(lambda: generate_latest(registry)))
    app = cast("Any", metrics.application())
    server = guarded_server(app, settings, PROMETHEUS, port, start=start, clock=clock, has_pages=False)
    server.start()
    return server


def _gauge(name: str, meaning: str, labels: Sequence[str], samples: Iterable[LabelledValue]) -> Metric:
    family = GaugeMetricFamily(name, meaning, labels=labels)
    for *values, figure in samples:
        family.add_metric([one_line(value) for value in values], figure)
    return family


def _services(settings: Settings) -> Metric:
    runtime = read_runtime(settings.home)
    found = runtime.services if runtime else ()
    lives = ((service.name, 1 if service.process.alive else 0) for service in found)
    return _gauge("ghtrader_service_running", "1 while the process of a service lives", ["service"], lives)


def _stored(context: StoreContext) -> list[Metric]:
    found = read_stored_ranges(context.database)
    days = ((item.symbol, item.n_days) for item in found)
    rows = ((item.symbol, item.rows) for item in found)
    last = ((item.symbol, midnight_utc(item.last_day).timestamp()) for item in found)
    last_meaning = "midnight UTC of the last stored trading day"
    return [
        _gauge("ghtrader_stored_days", "trading days stored and read back", ["symbol"], days),
        _gauge("ghtrader_stored_ticks", "ticks of those days", ["symbol"], rows),
        _gauge("ghtrader_last_day_timestamp_seconds", last_meaning, ["symbol"], last),
    ]


def _states(context: StoreContext) -> list[Metric]:
    """Days by state; an accepted one is of none but `accepted`, one with a wrong main contract of that code's."""
    calendar, now = context.calendar, context.clock.now()
    end = min(shanghai_day(context.clock.now_ns()), calendar.horizon)
    start = max(end - STATE_DAYS, calendar.first)
    obstacles = read_obstacles(context.database, calendar, universe_of(context.settings), start, end)
    grid = read_grid(context.database, start, end, now, obstacles)
    shown = [
        (symbol, "accepted" if accepted else state, "" if accepted else code or "", reason)
        for symbol, state, reason, accepted, code in grid.select(
            "symbol", "state", "reason", "accepted", "wrong_main"
        ).iter_rows()
    ]
    days = Counter((symbol, code or state) for symbol, state, code, _ in shown)
    wrong = Counter((symbol, code, reason) for symbol, _, code, reason in shown if code)
    meaning = "trading days of the last year by symbol and state, accepted ones apart"
    finding = "days of it whose main contract is wrong at the provider, and what is to be done"
    return [
        _gauge("ghtrader_days", meaning, ["symbol", "state"], _counted(days)),
        _gauge("ghtrader_wrong_main_days", finding, ["symbol", "code", "finding"], _counted(wrong)),
    ]


def _counted(counts: Mapping[tuple[*tuple[str, ...]], int]) -> Iterator[LabelledValue]:
    return ((*labels, count) for labels, count in sorted(counts.items()))


def _ingest(context: StoreContext) -> list[Metric]:
    now = context.clock.now()
    found = read_ingest_rates(context.database, now - LOAD_WINDOW, now)
    rows, rates = ((item.symbol, item.rows) for item in found), ((item.symbol, item.rows_per_s) for item in found)
    return [
        _gauge("ghtrader_ingest_ticks_24h", "ticks loaded in the last 24 hours", ["symbol"], rows),
        _gauge("ghtrader_ingest_ticks_per_second", "of the loads of 24 hours", ["symbol"], rates),
    ]


def _latencies(context: StoreContext) -> list[Metric]:
    now = context.clock.now()
    queries = read_query_percentiles(context.database, now - WINDOW, now)
    steps = read_percentiles(context.database, STEPS, now - LOAD_WINDOW, now)
    return [
        *_quantiles("ghtrader_query_seconds", "query", "latency of queries over 15 minutes, exact", queries),
        *_quantiles("ghtrader_step_seconds", "step", "a trading day's step over 24 hours, exact", steps),
    ]


def _quantiles(name: str, label: str, meaning: str, found: list[Percentiles]) -> list[Metric]:
    named = [(item.name.removesuffix("_seconds"), item) for item in found]
    values = ((key, quantile, getattr(item, field)) for key, item in named for quantile, field in QUANTILES)
    counts = ((key, item.count) for key, item in named)
    return [
        _gauge(name, meaning, [label, "quantile"], values),
        _gauge(f"{name}_window_count", f"how many: {meaning}", [label], counts),
    ]


def _wal(context: StoreContext) -> list[Metric]:
    listed = "SELECT name, suspended FROM wal_tables() WHERE name LIKE 'ghtrader_%'"
    found = context.database.rows("wal_tables", listed)
    samples = ((name, 1 if suspended else 0) for name, suspended in found)
    return [_gauge("ghtrader_table_suspended", "1 if a table takes writes and shows none", ["table"], samples)]


_QUESTIONS: Final = (_stored, _states, _ingest, _latencies, _wal)


def main(port: int, start: str) -> int:
    """Serve until told to stop, as a process of its own. Exit code of the error in one line if that can't be."""
    try:
        settings = entered()
        server = start_exporter(settings, port, SYSTEM_CLOCK, start)
    except GhtraderError as error:
        sys.stderr.write(f"error: {error.line}\n")
        return error.exit_code
    server.until_told()
    return 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), sys.argv[2]))
