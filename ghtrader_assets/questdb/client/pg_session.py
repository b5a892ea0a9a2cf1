"""One PG session to QuestDB: opened in a bounded time, never waited for without one.

Belongs here: what a session is opened with, and how long its server may be silent. Does not belong here: which sessions
there are (`connection`), what errors mean (`errors`).
"""

from __future__ import annotations

import traceback
from typing import Any, Final, Self, TypeVar

import psycopg
from psycopg.abc import PQGen
from psycopg.rows import TupleRow

from ghtrader_assets.questdb.client.credentials import Endpoint, Login
from ghtrader_assets.questdb.client.errors import silent_error

PG_DATABASE: Final = "qdb"
CONNECT_TIMEOUT_S: Final = 5

_Answer = TypeVar("_Answer")


class PgSession(psycopg.Connection[TupleRow]):
    """A PG session that knows when it was last used, and how long its server may be silent, in seconds."""

    used_at: float = 0.0
    silent_s: float | None = None

    @classmethod
    def connect(cls, conninfo: str = "", **arguments: Any) -> Self:
        """Open a session. The socket of one that failed is closed at once: psycopg's frames, which its error keeps,
        would hold it until they are collected, and the server has few."""
        silent_s = arguments.pop("silent_s")
        try:
            session = super().connect(conninfo, **arguments)
        except psycopg.Error as error:
            traceback.clear_frames(error.__traceback__)
            raise
        session.silent_s = silent_s
        return session

    def wait(self, gen: PQGen[_Answer], interval: float = 0.1, timeout: float | None = None) -> _Answer:
        """As psycopg's, and at most `silent_s`: a server that is stopped keeps the connection and ends no statement."""
        bound_s = self.silent_s if timeout is None else timeout
        try:
            return super().wait(gen, interval=interval, timeout=bound_s)
        except psycopg.errors._WaitTimeout as error:  # pyright: ignore[reportPrivateUsage] - `wait` says it raises it
            address = f"{self.info.host}:{self.info.port}"
            self.close()
            raise silent_error(address, bound_s or 0.0) from error


def pg_arguments(endpoint: Endpoint, login: Login, statement_timeout_s: float, *, prepared: bool) -> dict[str, Any]:
    """What `PgSession.connect` takes. The server ends a statement after its time; a server that does not is silent."""
    host, _, port = endpoint.pg.rpartition(":")
    return {
        "host": host,
        "port": port,
        "user": login.user,
        "password": login.password.get_secret_value(),
        "dbname": PG_DATABASE,
        "autocommit": True,
        "connect_timeout": CONNECT_TIMEOUT_S,
        "prepare_threshold": 5 if prepared else None,
        "options": f"-c statement_timeout={round(statement_timeout_s * 1000)}",
        "silent_s": statement_timeout_s + CONNECT_TIMEOUT_S,
    }
