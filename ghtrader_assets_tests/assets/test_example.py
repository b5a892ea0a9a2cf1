"""The example code location through the real daemon: one bar run for each change of a day's ticks."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest

from ghtrader_assets.market.calendar import snapshot_calendar
from ghtrader_assets.orchestration.names import LOADED
from ghtrader_assets_tests.assets.conftest import THIN, THIN_GROUP
from ghtrader_assets_tests.fix_platform import RunningPlatform
from ghtrader_assets_tests.waiting import await_that

pytestmark = [pytest.mark.joint, pytest.mark.xdist_group(THIN_GROUP)]

DAYS = snapshot_calendar().days(date(2025, 12, 8), date(2025, 12, 10))
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

BARS = """
query Bars($key: AssetKeyInput!) {
  assetOrError(assetKey: $key) { ... on Asset { assetMaterializations(limit: 100) { partition } } }
}"""


@pytest.fixture(scope="module")
def following(thin_platform: RunningPlatform) -> Iterator[None]:
    """The example's sensor switched on, as a person does in the UI, and past its first tick."""
    started = thin_platform.graphql(START, sensor=SENSOR)["startSensor"]
    assert started["__typename"] == "Sensor", started

    def ticked() -> bool:
        state = thin_platform.graphql(TICKS, sensor=SENSOR)["sensorOrError"]["sensorState"]
        return any(tick["status"] == "SKIPPED" for tick in state["ticks"])

    await_that("the sensor's first tick", ticked)
    yield
    thin_platform.graphql(STOP, id=started["sensorState"]["id"])


def load_in_one_batch(platform: RunningPlatform) -> None:
    """One run of the platform's own location over all three days."""
    platform.await_success(platform.launch_run(THIN.text, DAYS[0], DAYS[-1], LOADED))


def bars(platform: RunningPlatform) -> list[str]:
    found = platform.graphql(BARS, key={"path": ["daily_bars"]})["assetOrError"]
    return sorted(item["partition"] for item in found.get("assetMaterializations", []))


def ticks_since(platform: RunningPlatform, count: int) -> None:
    """Wait until the sensor has looked so many times more: what it would ask for, it has asked for."""
    query = TICKS.replace("limit: 3", "limit: 50")

    def looked() -> int:
        return len(platform.graphql(query, sensor=SENSOR)["sensorOrError"]["sensorState"]["ticks"])

    before = looked()
    await_that(f"{count} ticks of the sensor", lambda: looked() >= before + count)


@pytest.mark.usefixtures("following")
def test_three_days_in_one_batch_are_three_runs_and_of_a_reload_only_the_changed_day(
    thin_platform: RunningPlatform,
) -> None:
    platform = thin_platform
    platform.exchange.reset()
    load_in_one_batch(platform)
    wanted = [str(day) for day in DAYS]
    await_that(f"bars of {wanted}", lambda: bars(platform) == wanted)
    bar: dict[str, Any] = json.loads((platform.command.home / "daily_bars" / f"{DAYS[0]}.json").read_text())
    assert bar["low"] <= min(bar["open"], bar["close"]) <= max(bar["open"], bar["close"]) <= bar["high"]
    assert bar["ticks"] > 100

    days = platform.command.run("days", THIN.text, "--from", wanted[1], "--to", wanted[1], "--json").document
    platform.exchange.faults({"kind": "changed", "symbol": days[0]["contract"], "trading_day": wanted[1], "amount": 5})
    try:
        load_in_one_batch(platform)
    finally:
        platform.exchange.reset()
    await_that("the bar of the changed day", lambda: bars(platform) == sorted([*wanted, wanted[1]]))
    ticks_since(platform, 2)
    assert bars(platform) == sorted([*wanted, wanted[1]])
