"""The example code location through the real daemon: one bar run for each change of a day's ticks."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from datetime import date
from typing import Any

import pytest

from ghtrader_assets.market.calendar import snapshot_calendar
from ghtrader_assets.market.symbols import parse_symbol
from ghtrader_assets.orchestration.names import RANGE_END, RANGE_START
from ghtrader_assets_tests.fix_platform import PLATFORM_SYMBOLS, RunningPlatform

MEAL = parse_symbol(PLATFORM_SYMBOLS[-1])
DAYS = snapshot_calendar().days(date(2025, 10, 13), date(2025, 10, 17))
LOCATION = {"repositoryLocationName": "daily_bars", "repositoryName": "__repository__"}
SENSOR = {**LOCATION, "sensorName": "bars_follow_ticks"}

START = """
mutation Start($sensor: SensorSelector!) {
  startSensor(sensorSelector: $sensor) { __typename ... on Sensor { sensorState { id selectorId } } }
}"""

STOP = """
mutation Stop($id: String!) { stopSensor(id: $id) { __typename } }"""

TICKS = """
query Ticks($sensor: SensorSelector!) {
  sensorOrError(sensorSelector: $sensor) { ... on Sensor { sensorState { ticks(limit: 3) { status } } } }
}"""

LAUNCH = """
mutation Launch($params: ExecutionParams!) {
  launchPipelineExecution(executionParams: $params) {
    __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message }
  }
}"""

RUN = "query Run($id: ID!) { runOrError(runId: $id) { ... on Run { status } } }"

BARS = """
query Bars($key: AssetKeyInput!) {
  assetOrError(assetKey: $key) { ... on Asset { assetMaterializations(limit: 100) { partition } } }
}"""


def wait_for(holds: Callable[[], bool], what: str, within_s: float = 600) -> None:
    give_up_at = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < give_up_at, what
        time.sleep(1)


@pytest.fixture(scope="module")
def following(platform: RunningPlatform) -> Iterator[None]:
    """The example's sensor switched on, as a person does in the UI, and past its first tick."""
    started = platform.graphql(START, sensor=SENSOR)["startSensor"]
    assert started["__typename"] == "Sensor", started

    def ticked() -> bool:
        state = platform.graphql(TICKS, sensor=SENSOR)["sensorOrError"]["sensorState"]
        return any(tick["status"] == "SKIPPED" for tick in state["ticks"])

    wait_for(ticked, "the sensor did not tick")
    yield
    platform.graphql(STOP, id=started["sensorState"]["id"])


def load_in_one_batch(platform: RunningPlatform) -> None:
    """One run of the platform's own location over all five days."""
    selector = {
        "repositoryLocationName": "ghtrader_assets",
        "repositoryName": "__repository__",
        "pipelineName": "trading_days",
        "assetSelection": [{"path": [MEAL.key, table]} for table in ("main_schedule", "ticks")],
    }
    tags = {RANGE_START: str(DAYS[0]), RANGE_END: str(DAYS[-1])}
    params = {
        "selector": selector,
        "executionMetadata": {"tags": [{"key": key, "value": value} for key, value in tags.items()]},
    }
    launched = platform.graphql(LAUNCH, params=params)["launchPipelineExecution"]
    assert launched["__typename"] == "LaunchRunSuccess", launched
    run_id = launched["run"]["runId"]

    def succeeded() -> bool:
        status = platform.graphql(RUN, id=run_id)["runOrError"]["status"]
        assert status not in {"FAILURE", "CANCELED"}
        return status == "SUCCESS"

    wait_for(succeeded, "the load did not end")


def bars(platform: RunningPlatform) -> list[str]:
    found = platform.graphql(BARS, key={"path": ["daily_bars"]})["assetOrError"]
    return sorted(item["partition"] for item in found.get("assetMaterializations", []))


def ticks_since(platform: RunningPlatform, count: int) -> None:
    """Wait until the sensor has looked twice more: what it would ask for, it has asked for."""
    query = TICKS.replace("limit: 3", "limit: 50")

    def looked() -> int:
        return len(platform.graphql(query, sensor=SENSOR)["sensorOrError"]["sensorState"]["ticks"])

    before = looked()
    wait_for(lambda: looked() >= before + count, "the sensor stopped ticking")


@pytest.mark.joint
def test_five_days_in_one_batch_are_five_runs_and_of_a_reload_only_the_changed_day(
    platform: RunningPlatform, following: None
) -> None:
    platform.exchange.reset()
    load_in_one_batch(platform)
    wanted = [str(day) for day in DAYS]
    wait_for(lambda: bars(platform) == wanted, f"bars of {wanted}")
    bar: dict[str, Any] = json.loads((platform.command.home / "daily_bars" / f"{DAYS[0]}.json").read_text())
    assert bar["low"] <= min(bar["open"], bar["close"]) <= max(bar["open"], bar["close"]) <= bar["high"]
    assert bar["ticks"] > 1000

    days = platform.command.run("days", MEAL.text, "--from", wanted[2], "--to", wanted[2], "--json").document
    platform.exchange.faults({"kind": "changed", "symbol": days[0]["contract"], "trading_day": wanted[2], "amount": 5})
    try:
        load_in_one_batch(platform)
    finally:
        platform.exchange.reset()
    wait_for(lambda: bars(platform) == sorted([*wanted, wanted[2]]), "the bar of the changed day")
    ticks_since(platform, 2)
    assert bars(platform) == sorted([*wanted, wanted[2]])
