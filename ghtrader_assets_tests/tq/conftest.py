"""What the tests of `tq` share: an exchange process of their own, accounts, requests, short pauses, a stopwatch."""

from __future__ import annotations

import importlib
import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from pydantic import SecretStr

from ghtrader_assets.market.calendar import snapshot_calendar
from ghtrader_assets.market.clock import SHANGHAI
from ghtrader_assets.market.symbols import parse_symbol
from ghtrader_assets.market.ticks import tick_frame
from ghtrader_assets.tq import attempts, pool
from ghtrader_assets.tq.fetch import FetchRequest
from ghtrader_assets.tq.provider import Provider
from ghtrader_assets.tq.timing import Timing
from ghtrader_assets_tests.fix_exchange import ExchangeControl, started_exchange
from ghtrader_assets_tests.true_ticks import ticks_of


def _import_tqsdk_once() -> None:
    """Importing tqsdk sets the logger class of the whole process; later loggers shall be ordinary ones."""
    kept = logging.getLoggerClass()
    importlib.import_module("tqsdk.data_series")
    logging.setLoggerClass(kept)


_import_tqsdk_once()

CANARY = "canary-5up3r-s3cret"
QUICK = Timing(
    attempt_s=600.0,
    start_s=600.0,
    day_s=1200.0,
    backoff_s=0.05,
    backoff_cap_s=0.1,
    throttle_s=0.3,
    throttle_cap_s=0.5,
    breaker_s=0.0,
    handshake_s=300.0,
    instrument_s=300.0,
    frame_s=300.0,
    sessions_per_minute=6000.0,
    pages_per_s=1000.0,
    clock_offset_s=0.0,
)
"""Short pauses, and no deadline that a busy machine could miss: what waits for one winds the `stopwatch` on."""


@dataclass(frozen=True)
class Exchange(ExchangeControl):
    """An exchange that lets in one account only, as the provider of these tests."""

    def provider(self, password: str = CANARY, name: Any = "embedded", **changed: str) -> Provider:
        return Provider("trader", SecretStr(password), self.environment | changed, name)

    def fault(self, kind: str, **details: Any) -> None:
        self.faults({"kind": kind, **details})


@pytest.fixture(scope="session")
def exchange_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Exchange]:
    home = tmp_path_factory.mktemp("exchange")
    with started_exchange(home, "--user", "trader", "--password", CANARY) as control:
        yield Exchange(control.url, control.pid, control.home)


@pytest.fixture
def exchange(exchange_process: Exchange) -> Iterator[Exchange]:
    exchange_process.reset()
    yield exchange_process
    exchange_process.reset()


def request_of(contract: str, day: date) -> FetchRequest:
    parsed = parse_symbol(contract)
    levels = 5 if parsed.exchange == "SHFE" else 1
    return FetchRequest(parsed.alias, contract, snapshot_calendar().window(day), levels)


def served(contract: str, day: date) -> pl.DataFrame:
    """What the exchange's model says this day was."""
    return tick_frame(ticks_of(contract, day))


def assert_same(got: pl.DataFrame | None, wanted: pl.DataFrame) -> None:
    """Bit for bit, NaN where NaN was."""
    assert got is not None
    assert got.schema == wanted.schema
    assert got.height == wanted.height
    for name in wanted.columns:
        ours, theirs = got[name].to_numpy(), wanted[name].to_numpy()
        np.testing.assert_array_equal(ours, theirs, err_msg=name)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


class Stopwatch:
    """The time by which a pool in this process measures attempts and days. A test winds it on."""

    def __init__(self) -> None:
        self._skipped_s = 0.0
        self.sleep = time.sleep

    def monotonic(self) -> float:
        return time.monotonic() + self._skipped_s

    @contextmanager
    def wound_on_at_each_hit(self, exchange: Exchange, seconds: float) -> Iterator[None]:
        """Skip `seconds` whenever the exchange's first rule has met a request."""
        over = threading.Event()

        def look() -> None:
            seen = 0
            while not over.wait(0.05):
                hits = exchange.rules()[0]["hits"]
                self._skipped_s += seconds * (hits - seen)
                seen = hits

        looking = threading.Thread(target=look)
        looking.start()
        try:
            yield
        finally:
            over.set()
            looking.join()


@pytest.fixture
def stopwatch(monkeypatch: pytest.MonkeyPatch) -> Stopwatch:
    made = Stopwatch()
    for module in (pool, attempts):
        monkeypatch.setattr(module, "time", made)
    return made


def offset_to(hour: int, minute: int, second: int = 0) -> float:
    """The clock offset that makes it this time of a day in Beijing."""
    now = datetime.now(tz=SHANGHAI)
    wanted = now.replace(hour=hour, minute=minute, second=second, microsecond=0) + timedelta(days=1)
    return (wanted - now).total_seconds()
