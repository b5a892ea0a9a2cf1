"""Each kind of a store's failure gets its own class over each protocol, whatever the texts around it name.

Against the real server where it can be made to fail so; else its own words, recorded from 9.3.4 (a tmpfs that was
full, a limit that was reached), come over a socket to the real clients.
"""

from __future__ import annotations

import contextlib
import io
import json
import socket
from collections.abc import Callable, Generator
from dataclasses import replace

import polars as pl
import pytest
from pydantic import SecretStr

from ghtrader_assets.errors import (
    BrokenAnswerError,
    CredentialError,
    DiskFullError,
    GhtraderError,
    QueryRefusedError,
    QuestDBError,
    StoreAwayError,
    StoreBrokeOffError,
    StoreBusyError,
    StoreLimitError,
    StoreTimeoutError,
    SuspendedTableError,
    TableMissingError,
)
from ghtrader_assets.market.clock import instant
from ghtrader_assets.questdb.client import bulk_http, connection, pg_session
from ghtrader_assets.questdb.client.connection import Database, answers
from ghtrader_assets.questdb.client.credentials import Endpoint, Login
from ghtrader_assets_tests.questdb.client.fake_servers import (
    PG_READY,
    http_answer,
    listening,
    over_http,
    over_ilp,
    over_pg,
    pg_message,
    silent,
)

# Every sender that met an error is dropped, so the next one connects again.
pytestmark = pytest.mark.filterwarnings("ignore:questdb.Sender. Detected a burst of reconnections")

MISLEADING = (
    "cu2401",
    "SR401",
    "401 Unauthorized",
    "connection refused",
    "reset by peer",
    "timed out",
    "timeout, query aborted",
    "No space left on device",
    "[28] No space left",
    "errno: 28, error: No space left",
)
ALL = " ".join(MISLEADING)
Kind = type[GhtraderError]


# The real server.


@pytest.mark.parametrize("text", MISLEADING)
@pytest.mark.parametrize(
    ("statement", "kind"),
    [
        ("SELECT no_such_column FROM long_sequence(1) WHERE x = '{}'", QueryRefusedError),
        ('SELECT "{}" FROM long_sequence(1)', QueryRefusedError),
        ('SELECT 1 FROM "{}"', TableMissingError),
    ],
)
def test_what_a_statement_names_decides_nothing(db: Database, statement: str, kind: Kind, text: str) -> None:
    asked = statement.format(text)
    if "[" in text and kind is TableMissingError:
        kind = QueryRefusedError  # QuestDB forbids such a name before it looks for the table
    for ask in (db.rows, db.export, db.arrow):
        _fails(kind, lambda ask=ask: ask("wrong", asked))


@pytest.mark.parametrize("text", [text for text in MISLEADING if ":" not in text and "," not in text])
def test_what_rows_name_decides_nothing(db: Database, text: str) -> None:
    _fails(TableMissingError, lambda: _send(db, table=text.strip("[]").replace("[", "").replace("]", "")))
    _fails(QueryRefusedError, lambda: _send(db, columns={text.replace("[", "").replace("]", ""): 1.0}))
    _fails(QueryRefusedError, lambda: _send(db, columns={"value": text}))
    _fails(QueryRefusedError, lambda: _send(db, columns={"": 1.0}))


def test_a_wrong_password_is_one_over_each_protocol(questdb_endpoint: Endpoint) -> None:
    wrong = replace(questdb_endpoint, user="timed out", password=SecretStr(ALL))
    with Database(wrong) as db:
        for ask in (db.rows, db.export, db.arrow):
            _fails(CredentialError, lambda ask=ask: ask("any", f"SELECT '{ALL}'"))
        _fails(CredentialError, lambda: _send(db))
    reader = replace(questdb_endpoint, http=_unused(), reader=Login("reader", SecretStr("no")))
    with Database(reader, readonly=True) as db:
        _fails(CredentialError, lambda: db.rows("any", "SELECT 1"))


