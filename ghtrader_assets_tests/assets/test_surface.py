"""Dagster's surface as a user meets it: Chromium on a running platform, and docs/lineage.md's queries as they stand."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from playwright.sync_api import Page, expect

from ghtrader_assets.context.store import questdb_endpoint
from ghtrader_assets.market.calendar import snapshot_calendar
from ghtrader_assets.market.symbols import parse_symbol
from ghtrader_assets.orchestration.names import ALL_TABLES
from ghtrader_assets.questdb.client.connection import Database
from ghtrader_assets.settings import Settings
from ghtrader_assets_tests.fix_browser import keep, new_page
from ghtrader_assets_tests.fix_platform import COPPER, COPPER_DAYS, Loaded, RunningPlatform
from ghtrader_assets_tests.waiting import await_that

LINEAGE = Path(__file__).resolve().parents[2] / "docs" / "lineage.md"
SUGAR, INDEX = "KQ.m@CZCE.SR", "KQ.m@CFFEX.IF"
OCTOBER = snapshot_calendar().days(date(2025, 10, 9), date(2025, 10, 14))
CHANGED, FAILED = OCTOBER[-1], snapshot_calendar().next(OCTOBER[-1])
DOCUMENTED = COPPER_DAYS[1]

BACKFILLS = "{ partitionBackfillsOrError(limit: 20) { ... on PartitionBackfills { results { id numPartitions } } } }"
BACKFILL = (
    "query Of($id: String!) { partitionBackfillOrError(backfillId: $id) { ... on PartitionBackfill { status } } }"
)
LAUNCH = """
mutation Launch($params: LaunchBackfillParams!) {
  launchPartitionBackfill(backfillParams: $params) { ... on LaunchBackfillSuccess { backfillId } }
}"""
SENSOR = """
{ sensorOrError(sensorSelector: {repositoryLocationName: "ghtrader_assets", repositoryName: "__repository__",
  sensorName: "judge_changed_days"}) { ... on Sensor { id } } }"""
STOP = "mutation Stop($id: String!) { stopSensor(id: $id) { __typename } }"
START = """
mutation { startSensor(sensorSelector: {repositoryLocationName: "ghtrader_assets", repositoryName: "__repository__",
  sensorName: "judge_changed_days"}) { __typename } }"""
STALE = """
query Stale($key: AssetKeyInput!, $days: [String!]) {
  assetNodeOrError(assetKey: $key) { ... on AssetNode { staleStatusByPartition(partitions: $days) } } }"""


def group(symbol: str) -> str:
    return parse_symbol(symbol).key


def newest_backfill(platform: RunningPlatform) -> str:
    """The newest backfill of as many days."""
    found = platform.graphql(BACKFILLS)["partitionBackfillsOrError"]["results"]
    return next((item["id"] for item in found if item["numPartitions"] == len(OCTOBER)), "")


def await_backfills(platform: RunningPlatform, launched: dict[str, str]) -> None:
    """Wait until each backfill ended as it should."""

    def status(backfill: str) -> str:
        return platform.graphql(BACKFILL, id=backfill)["partitionBackfillOrError"]["status"]

    await_that(f"ends of backfills {launched}", lambda: {item: status(item) for item in launched} == launched)


@pytest.fixture(scope="module")
def october(platform: RunningPlatform, request: pytest.FixtureRequest) -> str:
    """Some days of two symbols, launched from the UI's backfill dialog; the id of the backfill."""
    page = new_page(request.getfixturevalue("browser"))
    platform.exchange.reset()
    before = newest_backfill(platform)
    selection = quote(f'group:"{group(SUGAR)}" or group:"{group(INDEX)}"', safe="")
    platform.show(page, f"/asset-groups~{selection}")
    page.get_by_role("button", name="Materialize all").click()
    expect(page.get_by_text(f"Launch runs to materialize {2 * len(ALL_TABLES)} assets")).to_be_visible()
    page.get_by_text("Show all partitions").click()
    days = page.locator("[role=dialog] input[type=text]").first
    days.fill(f"[{OCTOBER[0]}...{OCTOBER[-1]}]")
    days.press("Enter")
    days.blur()
    expect(page.get_by_text(f"{len(OCTOBER)} partitions")).to_be_visible()
    keep(page, "dagster-backfill-dialog")
    page.get_by_role("button", name="Launch backfill").click()
    await_that("the launched backfill", lambda: newest_backfill(platform) != before)
    page.close()
    launched = newest_backfill(platform)
    await_backfills(platform, {launched: "COMPLETED_SUCCESS"})
    return launched


