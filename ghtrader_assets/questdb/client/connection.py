"""Connections to one QuestDB: pooled PG sessions, pooled ILP senders, bulk reads.

Belongs here: how statements and rows travel, time-outs, waiting until what was written is visible.
Does not belong here: the statements themselves (`questdb.tables`), what errors mean (`errors`).
"""

from __future__ import annotations

import contextlib
import logging
import queue
import threading
import time
from collections.abc import Callable, Generator, Sequence
from typing import Any, Final, LiteralString, NamedTuple, Self, cast

import polars as pl
import psycopg
import pyarrow as pa
import requests
from psycopg_pool import ConnectionPool, PoolTimeout
from questdb import Sender

from ghtrader_assets.errors import ServiceError, StoreTimeoutError, TableMissingError
from ghtrader_assets.questdb.client import pg_session
from ghtrader_assets.questdb.client.bulk_http import BulkHttp, http_session
from ghtrader_assets.questdb.client.credentials import Endpoint, Login
from ghtrader_assets.questdb.client.errors import pg_connect_error, suspended_table_error, translated_errors
from ghtrader_assets.questdb.client.pg_session import PgSession, pg_arguments
from ghtrader_assets.questdb.client.sql import bound_list

FRESH_S: Final = 1.0
STATEMENT_TIMEOUT_S: Final = 60
SEND_TIMEOUT_S: Final = 120
SEND_RETRY_S: Final = 3
APPLY_TIMEOUT_S: Final = 300
SENDER_BUFFER_BYTES: Final = 256 * 2**20
FIRST_POLL_S, LONGEST_POLL_S = 0.003, 0.03
POLL_GROWTH: Final = 1.2
"""Looking every 4 ms cost an eighth of a load's server CPU; what takes long may be seen a little later."""

# What a pool would say about a server that is away, we say once and in one line.
logging.getLogger("psycopg.pool").setLevel(logging.CRITICAL)

Parameters = Sequence[object]
Observer = Callable[[str, float], None]