def test_a_statement_that_takes_too_long_timed_out(questdb_endpoint: Endpoint) -> None:
    with Database(questdb_endpoint, statement_timeout_s=0.2) as db:
        slow = f"SELECT sum(x * rnd_double()) FROM long_sequence(100000000000) WHERE '{ALL}' <> ''"
        assert "days" in _fails(StoreTimeoutError, lambda: db.rows("slow", slow)).remedy


@pytest.mark.parametrize(
    ("number", "kind", "remedy"),
    [
        (28, DiskFullError, "free space, run `ALTER TABLE ghtrader_metrics_v1 RESUME WAL`, then"),
        (24, StoreLimitError, "raise it with `sudo prlimit --pid $$ --nofile="),
        (12, StoreLimitError, "free memory, or raise it with `sudo sysctl -w vm.max_map_count="),
        (5, SuspendedTableError, "see QuestDB's log for the cause"),
    ],
)
def test_why_a_table_is_suspended_is_its_tag(db: Database, number: int, kind: Kind, remedy: str) -> None:
    with _suspended(db, f"{number}, '{ALL.replace('[28] ', '')}'"):
        error = _fails(kind, lambda: db.await_applied("ghtrader_metrics_v1"))
    assert error.remedy.startswith(remedy)
    assert "`ALTER TABLE ghtrader_metrics_v1 RESUME WAL`" in error.remedy


def test_a_table_that_is_awaited_and_missing(db: Database) -> None:
    _fails(TableMissingError, lambda: db.await_applied("cu2401"))


def test_a_query_that_fails_is_timed_too(questdb_endpoint: Endpoint) -> None:
    seen: list[str] = []
    with Database(questdb_endpoint, on_query=lambda name, _: seen.append(name)) as db:
        for ask in (db.rows, db.export, db.arrow):
            _fails(QueryRefusedError, lambda ask=ask: ask(ask.__name__, "SELECT no_such_column FROM long_sequence(1)"))
    assert seen == ["rows", "export", "arrow"]


def test_no_proxy_of_the_environment_stands_between(
    questdb_endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, f"http://{_unused()}")
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    assert answers(questdb_endpoint)
    with Database(questdb_endpoint) as db:
        assert db.export("one", "SELECT 1 one FROM long_sequence(1)").height == 1


# A server that is away, hangs, breaks off or is full.


def test_a_server_that_is_away() -> None:
    with Database(_endpoint(_unused())) as db:
        for ask in (db.rows, db.export, db.arrow):
            assert "start it" in _fails(StoreAwayError, lambda ask=ask: ask("any", f"SELECT '{ALL}'")).remedy
        _fails(StoreAwayError, lambda: _send(db))
    with Database(_endpoint("timed-out-401.invalid:9000")) as db:
        for ask in (db.rows, db.export):
            _fails(StoreAwayError, lambda ask=ask: ask("any", "SELECT 1"))
        _fails(StoreAwayError, lambda: _send(db))


def test_a_server_that_takes_no_session(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pg_session, "CONNECT_TIMEOUT_S", 1)
    with listening(silent) as address, Database(_endpoint(address)) as db:
        _fails(StoreAwayError, lambda: db.rows("any", f"SELECT '{ALL}'"))


PG_ANSWERS = [
    ("00000", "[28] No space left [size=3145728, fd=2119566361707]", DiskFullError),
    ("00000", "[122] Disk quota exceeded [fd=9]", DiskFullError),
    ("00000", "[24] could not open read-only [file=/cu2401/timed out]", StoreLimitError),
    ("00000", "[12] could not mmap  [size=4096, offset=0, fd=1876, memUsed=1, fileLen=4096]", StoreLimitError),
    ("00000", "[5] could not read [file=/cu2401/errno: 24]", QuestDBError),
    ("00000", "timeout, query aborted [fd=581968069673, runtime=334ms, timeout=300ms]", StoreTimeoutError),
    ("00000", "[-105] table does not exist [table=cu2401]", TableMissingError),
    ("00000", "[-1] timeout, query aborted", StoreTimeoutError),
    ("00000", "[0] 401 refused", QueryRefusedError),
    ("00000", f"Invalid column: {ALL}", QueryRefusedError),
    ("53100", ALL, DiskFullError),
    ("28P01", "timed out", CredentialError),
    ("42P01", ALL, TableMissingError),
    ("53300", ALL, StoreBusyError),
    ("57014", "401 refused", StoreTimeoutError),
    ("57P01", "401 timed out", StoreBrokeOffError),
    ("42601", ALL, QueryRefusedError),
]


