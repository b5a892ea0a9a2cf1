"""Grafana's SQL runs against the real tables; its PromQL and the alert rules run in a real Prometheus that scrapes the
real exporter."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml
from pydantic import SecretStr

from ghtrader_assets import metrics
from ghtrader_assets.clock import SYSTEM_CLOCK
from ghtrader_assets.doors.keys import keys_of
from ghtrader_assets.market.calendar import TradingCalendar
from ghtrader_assets.metrics import metrics_into
from ghtrader_assets.ports import claim_port
from ghtrader_assets.questdb.client.connection import Database
from ghtrader_assets.questdb.client.credentials import Endpoint
from ghtrader_assets.questdb.tables.rows import Metric
from ghtrader_assets.questdb.tables.schema import METRICS
from ghtrader_assets.services.exporter import start_exporter
from ghtrader_assets.settings import Settings
from ghtrader_assets_tests.fix_exchange import ROOT
from ghtrader_assets_tests.made_records import fill_records
from ghtrader_assets_tests.measured import write_metrics
from ghtrader_assets_tests.waiting import HANGS_S, await_that

READS = "canary-of-the-reader-0e4b"
GRAFANA, PROMETHEUS = ROOT / "infra" / "grafana", ROOT / "infra" / "prometheus"
MACROS = {r"\$__timeFilter\((\w+)\)": r"\1 BETWEEN '2020-01-01T00:00:00Z' AND '2100-01-01T00:00:00Z'"}
SYMBOL = "KQ.m@DCE.lg"


def targets(field: str) -> list[tuple[str, str]]:
    """(panel, text) of every query of a kind in every dashboard."""
    return [
        (f"{file.stem}: {panel['title']}", target[field])
        for file in sorted(GRAFANA.glob("*.json"))
        for panel in json.loads(file.read_text())["panels"]
        for target in panel["targets"]
        if field in target
    ]


@pytest.fixture(scope="module")
def measured(questdb_endpoint: Endpoint, db: Database, calendar: TradingCalendar) -> Endpoint:
    """The session's store with days of one symbol, load figures and query latencies in it."""
    today = datetime.now(UTC)
    days = calendar.days(date(2025, 12, 1), min(calendar.horizon, today.date()))[-40:]
    fill_records(db, [SYMBOL], days, seed=3)
    figures = {"ingest_rows": 40_000.0, "ingest_bytes": 4e6} | dict.fromkeys(
        ("download_seconds", "store_seconds", "readback_seconds", "validation_seconds"), 0.5
    )
    rows = [
        Metric(ts=today, name=name, symbol=SYMBOL, trading_day=days[-1], value=value, unit="")
        for name, value in figures.items()
    ]
    write_metrics(db, rows)
    recorder = metrics_into(questdb_endpoint, SYSTEM_CLOCK)
    for nth in range(50):
        recorder.observe("coverage", nth / 1000)
    with pytest.MonkeyPatch.context() as patient:
        patient.setattr(metrics, "CLOSE_WITHIN_S", HANGS_S)
        recorder.close()
    db.await_applied(METRICS)
    return questdb_endpoint


@pytest.mark.parametrize(("panel", "sql"), targets("rawSql"))
def test_each_panels_sql_finds_rows(measured: Endpoint, db: Database, panel: str, sql: str) -> None:
    for macro, meaning in MACROS.items():
        sql = re.sub(macro, meaning, sql)
    assert "$" not in sql
    assert db.rows("panel", sql), panel


@pytest.fixture(scope="module")
def exporter_url(measured: Endpoint, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    settings = Settings(
        home=tmp_path_factory.mktemp("exporter"),
        questdb_http=measured.http,
        questdb_pg=measured.pg,
        questdb_user=measured.user,
        questdb_password=SecretStr(measured.password.get_secret_value()),
        web_token_read=SecretStr(READS),
    )
    server = start_exporter(settings, 0, SYSTEM_CLOCK)
    yield f"127.0.0.1:{server.port}"
    server.close()


@contextmanager
def prometheus(target: str, folder: Path) -> Iterator[str]:
    """A Prometheus over our own configuration, scraping `target` all the time and judging the rules each second.

    A scrape may take as long as its interval: one that a busy machine makes late leaves no sample until the next.
    """
    binary = shutil.which("prometheus")
    assert binary is not None, "these tests need prometheus; type: sudo apt-get install prometheus"
    configuration = yaml.safe_load((PROMETHEUS / "prometheus.yml").read_text())
    configuration["global"] = {"scrape_interval": "15s", "evaluation_interval": "1s"}
    configuration["rule_files"] = [str(PROMETHEUS / "rules.yml")]
    configuration["scrape_configs"][0]["static_configs"] = [{"targets": [target]}]
    (folder / "token").write_text(READS)
    assert configuration["scrape_configs"][0]["authorization"].keys() == {"credentials_file"}
    configuration["scrape_configs"][0]["authorization"]["credentials_file"] = str(folder / "token")
    (folder / "prometheus.yml").write_text(yaml.safe_dump(configuration))
    port = claim_port(0, "-")
    command = [
        binary,
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--log.level=error",
    ]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(timeout=HANGS_S)


def asked(url: str, path: str, **parameters: str) -> Any:
    return requests.get(f"{url}/api/v1/{path}", params=parameters, timeout=HANGS_S).json()


def test_promql_and_rules_run_in_a_real_prometheus(exporter_url: str, tmp_path: Path) -> None:
    with prometheus(exporter_url, tmp_path) as url:
        alert = f'ALERTS{{alertname="GhtraderDaysInError",symbol="{SYMBOL}"}}'
        wanted = [
            alert,
            'ghtrader:query_seconds:p95max{query="coverage"}',
            'ghtrader_query_seconds{query="coverage",quantile="0.95"} > 0',
            "ghtrader_store_up == 1",
            f'ghtrader_stored_days{{symbol="{SYMBOL}"}} > 20',
            *(expression for _, expression in targets("expr") if "service_running" not in expression),
        ]
        for expression in wanted:
            await_that(f"an answer to {expression}", lambda asked=expression: _answers(url, asked))
        for panel, expression in targets("expr"):
            answer = asked(url, "query", query=expression)
            assert answer["status"] == "success", (panel, answer)
        groups = asked(url, "rules")["data"]["groups"]
        rules = {rule["name"]: rule for group in groups for rule in group["rules"]}
        assert {rule["health"] for rule in rules.values()} == {"ok"}
        assert {rule.get("lastError", "") for rule in rules.values()} == {""}
        assert rules["GhtraderTableSuspended"]["type"] == "alerting"


def _answers(url: str, expression: str) -> bool:
    try:
        return bool(asked(url, "query", query=expression)["data"]["result"])
    except requests.RequestException:
        return False


@pytest.mark.service
def test_promtool_finds_nothing_to_say() -> None:
    promtool = shutil.which("promtool")
    assert promtool is not None
    ran = subprocess.run(
        [promtool, "check", "rules", str(PROMETHEUS / "rules.yml")], capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_a_store_that_is_away_is_a_figure_not_a_failed_scrape(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, questdb_http="127.0.0.1:9", questdb_pg="127.0.0.1:9")
    server = start_exporter(settings, 0, SYSTEM_CLOCK)
    try:
        sent = keys_of(settings).header
        answer = requests.get(f"http://127.0.0.1:{server.port}/metrics", headers=sent, timeout=HANGS_S)
        assert answer.status_code == 200
        assert "ghtrader_store_up 0.0" in answer.text
        assert "ghtrader_stored_days{" not in answer.text
    finally:
        server.close()
