"""A home as the code of commit 399ca52 left it, built in an empty QuestDB and a folder.

Belongs here: putting `data/home_399ca52` (its README.md says what is in it) back where it came from.
Does not belong here: what becomes of it. Nothing of the package is imported: its tables and records may be others now.
"""

from __future__ import annotations

import json
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import pandas as pd
import psycopg
from psycopg.rows import TupleRow
from questdb import Sender

OLD_HOME = Path(__file__).with_name("data") / "home_399ca52"
OLD_SYMBOLS = ("KQ.m@CZCE.SR", "KQ.m@SHFE.rb")
APPLY_TIMEOUT_S = 300


class Secret(Protocol):
    def get_secret_value(self) -> str: ...


class Server(Protocol):
    """Where a QuestDB is: `host:port` twice, and the log-in of both. Our `Endpoint` is one."""

    @property
    def http(self) -> str: ...

    @property
    def pg(self) -> str: ...

    @property
    def user(self) -> str: ...

    @property
    def password(self) -> Secret: ...


@dataclass(frozen=True)
class Expected:
    """What the old code's own readers said of the home when it was made, as the JSON values of expected.json.

    `days` holds each symbol's trading days in order, `aggregated` the rows of each aggregated manifest by its id.
    """

    days: list[dict[str, Any]]
    aggregated: dict[str, list[dict[str, Any]]]

    def day(self, symbol: str, trading_day: str) -> dict[str, Any]:
        return next(day for day in self.days if (day["symbol"], day["trading_day"]) == (symbol, trading_day))


def build_old_home(server: Server, home: Path) -> Expected:
    """Make the old tables and views with all their rows, dead ones too, and put the old files into `home`.

    Returns once every row shows. Raises `psycopg.Error` where the server has one of the tables already.
    """
    tables = sorted((OLD_HOME / "tables").glob("*.parquet"))
    with _session(server) as session:
        for statement in (OLD_HOME / "ddl.sql").read_text(encoding="utf-8").split(";\n"):
            session.execute(statement.replace(" IF NOT EXISTS", "").encode())
        with _sender(server) as sender:
            for path in tables:
                # Nullable types keep a missing integer apart from a number; categories are symbols, '' is no null.
                rows = pd.read_parquet(path, dtype_backend="numpy_nullable")
                sender.dataframe(rows, table_name=path.stem, symbols="auto", at="ts")
                sender.flush()
        _await_applied(session, {path.stem for path in tables})
    shutil.copytree(OLD_HOME / "home", home, dirs_exist_ok=True)
    shutil.unpack_archive(OLD_HOME / "dagster.zip", home)
    return Expected(**json.loads((OLD_HOME / "expected.json").read_text(encoding="utf-8")))


def _session(server: Server) -> psycopg.Connection[TupleRow]:
    host, _, port = server.pg.rpartition(":")
    password = server.password.get_secret_value()
    return psycopg.connect(host=host, port=port, user=server.user, password=password, dbname="qdb", autocommit=True)


def _sender(server: Server) -> Sender:
    return Sender.from_conf(
        f"http::addr={server.http};",
        username=server.user,
        password=server.password.get_secret_value(),
        auto_flush=False,
        max_buf_size=256 * 2**20,
        request_timeout=120_000,
    )


def _await_applied(session: psycopg.Connection[TupleRow], tables: set[str]) -> None:
    """Every table's writer has caught up with what was committed."""
    give_up_at = time.monotonic() + APPLY_TIMEOUT_S
    while True:
        found = session.execute("SELECT name FROM wal_tables() WHERE writerTxn < sequencerTxn").fetchall()
        behind = tables & {name for (name,) in found}
        if not behind:
            return
        assert time.monotonic() < give_up_at, f"not applied within {APPLY_TIMEOUT_S} s: {behind}"
        time.sleep(0.05)