class Database:
    """One QuestDB, shared by threads. Nothing is opened before the first use; a context manager that closes.

    `prepared`: statements are prepared after a few uses. `sender_pool`: senders stay connected, one a thread that
    writes; off, a single one is reused in turn. `readonly`: PG sessions use the endpoint's reader log-in, and a server
    that is stopped is not waited for longer than one that is away. `max_sessions` bounds PG sessions and, apart from
    them, connections for bulk reads.
    `on_query` is told each statement's name and seconds. `before_first` runs before the first question and may refuse.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        prepared: bool = True,
        sender_pool: bool = True,
        readonly: bool = False,
        max_sessions: int = 8,
        max_senders: int = 4,
        statement_timeout_s: float = STATEMENT_TIMEOUT_S,
        on_query: Observer | None = None,
        before_first: Callable[[Self], None] | None = None,
    ) -> None:
        self.endpoint = endpoint
        self._before_first = before_first
        self._login = (readonly and endpoint.reader) or Login(endpoint.user, endpoint.password)
        self._readonly = readonly
        self._on_query = on_query
        self._statement_timeout_s = statement_timeout_s
        self._silent_s = (
            pg_session.CONNECT_TIMEOUT_S if readonly else statement_timeout_s + pg_session.CONNECT_TIMEOUT_S
        )
        self._arguments = pg_arguments(endpoint, self._login, statement_timeout_s, prepared=prepared)
        self._pool: ConnectionPool[PgSession] = ConnectionPool(
            kwargs=self._arguments,
            min_size=0,
            max_size=max_sessions,
            open=False,
            timeout=pg_session.CONNECT_TIMEOUT_S,
            reconnect_timeout=pg_session.CONNECT_TIMEOUT_S,
            connection_class=PgSession,
        )
        self._pool_lock = threading.Lock()
        self._fell_silent = False
        self._senders = _Senders(endpoint, max_senders if sender_pool else 1)
        self._bulk = BulkHttp(endpoint, max_sessions)

    def close(self) -> None:
        """Close every session and sender."""
        self._senders.close()
        self._bulk.close()
        with self._pool_lock:
            self._pool.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextlib.contextmanager
    def session(self) -> Generator[PgSession, None, None]:
        """A PG session from the pool. Raises `QuestDBError` or `CredentialError`, in one line, for what goes wrong."""
        self._run_before_first()
        with translated_errors(self.endpoint.pg):
            self._open()
            connection = self._lent_session()
            try:
                yield connection
            finally:
                connection.used_at = time.monotonic()
                self._pool.putconn(connection)

    def execute(self, statement: LiteralString, parameters: Parameters = ()) -> None:
        """Run a statement that returns nothing."""
        with self.session() as session:
            session.execute(statement, parameters or None)

    def rows(self, name: str, statement: str, parameters: Parameters = ()) -> list[tuple[Any, ...]]:
        """The rows of a query, as tuples. `name` is what the query is called in metrics."""
        with self.session() as session, self._timed(name):
            return session.execute(cast("LiteralString", statement), parameters or None, binary=True).fetchall()

    def export(self, name: str, statement: str) -> pl.DataFrame:
        """The result of a query as a polars frame, by Parquet over HTTP: the fastest way that 9.3.4 has.

        `/exp` knows no bound parameters: a statement's values come from `sql.literal` alone.
        """
        self._await_answer()
        with self._timed(name):
            return self._bulk.frame(statement)

    def arrow(self, name: str, statement: str) -> pa.Table:
        """The result of a query as an Arrow table, fetched as by `export`, without a second copy of its columns."""
        self._await_answer()
        with self._timed(name):
            return self._bulk.table(statement)

    @contextlib.contextmanager
    def sender(self) -> Generator[Sender, None, None]:
        """An ILP sender that flushes only when told. A sender that met an error is dropped."""
        with translated_errors(self.endpoint.http), self._senders.lent() as sender:
            yield sender

    def await_applied(self, *tables: str, timeout_s: float = APPLY_TIMEOUT_S) -> None:
        """Return once everything that was committed to `tables` before this call is visible.

        Raises `QuestDBError` when a table is suspended (it would take writes and show none) or time runs out.
        """
        give_up_at = time.monotonic() + timeout_s
        targets: dict[str, int] = {}
        waiting = sorted(set(tables))
        pause_s = FIRST_POLL_S
        while waiting:
            states = self._wal_states(waiting)
            targets = targets or {table: state.committed for table, state in states.items()}
            for table, state in states.items():
                if state.suspended:
                    raise suspended_table_error(table, state.error_tag or "", state.error_message or "")
            waiting = [table for table in waiting if states[table].written < targets[table]]
            if not waiting:
                return
            if time.monotonic() > give_up_at:
                behind = targets[waiting[0]] - states[waiting[0]].written
                raise StoreTimeoutError(
                    f"{waiting[0]} did not show {behind} committed transactions within {timeout_s:.0f} s",
                    "look at `SELECT * FROM wal_tables()` and at QuestDB's log",
                )
            time.sleep(pause_s)
            pause_s = min(LONGEST_POLL_S, pause_s * POLL_GROWTH)

    def suspensions(self) -> dict[str, ServiceError]:
        """Each of our tables that is suspended, and the error that says why and what to do."""
        found = self.rows(
            "wal_state",
            "SELECT name, errorTag, errorMessage FROM wal_tables()"
            " WHERE suspended AND name LIKE 'ghtrader_%' ORDER BY name",
        )
        return {name: suspended_table_error(name, tag or "", message or "") for name, tag, message in found}

    def _wal_states(self, tables: Sequence[str]) -> dict[str, _WalState]:
        places, values = bound_list(tables)
        found = self.rows(
            "wal_state",
            "SELECT name, writerTxn, sequencerTxn, suspended, errorTag, errorMessage"  # noqa: S608 - our own names; values are bound
            f" FROM wal_tables() WHERE name IN ({places})",
            values,
        )
        states = {name: _WalState(*state) for name, *state in found}
        for table in tables:
            if table not in states:
                raise TableMissingError(f"table {table} does not exist in QuestDB at {self.endpoint.pg}")
        return states

    def _lent_session(self) -> PgSession:
        """A session of the pool's once one is free, however slowly the server opens it. One that is away says so.

        A thread that waits for a session waits for a statement to end, so no longer than a statement may take. After a
        session that fell silent the server is asked for one before the pool is, which would time out and not say why.
        """
        if self._fell_silent:
            self._require_connection()
            self._fell_silent = False
        give_up_at = time.monotonic() + self._statement_timeout_s
        while True:
            try:
                session = self._pool.getconn()
            except PoolTimeout:
                self._require_connection()
                if time.monotonic() > give_up_at:
                    raise
                continue
            if self._lives(session):
                return session

    def _lives(self, session: PgSession) -> bool:
        """Whether the server still knows a session of the pool's. One that lay idle may have lost it unnoticed; asking
        costs as much as a small query. Raises `StoreTimeoutError` where it says nothing."""
        if time.monotonic() - session.used_at <= FRESH_S:
            return True
        usual_s, session.silent_s = session.silent_s, self._silent_s
        try:
            session.execute("")
        except psycopg.OperationalError:
            self._pool.putconn(session)
            return False
        except BaseException as error:
            self._fell_silent = isinstance(error, StoreTimeoutError)
            self._pool.putconn(session)
            raise
        session.silent_s = usual_s
        return True

    def _await_answer(self) -> None:
        """Have the server answer a reader over PG: before it sends a result over HTTP it may rightly be silent long."""
        self._run_before_first()
        if self._readonly:
            with self.session():
                pass

    def _run_before_first(self) -> None:
        """Where it refuses, the next question meets it again."""
        check, self._before_first = self._before_first, None
        if check is None:
            return
        try:
            check(self)
        except BaseException:
            self._before_first = check
            raise

    def _open(self) -> None:
        with self._pool_lock:
            if self._pool.closed:
                self._require_connection()
                self._pool.open()

    def _require_connection(self) -> None:
        """Open and close a session outside the pool: its error names the cause, the pool would only time out."""
        try:
            PgSession.connect(**self._arguments).close()
        except psycopg.Error as error:
            raise pg_connect_error(self.endpoint.pg, error) from error

    @contextlib.contextmanager
    def _timed(self, name: str) -> Generator[None, None, None]:
        started = time.perf_counter()
        try:
            yield
        finally:
            if self._on_query is not None:
                self._on_query(name, time.perf_counter() - started)


class _WalState(NamedTuple):
    """How far a table's writer is behind what was committed to it."""

    written: int
    committed: int
    suspended: bool
    error_tag: str | None
    error_message: str | None