@pytest.mark.browser
@pytest.mark.joint
def test_a_backfill_launched_in_the_dialog_and_its_page(platform: RunningPlatform, october: str, page: Page) -> None:
    platform.show(page, f"/runs/b/{october}")
    expect(page.get_by_text("Succeeded").first).to_be_visible()
    expect(page.get_by_text("100% completed")).to_have_count(2 * len(ALL_TABLES))
    keep(page, "dagster-backfill-done")
    aggregated = list((platform.command.home / "manifests" / "aggregated").glob("agg-*.json"))
    of_runs = [json.loads(path.read_bytes()) for path in aggregated]
    of_run = [{(own["symbol"], own["n_days"]) for own in run["symbols"]} for run in of_runs]
    assert {(SUGAR, len(OCTOBER)), (INDEX, len(OCTOBER))} in of_run, "the run left its aggregated manifest"


@pytest.mark.browser
@pytest.mark.joint
def test_a_page_with_good_failed_and_stale_days(platform: RunningPlatform, october: str, page: Page) -> None:
    platform.graphql(STOP, id=platform.graphql(SENSOR)["sensorOrError"]["id"])
    platform.exchange.faults(
        {"kind": "no_data", "trading_day": str(FAILED)},
        {"kind": "changed", "trading_day": str(CHANGED), "amount": 5},
    )
    wanted = {CHANGED: ["ticks"], FAILED: list(ALL_TABLES)}
    launched: dict[str, str] = {}
    for day, tables in wanted.items():
        selection = [{"path": [group(SUGAR), table]} for table in tables]
        params = {"assetSelection": selection, "partitionNames": [str(day)]}
        backfill = platform.graphql(LAUNCH, params=params)["launchPartitionBackfill"]["backfillId"]
        launched[backfill] = "COMPLETED_SUCCESS" if day == CHANGED else "COMPLETED_FAILED"
    await_backfills(platform, launched)
    platform.exchange.reset()
    summary = {"path": [group(SUGAR), "validation_summary"]}
    stale = platform.graphql(STALE, key=summary, days=[str(day) for day in OCTOBER])["assetNodeOrError"]
    assert stale["staleStatusByPartition"] == ["FRESH"] * (len(OCTOBER) - 1) + ["STALE"]
    platform.show(page, f"/assets/{group(SUGAR)}/validation_summary?view=partitions&partition={CHANGED}")
    expect(page.get_by_text("Failed (1)")).to_be_visible()
    expect(page.get_by_text(re.compile("Upstream data|Unsynced|Stale")).first).to_be_visible()
    keep(page, "dagster-good-failed-stale")
    platform.graphql(START)


