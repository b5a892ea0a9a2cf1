"""The embedded services of one home: which ones its settings need, who owns them, what is recorded and told of them.

Belongs here: the platform as a whole, started, recorded, stopped. Does not belong here: what each service is (`parts`),
when one is started again (`supervisor`), and connecting to them (`context`).
"""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Callable, Collection, Generator, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager

import psutil

from ghtrader_assets.alerts import send_new, service_alert
from ghtrader_assets.children import (
    ALL_SECRETS,
    READING_SECRETS,
    STORE_SECRETS,
    WEB_SECRETS,
    child_environment,
    clear_temporary_folder,
    socket_folder,
)
from ghtrader_assets.clock import Clock
from ghtrader_assets.context.store import open_database
from ghtrader_assets.dagster_web import DagsterAddress
from ghtrader_assets.doors.keys import keys_of
from ghtrader_assets.doors.outside import outside_of
from ghtrader_assets.errors import GhtraderError, ServiceError
from ghtrader_assets.exchange.memory import settled_model
from ghtrader_assets.logs import logger
from ghtrader_assets.manifests import sources_of_loads
from ghtrader_assets.ports import LOOPBACK, claim_port
from ghtrader_assets.private import PRIVATE_FOLDER
from ghtrader_assets.questdb.client.connection import Database
from ghtrader_assets.questdb.client.credentials import Endpoint
from ghtrader_assets.questdb.embedded.server import EmbeddedQuestDB
from ghtrader_assets.questdb.tables.measured import keep_metrics
from ghtrader_assets.questdb.tables.migrations import ensure_schema
from ghtrader_assets.runtime import (
    CODE_SERVER,
    DAEMON,
    DAGSTER,
    DASHBOARD,
    EXCHANGE,
    LOCATION,
    PROMETHEUS,
    QUESTDB,
    RunningProcess,
    Runtime,
    Service,
    forget_runtime,
    read_runtime,
    write_runtime,
)
from ghtrader_assets.services.dagster_files import pack_databases
from ghtrader_assets.services.dagster_instance import (
    code_server_command,
    daemon_command,
    dagster_environment,
    dagster_state,
    webserver_command,
    with_first_place,
    workspace_files,
)
from ghtrader_assets.services.detached import tell_manager
from ghtrader_assets.services.findings import limit_findings
from ghtrader_assets.services.parts import (
    CodeServerPart,
    DaemonPart,
    ProcessPart,
    QuestDBPart,
    WebServerPart,
)
from ghtrader_assets.services.processes import last_lines, turn_over
from ghtrader_assets.services.stopping import stop_left_behind
from ghtrader_assets.services.supervisor import Phase, Supervisor, Watched
from ghtrader_assets.settings import Settings, whole_folders
from ghtrader_assets.tether import WATCHED

Announce = Callable[[str], None]
AnyPart = QuestDBPart | ProcessPart

log = logger(__name__)


@contextmanager
def running_services(
    settings: Settings, announce: Announce, clock: Clock, *, with_dagster: bool, with_provider: bool = True
) -> Generator[Runtime]:
    """Start what the settings need and stop it at the end. Raises `ServiceError`, `PortTakenError`.

    `with_provider`: the embedded exchange too, where no TqSdk account is set. `with_dagster`: Dagster and all pages,
    and what dies or hangs is started again while the context is open.

    One owner a home: raises `ServiceError` naming the owner while another process runs the services.
    """
    _make_home(settings)
    _require_unowned(settings)
    clear_temporary_folder(settings.home, clock.now_ns())
    if with_dagster and (freed := pack_databases(settings.home)):
        announce(f"Dagster's databases were packed: {freed // 2**20} MB are free again")
    with ExitStack() as stack:
        parts = list(_parts(settings, clock, stack, with_dagster=with_dagster, with_provider=with_provider))
        books = _Books(settings, announce, clock)
        supervisor = Supervisor(parts, books, watch=with_dagster)
        if parts:
            stack.callback(forget_runtime, settings.home)
        supervisor.start()
        stack.callback(supervisor.stop)
        if with_dagster:
            _require_definitions(settings, books.runtime, announce)
        for finding in limit_findings(settings, clock):
            if finding.level != "ok":
                announce(f"{finding.subject}: {finding.line}")
        yield books.runtime


