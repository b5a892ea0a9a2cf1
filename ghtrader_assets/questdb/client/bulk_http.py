"""Bulk reads: a query's result as Parquet over HTTP, the fastest way that QuestDB 9.3.4 has.

Belongs here: the HTTP sessions and how a busy server is asked again. Does not belong here: statements.
"""

from __future__ import annotations

import contextlib
import threading
from collections import deque
from collections.abc import Generator
from http import HTTPStatus
from typing import Final

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import requests
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

from ghtrader_assets.errors import BrokenAnswerError, StoreBusyError
from ghtrader_assets.ports import is_loopback
from ghtrader_assets.questdb.client.credentials import Endpoint
from ghtrader_assets.questdb.client.errors import http_status_error, translated_errors

CONNECT_TIMEOUT_S: Final = 5
ANSWER_TIMEOUT_S: Final = 120
BUSY_TIMEOUT_S: Final = 60
BUSY_PAUSE_S: Final = 0.5
FIRST_BUSY_PAUSE_S: Final = 0.05
_PARQUET: Final = {"fmt": "parquet", "statistics_enabled": "false"}
_UNCOMPRESSED: Final = {"compression_codec": "uncompressed"}
"""A day is 12 MB then instead of 4, and takes a third less of the server's and the reader's time."""


def http_session(endpoint: Endpoint) -> requests.Session:
    """A session that logs in to the server and ignores the environment's proxies and `.netrc`."""
    session = requests.Session()
    session.trust_env = False
    session.auth = (endpoint.user, endpoint.password.get_secret_value())
    return session


class BulkHttp:
    """`/exp?fmt=parquet` of one server, for any number of threads, over `max_connections`; the others wait for one.

    A connection kept by each thread would outlive threads that come and go, and the server takes only 64.
    """

    def __init__(self, endpoint: Endpoint, max_connections: int) -> None:
        self._endpoint = endpoint
        self._free = threading.BoundedSemaphore(max_connections)
        self._url = f"http://{endpoint.http}/exp"
        self._parameters = _PARQUET | (_UNCOMPRESSED if is_loopback(self._url) else {})
        self._idle: deque[requests.Session] = deque()

    def table(self, statement: str) -> pa.Table:
        """The result of a query as an Arrow table. Raises `QuestDBError` or `CredentialError`."""
        answer = self._parquet(statement)
        with self._whole(answer):
            return _exactly_sized(pq.ParquetFile(pa.BufferReader(answer)).read())

    def frame(self, statement: str) -> pl.DataFrame:
        """The result of a query as a polars frame. Raises `QuestDBError` or `CredentialError`."""
        answer = self._parquet(statement)
        with self._whole(answer):
            return pl.read_parquet(answer)

    def close(self) -> None:
        """Close every connection."""
        with contextlib.suppress(IndexError):
            while True:
                self._idle.pop().close()

    def _parquet(self, statement: str) -> bytes:
        with (
            translated_errors(self._endpoint.http),
            self._session() as session,
            session.get(
                self._url,
                params={"query": statement, **self._parameters},
                timeout=(CONNECT_TIMEOUT_S, ANSWER_TIMEOUT_S),
                stream=True,
            ) as response,
        ):
            # As the server cuts it: `content` of a response that isn't streamed comes in pieces of 10 kB.
            content = b"".join(response.iter_content(None))
        if not response.ok:
            raise http_status_error(self._endpoint.http, response.status_code, content)
        return content

    @contextlib.contextmanager
    def _whole(self, answer: bytes) -> Generator[None]:
        """Raise `BrokenAnswerError` for bytes that are no whole Parquet file."""
        try:
            yield
        except (pa.ArrowInvalid, OSError, pl.exceptions.ComputeError) as error:
            reason = " ".join(str(error).split())
            raise BrokenAnswerError(
                f"QuestDB at {self._endpoint.http} sent {len(answer)} bytes that are no whole Parquet file: {reason}"
            ) from error

    @contextlib.contextmanager
    def _session(self) -> Generator[requests.Session]:
        """An idle session, or a new one; it is idle again afterwards. Raises `StoreBusyError` where none gets free in
        the time that an answer may take."""
        if not self._free.acquire(timeout=ANSWER_TIMEOUT_S):
            raise StoreBusyError(f"all connections for bulk reads from QuestDB at {self._endpoint.http} are busy")
        try:
            session = self._idle.pop()
        except IndexError:
            session = http_session(self._endpoint)
            session.mount("http://", HTTPAdapter(max_retries=_asked_again_while_busy()))
        try:
            yield session
        finally:
            self._idle.append(session)
            self._free.release()


def _asked_again_while_busy() -> Retry:
    """A busy server (429) is asked again for a minute of pauses; no other failure is tried again."""
    return Retry(
        total=None,
        connect=0,
        read=False,
        redirect=0,
        other=0,
        status=round(BUSY_TIMEOUT_S / BUSY_PAUSE_S),
        status_forcelist=(HTTPStatus.TOO_MANY_REQUESTS,),
        raise_on_status=False,
        backoff_factor=FIRST_BUSY_PAUSE_S,
        backoff_max=BUSY_PAUSE_S,
    )


def _exactly_sized(table: pa.Table) -> pa.Table:
    """`table`, copied into buffers of exactly its size: those of decoded Parquet are half as large again."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table.combine_chunks())
    return pa.ipc.open_stream(sink.getvalue()).read_all()
