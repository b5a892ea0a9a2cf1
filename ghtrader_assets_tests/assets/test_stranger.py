"""What a stranger sees in Dagster of a symbol: its graph, its figures over days, its health after a missed day."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import quote

import pytest
from dagster import DagsterInstance
from playwright.sync_api import Page, expect

from ghtrader_assets.assets.checks import LATEST_DAY
from ghtrader_assets.market.symbols import parse_symbol
from ghtrader_assets.orchestration.names import ALL_TABLES
from ghtrader_assets.services.dagster_state import DAILY_SCHEDULE
from ghtrader_assets_tests.fix_browser import keep
from ghtrader_assets_tests.fix_platform import COPPER, RunningPlatform
from ghtrader_assets_tests.waiting import await_that

pytestmark = pytest.mark.browser

CHECK = """
query Check($key: AssetKeyInput!) { assetNodeOrError(assetKey: $key) { ... on AssetNode {
  assetChecksOrError { ... on AssetChecks { checks { name executionForLatestMaterialization { status } } } } } } }"""

SELECTOR = {
    "repositoryLocationName": "ghtrader_assets", "repositoryName": "__repository__", "scheduleName": DAILY_SCHEDULE,
}  # fmt: skip
SWITCH_ON = """
mutation On($of: ScheduleSelector!) { startSchedule(scheduleSelector: $of) { __typename } }"""
SWITCH_BACK = """
mutation Back($of: ScheduleSelector!) { resetSchedule(scheduleSelector: $of) { __typename } }"""


def path_of(symbol: str) -> str:
    return parse_symbol(symbol).key


def latest_day(platform: RunningPlatform) -> str:
    key = {"path": [path_of(COPPER), "ticks"]}
    checks = platform.graphql(CHECK, key=key)["assetNodeOrError"]["assetChecksOrError"]["checks"]
    (found,) = [check for check in checks if check["name"] == LATEST_DAY]
    execution = found["executionForLatestMaterialization"]
    return execution["status"] if execution else ""


def test_the_lineage_graph_of_a_symbol(platform: RunningPlatform, page: Page) -> None:
    selection = quote(f'group:"{path_of(COPPER)}"', safe="")
    platform.show(page, f"/asset-groups~{selection}")
    for table in ALL_TABLES:
        expect(page.get_by_text(table, exact=True).first).to_be_visible()
    keep(page, "dagster-lineage")


@pytest.mark.usefixtures("copper")
def test_figures_are_plotted_over_days(platform: RunningPlatform, page: Page) -> None:
    """By event: by partition Dagster plots no more than the latest 120 partitions, and January lies before them."""
    platform.show(page, f"/assets/{path_of(COPPER)}/ticks?view=overview")
    page.get_by_role("button", name="Plots").first.click()
    page.get_by_role("button", name="Events").first.click()
    expect(page.locator("canvas").first).to_be_visible()
    expect(page.get_by_text("download_s", exact=True).first).to_be_visible()
    keep(page, "dagster-plots")


@pytest.fixture
def followed(platform: RunningPlatform) -> Iterator[None]:
    """The daily schedule, switched on as in the UI: what is not followed is missed by nobody."""
    platform.graphql(SWITCH_ON, of=SELECTOR)
    yield
    platform.graphql(SWITCH_BACK, of=SELECTOR)


@pytest.mark.joint
@pytest.mark.usefixtures("copper", "followed")
def test_health_after_a_missed_day(platform: RunningPlatform, page: Page) -> None:
    """Every day that was expected since January is missed."""
    await_that("the check of the latest day fails", lambda: latest_day(platform) == "FAILED")
    platform.show(
        page,
        f"/assets/{path_of(COPPER)}/ticks?view=checks&checkDetail={LATEST_DAY}",
    )
    expect(page.get_by_text("Failed").first).to_be_visible()
    expect(page.get_by_text("ghtrader-assets backfill").first).to_be_visible()
    keep(page, "dagster-missed-day")


def test_nobody_is_asked_to_join_anything(platform: RunningPlatform) -> None:
    assert platform.graphql("{ shouldShowNux }") == {"shouldShowNux": False}
    with DagsterInstance.from_config(str(platform.command.home / "dagster")) as instance:
        assert instance.telemetry_enabled is False