class _Books:
    """What a platform's supervisor tells: to the runtime file, the terminal, the log, the alerts' addresses."""

    def __init__(self, settings: Settings, announce: Announce, clock: Clock) -> None:
        self._settings = settings
        self._announce = announce
        self._clock = clock
        self.runtime = Runtime(owner=RunningProcess.of(os.getpid()))

    def looked(self) -> None:
        """Tell a service manager that the supervisor is at it, and keep logs from growing without end."""
        tell_manager("WATCHDOG=1")
        for path in (self._settings.home / "logs").glob("*.log"):
            with contextlib.suppress(OSError):
                turn_over(path)

    def changed(self, parts: Sequence[Watched]) -> None:
        """Write the runtime file."""
        services = tuple(service for watched in parts if (service := _service_of(watched)) is not None)
        given_up = {watched.part.name: watched.why for watched in parts if watched.phase == Phase.GIVEN_UP}
        self.runtime = self.runtime.model_copy(update={"services": services, "given_up": given_up})
        write_runtime(self._settings.home, self.runtime)

    def say(self, message: str) -> None:
        self._announce(message)

    def failed(self, watched: Watched, parts: Sequence[Watched]) -> None:
        """Say what became of it, with its log's last lines; the same to the alerts' addresses."""
        name = watched.part.name
        said = f"{name} {watched.why}; " + (
            f"it is given up after {len(watched.failures)} failures, and what still works is"
            f" {', '.join(each.part.name for each in parts if each.phase == Phase.READY) or 'nothing'}:"
            " see its log, then stop and start `ghtrader-assets up`"
            if watched.phase == Phase.GIVEN_UP
            else f"it is started again in {watched.pause_s:.0f} s"
        )
        words = last_lines(watched.part.log)
        log.info("service failed", service=name, why=watched.why, failures=len(watched.failures))
        self._announce("\n".join([said, *(f"  {name}: {line}" for line in words)]))
        alert = service_alert(name, said, words, self._clock.now())
        try:
            send_new(self._settings, [alert], self._clock)
        except GhtraderError as error:
            self._announce(f"the alert of it was not sent: {error}")


def _service_of(watched: Watched) -> Service | None:
    part = watched.part
    assert isinstance(part, AnyPart)  # noqa: S101 - narrows a type
    pid = part.pid
    with contextlib.suppress(psutil.NoSuchProcess):
        if pid is not None:
            ready = watched.phase == Phase.READY
            process = RunningProcess.of(pid)
            return Service(name=part.name, process=process, urls=part.urls, log=part.log, ready=ready)
    return None


def _make_home(settings: Settings) -> None:
    try:
        settings.home.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
    except OSError as error:
        raise ServiceError(
            f"the folder {settings.home} can't be made: {error.strerror}", "set GHTRADER_HOME to one that can"
        ) from None


def _parts(
    settings: Settings, clock: Clock, stack: ExitStack, *, with_dagster: bool, with_provider: bool
) -> Iterator[AnyPart]:
    """The parts, each after those that it needs."""
    if not settings.uses_external_questdb:
        yield _questdb(settings, clock, bounds_metrics=with_dagster)
    if with_provider and not settings.uses_real_tqsdk:
        yield _exchange(settings)
    if with_dagster:
        outside_of(settings)  # refused before anything is started
        start = secrets.token_hex(12)  # an argument of children: it begins with no hyphen
        yield from _dagster(settings, stack, start)
        yield from _pages(settings, clock, start)


def _questdb(settings: Settings, clock: Clock, *, bounds_metrics: bool) -> QuestDBPart:
    server = EmbeddedQuestDB(settings.home, settings.questdb_http_port, settings.questdb_pg_port, settings.questdb_mode)

    def ensure_tables(endpoint: Endpoint) -> None:
        with Database(endpoint) as database:
            ensure_schema(database, settings.home, clock)
            if bounds_metrics:
                keep_metrics(database, settings.metrics_months)

    return QuestDBPart(server, ensure_tables)


def _exchange(settings: Settings) -> ProcessPart:
    port = claim_port(settings.exchange_port, "GHTRADER_EXCHANGE_PORT")
    home = settings.home / "exchange"
    model = settled_model(home, settings.asked_exchange_model, lambda: "embedded" in sources_of_loads(settings.home))
    words = (
        "-m",
        "ghtrader_assets.exchange",
        "--port",
        str(port),
        "--home",
        str(home),
        "--model",
        str(model),
        "--guarded",
    )
    environment = _environment(settings, WEB_SECRETS)
    return _child(settings, EXCHANGE, words, port, probed="/healthz", environment=environment)


