"""What the tests of `tq` share: an exchange process of their own, accounts, requests, short waits."""

from __future__ import annotations

import importlib
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from pydantic import SecretStr

from ghtrader_assets.exchange.model import ticks_of
from ghtrader_assets.market.calendar import snapshot_calendar
from ghtrader_assets.market.symbols import parse_symbol
from ghtrader_assets.market.ticks import tick_frame
from ghtrader_assets.tq.fetch import FetchRequest
from ghtrader_assets.tq.provider import Provider
from ghtrader_assets.tq.timing import Timing
from ghtrader_assets_tests.fix_exchange import ExchangeControl, started_exchange


def _import_tqsdk_once() -> None:
    """Importing tqsdk sets the logger class of the whole process; later loggers shall be ordinary ones."""
    kept = logging.getLoggerClass()
    importlib.import_module("tqsdk.data_series")
    logging.setLoggerClass(kept)


_import_tqsdk_once()

CANARY = "canary-5up3r-s3cret"
QUICK = Timing(
    attempt_s=60.0,
    day_s=120.0,
    backoff_s=0.05,
    backoff_cap_s=0.1,
    throttle_s=0.3,
    throttle_cap_s=0.5,
    breaker_s=0.0,
    handshake_s=15.0,
    instrument_s=15.0,
    frame_s=6.0,
    sessions_per_minute=6000.0,
    pages_per_s=1000.0,
    clock_offset_s=0.0,
)


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
