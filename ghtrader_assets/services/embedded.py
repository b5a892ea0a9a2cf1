"""The embedded services of one home, from QuestDB to Dagster: started in order, recorded, stopped in reverse.

Belongs here: which services a configuration needs, and who owns them.
Does not belong here: how one of them works, and connecting to them (`connect`).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Final

from ghtrader_assets.clock import Clock
from ghtrader_assets.context.store import open_database
from ghtrader_assets.errors import ServiceError
from ghtrader_assets.exchange.memory import settled_model
from ghtrader_assets.manifests import sources_of_loads
from ghtrader_assets.ports import LOOPBACK, claim_port
from ghtrader_assets.questdb.client.connection import Database
from ghtrader_assets.questdb.embedded.server import EmbeddedQuestDB
from ghtrader_assets.questdb.tables.measured import keep_metrics
from ghtrader_assets.questdb.tables.migrations import ensure_schema
from ghtrader_assets.runtime import (
    DAGSTER,
    DASHBOARD,
    EXCHANGE,
    PROMETHEUS,
    QUESTDB,
    RunningProcess,
    Runtime,
    Service,
    forget_runtime,
    read_runtime,
    write_runtime,
)
from ghtrader_assets.services.dagster_instance import start_dagster
from ghtrader_assets.services.exporter import start_exporter
from ghtrader_assets.services.findings import limit_findings
from ghtrader_assets.services.processes import answers_http, spawn, stop_tree, wait_ready
from ghtrader_assets.settings import Settings

EXCHANGE_START_DEADLINE_S: Final = 60.0
DASHBOARD_START_DEADLINE_S: Final = 120.0

Announce = Callable[[str], None]


@contextmanager
def running_services(
    settings: Settings, announce: Announce, clock: Clock, *, with_dagster: bool, with_provider: bool = True
) -> Generator[Runtime]:
    """Start what the settings need and stop it at the end. Raises `ServiceError`, `PortTakenError`.

    `with_provider`: the embedded exchange too, where no TqSdk account is set. `with_dagster`: Dagster and all pages.

    One owner a home: raises `ServiceError` naming the owner while another process runs the services.
    """
    _make_home(settings)
    _require_unowned(settings)
    runtime = Runtime(owner=RunningProcess.of(os.getpid()))
    with ExitStack() as stack:
        for name, start in _starters(settings, clock, with_dagster=with_dagster, with_provider=with_provider):
            announce(f"starting {name}")
            service = start(settings, stack)
            runtime = runtime.with_service(service)
            write_runtime(settings.home, runtime)
            announce(f"{name} is ready: {'  '.join(service.urls.values())}")
        if runtime.services:
            stack.callback(forget_runtime, settings.home)
        for finding in limit_findings(settings, clock):
            if finding.level != "ok":
                announce(f"{finding.subject}: {finding.finding}; {finding.remedy}")
        yield runtime


def _make_home(settings: Settings) -> None:
    try:
        settings.home.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ServiceError(
            f"the folder {settings.home} can't be made: {error.strerror}", "set GHTRADER_HOME to one that can"
        ) from None


def stop_services(settings: Settings) -> bool:
    """Stop the services of this home from outside: their owner, or what a killed owner left. False: none ran."""
    runtime = read_runtime(settings.home)
    if runtime is None:
        return False
    if runtime.owner.alive:
        stop_tree(runtime.owner.pid)
    _stop_left_behind(settings, runtime)
    return True


Starter = Callable[[Settings, ExitStack], Service]


def _starters(
    settings: Settings, clock: Clock, *, with_dagster: bool, with_provider: bool
) -> Iterator[tuple[str, Starter]]:
    if not settings.uses_external_questdb:
        yield QUESTDB, partial(_start_questdb, clock)
    if with_provider and not settings.uses_real_tqsdk:
        yield EXCHANGE, _start_exchange
    if with_dagster:
        yield DASHBOARD, partial(_start_dashboard, clock)
        if settings.prometheus_port is not None:
            yield PROMETHEUS, partial(_start_exporter, clock)
        yield DAGSTER, _start_dagster


def _start_questdb(clock: Clock, settings: Settings, stack: ExitStack) -> Service:
    """The tables stand before any process can find the server: readers have no right to make them."""
    server = EmbeddedQuestDB(settings.home, settings.questdb_http_port, settings.questdb_pg_port, settings.questdb_mode)
    endpoint = server.start()
    stack.callback(server.stop)
    with Database(endpoint) as database:
        ensure_schema(database, settings.home, clock)
    urls = {"http": f"http://{endpoint.http}", "pg": endpoint.pg}
    return Service(name=QUESTDB, process=RunningProcess.of(server.pid), urls=urls, log=server.log)


def _start_exchange(settings: Settings, stack: ExitStack) -> Service:
    port = claim_port(settings.exchange_port, "GHTRADER_EXCHANGE_PORT")
    home = settings.home / "exchange"
    model = settled_model(home, settings.asked_exchange_model, lambda: "embedded" in sources_of_loads(settings.home))
    words = ("--port", str(port), "--home", str(home), "--model", str(model))
    return _start_child(settings, stack, EXCHANGE, port, words, "", EXCHANGE_START_DEADLINE_S)


def _start_dashboard(clock: Clock, settings: Settings, stack: ExitStack) -> Service:
    """The tables stand before the dashboard reads an external QuestDB; metrics are kept as long as the settings say."""
    with open_database(settings, clock=clock) as database:
        ensure_schema(database, settings.home, clock)
        keep_metrics(database, settings.metrics_months)
    port = claim_port(settings.dashboard_port, "GHTRADER_DASHBOARD_PORT")
    return _start_child(settings, stack, DASHBOARD, port, ("--port", str(port)), "/health", DASHBOARD_START_DEADLINE_S)


def _start_child(
    settings: Settings, stack: ExitStack, name: str, port: int, words: Sequence[str], probed: str, deadline_s: float
) -> Service:
    """Start the module of this name as a process of its own; return once its path `probed` answers."""
    log, url = settings.home / "logs" / f"{name}.log", f"http://{LOOPBACK}:{port}"
    process = spawn(["-m", f"ghtrader_assets.{name}", *words], log, {"GHTRADER_HOME": str(settings.home)})
    stack.callback(stop_tree, process.pid)
    wait_ready(f"the {name}", process, log, lambda: answers_http(url + probed), deadline_s)
    return Service(name=name, process=RunningProcess.of(process.pid), urls={"http": url}, log=log)


def _start_exporter(clock: Clock, settings: Settings, stack: ExitStack) -> Service:
    """A thread of this process: it has little to do, and ends with it."""
    port = claim_port(settings.prometheus_port or 0, "GHTRADER_PROMETHEUS_PORT")
    server = start_exporter(settings, port, clock)
    stack.callback(server.shutdown)
    urls = {"http": f"http://{LOOPBACK}:{port}/metrics"}
    log = settings.home / "logs" / "dashboard.log"
    return Service(name=PROMETHEUS, process=RunningProcess.of(os.getpid()), urls=urls, log=log)


def _start_dagster(settings: Settings, stack: ExitStack) -> Service:
    port = claim_port(settings.dagster_port, "GHTRADER_DAGSTER_PORT")
    log = settings.home / "logs" / "dagster.log"
    process, url = start_dagster(settings.home, port, log, settings.workspace)
    stack.callback(stop_tree, process.pid)
    return Service(name=DAGSTER, process=RunningProcess.of(process.pid), urls={"http": url}, log=log)


def _require_unowned(settings: Settings) -> None:
    runtime = read_runtime(settings.home)
    if runtime is None:
        return
    if runtime.owner.alive and runtime.owner.pid != os.getpid():
        raise ServiceError(
            f"the services of {settings.home} are owned by process {runtime.owner.pid}",
            "use them as they run, or stop them with `ghtrader-assets down`",
        )
    _stop_left_behind(settings, runtime)


def _stop_left_behind(settings: Settings, runtime: Runtime) -> None:
    for service in reversed(runtime.services):
        if service.process.alive:
            stop_tree(service.process.pid)
    forget_runtime(settings.home)
