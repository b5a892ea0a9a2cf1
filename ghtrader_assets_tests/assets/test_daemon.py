"""Backfills through the real Dagster daemon: partial success, parallel runs, what the UI shows."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from ghtrader_assets.assets.symbol_days import JUDGE, LOAD
from ghtrader_assets.market.calendar import snapshot_calendar
from ghtrader_assets.market.symbols import parse_symbol
from ghtrader_assets.orchestration.names import (
    ALL_TABLES,
    DAY_TABLES,
    JUDGED,
    LOADED,
    MANIFEST_ASSET,
    TICKS_ASSET,
    VALIDATION_SUMMARY_ASSET,
)
from ghtrader_assets.runtime import LOAD_POOL
from ghtrader_assets_tests.fix_browser import keep
from ghtrader_assets_tests.fix_platform import (
    COPPER,
    COPPER_DAYS,
    PLATFORM_SYMBOLS,
    Loaded,
    RunningPlatform,
    range_tags,
    run_selector,
)
from ghtrader_assets_tests.waiting import await_that

DECEMBER = snapshot_calendar().days(date(2025, 12, 1), date(2025, 12, 5))
NOVEMBER = snapshot_calendar().days(date(2025, 11, 3), date(2025, 11, 6))
BAD = (DECEMBER[1], DECEMBER[3])

STATES = """
query States($key: AssetKeyInput!) {
  assetNodeOrError(assetKey: $key) { ... on AssetNode {
    assetPartitionStatuses { ... on TimePartitionStatuses { ranges { status startKey endKey } } }
  } }
}"""

LAUNCH = """
mutation Launch($params: LaunchBackfillParams!) {
  launchPartitionBackfill(backfillParams: $params) { ... on LaunchBackfillSuccess { backfillId } }
}"""

BACKFILL = """
query Backfill($id: String!) {
  partitionBackfillOrError(backfillId: $id) { ... on PartitionBackfill { status } }
}"""

EVENTS = """
query Events($key: AssetKeyInput!, $days: [String!]) {
  assetNodeOrError(assetKey: $key) { ... on AssetNode {
    latestMaterializationByPartition(partitions: $days) { partition tags { key value } }
  } }
}"""


def asset(symbol: str, table: str) -> dict[str, list[str]]:
    return {"path": [parse_symbol(symbol).key, table]}


def states(platform: RunningPlatform, symbol: str, table: str) -> dict[str, set[date]]:
    """The trading days of a table by the colour in which the UI shows them."""
    node = platform.graphql(STATES, key=asset(symbol, table))["assetNodeOrError"]
    found: dict[str, set[date]] = {}
    for item in node["assetPartitionStatuses"]["ranges"]:
        first, last = date.fromisoformat(item["startKey"]), date.fromisoformat(item["endKey"])
        found.setdefault(item["status"], set()).update(snapshot_calendar().days(first, last))
    return found


@pytest.fixture(scope="module")
def december(platform: RunningPlatform) -> dict[str, Any]:
    """Five trading days of copper, of which the source has nothing for two; the command's own report."""
    platform.exchange.reset()
    schedule = platform.command.run("schedule", COPPER, "--json")
    assert schedule.code == 0, schedule.err
    rules = [{"kind": "no_data", "trading_day": str(day)} for day in BAD]
    platform.exchange.faults(*rules)
    ran = platform.command.run(
        "backfill", COPPER, "--from", str(DECEMBER[0]), "--to", str(DECEMBER[-1]), "--json", timeout=900
    )
    platform.exchange.reset()
    assert ran.code == 1, ran.err
    return ran.document


@pytest.mark.joint
def test_the_command_names_the_days_that_failed(december: dict[str, Any]) -> None:
    failed = {item["trading_day"]: item["reason"] for item in december["failed"]}
    assert sorted(failed) == [str(day) for day in BAD]
    assert all(reason.startswith("provider_empty") for reason in failed.values())
    assert len(december["succeeded"]) == len(DECEMBER) - 2


@pytest.mark.joint
def test_the_other_days_are_complete_in_every_table(platform: RunningPlatform, december: dict[str, Any]) -> None:
    good = set(DECEMBER) - set(BAD)
    for table in DAY_TABLES:
        shown = states(platform, COPPER, table)
        assert shown["MATERIALIZED"] & set(DECEMBER) == good, table
        assert shown["FAILED"] & set(DECEMBER) == set(BAD), table


