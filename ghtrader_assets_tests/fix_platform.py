"""The command line as a user types it, and a running platform with its daemon.

Belongs here: running commands in processes of their own, against the shared QuestDB and exchange or a whole `up`.
Does not belong here: what a test of one room needs.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import requests
from playwright.sync_api import Page

from ghtrader_assets.clock import SYSTEM_CLOCK
from ghtrader_assets.doors.keys import WebKeys, keys_of, link_to, page_url
from ghtrader_assets.market.calendar import snapshot_calendar
from ghtrader_assets.market.symbols import parse_symbol
from ghtrader_assets.orchestration.names import ALL_TABLES, RANGE_END, RANGE_START
from ghtrader_assets.questdb.client.credentials import Endpoint
from ghtrader_assets.runtime import Runtime, read_runtime
from ghtrader_assets.settings import Settings
from ghtrader_assets_tests.fix_exchange import ExchangeControl
from ghtrader_assets_tests.open_provider import OPEN_COMMAND
from ghtrader_assets_tests.waiting import HANGS_S, await_that
from ghtrader_assets_tests.warm_commands import NOW, warm_command

ROOT = Path(__file__).resolve().parents[1]
COMMAND = str(Path(sys.executable).with_name("ghtrader-assets"))
OURS = ("GHTRADER_", "TQSDK_", "TQ_", "DAGSTER_")
ANY_PORTS = {
    f"GHTRADER_{name}_PORT": "0" for name in ("QUESTDB_HTTP", "QUESTDB_PG", "DAGSTER", "DASHBOARD", "EXCHANGE")
}
MODEL_1 = {"GHTRADER_EXCHANGE_MODEL": "1"}
"""The market whose figures tests hold; the demo and `up` take the default."""
PROXIES = ("http_proxy", "HTTP_PROXY", "https_proxy", "all_proxy", "ws_proxy")
BEHIND_A_PROXY = {**dict.fromkeys(PROXIES, "http://127.0.0.1:9"), **dict.fromkeys(("no_proxy", "NO_PROXY"), "")}
"""A proxy that is away, as a laptop's outside its office. Services on this host are reached without it."""
PLATFORM_SYMBOLS = ("KQ.m@SHFE.cu", "KQ.m@CZCE.SR", "KQ.m@CFFEX.IF", "KQ.m@DCE.m")
COPPER = PLATFORM_SYMBOLS[0]
COPPER_DAYS = snapshot_calendar().days(date(2026, 1, 5), date(2026, 1, 7))
PASSWORD = "canary-7c21e9"


@dataclass(frozen=True)
class Ran:
    """A finished command."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        return json.loads(self.out)


@dataclass(frozen=True)
class CommandLine:
    """`ghtrader-assets` in an environment of its own."""

    home: Path
    environment: Mapping[str, str]
    folder: Path | None = None
    """Where it is started, if not in its home."""

    def start(self, *words: str, **more: str) -> subprocess.Popen[str]:
        """The console script itself; with an account, a process like it whose provider is open at every hour."""
        program = [sys.executable, "-c", OPEN_COMMAND, str(ROOT)] if "TQSDK_USER" in self.environment else [COMMAND]
        return subprocess.Popen(
            [*program, *words],
            env=self.behind_a_proxy() | self.whole_environment(more),
            cwd=self.folder or self.home,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *words: str, timeout: float = 900, at: datetime | None = None, **more: str) -> Ran:
        """Run to the end; `at` is when, by the clock of that process, if not now."""
        if at is not None:
            more[NOW] = at.isoformat()
        with tempfile.TemporaryDirectory() as folder:
            out, err = Path(folder, "out"), Path(folder, "err")
            process = warm_command(words, self.behind_a_proxy() | self.whole_environment(more), out, err)
            process.join(timeout)
            ended = process.exitcode
            if ended is None:
                process.kill()
                process.join()
            said = [path.read_text(encoding="utf-8") if path.exists() else "" for path in (out, err)]
        if ended is None:
            pytest.fail(f"{words} did not end within {timeout} s\n{said[0]}\n{said[1]}")
        return Ran(ended, *said)

    def behind_a_proxy(self) -> Mapping[str, str]:
        """For commands that need nothing of the internet: one that starts QuestDB resolves its jar."""
        return BEHIND_A_PROXY if "GHTRADER_QUESTDB_HTTP" in self.environment else {}

    def whole_environment(self, more: Mapping[str, str]) -> dict[str, str]:
        plain = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(OURS) and name not in self.behind_a_proxy()
        }
        return {**plain, "HOME": str(self.home), "GHTRADER_HOME": str(self.home), **self.environment, **more}


@pytest.fixture
def bare(tmp_path: Path) -> CommandLine:
    """The command line of a fresh machine: an empty home, nothing running, every port free to choose."""
    return CommandLine(tmp_path, ANY_PORTS | MODEL_1)


def pointed_at(endpoint: Endpoint, exchange: ExchangeControl) -> dict[str, str]:
    """Settings for an external QuestDB and another server of TqSdk's protocol."""
    return {
        **ANY_PORTS,
        **exchange.environment,
        "TQSDK_USER": "quant",
        "TQSDK_PASSWORD": PASSWORD,
        "GHTRADER_START_DATE": "2025-12-01",
        "GHTRADER_QUESTDB_HTTP": endpoint.http,
        "GHTRADER_QUESTDB_PG": endpoint.pg,
        "GHTRADER_QUESTDB_USER": endpoint.user,
        "GHTRADER_QUESTDB_PASSWORD": endpoint.password.get_secret_value(),
        "GHTRADER_INGEST_WORKERS": "1",
        "GHTRADER_FAST_HISTORY": "on",
    }


