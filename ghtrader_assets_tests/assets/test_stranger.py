"""What a stranger sees in Dagster of a symbol: its graph, its figures over days, its health after a missed day."""

from __future__ import annotations

import time
from datetime import date
from urllib.parse import quote

import pytest
from dagster import DagsterInstance
from playwright.sync_api import Page, expect

from ghtrader_assets.assets.checks import LATEST_DAY
from ghtrader_assets.market.calendar import snapshot_calendar
from ghtrader_assets.market.symbols import parse_symbol
from ghtrader_assets.orchestration.names import ALL_TABLES
from ghtrader_assets_tests.fix_browser import keep
from ghtrader_assets_tests.fix_platform import RunningPlatform

pytestmark = pytest.mark.browser

BEANS = "KQ.m@DCE.m"
SEPTEMBER = snapshot_calendar().days(date(2025, 9, 1), date(2025, 9, 3))
PATIENCE_MS = 60_000
CHECK = """
query Check($key: AssetKeyInput!) { assetNodeOrError(assetKey: $key) { ... on AssetNode {
  assetChecksOrError { ... on AssetChecks { checks { name executionForLatestMaterialization { status } } } } } } }"""


def path_of(symbol: str) -> str:
    return parse_symbol(symbol).key


@pytest.fixture(scope="module")
def september(platform: RunningPlatform) -> None:
    """Three days of a symbol, months ago: every expected day since then is missed."""
    platform.exchange.reset()
    platform.await_success(platform.launch_run(BEANS, SEPTEMBER[0], SEPTEMBER[-1]))


def latest_day(platform: RunningPlatform) -> str:
    key = {"path": [path_of(BEANS), "ticks"]}
    checks = platform.graphql(CHECK, key=key)["assetNodeOrError"]["assetChecksOrError"]["checks"]
    (found,) = [check for check in checks if check["name"] == LATEST_DAY]
    execution = found["executionForLatestMaterialization"]
    return execution["status"] if execution else ""


def test_the_lineage_graph_of_a_symbol(platform: RunningPlatform, page: Page) -> None:
    selection = quote(f'group:"{path_of(BEANS)}"', safe="")
    page.goto(f"{platform.url('dagster')}/asset-groups~{selection}", timeout=PATIENCE_MS)
    for table in ALL_TABLES:
        expect(page.get_by_text(table, exact=True).first).to_be_visible(timeout=PATIENCE_MS)
    keep(page, "dagster-lineage")


@pytest.mark.usefixtures("september")
def test_figures_are_plotted_over_days(platform: RunningPlatform, page: Page) -> None:
    """By event: by partition Dagster plots no more than the latest 120 partitions, and September lies before them."""
    page.goto(f"{platform.url('dagster')}/assets/{path_of(BEANS)}/ticks?view=overview", timeout=PATIENCE_MS)
    page.get_by_role("button", name="Plots").first.click(timeout=PATIENCE_MS)
    page.get_by_role("button", name="Events").first.click(timeout=PATIENCE_MS)
    expect(page.locator("canvas").first).to_be_visible(timeout=PATIENCE_MS)
    expect(page.get_by_text("download_s", exact=True).first).to_be_visible(timeout=PATIENCE_MS)
    keep(page, "dagster-plots")


@pytest.mark.usefixtures("september")
def test_health_after_a_missed_day(platform: RunningPlatform, page: Page) -> None:
    give_up_at = time.monotonic() + 300
    while latest_day(platform) != "FAILED":
        assert time.monotonic() < give_up_at, latest_day(platform)
        time.sleep(2)
    page.goto(
        f"{platform.url('dagster')}/assets/{path_of(BEANS)}/ticks?view=checks&checkDetail={LATEST_DAY}",
        timeout=PATIENCE_MS,
    )
    expect(page.get_by_text("Failed").first).to_be_visible(timeout=PATIENCE_MS)
    expect(page.get_by_text("ghtrader-assets backfill").first).to_be_visible(timeout=PATIENCE_MS)
    keep(page, "dagster-missed-day")


def test_nobody_is_asked_to_join_anything(platform: RunningPlatform) -> None:
    assert platform.graphql("{ shouldShowNux }") == {"shouldShowNux": False}
    with DagsterInstance.from_config(str(platform.command.home / "dagster")) as instance:
        assert instance.telemetry_enabled is False
