"""A UI backfill of all tables over 60 trading days, in three runs at once: each does its days' work once, and what the
runs leave undone of each other's days is done by itself.

The symbol is thin: a day has a few hundred ticks, and those without a baseline are in doubt.
"""

from __future__ import annotations

from collections import Counter
from datetime import date
from typing import Any

import pytest

from ghtrader_assets.assets.symbol_days import JUDGE, LOAD
from ghtrader_assets.market.calendar import snapshot_calendar
from ghtrader_assets.orchestration.names import ALL_TABLES, JUDGED, RANGE_END, RANGE_START
from ghtrader_assets.orchestration.runs import DAYS_PER_RUN
from ghtrader_assets_tests.assets.conftest import THIN, THIN_GROUP
from ghtrader_assets_tests.fix_platform import RunningPlatform
from ghtrader_assets_tests.waiting import await_that

pytestmark = [pytest.mark.joint, pytest.mark.xdist_group(THIN_GROUP)]

DAYS = snapshot_calendar().days(date(2025, 9, 1), date(2025, 12, 31))[:60]
SPAN = ("--from", str(DAYS[0]), "--to", str(DAYS[-1]))

LAUNCH = """
mutation Launch($params: LaunchBackfillParams!) {
  launchPartitionBackfill(backfillParams: $params) {
    __typename ... on LaunchBackfillSuccess { backfillId } ... on PythonError { message }
  }
}"""

BACKFILL = """
query Backfill($id: String!) {
  partitionBackfillOrError(backfillId: $id) { ... on PartitionBackfill {
    status
    runs(limit: 100) { id status tags { key value } stepStats { stepKey status } }
  } }
}"""

MADE = """
query Made($key: AssetKeyInput!) {
  assetOrError(assetKey: $key) { ... on Asset {
    assetMaterializations(limit: 1000) { partition runId }
  } }
}"""


@pytest.fixture(scope="module")
def runs(thin_platform: RunningPlatform) -> list[dict[str, Any]]:
    """The runs of the backfill, as the UI shows them once all have succeeded."""
    selection = [{"path": [THIN.key, table]} for table in ALL_TABLES]
    params = {"assetSelection": selection, "partitionNames": [str(day) for day in DAYS]}
    launched = thin_platform.graphql(LAUNCH, params=params)["launchPartitionBackfill"]

    def ended() -> list[dict[str, Any]]:
        found = thin_platform.graphql(BACKFILL, id=launched["backfillId"])["partitionBackfillOrError"]
        assert found["status"] in ("REQUESTED", "COMPLETED_SUCCESS"), found
        return found["runs"] if found["status"] == "COMPLETED_SUCCESS" else []

    return await_that("the end of the backfill", ended)


def test_it_is_one_pass_of_each_run_over_its_days(thin_platform: RunningPlatform, runs: list[dict[str, Any]]) -> None:
    """Three runs, each of which loads its days once and materializes every table of each."""
    tags = [{tag["key"]: tag["value"] for tag in run["tags"]} for run in runs]
    spans = sorted((date.fromisoformat(each[RANGE_START]), date.fromisoformat(each[RANGE_END])) for each in tags)
    assert spans == [(DAYS[start], DAYS[start + DAYS_PER_RUN - 1]) for start in range(0, len(DAYS), DAYS_PER_RUN)]
    for run in runs:
        steps = {step["stepKey"]: step["status"] for step in run["stepStats"] if step["stepKey"] != "feed_checks"}
        assert steps == {LOAD: "SUCCESS", JUDGE: "SKIPPED"}
    of_backfill = {run["id"] for run in runs}
    for table in ALL_TABLES:
        made = thin_platform.graphql(MADE, key={"path": [THIN.key, table]})["assetOrError"]["assetMaterializations"]
        by_runs = Counter(each["partition"] for each in made if each["runId"] in of_backfill)
        assert sorted(by_runs) == [str(day) for day in DAYS], table
        if table not in JUDGED:
            assert set(by_runs.values()) == {1}, table
    loads = [
        manifest
        for day in DAYS[::12]
        for manifest in thin_platform.command.run("manifests", "--covering", str(day), "--json").document
        if manifest["run_id"] in of_backfill
    ]
    assert Counter(each["trading_day"] for each in loads) == dict.fromkeys(map(str, DAYS[::12]), 1)


def test_days_whose_baseline_others_moved_are_judged_by_themselves(
    thin_platform: RunningPlatform, runs: list[dict[str, Any]]
) -> None:
    """Nobody validates: in the end nothing is left to repair, and `validate` has nothing to do."""

    def nothing_is_left() -> bool:
        plan = thin_platform.command.run("repair", *SPAN, "--json")
        assert {each["cause"] for each in plan.document["planned"]} <= {"stale"}, plan.document
        return plan.code == 0

    await_that("nothing to repair", nothing_is_left)
    validated = thin_platform.command.run("validate", THIN.text, *SPAN, "--json")
    assert (validated.code, validated.document["result"], validated.document["witness"]) == (0, "noop", [])
