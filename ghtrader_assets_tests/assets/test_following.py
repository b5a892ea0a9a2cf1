"""The sensor for other code locations: one request for each change of content of each day, whatever the batches."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import dagster as dg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ghtrader_assets.assets import sensors
from ghtrader_assets.assets.materializations import DATA_VERSION
from ghtrader_assets.assets.sensors import CHANGE_TAG, DayChange, trading_day_sensor
from ghtrader_assets.errors import BadInputError

SYMBOL = "KQ.m@SHFE.cu"
KEY = dg.AssetKey(["KQ_m_SHFE_cu", "ticks"])
DAYS = [f"2025-12-{day:02}" for day in (1, 2, 3, 4, 5)]


@dg.op
def react() -> None: ...


@dg.job(partitions_def=dg.StaticPartitionsDefinition(DAYS))
def reaction() -> None:
    react()


LOCATION = dg.Definitions(jobs=[reaction])


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as made:
        yield made


def materialize(instance: dg.DagsterInstance, day: str, version: str) -> None:
    event = dg.AssetMaterialization(KEY, partition=day, metadata={"rows": 7}, tags={DATA_VERSION: version})
    instance.report_runless_asset_event(event)


class Follower:
    """A sensor and its cursor, as the daemon keeps it."""

    def __init__(self, instance: dg.DagsterInstance, *, from_now_on: bool = False) -> None:
        self.sensor = trading_day_sensor("follow", SYMBOL, job=reaction, from_now_on=from_now_on)
        self.instance = instance
        self.cursor: str | None = None

    def tick(self) -> list[dg.RunRequest]:
        context = dg.build_sensor_context(instance=self.instance, cursor=self.cursor, definitions=LOCATION)
        answer = self.sensor.evaluate_tick(context)
        self.cursor = answer.cursor
        return list(answer.run_requests or [])


def days(requests: Sequence[dg.RunRequest]) -> list[str | None]:
    return [request.partition_key for request in requests]


def test_five_days_of_one_batch_are_five_requests_the_same_content_none_and_new_content_one(
    instance: dg.DagsterInstance,
) -> None:
    follower = Follower(instance)
    for day in DAYS:
        materialize(instance, day, "A")
    first = follower.tick()
    assert days(first) == DAYS
    assert len({request.run_key for request in first}) == 5
    for day in DAYS:
        materialize(instance, day, "A")
    assert follower.tick() == []
    materialize(instance, DAYS[2], "B")
    (changed,) = follower.tick()
    assert (changed.partition_key, changed.tags[CHANGE_TAG]) == (DAYS[2], "B")
    materialize(instance, DAYS[2], "A")
    (back,) = follower.tick()
    assert back.run_key not in {request.run_key for request in first}
    assert follower.tick() == []


EVENTS = st.lists(st.tuples(st.sampled_from(DAYS[:3]), st.sampled_from("AB"), st.booleans()), max_size=25)


@settings(deadline=None, max_examples=6)
@given(EVENTS)
def test_however_events_and_ticks_alternate_each_change_is_asked_for_once(events: list[tuple[str, str, bool]]) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        follower = Follower(instance)
        stands: dict[str, str] = {}
        wanted: list[str] = []
        got: list[dg.RunRequest] = []
        for day, version, then_tick in events:
            materialize(instance, day, version)
            wanted += [day] if stands.get(day) != version else []
            stands[day] = version
            got += follower.tick() if then_tick else []
        got += follower.tick()
        assert days(got) == wanted
        assert len({request.run_key for request in got}) == len(wanted)


def test_a_long_history_is_read_in_portions(instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sensors, "EVENTS_PER_TICK", 20)
    follower = Follower(instance)
    for number in range(25):
        materialize(instance, DAYS[0], f"v{number}")
    assert (len(follower.tick()), len(follower.tick()), len(follower.tick())) == (20, 5, 0)


def test_from_now_on_leaves_the_past_alone(instance: dg.DagsterInstance) -> None:
    materialize(instance, DAYS[0], "A")
    follower = Follower(instance, from_now_on=True)
    assert follower.tick() == []
    materialize(instance, DAYS[0], "A")
    materialize(instance, DAYS[1], "A")
    assert days(follower.tick()) == [DAYS[1]]


def test_a_change_tells_what_a_reaction_needs(instance: dg.DagsterInstance) -> None:
    told: list[DayChange] = []

    def pass_over(change: DayChange) -> None:
        told.append(change)

    sensor = trading_day_sensor("follow", SYMBOL, job=reaction, request=pass_over)
    for version in "AB":
        materialize(instance, DAYS[0], version)
    answer = sensor.evaluate_tick(dg.build_sensor_context(instance=instance))
    assert not answer.run_requests
    assert [(item.previous, item.version) for item in told] == [(None, "A"), ("A", "B")]
    assert told[0].trading_day.isoformat() == DAYS[0]
    assert (told[0].symbol, told[0].table, told[0].metadata["rows"]) == (SYMBOL, "ticks", 7)


def test_a_table_that_there_is_not_is_refused() -> None:
    with pytest.raises(BadInputError, match="choose from"):
        trading_day_sensor("follow", SYMBOL, table="bars", job=reaction)