@pytest.mark.joint
def test_the_ui_shows_exactly_those_days_red(platform: RunningPlatform, december: dict[str, Any], page: Page) -> None:
    path = "/".join(asset(COPPER, "ticks")["path"])
    platform.show(page, f"/assets/{path}?view=partitions", wait_until="networkidle")
    expect(page.get_by_text("Failed").first).to_be_visible()
    keep(page, "dagster-failed-days")
    platform.show(page, f"/assets/{path}?view=partitions&partition={BAD[0]}", wait_until="networkidle")
    expect(page.get_by_text(str(BAD[0])).first).to_be_visible()
    keep(page, "dagster-failed-day")


@pytest.mark.joint
def test_the_same_command_again_loads_only_the_failed_days(platform: RunningPlatform, december: dict[str, Any]) -> None:
    ran = platform.command.run(
        "backfill", COPPER, "--from", str(DECEMBER[0]), "--to", str(DECEMBER[-1]), "--json", timeout=900
    )
    assert ran.code == 0, ran.err
    assert sorted(item["trading_day"] for item in ran.document["succeeded"]) == [str(day) for day in BAD]
    assert len(ran.document["unchanged"]) == len(DECEMBER) - 2
    assert states(platform, COPPER, "ticks").get("FAILED", set()) & set(DECEMBER) == set()


@pytest.mark.joint
def test_four_runs_at_once_on_sqlite_lose_nothing(platform: RunningPlatform) -> None:
    symbols = [symbol for symbol in PLATFORM_SYMBOLS if symbol != COPPER]
    selection = [asset(symbol, table) for symbol in symbols for table in ALL_TABLES]
    launched = [
        platform.graphql(LAUNCH, params={"assetSelection": selection, "partitionNames": [str(day)]})[
            "launchPartitionBackfill"
        ]["backfillId"]
        for day in NOVEMBER
    ]
    assert len(launched) == 4
    _await_backfills(platform, launched)
    for symbol in symbols:
        for table in ALL_TABLES:
            node = platform.graphql(EVENTS, key=asset(symbol, table), days=[str(day) for day in NOVEMBER])
            events = node["assetNodeOrError"]["latestMaterializationByPartition"]
            assert [event["partition"] for event in events if event] == [str(day) for day in NOVEMBER], (symbol, table)
    logs = list((platform.command.home / "logs").glob("dagster*.log"))
    assert len(logs) == 3
    assert not any("database is locked" in log.read_text(errors="replace") for log in logs)


def _await_backfills(platform: RunningPlatform, launched: list[str]) -> None:
    def succeeded() -> bool:
        found = {platform.graphql(BACKFILL, id=item)["partitionBackfillOrError"]["status"] for item in launched}
        assert not {"FAILED", "COMPLETED_FAILED", "CANCELED"} & found, found
        return found == {"COMPLETED_SUCCESS"}

    await_that("the success of all backfills", succeeded)


STALE = """
query Stale($key: AssetKeyInput!, $days: [String!]) {
  assetNodeOrError(assetKey: $key) { ... on AssetNode { staleStatusByPartition(partitions: $days) } }
}"""


def freshness(platform: RunningPlatform, symbol: str, day: date) -> dict[str, str]:
    return {
        table: platform.graphql(STALE, key=asset(symbol, table), days=[str(day)])["assetNodeOrError"][
            "staleStatusByPartition"
        ][0]
        for table in ALL_TABLES
    }


@pytest.mark.joint
def test_a_changed_day_is_judged_again_by_itself_and_an_identical_load_is_not(
    platform: RunningPlatform, december: dict[str, Any]
) -> None:
    day = DECEMBER[0]  # the source lost the ticks of later days alone: its ids are the same in every load
    fresh = dict.fromkeys(ALL_TABLES, "FRESH")
    assert freshness(platform, COPPER, day) == fresh

    def load_ticks_alone() -> None:
        only = ("--from", str(day), "--to", str(day), "--tables", "ticks", "--force", "--json")
        ran = platform.command.run("backfill", COPPER, *only)
        assert ran.code == 0, ran.err

    def verdict() -> str:
        quality = platform.command.run("quality", COPPER, str(day), "--json")
        return quality.document["content_digest"]

    before, judged = verdict(), materialized(platform, VALIDATION_SUMMARY_ASSET, day)
    load_ticks_alone()
    assert len(materialized(platform, TICKS_ASSET, day)) == 2, "the day was loaded again"
    assert freshness(platform, COPPER, day) == fresh
    assert materialized(platform, VALIDATION_SUMMARY_ASSET, day) == judged, "nothing was judged again"
    contract = platform.command.run("days", COPPER, "--from", str(day), "--to", str(day), "--json").document[0]
    platform.exchange.faults({"kind": "changed", "symbol": contract["contract"], "trading_day": str(day), "amount": 5})
    load_ticks_alone()
    platform.exchange.reset()
    await_that("a new verdict", lambda: freshness(platform, COPPER, day) == fresh and verdict() != before)