def _dagster(settings: Settings, stack: ExitStack, start: str) -> Iterator[ProcessPart]:
    """Code server, web server and daemon, the definitions at a place that outlives a restart of any.

    The code server alone has the account: its children are the runs. The others may start code locations of the
    user's own, which stand where their workspace file does.
    """
    port = claim_port(settings.dagster_port, "GHTRADER_DAGSTER_PORT")
    sockets = stack.enter_context(socket_folder(settings.home))
    socket = sockets / "code"
    url, keys = f"http://{LOOPBACK}:{port}", keys_of(settings)
    workspaces = workspace_files(settings.home, socket, settings.workspace)
    place = settings.home if settings.workspace is None else settings.workspace.parent
    ours = dagster_environment(settings.home) | {"TMPDIR": str(sockets)}
    environment = with_first_place(_environment(settings, STORE_SECRETS | WEB_SECRETS), settings.home) | ours
    logs = settings.home / "logs"
    yield CodeServerPart(
        name=CODE_SERVER,
        arguments=code_server_command(socket),
        log=logs / "dagster-code.log",
        environment=with_first_place(_environment(settings, ALL_SECRETS), settings.home) | ours | {WATCHED: "1"},
        urls={},
        folder=settings.home,
        socket=socket,
    )
    yield WebServerPart(
        name=DAGSTER,
        arguments=webserver_command(workspaces, port, start),
        log=logs / "dagster.log",
        environment=environment,
        urls={"http": url},
        needs=(CODE_SERVER,),
        folder=place,
        keys=keys,
    )
    yield DaemonPart(
        name=DAEMON,
        arguments=daemon_command(workspaces),
        log=logs / "dagster-daemon.log",
        environment=environment,
        urls={},
        needs=(CODE_SERVER,),
        folder=place,
        web=DagsterAddress(url, keys),
    )


def _environment(settings: Settings, shared: Collection[str]) -> dict[str, str]:
    """That of a child which reads the settings: the same that this process has."""
    return child_environment(settings.home, shared, reads_settings=True) | whole_folders(settings)


def _pages(settings: Settings, clock: Clock, start: str) -> Iterator[ProcessPart]:
    """Dashboard and exporter. The tables of an external QuestDB are made sure of before they read it."""
    if settings.uses_external_questdb:
        with open_database(settings, clock=clock) as database:
            ensure_schema(database, settings.home, clock)
            keep_metrics(database, settings.metrics_months)
    needs = () if settings.uses_external_questdb else (QUESTDB,)
    redis = {"redis_url"} if settings.coverage_cache == "redis" else set[str]()
    environment = _environment(settings, READING_SECRETS | WEB_SECRETS | redis)
    port = claim_port(settings.dashboard_port, "GHTRADER_DASHBOARD_PORT")
    words = ("-m", "ghtrader_assets.dashboard", "--port", str(port), "--start", start)
    yield _child(settings, DASHBOARD, words, port, "/healthz", environment, needs)
    if settings.prometheus_port is not None:
        port = claim_port(settings.prometheus_port, "GHTRADER_PROMETHEUS_PORT")
        words = ("-m", "ghtrader_assets.services.exporter", str(port), start)
        part = _child(settings, PROMETHEUS, words, port, "/healthz", environment, needs)
        part.urls["http"] += "/metrics"
        yield part


def _child(
    settings: Settings,
    name: str,
    words: Sequence[str],
    port: int,
    probed: str,
    environment: Mapping[str, str],
    needs: tuple[str, ...] = (),
) -> ProcessPart:
    url = f"http://{LOOPBACK}:{port}"
    return ProcessPart(
        name=name,
        arguments=words,
        log=settings.home / "logs" / f"{name}.log",
        environment=environment,
        urls={"http": url},
        probed=url + probed,
        needs=needs,
        folder=settings.home,
    )


def _require_definitions(settings: Settings, runtime: Runtime, announce: Announce) -> None:
    """Raise the error of our own code location, if it has one; say those of others."""
    dagster = runtime.service(DAGSTER)
    if dagster is None:
        return
    for name, error in dagster_state(DagsterAddress(dagster.urls["http"], keys_of(settings))).locations.items():
        if error and name == LOCATION:
            raise ServiceError(f"Dagster can't load our definitions: {error}", "mend that")
        if error:
            announce(f"Dagster can't load the code location {name}: {error}")


def _require_unowned(settings: Settings) -> None:
    runtime = read_runtime(settings.home)
    if runtime is None:
        return
    if runtime.owner.alive and runtime.owner.pid != os.getpid():
        raise ServiceError(
            f"the services of {settings.home} are owned by process {runtime.owner.pid}",
            "use them as they run, or stop them with `ghtrader-assets down`",
        )
    stop_left_behind(settings, runtime)
