"""A dashboard process over the session's QuestDB, with days of its own: made-up records, and one day of real ticks."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import polars as pl
import pytest
from pydantic import SecretStr

from ghtrader_assets.context.load import LoadContext
from ghtrader_assets.doors.keys import WebKeys, page_url
from ghtrader_assets.loading.judgement import judge_days
from ghtrader_assets.market.calendar import TradingCalendar
from ghtrader_assets.market.symbols import parse_symbol
from ghtrader_assets.market.ticks import tick_frame
from ghtrader_assets.questdb.client.connection import Database
from ghtrader_assets.questdb.client.credentials import Endpoint
from ghtrader_assets.runtime import DAGSTER, RunningProcess, Runtime, Service, write_runtime
from ghtrader_assets.settings import Settings
from ghtrader_assets.tq.provider import Provider
from ghtrader_assets_tests.fix_exchange import ROOT
from ghtrader_assets_tests.fix_platform import OURS
from ghtrader_assets_tests.made_records import fill_records
from ghtrader_assets_tests.model_days import fill, model_day
from ghtrader_assets_tests.waiting import HANGS_S

MADE_UP = ("KQ.m@SHFE.wr", "KQ.m@DCE.bb", "KQ.m@DCE.fb", "KQ.m@CZCE.RS")
REAL = "KQ.m@GFEX.lc"
REAL_DAY = date(2026, 1, 6)
TOKEN = "canary-of-the-web-6f1d"
SENT = {"Authorization": f"Bearer {TOKEN}"}
DAGSTER_URL = "http://127.0.0.1:9"
FIRST, LAST = date(2025, 10, 9), date(2026, 1, 30)


@dataclass(frozen=True)
class Dashboard:
    """A running dashboard, and the state of each made-up symbol-day."""

    url: str
    expected: dict[tuple[str, date], str]
    days: tuple[date, ...]
    dagster: str


def dashboard_environment(home: Path, http: str, pg: str, user: str, password: str, symbols: str) -> dict[str, str]:
    plain = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
    return {
        **plain,
        "PYTHONPATH": str(ROOT),
        "GHTRADER_HOME": str(home),
        "GHTRADER_WEB_TOKEN": TOKEN,
        "GHTRADER_QUESTDB_HTTP": http,
        "GHTRADER_QUESTDB_PG": pg,
        "GHTRADER_QUESTDB_USER": user,
        "GHTRADER_QUESTDB_PASSWORD": password,
        "GHTRADER_SYMBOLS": symbols,
        "GHTRADER_START_DATE": FIRST.isoformat(),
    }


@contextmanager
def started_dashboard(environment: dict[str, str]) -> Iterator[str]:
    """A dashboard process; yields its URL and stops it at the end."""
    command = [sys.executable, "-m", "ghtrader_assets.dashboard", "--port", "0"]
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        line = process.stdout.readline()
        assert line, process.stderr.read()
        try:
            yield json.loads(line)["url"]
        finally:
            process.terminate()
            _, err = process.communicate(timeout=HANGS_S)
            assert "Traceback" not in err, err
            assert environment["GHTRADER_QUESTDB_PASSWORD"] not in err
    assert process.returncode == 0


@pytest.fixture(scope="module")
def dashboard(
    questdb_endpoint: Endpoint, db: Database, calendar: TradingCalendar, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Dashboard]:
    home = tmp_path_factory.mktemp("dashboard")
    days = calendar.days(FIRST, LAST)
    expected = fill_records(db, MADE_UP, days, seed=8)
    _store_a_real_day(db, calendar, home)
    service = Service(
        name=DAGSTER, process=RunningProcess.of(os.getpid()), urls={"http": DAGSTER_URL}, log=home / "dagster.log"
    )
    write_runtime(home, Runtime(owner=service.process, services=(service,)))
    password = questdb_endpoint.password.get_secret_value()
    symbols = ",".join((*MADE_UP, REAL))
    environment = dashboard_environment(
        home, questdb_endpoint.http, questdb_endpoint.pg, questdb_endpoint.user, password, symbols
    )
    with started_dashboard(environment) as url:
        yield Dashboard(
            url, expected, tuple(days), page_url(WebKeys(SecretStr(TOKEN), SecretStr("")).page_name, DAGSTER_URL)
        )


def _store_a_real_day(db: Database, calendar: TradingCalendar, home: Path) -> None:
    """The model's ticks of a day, a hole of ten minutes in them and one crossed book, loaded and judged."""
    symbol = parse_symbol(REAL)
    platform = LoadContext(
        settings=Settings(home=home),
        calendar=calendar,
        database=db,
        provider=Provider("x", SecretStr("x"), name="embedded"),
    )
    frame = tick_frame(model_day(symbol, REAL_DAY))
    middle = frame.height // 2
    hole = pl.col("datetime_ns").is_between(
        frame["datetime_ns"][middle], frame["datetime_ns"][middle] + 600 * 10**9, closed="none"
    )
    fill(platform, symbol, {REAL_DAY: frame.filter(~hole)})
    (outcome,) = judge_days(platform, symbol, [REAL_DAY])
    assert outcome.failure == ""
