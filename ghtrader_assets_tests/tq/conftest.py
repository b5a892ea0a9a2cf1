"""What the tests of `tq` share: an exchange process of their own, accounts, requests, short waits."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from pydantic import SecretStr

from ghtrader_assets.exchange.client_env import tqsdk_environment
from ghtrader_assets.exchange.model import ticks_of
from ghtrader_assets.market.calendar import snapshot_calendar
from ghtrader_assets.market.symbols import parse_symbol
from ghtrader_assets.market.ticks import tick_frame
from ghtrader_assets.tq.fetch import FetchRequest
from ghtrader_assets.tq.provider import Provider
from ghtrader_assets.tq.timing import Timing

CANARY = "canary-5up3r-s3cret"
QUICK = Timing(
    attempt_s=60.0,
    day_s=120.0,
    backoff_s=0.05,
    backoff_cap_s=0.1,
    throttle_s=0.3,
    throttle_cap_s=0.5,
    handshake_s=5.0,
    instrument_s=5.0,
    frame_s=3.0,
    sessions_per_minute=6000.0,
    pages_per_s=1000.0,
    clock_offset_s=0.0,
)


@dataclass
class Exchange:
    """An embedded exchange in its own process, and its control endpoint."""

    url: str
    pid: int
    added: list[Any] = field(default_factory=list)

    def provider(self, password: str = CANARY, name: Any = "embedded", **changed: str) -> Provider:
        environment = tqsdk_environment(self.url) | changed
        return Provider("trader", SecretStr(password), environment, name)

    def fault(self, kind: str, **details: Any) -> None:
        """Add a fault rule, as the exchange's control endpoint takes it."""
        self._post("faults", [{"kind": kind, **details}])

    def requests(self, kind: str = "") -> list[dict[str, Any]]:
        with urllib.request.urlopen(f"{self.url}/control/requests") as answer:
            noted = json.load(answer)
        listed = noted["requests"] if isinstance(noted, dict) else noted
        return [one for one in listed if not kind or one["kind"] == kind]

    def reset(self) -> None:
        self._post("reset", {})

    def _post(self, what: str, document: Any) -> None:
        body = json.dumps(document).encode()
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(f"{self.url}/control/{what}", data=body, headers=headers)
        with urllib.request.urlopen(request) as answer:
            answer.read()


@pytest.fixture(scope="session")
def exchange_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Exchange]:
    home = tmp_path_factory.mktemp("exchange")
    command = [sys.executable, "-m", "ghtrader_assets.exchange", "--port", "0", "--home", str(home)]
    with subprocess.Popen([*command, "--user", "trader", "--password", CANARY], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        ready = json.loads(process.stdout.readline())
        yield Exchange(ready["url"], ready["pid"])
        process.terminate()


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