@pytest.fixture
def shared(tmp_path: Path, questdb_endpoint: Endpoint, exchange: ExchangeControl) -> CommandLine:
    """The command line pointed at the session's QuestDB and exchange, with a home of its own."""
    return CommandLine(tmp_path, pointed_at(questdb_endpoint, exchange))


LAUNCH_RUN = """
mutation LaunchRun($params: ExecutionParams!) {
  launchPipelineExecution(executionParams: $params) {
    __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message }
  }
}"""

RUN = """
query Run($id: ID!) { runOrError(runId: $id) { ... on Run {
  status allPools stepStats { stepKey status }
} } }"""


def run_selector(symbol: str, tables: Iterable[str] = ALL_TABLES) -> dict[str, Any]:
    """What Dagster's mutations select to run these tables of a symbol."""
    return {
        "repositoryLocationName": "ghtrader_assets",
        "repositoryName": "__repository__",
        "pipelineName": "trading_days",
        "assetSelection": [{"path": [parse_symbol(symbol).key, table]} for table in tables],
        "assetCheckSelection": [],
    }


def range_tags(first: date, last: date) -> list[dict[str, str]]:
    return [{"key": RANGE_START, "value": str(first)}, {"key": RANGE_END, "value": str(last)}]


@dataclass(frozen=True)
class RunningPlatform:
    """A whole platform kept up by `ghtrader-assets up`."""

    command: CommandLine
    runtime: Runtime
    """As the platform came up: tests kill parts, which come back as other processes at the same addresses."""

    def url(self, service: str) -> str:
        (found,) = (each for each in self.runtime.services if each.name == service)
        return found.urls["http"]

    def page(self, service: str) -> str:
        """Where a browser finds its pages."""
        return page_url(self.keys.page_name, self.url(service))

    @property
    def keys(self) -> WebKeys:
        return keys_of(Settings(home=self.command.home))

    def get(self, service: str, path: str = "") -> requests.Response:
        """What a program with the owner's token gets."""
        return requests.get(f"{self.url(service)}{path}", headers=self.keys.header, timeout=HANGS_S)

    def show(self, page: Page, path: str = "", service: str = "dagster", **more: Any) -> None:
        """Open a page as a user does who was given a link to log in with."""
        page.goto(link_to(self.keys, service, self.url(service), SYSTEM_CLOCK))
        page.wait_for_url(f"{self.page(service)}/", wait_until="commit")
        page.goto(f"{self.page(service)}{path}", **more)

    def graphql(self, query: str, **variables: Any) -> Any:
        asked = {"query": query, "variables": variables}
        url = f"{self.url('dagster')}/graphql"
        answer = requests.post(url, json=asked, headers=self.keys.header, timeout=HANGS_S).json()
        assert "errors" not in answer, answer["errors"]
        return answer["data"]

    def run_of(self, run_id: str) -> dict[str, Any]:
        return self.graphql(RUN, id=run_id)["runOrError"]

    def launch_run(self, symbol: str, first: date, last: date, tables: Iterable[str] = ALL_TABLES) -> str:
        """One run over some days of a symbol; its id. A backfill waits half a minute for the daemon's turn besides."""
        params = {"selector": run_selector(symbol, tables), "executionMetadata": {"tags": range_tags(first, last)}}
        answer = self.graphql(LAUNCH_RUN, params=params)["launchPipelineExecution"]
        assert answer["__typename"] == "LaunchRunSuccess", answer
        return str(answer["run"]["runId"])

    def await_success(self, run_id: str) -> dict[str, str]:
        """The state of each step of a run that succeeded."""

        def ended() -> dict[str, Any] | None:
            run = self.run_of(run_id)
            assert run["status"] not in {"FAILURE", "CANCELED"}, run
            return run if run["status"] == "SUCCESS" else None

        run = await_that(f"the success of run {run_id}", ended)
        assert run is not None
        return {step["stepKey"]: step["status"] for step in run["stepStats"]}

    @property
    def exchange(self) -> ExchangeControl:
        service = self.runtime.service("exchange")
        assert service is not None
        return ExchangeControl(service.urls["http"], service.process.pid, self.command.home, self.keys.header)


