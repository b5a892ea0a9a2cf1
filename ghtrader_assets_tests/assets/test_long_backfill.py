"""A UI backfill of all tables over 60 trading days, in three runs at once: each does its days' work once, and what the
runs leave undone of each other's days is done by itself.

The symbol is thin, of the exchange's model 2: a day has a few hundred ticks, and those without a baseline are in doubt.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest

from ghtrader_assets.assets.symbol_days import JUDGE, LOAD
from ghtrader_assets.market.calendar import snapshot_calendar
from ghtrader_assets.market.symbols import parse_symbol
from ghtrader_assets.orchestration.names import ALL_TABLES, JUDGED, RANGE_END, RANGE_START
from ghtrader_assets.orchestration.runs import DAYS_PER_RUN
from ghtrader_assets_tests.fix_platform import RunningPlatform, started_platform

pytestmark = pytest.mark.joint

THIN = parse_symbol("KQ.m@CZCE.CY")
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
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningPlatform]:
    settings = {"GHTRADER_SYMBOLS": THIN.text, "GHTRADER_INGEST_WORKERS": "2"}
    with started_platform(tmp_path_factory.mktemp("platform"), **settings) as running:
        yield running


@pytest.fixture(scope="module")
def runs(platform: RunningPlatform) -> list[dict[str, Any]]:
    """The runs of the backfill, as the UI shows them once all have succeeded."""
    selection = [{"path": [THIN.key, table]} for table in ALL_TABLES]
    params = {"assetSelection": selection, "partitionNames": [str(day) for day in DAYS]}
    launched = platform.graphql(LAUNCH, params=params)["launchPartitionBackfill"]
    give_up_at = time.monotonic() + 900
    while True:
        found = platform.graphql(BACKFILL, id=launched["backfillId"])["partitionBackfillOrError"]
        if found["status"] == "COMPLETED_SUCCESS":
            return found["runs"]
        assert found["status"] == "REQUESTED", found
        assert time.monotonic() < give_up_at, found
        time.sleep(1)


def test_it_is_one_pass_of_each_run_over_its_days(platform: RunningPlatform, runs: list[dict[str, Any]]) -> None:
    """Three runs, each of which loads its days once and materializes every table of each."""
    tags = [{tag["key"]: tag["value"] for tag in run["tags"]} for run in runs]
    spans = sorted((date.fromisoformat(each[RANGE_START]), date.fromisoformat(each[RANGE_END])) for each in tags)
    assert spans == [(DAYS[start], DAYS[start + DAYS_PER_RUN - 1]) for start in range(0, len(DAYS), DAYS_PER_RUN)]
    for run in runs:
        steps = {step["stepKey"]: step["status"] for step in run["stepStats"] if step["stepKey"] != "feed_checks"}
        assert steps == {LOAD: "SUCCESS", JUDGE: "SKIPPED"}
    of_backfill = {run["id"] for run in runs}
    for table in ALL_TABLES:
        made = platform.graphql(MADE, key={"path": [THIN.key, table]})["assetOrError"]["assetMaterializations"]
        by_runs = Counter(each["partition"] for each in made if each["runId"] in of_backfill)
        assert sorted(by_runs) == [str(day) for day in DAYS], table
        if table not in JUDGED:
            assert set(by_runs.values()) == {1}, table
    loads = [
        manifest
        for day in DAYS[::12]
        for manifest in platform.command.run("manifests", "--covering", str(day), "--json").document
        if manifest["run_id"] in of_backfill
    ]
    assert Counter(each["trading_day"] for each in loads) == dict.fromkeys(map(str, DAYS[::12]), 1)


def test_days_whose_baseline_others_moved_are_judged_by_themselves(
    platform: RunningPlatform, runs: list[dict[str, Any]]
) -> None:
    """Nobody validates: in the end nothing is left to repair, and `validate` has nothing to do."""
    give_up_at = time.monotonic() + 900
    while (plan := platform.command.run("repair", *SPAN, "--json")).code:
        assert {each["cause"] for each in plan.document["planned"]} == {"stale"}, plan.document
        assert time.monotonic() < give_up_at, plan.document
        time.sleep(3)
    validated = platform.command.run("validate", THIN.text, *SPAN, "--json")
    assert (validated.code, validated.document["result"], validated.document["witness"]) == (0, "noop", [])
