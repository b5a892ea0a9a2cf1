"""One real embedded exchange for the whole test session, and the real tqsdk client in processes of its own.

Belongs here: the exchange's process, a client of its control endpoint, running a script against it.
Does not belong here: exchanges with options of their own: a test starts those itself (`started_exchange`).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import requests

from ghtrader_assets.tq.process import one_fork_server
from ghtrader_assets.tq.provider import tqsdk_environment
from ghtrader_assets_tests.waiting import HANGS_S

ROOT = Path(__file__).resolve().parents[1]
CLIENT_PRELUDE = """
import json, sys, types
quiet = types.ModuleType("tqsdk.changelog_notification")
sys.modules["tqsdk.changelog_notification"] = quiet
import tqsdk
tqsdk.changelog_notification = quiet
from datetime import date
from tqsdk import TqApi, TqAuth
"""
"""What every client script begins with: tqsdk without the module that asks a public host when it is imported."""
AT_ANOTHER_TIME = """
import sys
from datetime import datetime
import time_machine
from ghtrader_assets.exchange.__main__ import main
time_machine.travel(datetime.fromisoformat(sys.argv.pop(1))).start()
sys.exit(main())
"""
"""`python -m ghtrader_assets.exchange` by a clock that starts at the first argument."""
TRAVELLED = """
import time_machine
from datetime import datetime
time_machine.travel(datetime.fromisoformat({at!r})).start()
"""
"""What a client's script begins with that is to start at another time."""


@dataclass(frozen=True)
class ExchangeControl:
    """A running exchange. `environment` points a tqsdk client at it; `headers` open the control of a platform's."""

    url: str
    pid: int
    home: Path
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        """The `TQ_*` variables of a client."""
        return tqsdk_environment(self.url)

    def faults(self, *rules: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Put fault rules in force (docs/exchange.md)."""
        answer = requests.post(f"{self.url}/control/faults", json=list(rules), headers=self.headers, timeout=HANGS_S)
        answer.raise_for_status()
        return answer.json()

    def rules(self) -> list[dict[str, Any]]:
        """The rules in force, with their hits."""
        return requests.get(f"{self.url}/control/faults", headers=self.headers, timeout=HANGS_S).json()

    def requests(self, kind: str | None = None) -> list[dict[str, Any]]:
        """What was asked since the last reset, of one kind or all."""
        asked = requests.get(f"{self.url}/control/requests", headers=self.headers, timeout=HANGS_S).json()
        return [item for item in asked if kind in (None, item["kind"])]

    def reset(self) -> None:
        """Forget all rules and requests."""
        answer = requests.post(f"{self.url}/control/reset", json={}, headers=self.headers, timeout=HANGS_S)
        answer.raise_for_status()


@contextmanager
def started_exchange(
    home: Path, *options: str, model: int = 1, at: datetime | None = None
) -> Iterator[ExchangeControl]:
    """An exchange process with these options, stopped at the end.

    It is of model 1, whose figures tests hold, unless a test is about another one. `at` is when it starts by its own
    clock, if not now.
    """
    options = ("--port", "0", "--home", str(home), "--model", str(model), *options)
    program = ["-m", "ghtrader_assets.exchange"] if at is None else ["-c", AT_ANOTHER_TIME, at.isoformat()]
    command = [sys.executable, *program, *options]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, f"the exchange ended with code {process.wait()}"
        ready = json.loads(line)
        try:
            yield ExchangeControl(ready["url"], process.pid, home)
        finally:
            process.terminate()
            process.wait(timeout=HANGS_S)


@pytest.fixture(scope="session")
def exchange_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ExchangeControl]:
    """The session's exchange, whatever rules other tests left in it."""
    with started_exchange(tmp_path_factory.mktemp("exchange")) as control:
        yield control


@pytest.fixture(scope="module")
def tqsdk_once() -> Iterator[None]:
    """Whatever a module's tests ask the provider in this process, tqsdk is imported once for them."""
    with one_fork_server():
        yield


@pytest.fixture
def exchange(exchange_process: ExchangeControl, tqsdk_once: None) -> Iterator[ExchangeControl]:
    """The session's exchange without rules and without recorded requests."""
    exchange_process.reset()
    yield exchange_process
    exchange_process.reset()


@pytest.fixture
def run_client(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run a script with the real tqsdk in a fresh process and home: `run_client(control, script, timeout=300)`."""

    def run(
        control: ExchangeControl, script: str, timeout: float = HANGS_S, at: datetime | None = None
    ) -> subprocess.CompletedProcess[str]:
        return run_in_client(control, script, tmp_path, timeout, at)

    return run


def run_in_client(
    control: ExchangeControl, script: str, home: Path, timeout: float, at: datetime | None = None
) -> subprocess.CompletedProcess[str]:
    """Run `CLIENT_PRELUDE` and `script` in a process of its own that tqsdk's variables point at the exchange.

    `at` is when that process starts by its own clock, if not now.
    """
    travelled = "" if at is None else TRAVELLED.format(at=at.isoformat())
    environment = {**os.environ, **control.environment, "HOME": str(home), "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [sys.executable, "-W", "ignore", "-c", travelled + CLIENT_PRELUDE + script],
        env=environment,
        cwd=home,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
