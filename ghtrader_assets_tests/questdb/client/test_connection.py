"""Sessions of a store: none is held by one that was never opened, and none waits for a server that is stopped."""

from __future__ import annotations

import gc
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest
from psycopg_pool import ConnectionPool
from pydantic import SecretStr

from ghtrader_assets.errors import QueryRefusedError, StoreAwayError, StoreTimeoutError
from ghtrader_assets.questdb.client import connection, pg_session
from ghtrader_assets.questdb.client.connection import Database
from ghtrader_assets.questdb.client.credentials import Endpoint
from ghtrader_assets.questdb.embedded.server import EmbeddedQuestDB
from ghtrader_assets_tests.questdb.client.fake_servers import http_answer, listening, silent
from ghtrader_assets_tests.waiting import HANGS_S, await_that


def test_a_session_that_is_never_opened_gives_its_socket_back_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """And not when the collector comes: QuestDB has 64, and whoever asks again each second would take them all."""
    monkeypatch.setattr(pg_session, "CONNECT_TIMEOUT_S", 2)  # the least that libpq takes
    left = threading.Event()

    def never_welcomes(client: socket.socket) -> None:
        silent(client)
        left.set()

    gc.disable()
    try:
        with listening(never_welcomes) as address, Database(Endpoint(address, address, "any", SecretStr("any"))) as db:
            with pytest.raises(StoreAwayError):
                db.rows("any", "SELECT 1")
            assert left.wait(HANGS_S)
    finally:
        gc.enable()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedQuestDB]:
    with EmbeddedQuestDB(tmp_path_factory.mktemp("stopped")) as running:
        yield running


def stopped(server: EmbeddedQuestDB) -> psutil.Process:
    """The server's process, with each of its threads at rest: the one that answers may be the last."""
    process = psutil.Process(server.pid)
    process.suspend()
    threads = Path(f"/proc/{server.pid}/task")

    def at_rest() -> bool:
        return all(state.read_text().rpartition(")")[2].split()[0] == "T" for state in threads.glob("*/stat"))

    await_that("a stopped server", at_rest)
    return process


def never(*_: object) -> None:
    pytest.fail("the pool waits 5 s for a session, and the server is asked for one only then")


@pytest.mark.service
@pytest.mark.parametrize("ask", [Database.rows, Database.export, Database.arrow])
def test_a_reader_whose_server_was_stopped_since_its_last_question(
    server: EmbeddedQuestDB, ask: Callable[[Database, str, str], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kernel keeps its connection open, and takes what it sends."""
    monkeypatch.setattr(connection, "FRESH_S", 0.0)
    with Database(server.endpoint, readonly=True) as db:
        ask(db, "any", "SELECT 1")
        process = stopped(server)
        try:
            with pytest.raises(StoreTimeoutError, match="has said nothing for 5 s") as met:
                ask(db, "any", "SELECT 1")
            with monkeypatch.context() as asked:
                asked.setattr(ConnectionPool, "getconn", never)
                with pytest.raises(StoreAwayError):
                    ask(db, "any", "SELECT 1")
        finally:
            process.resume()
        assert "ghtrader-assets up" in met.value.remedy
        ask(db, "any", "SELECT 1")


@pytest.mark.service
def test_a_statement_whose_server_is_stopped_under_way(server: EmbeddedQuestDB) -> None:
    """It ends once the server should have ended it."""
    with Database(server.endpoint, statement_timeout_s=1) as db, db.session() as session:
        process = stopped(server)
        try:
            with pytest.raises(StoreTimeoutError, match="has said nothing for 6 s"):
                session.execute("SELECT 1")
        finally:
            process.resume()
        assert session.closed


def test_no_more_threads_read_in_bulk_at_once_than_the_process_may_have_sessions() -> None:
    """The server holds each answer until two are asked for; it is never asked for a third before one has ended."""
    pair = threading.Barrier(2)
    under_way: list[int] = []
    most: list[int] = []

    def serve(client: socket.socket) -> None:
        client.recv(65536)
        under_way.append(1)
        most.append(len(under_way))
        pair.wait(HANGS_S)
        under_way.pop()
        client.sendall(http_answer(400, b'{"error": "any"}'))

    def ask(_: int) -> None:
        with pytest.raises(QueryRefusedError):
            db.export("any", "SELECT 1")

    with (
        listening(serve) as address,
        Database(Endpoint(address, address, "any", SecretStr("any")), max_sessions=2) as db,
        ThreadPoolExecutor(8) as threads,
    ):
        list(threads.map(ask, range(8)))
    assert len(most) == 8
    assert max(most) == 2
