"""The sensor that judges days whose content changed: each change once, whatever the order of loads, verdicts, ticks."""

from __future__ import annotations

from collections.abc import Iterator

import dagster as dg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ghtrader_assets.assets.automation import changed_days
from ghtrader_assets.assets.build import build_definitions
from ghtrader_assets.assets.materializations import DATA_VERSION
from ghtrader_assets.assets.resources import Platform
from ghtrader_assets.assets.tables import asset_key
from ghtrader_assets.clock import SYSTEM_CLOCK
from ghtrader_assets.market.symbols import parse_symbol
from ghtrader_assets.orchestration.names import FOLLOWING, RANGE_END, RANGE_START, TICKS_ASSET, VALIDATION_SUMMARY_ASSET
from ghtrader_assets.settings import load_settings

SUGAR, COPPER = parse_symbol("KQ.m@CZCE.SR"), parse_symbol("KQ.m@SHFE.cu")
DAYS = ("2025-12-01", "2025-12-02", "2025-12-03")


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.instance_for_test() as made:
        yield made


@pytest.fixture(scope="module")
def location(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dg.RepositoryDefinition]:
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GHTRADER_HOME", str(home))
        patch.setenv("GHTRADER_SYMBOLS", f"{COPPER.text},{SUGAR.text}")
        yield build_definitions(load_settings(), SYSTEM_CLOCK).get_repository_def()


def note(instance: dg.DagsterInstance, table: str, day: str, version: str) -> None:
    key = asset_key(SUGAR, table)
    instance.report_runless_asset_event(dg.AssetMaterialization(key, partition=day, tags={DATA_VERSION: version}))


class Ticks:
    """Ticks of the sensor and its cursor, as the daemon keeps it."""

    def __init__(self, location: dg.RepositoryDefinition, instance: dg.DagsterInstance) -> None:
        self._location, self._instance = location, instance
        self.cursor: str | None = None

    def tick(self) -> list[dg.RunRequest]:
        platform = Platform(load_settings(), SYSTEM_CLOCK)
        with dg.build_sensor_context(
            instance=self._instance,
            cursor=self.cursor,
            repository_def=self._location,
            resources={"platform": platform},
        ) as context:
            answer = self._location.get_sensor_def("judge_changed_days").evaluate_tick(context)
        self.cursor = answer.cursor
        return list(answer.run_requests or [])


@pytest.fixture
def sensor(location: dg.RepositoryDefinition, instance: dg.DagsterInstance) -> Ticks:
    return Ticks(location, instance)


def spans(requests: list[dg.RunRequest]) -> list[tuple[str, str]]:
    return [(request.tags[RANGE_START], request.tags[RANGE_END]) for request in requests]


def test_new_content_without_a_verdict_is_judged_once_and_the_same_content_never(
    instance: dg.DagsterInstance, sensor: Ticks
) -> None:
    assert sensor.tick() == []
    for day in DAYS:
        note(instance, TICKS_ASSET, day, "A")
    (request,) = sensor.tick()
    assert spans([request]) == [(DAYS[0], DAYS[-1])]
    assert set(request.asset_selection or ()) == {asset_key(SUGAR, table) for table in FOLLOWING}
    assert sensor.tick() == []
    note(instance, TICKS_ASSET, DAYS[1], "A")
    assert sensor.tick() == [], "an identical load"
    note(instance, TICKS_ASSET, DAYS[1], "B")
    note(instance, VALIDATION_SUMMARY_ASSET, DAYS[1], "of B")
    assert sensor.tick() == [], "its run judged it"
    note(instance, TICKS_ASSET, DAYS[1], "A")
    assert spans(sensor.tick()) == [(DAYS[1], DAYS[1])], "back to the first content is another one"


def test_a_cursor_of_the_condition_that_it_replaces_begins_anew(instance: dg.DagsterInstance, sensor: Ticks) -> None:
    note(instance, TICKS_ASSET, DAYS[0], "A")
    note(instance, VALIDATION_SUMMARY_ASSET, DAYS[0], "of A")
    sensor.cursor = '{"__class__": "AssetDaemonCursor"}'
    assert sensor.tick() == []
    assert sensor.cursor.isdecimal()


def test_a_day_that_a_run_has_in_hand_is_left_to_it_and_looked_at_afterwards(
    location: dg.RepositoryDefinition, instance: dg.DagsterInstance, sensor: Ticks
) -> None:
    run = instance.create_run_for_job(
        location.get_job("trading_days"),
        status=dg.DagsterRunStatus.STARTED,
        tags={RANGE_START: DAYS[0], RANGE_END: DAYS[1]},
        asset_selection=frozenset({asset_key(SUGAR, TICKS_ASSET)}),
    )
    for day in DAYS:
        note(instance, TICKS_ASSET, day, "A")
    assert spans(sensor.tick()) == [(DAYS[2], DAYS[2])]
    note(instance, VALIDATION_SUMMARY_ASSET, DAYS[2], "of A")
    assert sensor.tick() == []
    instance.report_run_failed(run)
    assert spans(sensor.tick()) == [(DAYS[0], DAYS[1])]
    assert sensor.tick() == []


def test_a_day_that_comes_back_to_its_content_while_the_cursor_is_held_is_judged(
    location: dg.RepositoryDefinition, instance: dg.DagsterInstance, sensor: Ticks
) -> None:
    note(instance, TICKS_ASSET, DAYS[1], "A")
    note(instance, VALIDATION_SUMMARY_ASSET, DAYS[1], "of A")
    assert sensor.tick() == []
    run = instance.create_run_for_job(
        location.get_job("trading_days"),
        status=dg.DagsterRunStatus.STARTED,
        tags={RANGE_START: DAYS[0], RANGE_END: DAYS[0]},
        asset_selection=frozenset({asset_key(SUGAR, TICKS_ASSET)}),
    )
    for day, version in ((DAYS[0], "A"), (DAYS[1], "B")):
        note(instance, TICKS_ASSET, day, version)
    note(instance, VALIDATION_SUMMARY_ASSET, DAYS[1], "of B")
    note(instance, TICKS_ASSET, DAYS[1], "A")
    assert spans(sensor.tick()) == [(DAYS[1], DAYS[1])], "its verdict is of B"
    instance.report_run_failed(run)


EVENTS = st.lists(st.tuples(st.sampled_from(DAYS), st.sampled_from("AB"), st.booleans()), max_size=12)


@settings(deadline=None, max_examples=8)
@given(EVENTS)
def test_whatever_was_loaded_a_day_is_told_as_long_as_its_last_content_is_another_and_unjudged(
    events: list[tuple[str, str, bool]],
) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        stands: dict[str, str] = {}
        judged: dict[str, bool] = {}
        for day, version, judges in events:
            note(instance, TICKS_ASSET, day, version)
            if judges:
                note(instance, VALIDATION_SUMMARY_ASSET, day, f"of {version}")
            stands[day], judged[day] = version, judges
        told = changed_days(instance, SUGAR, 0, 1_000)
        assert [day.trading_day.isoformat() for day in told] == sorted(day for day in stands if not judged[day])