@pytest.mark.parametrize(("sqlstate", "message", "kind"), PG_ANSWERS)
def test_an_answer_over_pg(sqlstate: str, message: str, kind: Kind) -> None:
    fields = f"SERROR\0C{sqlstate}\0M{message}\0\0".encode()
    with listening(over_pg(pg_message(b"E", fields) + PG_READY)) as address, Database(_endpoint(address)) as db:
        _fails(kind, lambda: db.rows("any", f"SELECT '{ALL}'"))


def test_a_session_that_breaks_off() -> None:
    with listening(over_pg(b"")) as address, Database(_endpoint(address)) as db:
        assert "log" in _fails(StoreBrokeOffError, lambda: db.rows("any", f"SELECT '{ALL}'")).remedy


def _said(message: str) -> bytes:
    return json.dumps({"query": f"SELECT '{ALL}'", "error": message, "position": 0}).encode()


HTTP_ANSWERS = [
    (400, _said("timeout, query aborted [fd=2222645576760, runtime=1028ms, timeout=1000ms]"), StoreTimeoutError),
    (400, _said("table does not exist [table=cu2401]"), TableMissingError),
    (400, _said(f"Invalid column: {ALL}"), QueryRefusedError),
    (400, ALL.encode(), QueryRefusedError),
    (401, b"timed out", CredentialError),
    (404, ALL.encode(), QuestDBError),
    (408, ALL.encode(), StoreTimeoutError),
    (429, b"exceeded connection limit [name=http_export_connections, connectionLimit=2]", StoreBusyError),
    (500, _said(ALL), QuestDBError),
    (503, b"401 \xff refused", QuestDBError),
]


@pytest.mark.parametrize(("status", "body", "kind"), HTTP_ANSWERS)
def test_an_answer_over_http(monkeypatch: pytest.MonkeyPatch, status: int, body: bytes, kind: Kind) -> None:
    monkeypatch.setattr(bulk_http, "BUSY_TIMEOUT_S", 1)
    with listening(over_http(http_answer(status, body))) as address, Database(_endpoint(address)) as db:
        for ask in (db.export, db.arrow):
            _fails(kind, lambda ask=ask: ask("any", f"SELECT '{ALL}'"))


@pytest.mark.parametrize("sent", [b"", b"HTTP/1", http_answer(200, b"x" * 99)[:-9], b"HTTP/1.1 200 OK\r\n\r\n"])
def test_an_answer_over_http_that_breaks_off(sent: bytes) -> None:
    whole = sent.endswith(b"\r\n\r\n")
    with listening(over_http(sent)) as address, Database(_endpoint(address)) as db:
        for ask in (db.export, db.arrow):
            _fails(BrokenAnswerError if whole else StoreBrokeOffError, lambda ask=ask: ask("any", f"SELECT '{ALL}'"))