def test_dagster_s_own_command_materializes_a_partition(platform: RunningPlatform) -> None:
    """`dagster asset materialize --partition` of one day, while the platform runs."""
    day = "2025-09-30"
    environment = platform.command.whole_environment({})
    environment |= {"DAGSTER_HOME": str(platform.command.home / "dagster"), "PYTHONWARNINGS": "ignore"}
    ran = subprocess.run(
        [
            str(Path(sys.executable).with_name("dagster")), "asset", "materialize", "-m", "ghtrader_assets.definitions",
            "--select", f"key:{group(INDEX)}/*", "--partition", day,
        ],
        env=environment, cwd=platform.command.home, capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr[-3000:]
    (found,) = platform.command.run("days", INDEX, "--from", day, "--to", day, "--json").document
    assert (found["ingest_state"], found["trading_day"]) == ("complete", day)


def block(name: str) -> str:
    found = re.search(rf"<!-- {name} -->\n```\w+\n(.*?)```", LINEAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert found is not None, f"docs/lineage.md has no {name}"
    return found.group(1)


@pytest.fixture(scope="module")
def documented(platform: RunningPlatform, copper: Loaded) -> dict[str, Any]:
    """The day of docs/lineage.md, one of copper's; its load as `lineage` tells it."""
    ran = platform.command.run(*block("origin-cli").split()[1:])
    assert ran.code == 0, ran.err
    return ran.document


@pytest.mark.joint
def test_lineage_on_the_command_line(platform: RunningPlatform, documented: dict[str, Any]) -> None:
    load = documented["load"]
    assert (load["contract"], load["source"], load["schema_hash"]) == ("SHFE.cu2602", "embedded", "6270bba406e22ffd")
    assert all(load[name] for name in ("schedule_digest", "sessions_fingerprint", "coverage_fingerprint"))
    assert [item["current"] for item in documented["upstream"] + documented["downstream"]] == [True] * 5
    covering = platform.command.run(*block("covering-cli").split()[1:]).document
    assert load["manifest_id"] in {item["manifest_id"] for item in covering}
    verified = platform.command.run("verify-manifest", load["manifest_id"], "--json")
    assert (verified.code, verified.document["differences"]) == (0, [])
    same = platform.command.run("diff-manifests", load["manifest_id"], load["manifest_id"], "--json")
    assert (same.code, same.document) == (0, [])


def test_lineage_in_sql_and_python(platform: RunningPlatform, documented: dict[str, Any]) -> None:
    load = documented["load"]
    with Database(questdb_endpoint(Settings(home=platform.command.home))) as database:
        (origin,) = database.rows("doc", block("origin-sql"))
        assert origin[2:5] == (load["manifest_id"], load["contract"], load["schema_hash"])
        (below,) = database.rows("doc", block("downstream-sql"))
        assert (below[1], below[3], below[5]) == (documented["digest"], True, True)
        for name in ("covering-sql", "changed-sql"):
            found = {row[0] for row in database.rows("doc", block(name))}
            assert load["manifest_id"] in found
    for name in ("covering-python", "origin-python"):
        ran = subprocess.run(
            [sys.executable, "-c", block(name)],
            env=platform.command.whole_environment({"PATH": os.environ["PATH"]}),
            cwd=platform.command.home, capture_output=True, text=True, timeout=300, check=False,
        )  # fmt: skip
        assert ran.returncode == 0, ran.stderr
        assert load["manifest_id"] in ran.stdout


def test_lineage_in_graphql(platform: RunningPlatform, documented: dict[str, Any]) -> None:
    load = documented["load"]
    for name in ("covering-graphql", "origin-graphql", "changed-graphql"):
        assert load["manifest_id"] in json.dumps(platform.graphql(block(name))), name
    nodes = platform.graphql(block("downstream-graphql"))["assetNodes"]
    assert [node["staleStatusByPartition"] for node in nodes] == [["FRESH"]] * 3
    tags = platform.graphql(block("origin-graphql"))["assetNodeOrError"]["latestMaterializationByPartition"][0]["tags"]
    versions = {tag["key"]: tag["value"] for tag in tags}
    assert versions[f"dagster/input_data_version/{group(COPPER)}/main_schedule"] == load["schedule_digest"]
    entries = platform.graphql(
        """{ assetNodeOrError(assetKey: {path: ["KQ_m_SHFE_cu", "ticks"]}) { ... on AssetNode {
        latestMaterializationByPartition(partitions: ["2026-01-06"]) {
          metadataEntries { label ... on UrlMetadataEntry { url } } } } } }"""
    )["assetNodeOrError"]["latestMaterializationByPartition"][0]["metadataEntries"]
    links = {entry["label"]: entry["url"] for entry in entries if "url" in entry}
    assert links["day_in_dashboard"] == f"{platform.page('dashboard')}/day/{COPPER}/{DOCUMENTED}"
    assert "executeQuery=true" in links["rows_in_questdb"]