@contextmanager
def started_platform(home: Path, folder: Path | None = None, **settings: str) -> Generator[RunningPlatform]:
    """`ghtrader-assets up` in a home of its own: embedded QuestDB and exchange, Dagster UI and daemon."""
    command = CommandLine(home, ANY_PORTS | settings, folder)
    process = command.start("up")
    try:
        yield RunningPlatform(command, _await_services(process, command.home))
    finally:
        process.terminate()
        process.communicate(timeout=300)


SECRETS = ("GHTRADER_QUESTDB_PASSWORD", "GHTRADER_QUESTDB_READER_PASSWORD", "GHTRADER_REDIS_URL", "TQSDK_PASSWORD")
"""Secrets that the session's platform is given and, as its settings are, needs none of."""

LAYS_ITSELF_OPEN = "from pathlib import Path; (Path(__file__).parent / 'obeyed').write_text(__file__)\n"
TRAPS = ("aiohttp.py", "dagster.py", "dash.py", "grpc.py", "psycopg.py", "tqsdk.py", "ghtrader_assets.py", "alarm.py")


def folder_of_traps(folder: Path) -> Path:
    """A folder as another user may have laid it out: no command that is started in it executes or reads any of it."""
    for name in TRAPS:
        (folder / name).write_text(LAYS_ITSELF_OPEN)
    (folder / ".env").write_text("GHTRADER_LOG_LEVEL=debug\n")
    (folder / "matplotlibrc").write_text("figure.dpi: none of them\n")
    return folder


@pytest.fixture(scope="session")
def platform_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningPlatform]:
    """One platform for the session, started by a user whose files are open to all, in a folder that lays traps."""
    settings = (
        MODEL_1
        | {name: f"{PASSWORD}-{name.lower()}" for name in SECRETS}
        | {
            "GHTRADER_PROMETHEUS_PORT": "0",
            "GHTRADER_SYMBOLS": ",".join(PLATFORM_SYMBOLS),
            "GHTRADER_INGEST_WORKERS": "2",
            "GHTRADER_FAST_HISTORY": "on",
        }
    )
    home, folder = tmp_path_factory.mktemp("platform"), folder_of_traps(tmp_path_factory.mktemp("traps"))
    former = os.umask(0)
    try:
        with started_platform(home, folder, **settings) as running:
            os.umask(former)
            yield running
    finally:
        os.umask(former)


@pytest.fixture(scope="session")
def platform(platform_process: RunningPlatform) -> RunningPlatform:
    """The session's platform, with what other tests left in it."""
    return platform_process


class Loaded(NamedTuple):
    """A run that has loaded days: its id, and the state of each of its steps."""

    run_id: str
    steps: dict[str, str]


@pytest.fixture(scope="session")
def copper(platform_process: RunningPlatform) -> Loaded:
    """The run that loaded `COPPER_DAYS` on the session's platform, for all that look at a loaded day."""
    platform_process.exchange.reset()
    run_id = platform_process.launch_run(COPPER, COPPER_DAYS[0], COPPER_DAYS[-1])
    return Loaded(run_id, platform_process.await_success(run_id))


def _await_services(process: subprocess.Popen[str], home: Path) -> Runtime:
    def came_up() -> Runtime | None:
        runtime = read_runtime(home)
        assert process.poll() is None, process.communicate()
        whole = runtime is not None and all(runtime.service(name) for name in ("dagster", "dashboard"))
        return runtime if whole and all(service.ready for service in runtime.services) else None

    try:
        return await_that("`up` comes up", came_up)
    except BaseException:
        process.kill()
        raise