def test_an_answer_over_http_that_never_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk_http, "ANSWER_TIMEOUT_S", 0.3)
    for begun in (b"", b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nPAR1"):
        with listening(over_http(begun, then=silent)) as address, Database(_endpoint(address)) as db:
            _fails(StoreTimeoutError, lambda db=db: db.export("any", f"SELECT '{ALL}'"))


def test_a_busy_server_is_asked_again() -> None:
    busy = iter([429, 429, 200])

    def serve(client: socket.socket) -> None:
        over_http(http_answer(next(busy), _parquet()))(client)

    with listening(serve) as address, Database(_endpoint(address)) as db:
        assert db.export("any", "SELECT 1")["x"].to_list() == [1, 2, 3]


@pytest.mark.parametrize("left", [0, 3, 8, 40, -1])
def test_an_answer_that_ends_properly_and_is_cut(left: int) -> None:
    cut = _parquet()[:left]
    with listening(over_http(http_answer(200, cut))) as address, Database(_endpoint(address)) as db:
        for ask in (db.export, db.arrow):
            assert "again" in _fails(BrokenAnswerError, lambda ask=ask: ask("any", "SELECT 1")).remedy


def _lines(failure: str) -> bytes:
    message = f"failed to parse line protocol:errors encountered on line(s):{failure}"
    return json.dumps({"code": "internal error", "message": message, "line": 1, "errorId": "401-1"}).encode()


ILP_ANSWERS = [
    (500, _lines("write error: m, errno: 28, error: No space left [size=1048576, fd=2110976427162]"), DiskFullError),
    (500, _lines("write error: m, errno: 24, error: 401 timed out"), StoreLimitError),
    (500, _lines("write error: m, errno: 5, error: 401 timed out"), QuestDBError),
    (400, _lines("\nerror in line 1: table: cu2401; table does not exist, creating new tables is disabled"),
     TableMissingError),
    (400, _lines(f"\nerror in line 1: table: m, column: x; cast error from {ALL}"), QueryRefusedError),
    (400, ALL.encode(), QueryRefusedError),
    (401, b"timed out", CredentialError),
]  # fmt: skip


@pytest.mark.parametrize(("status", "body", "kind"), ILP_ANSWERS)
def test_an_answer_over_ilp(monkeypatch: pytest.MonkeyPatch, status: int, body: bytes, kind: Kind) -> None:
    monkeypatch.setattr(connection, "SEND_RETRY_S", 0)
    with listening(over_ilp(http_answer(status, body))) as address, Database(_endpoint(address)) as db:
        _fails(kind, lambda: _send(db))


def test_a_flush_that_breaks_off_or_is_never_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "SEND_TIMEOUT_S", 1)
    monkeypatch.setattr(connection, "SEND_RETRY_S", 0)
    with listening(over_ilp(b"")) as address, Database(_endpoint(address)) as db:
        _fails(StoreBrokeOffError, lambda: _send(db))
    with listening(over_ilp(b"", then=silent)) as address, Database(_endpoint(address)) as db:
        _fails(StoreTimeoutError, lambda: _send(db))


def _parquet() -> bytes:
    target = io.BytesIO()
    pl.DataFrame({"x": [1, 2, 3]}).write_parquet(target)
    return target.getvalue()


def _unused() -> str:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{closed.getsockname()[1]}"


def _endpoint(address: str) -> Endpoint:
    return Endpoint(address, address, "timed out", SecretStr("401"))


def _send(db: Database, table: str = "ghtrader_metrics_v1", columns: dict[str, float | str] | None = None) -> None:
    with db.sender() as sender, sender.transaction(table) as transaction:
        transaction.row(symbols={"name": "SR401"}, columns=columns or {"value": 1.0}, at=instant(0))


def _fails(kind: Kind, act: Callable[[], object]) -> GhtraderError:
    """The error of `act`, which is of this class and no other, on one line, with something to do about it."""
    with pytest.raises(GhtraderError) as caught:
        act()
    error = caught.value
    assert type(error) is kind, error
    assert "\n" not in str(error)
    assert error.remedy
    return error


@contextlib.contextmanager
def _suspended(db: Database, why: str) -> Generator[None]:
    db.execute(f"ALTER TABLE ghtrader_metrics_v1 SUSPEND WAL WITH {why}")  # type: ignore[arg-type]
    try:
        yield
    finally:
        db.execute("ALTER TABLE ghtrader_metrics_v1 RESUME WAL")
        db.await_applied("ghtrader_metrics_v1")
