"""Bulk reads: a query's result as Parquet over HTTP, the fastest way that QuestDB 9.3.4 has, into Arrow.

Belongs here: the HTTP sessions and how a busy server is asked again. Does not belong here: statements.
"""

from __future__ import annotations

import contextlib
import time
from collections import deque
from collections.abc import Generator
from http import HTTPStatus
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq
import requests

from ghtrader_assets.questdb.client.arrow import ArrowTable
from ghtrader_assets.questdb.client.credentials import Endpoint
from ghtrader_assets.questdb.client.error_meaning import explained, meaning

CONNECT_TIMEOUT_S: Final = 5
ANSWER_TIMEOUT_S: Final = 120
BUSY_TIMEOUT_S: Final = 60
BUSY_PAUSE_S: Final = 0.05


class BulkHttp:
    """`/exp?fmt=parquet` of one server, for any number of threads: as many connections as ask at once.

    A connection kept by each thread would outlive threads that come and go, and the server takes only 64.
    """

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._idle: deque[requests.Session] = deque()

    def table(self, statement: str) -> ArrowTable:
        """The result of a query. Raises `QuestDBError` or `CredentialError`."""
        with explained(self._endpoint.http):
            return _exactly_sized(pq.ParquetFile(pa.BufferReader(self._parquet(statement))).read())

    def parquet(self, statement: str) -> bytes:
        """The result of a query as the bytes of a Parquet file. Raises `QuestDBError` or `CredentialError`."""
        with explained(self._endpoint.http):
            return self._parquet(statement)

    def close(self) -> None:
        """Close every connection."""
        with contextlib.suppress(IndexError):
            while True:
                self._idle.pop().close()

    def _parquet(self, statement: str) -> bytes:
        """The Parquet bytes; a server that has its hands full (429) is asked again for a while."""
        give_up_at = time.monotonic() + BUSY_TIMEOUT_S
        while True:
            with self._session() as session, self._asked(session, statement) as response:
                # As the server cuts it: `content` of a response that isn't streamed comes in pieces of 10 kB.
                content = b"".join(response.iter_content(None))
            if response.ok:
                return content
            if response.status_code != HTTPStatus.TOO_MANY_REQUESTS or time.monotonic() > give_up_at:
                raise meaning(self._endpoint.http, f"{response.status_code} {content[:500].decode(errors='replace')}")
            time.sleep(BUSY_PAUSE_S)

    def _asked(self, session: requests.Session, statement: str) -> requests.Response:
        return session.get(
            f"http://{self._endpoint.http}/exp",
            params={"query": statement, "fmt": "parquet"},
            timeout=(CONNECT_TIMEOUT_S, ANSWER_TIMEOUT_S),
            stream=True,
        )

    @contextlib.contextmanager
    def _session(self) -> Generator[requests.Session]:
        """An idle session, or a new one; it is idle again afterwards."""
        try:
            session = self._idle.pop()
        except IndexError:
            session = requests.Session()
            session.trust_env = False
            session.auth = (self._endpoint.user, self._endpoint.password.get_secret_value())
        try:
            yield session
        finally:
            self._idle.append(session)


def _exactly_sized(table: ArrowTable) -> ArrowTable:
    """The same table in buffers of its own size: decoded Parquet keeps half as much again to grow into."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table.combine_chunks())
    return pa.ipc.open_stream(sink.getvalue()).read_all()
