"""ghTrader's ingestion rebuilt, as a process: one TqApi, a day at a time, one ILP send a day.

Belongs here: the flow that `bench ingest` is compared with; `OneByOne` drives it from the benchmark.
Does not belong here: reading through tqsdk (`one_api`), any figure.

As in ghTrader: `end_dt` is the day after, TqSdk's series cache stays between days, rows carry a hash and the contract,
a persistent sender sends each day once, without a wait until it shows or a read-back. Kinder than the original: hashes
in numpy, and no retry, schedule or bookkeeping at all.
"""

# questdb's own types are partial, pandas has none.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from time import perf_counter
from typing import IO, Any, Final

import numpy as np
import pandas as pd
from questdb import Sender

from ghtrader_assets.errors import GhtraderError
from ghtrader_assets.market.ticks import NUMERIC_COLUMNS, DayWindow, row_hashes, tick_frame
from ghtrader_assets.questdb.client.connection import Database
from ghtrader_assets.tq.provider import Provider
from ghtrader_assets_tests.bench.one_api import OneApi, between

TABLE: Final = "bench_one_by_one"
DDL: Final = (
    f"CREATE TABLE IF NOT EXISTS {TABLE} (ts TIMESTAMP, symbol SYMBOL, ticks_kind SYMBOL, dataset_version SYMBOL,"
    " underlying_contract SYMBOL, trading_day SYMBOL, segment_id LONG, schedule_hash SYMBOL, row_hash LONG,"
    f" datetime_ns LONG, {', '.join(f'{name} DOUBLE' for name in NUMERIC_COLUMNS)}) TIMESTAMP(ts) PARTITION BY DAY WAL"
    " DEDUP UPSERT KEYS(ts, symbol, ticks_kind, dataset_version, row_hash)"
)
DROP: Final = "DROP TABLE bench_one_by_one"
_SYMBOLS: Final = {"ticks_kind": "main_l5", "dataset_version": "v2", "schedule_hash": "0123456789abcdef"}


class OneByOne:
    """The running flow. `load` returns what one day took."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def load(self, symbol: str, contract: str, window: DayWindow) -> tuple[int, float]:
        """Read and send one trading day; returns its rows and its seconds. Raises `GhtraderError`."""
        job = {
            "symbol": symbol,
            "contract": contract,
            "day": window.trading_day.isoformat(),
            "start_ns": window.start_ns,
            "end_ns": window.end_ns,
        }
        answer = _exchanged(self._process, job)
        return int(answer["rows"]), float(answer["seconds"])


@contextmanager
def one_by_one(database: Database, provider: Provider, home: Path) -> Generator[tuple[OneByOne, float]]:
    """Start the flow; yields it with the seconds from the process's start until its TqApi was there."""
    database.execute(DDL)  # pyright: ignore[reportArgumentType] - a constant
    endpoint = database.endpoint
    setup = {
        "user": provider.user,
        "password": provider.password.get_secret_value(),
        "cache": str(home / "series"),
        "http": endpoint.http,
        "questdb_user": endpoint.user,
        "questdb_password": endpoint.password.get_secret_value(),
    }
    started = perf_counter()
    with subprocess.Popen(
        [sys.executable, "-m", __name__],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**_inherited(), **provider.environment, "HOME": str(home)},
    ) as process:
        try:
            _exchanged(process, setup)
            yield OneByOne(process), perf_counter() - started
        finally:
            process.kill()


def _inherited() -> dict[str, str]:

    return {**os.environ, "PYTHONPATH": os.pathsep.join(entry or str(Path.cwd()) for entry in sys.path)}


def _exchanged(process: subprocess.Popen[str], message: Mapping[str, Any]) -> dict[str, Any]:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(json.dumps(message) + "\n")
    process.stdin.flush()
    line = process.stdout.readline()
    if not line:
        raise GhtraderError(f"the rebuilt ghTrader flow ended with code {process.wait()}")
    return json.loads(line)


def main() -> None:
    """Serve stdin: a line of set-up, then a line a day; each is answered by a line."""
    setup: dict[str, Any] = json.loads(sys.stdin.readline())
    with (
        OneApi(setup["user"], setup["password"], Path(setup["cache"])) as api,
        Sender.from_conf(
            f"http::addr={setup['http']};",
            username=setup["questdb_user"],
            password=setup["questdb_password"],
            auto_flush=False,
        ) as sender,
    ):
        _answer(sys.stdout, {"ready": True})
        for line in sys.stdin:
            _answer(sys.stdout, _load(api, sender, json.loads(line)))


def _load(api: OneApi, sender: Sender, job: Mapping[str, Any]) -> dict[str, float]:
    started = perf_counter()
    day = date.fromisoformat(job["day"])
    delivered = api.day(job["contract"], day, day + timedelta(days=1))
    frame = tick_frame(between(delivered, job["start_ns"], job["end_ns"]))
    stamps = frame["datetime_ns"].to_numpy()
    named = _SYMBOLS | {
        "symbol": job["symbol"],
        "underlying_contract": job["contract"],
        "trading_day": job["day"],
    }
    alike = np.zeros(len(stamps), dtype=np.int8)
    columns: dict[str, Any] = {
        name: pd.Categorical.from_codes(alike, categories=[value]) for name, value in named.items()
    }

    columns |= {
        "ts": (stamps // 1000).astype("datetime64[us]"),
        "row_hash": row_hashes(frame),
        "segment_id": np.zeros(len(stamps), dtype=np.int64),
        **{name: frame[name].to_numpy() for name in frame.columns if name not in ("tick_id", "seq")},
    }
    sender.dataframe(pd.DataFrame(columns, copy=False), table_name=TABLE, symbols=list(named), at="ts")
    sender.flush()
    return {"rows": len(stamps), "seconds": perf_counter() - started}


def _answer(output: IO[str], message: Mapping[str, Any]) -> None:
    output.write(json.dumps(message) + "\n")
    output.flush()


if __name__ == "__main__":
    main()
