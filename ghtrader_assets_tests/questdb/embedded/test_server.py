"""The embedded server: one owner, a life over restarts, and what is left after a power failure."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import polars as pl
import psutil
import pytest

from ghtrader_assets.clock import SYSTEM_CLOCK
from ghtrader_assets.errors import CredentialError, PortTakenError, ServiceError
from ghtrader_assets.market.ticks import content_digest
from ghtrader_assets.questdb.client.connection import Database
from ghtrader_assets.questdb.client.credentials import Endpoint, credentials_file, embedded_endpoint, read_credentials
from ghtrader_assets.questdb.embedded.server import EmbeddedQuestDB
from ghtrader_assets.questdb.tables.migrations import ensure_schema
from ghtrader_assets.questdb.tables.tick_columns import read_ticks
from ghtrader_assets.questdb.tables.writer import DayLoad, StoredDay
from ghtrader_assets_tests.questdb.embedded import own_server
from ghtrader_assets_tests.storing import store_days
from ghtrader_assets_tests.waiting import await_that

pytestmark = pytest.mark.service  # it starts its own

DAYS = [date(2026, 1, day) for day in (6, 7, 8, 9, 12, 13)]
LoadOf = Callable[..., DayLoad]


@dataclass(frozen=True, slots=True)
class Orphaned:
    """A home whose owner was killed."""

    home: Path
    server_pid: int
    load: DayLoad


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("own-questdb")


@pytest.fixture
def orphaned(home: Path, load_of: LoadOf) -> Orphaned:
    owner = subprocess.Popen([sys.executable, "-m", own_server.__name__, str(home)], stdout=subprocess.PIPE, text=True)
    assert owner.stdout is not None
    with owner.stdout:
        started = json.loads(owner.stdout.readline())
    load = load_of(DAYS[0], rows=2000)
    with Database(_endpoint(home, started["http"], started["pg"])) as db:
        ensure_schema(db, home, SYSTEM_CLOCK)
        assert isinstance(next(store_days(db, [load])), StoredDay)
    with pytest.raises(ServiceError, match=rf"belongs to another running process \(pid {owner.pid}\)"):
        EmbeddedQuestDB(home).start()
    owner.send_signal(signal.SIGKILL)
    owner.wait()
    return Orphaned(home, started["server"], load)


@pytest.mark.joint
def test_a_killed_owner_and_a_killed_server_cost_nothing(orphaned: Orphaned, load_of: LoadOf) -> None:
    """The server ends with its owner, the next has its data; one killed in the middle of loads loses no whole day."""
    await_that("the end of the owner's server", lambda: not psutil.pid_exists(orphaned.server_pid))
    server = EmbeddedQuestDB(orphaned.home)
    assert "QuestDB is shutdown" in server.log.read_text(encoding="utf-8"), "in order"
    endpoint = server.start()
    loads = [load_of(day, rows=4_000, seed=3) for day in DAYS]
    with Database(endpoint) as db:
        ensure_schema(db, orphaned.home, SYSTEM_CLOCK)
        assert content_digest(_read(db, orphaned.load)) == content_digest(orphaned.load.frame)
        ended = store_days(db, loads, batch_rows=4_000)
        assert isinstance(next(ended), StoredDay)
        os.kill(server.pid, signal.SIGKILL)
        list(ended)
        server.stop()

    with EmbeddedQuestDB(orphaned.home) as again, Database(again.endpoint) as db:
        for load in loads:
            found = content_digest(_read(db, load))
            before = orphaned.load.frame if load.trading_day == DAYS[0] else load.frame.clear()
            assert found in (content_digest(before), content_digest(load.frame)), load.trading_day
        assert all(isinstance(result, StoredDay) for result in store_days(db, loads, batch_rows=4_000))
        for load in loads:
            assert content_digest(_read(db, load)) == content_digest(load.frame)


def test_a_taken_port_is_named_with_its_setting(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(PortTakenError, match=rf"port {port} .* taken by .*; set GHTRADER_QUESTDB_HTTP_PORT"):
            EmbeddedQuestDB(tmp_path, http_port=port).start()
        with pytest.raises(PortTakenError, match=rf"port {port} .* taken by .*; set GHTRADER_QUESTDB_PG_PORT"):
            EmbeddedQuestDB(tmp_path, pg_port=port).start()


def test_a_server_that_cannot_start_says_why(tmp_path: Path) -> None:
    server = EmbeddedQuestDB(tmp_path, parameters={"cairo.o3.max.lag": "soon"})
    with pytest.raises(ServiceError, match=r"QuestDB stopped while starting: .*cairo\.o3\.max\.lag"):
        server.start()


def test_only_loopback_is_listened_on(questdb_home: Path, questdb_endpoint: Endpoint) -> None:
    record = json.loads((questdb_home / "questdb" / "owner.json").read_text(encoding="utf-8"))
    listening = {
        connection.laddr
        for connection in psutil.Process(record["server"]).net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    }
    assert {address.ip for address in listening} == {"127.0.0.1"}
    assert {f"{address.ip}:{address.port}" for address in listening} == {questdb_endpoint.http, questdb_endpoint.pg}


def test_passwords_are_generated_and_nobody_elses_to_read(questdb_home: Path, questdb_endpoint: Endpoint) -> None:
    path = credentials_file(questdb_home)
    assert path.stat().st_mode & 0o777 == 0o600
    owner, reader = read_credentials(questdb_home)
    secrets = {owner.password.get_secret_value(), reader.password.get_secret_value()}
    assert min(map(len, secrets)) >= 32
    assert len(secrets) == 2
    for folder in ("conf", "log", "../logs"):
        for file in (questdb_home / "questdb" / folder).glob("*"):
            assert not any(secret.encode() in file.read_bytes() for secret in secrets), file
    assert not any(secret in repr(questdb_endpoint) for secret in secrets)


def test_a_credentials_file_others_can_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CredentialError, match="no embedded QuestDB was started"):
        read_credentials(tmp_path)
    path = credentials_file(tmp_path)
    path.touch(mode=0o600)
    path.write_text("{}", encoding="utf-8")
    with pytest.raises(CredentialError, match="damaged"):
        read_credentials(tmp_path)
    path.write_text(
        json.dumps({name: {"user": name, "password": "x"} for name in ("ghtrader", "reader")}), encoding="utf-8"
    )
    path.chmod(0o644)
    with pytest.raises(CredentialError, match=f"`chmod 600 {path}`"):
        read_credentials(tmp_path)


def _endpoint(home: Path, http: str, pg: str) -> Endpoint:
    return embedded_endpoint(home, int(http.rpartition(":")[2]), int(pg.rpartition(":")[2]))


def _read(db: Database, load: DayLoad) -> pl.DataFrame:
    return read_ticks(db, load.symbol, load.window)