LAUNCH_AGAIN = """
mutation LaunchAgain($params: ExecutionParams!) {
  launchPipelineReexecution(executionParams: $params) {
    __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message }
  }
}"""

LIMIT = "mutation Limit($pool: String!, $limit: Int!) { setConcurrencyLimit(concurrencyKey: $pool, limit: $limit) }"
FORGET = "mutation Forget($pool: String!) { deleteConcurrencyLimit(concurrencyKey: $pool) }"


def execute_again(
    platform: RunningPlatform, run_id: str, first: date, last: date, tables: Iterable[str], step: str
) -> str:
    """One step of a run once more, as the run's page offers it."""
    of_run = {"rootRunId": run_id, "parentRunId": run_id, "tags": range_tags(first, last)}
    params = {"selector": run_selector(COPPER, tables), "executionMetadata": of_run, "stepKeys": [step]}
    answer = platform.graphql(LAUNCH_AGAIN, params=params)["launchPipelineReexecution"]
    assert answer["__typename"] == "LaunchRunSuccess", answer
    return str(answer["run"]["runId"])


MADE = """
query Made($key: AssetKeyInput!, $days: [String!]) {
  assetOrError(assetKey: $key) { ... on Asset { assetMaterializations(partitions: $days, limit: 100) { runId } } }
}"""


def materialized(platform: RunningPlatform, table: str, day: date) -> list[str]:
    """The ids of the runs that materialized a day, one a materialization."""
    found = platform.graphql(MADE, key=asset(COPPER, table), days=[str(day)])["assetOrError"]
    return [made["runId"] for made in found["assetMaterializations"]]


def wrong_subjects(platform: RunningPlatform) -> str:
    """What `status` finds wrong with the platform."""
    found = platform.command.run("status", "--json").document["findings"]
    return " ".join(finding["subject"] for finding in found if finding["level"] != "ok")


def test_the_pool_holds_loads_back_and_judging_never_waits_for_it(platform: RunningPlatform, copper: Loaded) -> None:
    day = COPPER_DAYS[0]
    assert platform.graphql(LIMIT, pool=LOAD_POOL, limit=0)["setConcurrencyLimit"]
    try:
        loading = platform.launch_run(COPPER, day, day, LOADED)
        judging = platform.launch_run(COPPER, day, day, JUDGED)
        assert platform.await_success(judging) == {JUDGE: "SUCCESS"}
        run = platform.run_of(loading)
        assert (run["status"], run["allPools"]) == ("QUEUED", [LOAD_POOL])
        assert LOAD_POOL in wrong_subjects(platform), "loading does not stop in silence"
    finally:
        platform.graphql(FORGET, pool=LOAD_POOL)
    assert LOAD_POOL not in wrong_subjects(platform)
    assert platform.await_success(loading) == {LOAD: "SUCCESS"}


def test_a_run_that_loads_does_each_days_work_once(platform: RunningPlatform, copper: Loaded) -> None:
    assert copper.steps == {LOAD: "SUCCESS", JUDGE: "SKIPPED"}
    for table in ALL_TABLES:
        for day in COPPER_DAYS:
            assert materialized(platform, table, day).count(copper.run_id) == 1, (table, day)


def test_so_does_one_with_nothing_between_ticks_and_manifest(platform: RunningPlatform, copper: Loaded) -> None:
    day, tables = COPPER_DAYS[2], (TICKS_ASSET, MANIFEST_ASSET)
    run_id = platform.launch_run(COPPER, day, day, tables)
    assert platform.await_success(run_id) == {LOAD: "SUCCESS", JUDGE: "SUCCESS"}
    assert [materialized(platform, table, day).count(run_id) for table in tables] == [1, 1]


def test_the_step_that_judges_works_when_it_alone_is_executed_again(platform: RunningPlatform, copper: Loaded) -> None:
    days = (COPPER_DAYS[0], COPPER_DAYS[-1])
    again = execute_again(platform, copper.run_id, *days, ALL_TABLES, JUDGE)
    assert platform.await_success(again) == {JUDGE: "SUCCESS"}
    for day in COPPER_DAYS:
        made = {table: materialized(platform, table, day).count(again) for table in ALL_TABLES}
        assert made == {table: int(table not in LOADED) for table in ALL_TABLES}