class _Senders:
    """Connected senders, lent to one thread at a time; at most `size` exist."""

    def __init__(self, endpoint: Endpoint, size: int) -> None:
        self._endpoint = endpoint
        self._idle: queue.LifoQueue[Sender | None] = queue.LifoQueue()
        for _ in range(size):
            self._idle.put(None)

    @contextlib.contextmanager
    def lent(self) -> Generator[Sender, None, None]:
        sender = self._idle.get()
        try:
            if sender is None:
                sender = _new_sender(self._endpoint)
            yield sender
        except BaseException:
            if sender is not None:
                sender.close(flush=False)  # pyright: ignore[reportUnknownMemberType]
            sender = None
            raise
        finally:
            self._idle.put(sender)

    def close(self) -> None:
        with contextlib.suppress(queue.Empty):
            while True:
                sender = self._idle.get_nowait()
                if sender is not None:
                    sender.close(flush=False)  # pyright: ignore[reportUnknownMemberType]


def answers(endpoint: Endpoint) -> bool:
    """Whether the server answers a query over both protocols."""
    arguments = pg_arguments(endpoint, Login(endpoint.user, endpoint.password), 2, prepared=False)
    try:
        with PgSession.connect(**arguments) as session:
            session.execute("SELECT 1")
        with http_session(endpoint) as http:
            response = http.get(f"http://{endpoint.http}/exec", params={"query": "SELECT 1"}, timeout=2)
    except (psycopg.Error, requests.RequestException):
        return False
    return response.ok


def _new_sender(endpoint: Endpoint) -> Sender:
    sender = Sender.from_conf(  # pyright: ignore[reportUnknownMemberType] - questdb's own types are partial
        f"http::addr={endpoint.http};",
        username=endpoint.user,
        password=endpoint.password.get_secret_value(),
        auto_flush=False,
        max_buf_size=SENDER_BUFFER_BYTES,
        request_timeout=SEND_TIMEOUT_S * 1000,
        retry_timeout=SEND_RETRY_S * 1000,
    )
    sender.establish()  # pyright: ignore[reportUnknownMemberType] - questdb's own types are partial
    return sender
