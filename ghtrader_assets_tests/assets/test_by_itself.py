"""What runs by itself: the daily schedule, the repair sensor's requests, the checks that stay up to date."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from pydantic import SecretStr

from ghtrader_assets.assets.build import build_definitions
from ghtrader_assets.assets.resources import Platform
from ghtrader_assets.assets.tables import asset_key
from ghtrader_assets.clock import SYSTEM_CLOCK, Clock
from ghtrader_assets.context.load import LoadContext
from ghtrader_assets.errors import IngestState, ServiceError
from ghtrader_assets.loading.judgement import judge_days
from ghtrader_assets.manifests import Manifest
from ghtrader_assets.market.calendar import snapshot_calendar
from ghtrader_assets.market.clock import SHANGHAI
from ghtrader_assets.market.symbols import parse_symbol
from ghtrader_assets.market.ticks import ROW_HASH_ALGORITHM, SCHEMA_HASH, tick_frame
from ghtrader_assets.orchestration.names import ALL_TABLES, FROM_STORE, RANGE_END, RANGE_START
from ghtrader_assets.questdb.client.connection import Database
from ghtrader_assets.questdb.client.credentials import Endpoint
from ghtrader_assets.questdb.tables.records import write_manifests
from ghtrader_assets.settings import Settings, load_settings
from ghtrader_assets.tq.provider import Provider
from ghtrader_assets_tests.apart import apart
from ghtrader_assets_tests.fix_exchange import ExchangeControl
from ghtrader_assets_tests.fix_platform import pointed_at
from ghtrader_assets_tests.fix_receiver import Receiver
from ghtrader_assets_tests.model_days import fill, model_day

CALENDAR = snapshot_calendar()
YEAR = CALENDAR.days(date(2025, 1, 1), date(2025, 12, 31))


def resources() -> dict[str, Any]:
    return {"platform": Platform(load_settings(), SYSTEM_CLOCK)}


def ticks_of_the_year() -> list[datetime]:
    """Every instant of 2025 at which the daemon evaluates the schedule: 19:40 in Shanghai from Monday to Friday."""
    evenings = (datetime(2025, 1, 1, 19, 40, tzinfo=SHANGHAI) + timedelta(days=number) for number in range(365))
    return [at for at in evenings if at.weekday() < 5]


@pytest.fixture
def environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, questdb_endpoint: Endpoint, exchange: ExchangeControl
) -> Mapping[str, str]:
    """This process pointed at the session's store and exchange, as a code server is."""
    settings = pointed_at(questdb_endpoint, exchange) | {
        "GHTRADER_HOME": str(tmp_path),
        "GHTRADER_SYMBOLS": "KQ.m@INE.sc",
        "GHTRADER_INGEST_RATE_SHARE": "0.3",
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    return settings


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.instance_for_test() as made:
        yield made


def location() -> dg.RepositoryDefinition:
    """Our code location under the settings of the environment."""
    return build_definitions(load_settings(), SYSTEM_CLOCK).get_repository_def()


def evaluate(where: dg.RepositoryDefinition, instance: dg.DagsterInstance, at: datetime) -> Any:
    with dg.build_schedule_context(
        instance=instance, scheduled_execution_time=at, repository_def=where, resources=resources()
    ) as context:
        return where.get_schedule_def("load_trading_days").evaluate_tick(context)


def sensor_answer(where: dg.RepositoryDefinition, instance: dg.DagsterInstance, name: str, cursor: str | None) -> Any:
    with dg.build_sensor_context(
        instance=instance, cursor=cursor, repository_def=where, resources=resources()
    ) as context:
        return where.get_sensor_def(name).evaluate_tick(context)


def test_no_evening_without_trading_is_worked_on(environment: Mapping[str, str], instance: dg.DagsterInstance) -> None:
    """Weekends by the cron line, holidays by the calendar; the store is not even asked."""
    closed = [at for at in ticks_of_the_year() if not CALENDAR.is_trading_day(at.date())]
    assert len(closed) == 261 - len(YEAR)
    where = location()
    schedule = where.get_schedule_def("load_trading_days")
    assert (schedule.cron_schedule, schedule.execution_timezone) == ("40 19 * * 1-5", "Asia/Shanghai")
    for at in closed[:3] + closed[-1:]:
        answer = evaluate(where, instance, at)
        assert not answer.run_requests
        assert "is no trading day" in answer.skip_message


CRUDE = parse_symbol("KQ.m@INE.sc")
ENDED = datetime(2025, 12, 15, 10, tzinfo=UTC)


def failed_load(day: date, outcome: IngestState) -> Manifest:
    return Manifest(
        manifest_id=f"{day:%Y%m%d}T100000-0000000b", run_id="", symbol=CRUDE.text, trading_day=day,
        contract="INE.sc2602", outcome=outcome, reason="no tick", rows=0, five_level_rows=0, same_instant_rows=0,
        first_tick=None, last_tick=None, digest="", replaced="", schema_hash=SCHEMA_HASH,
        row_hash_algorithm=ROW_HASH_ALGORITHM, schedule_hash="", upstream="", code_version="", source="embedded",
        reader="lean", readback="full", depth=5, attempts=1, bytes=0, download_s=1.0, store_s=0.0, readback_s=0.0,
        judge_s=0.0, started=ENDED, finished=ENDED,
    )  # fmt: skip


def ranges(answer: Any) -> list[tuple[str, str, int]]:
    asked = answer.run_requests or []
    return [(item.tags[RANGE_START], item.tags[RANGE_END], len(item.asset_selection)) for item in asked]


def test_schedule_repair_and_health_on_a_real_store(
    environment: Mapping[str, str],
    instance: dg.DagsterInstance,
    db: Database,
    receiver: Receiver,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("GHTRADER_ALERT_URLS", receiver.url)
    where = location()
    assert not ranges(evaluate(where, instance, datetime(2025, 12, 19, 19, 40, tzinfo=SHANGHAI))), (
        "no history was begun"
    )
    write_manifests(db, [failed_load(date(2025, 12, 15), IngestState.PROVIDER_EMPTY)])

    answer = evaluate(where, instance, datetime(2025, 12, 19, 19, 40, tzinfo=SHANGHAI))
    assert ranges(answer) == [("2025-12-15", "2025-12-19", len(ALL_TABLES))]
    assert (
        evaluate(where, instance, datetime(2025, 12, 19, 19, 40, tzinfo=SHANGHAI)).run_requests == answer.run_requests
    )

    repairing = sensor_answer(where, instance, "repair_days", None)
    assert ranges(repairing) == [("2025-12-15", "2025-12-15", len(ALL_TABLES))], (
        "days that no load began are not the sensor's"
    )
    again = sensor_answer(where, instance, "repair_days", repairing.cursor)
    assert [request.run_key for request in again.run_requests] == [
        request.run_key for request in repairing.run_requests
    ]

    receiver.status = 500
    unheard = sensor_answer(where, instance, "watch_feeds", None)
    assert len(unheard.asset_events) == 2, "an address that does not answer keeps no check from being recorded"
    assert "alerts not sent" in unheard.skip_message
    receiver.status = 200
    watching = sensor_answer(where, instance, "watch_feeds", None)
    checks = {event.check_name: event for event in watching.asset_events}
    assert not checks["latest_day"].passed
    assert "ghtrader-assets backfill KQ.m@INE.sc" in str(checks["latest_day"].metadata["remedy"].value)
    assert checks["ingest_rate"].passed
    (message,) = receiver.messages
    assert "KQ.m@INE.sc is late" in message["message"]
    assert "ghtrader-assets backfill" in message["message"]
    for event in watching.asset_events:
        instance.report_runless_asset_event(event)
    after_a_restart = sensor_answer(where, instance, "watch_feeds", None)
    assert not after_a_restart.asset_events
    instance.report_runless_asset_event(dg.AssetMaterialization(checks["latest_day"].asset_key, partition="2025-12-15"))
    after_a_load = sensor_answer(where, instance, "watch_feeds", None)
    assert {event.check_name for event in after_a_load.asset_events} == set(checks), (
        "Dagster shows no check that is older than the asset's last materialization"
    )
    assert len(receiver.messages) == 1


def test_the_evening_is_told_once_also_where_nothing_was_loaded(
    environment: Mapping[str, str],
    instance: dg.DagsterInstance,
    db: Database,
    receiver: Receiver,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Friday's report at nine; none before it, none at the weekend; a receiver that is away delays it."""
    monkeypatch.setenv("GHTRADER_ALERT_URLS", receiver.url)
    monkeypatch.setenv("GHTRADER_AUTOMATION", "on")
    where = location()
    write_manifests(db, [failed_load(date(2025, 12, 15), IngestState.PROVIDER_EMPTY)])
    friday = datetime(2025, 12, 19, 21, 0, 30, tzinfo=SHANGHAI)

    def look(at: datetime, cursor: str | None = None) -> Any:
        given = {"platform": Platform(load_settings(), Clock(lambda: int(at.timestamp() * 1e9)))}
        with dg.build_sensor_context(
            instance=instance, cursor=cursor, repository_def=where, resources=given
        ) as context:
            return where.get_sensor_def("tell_evening").evaluate_tick(context)

    early = look(friday - timedelta(minutes=5))
    assert (early.cursor, receiver.messages) == ("2025-12-18", []), "yesterday's would come a day late"
    receiver.status = 500
    unheard = look(friday, early.cursor)
    assert "not sent" in unheard.skip_message
    assert unheard.cursor in (None, early.cursor)
    receiver.status, before = 200, len(receiver.messages)
    told = look(friday, early.cursor)
    assert told.cursor == "2025-12-19"
    message = receiver.messages[-1]
    assert len(receiver.messages) == before + 1
    assert "the evening of 2025-12-19" in message["title"]
    assert "0 loaded, 1 late, no load of the day began" in message["message"]
    assert "ghtrader-assets backfill KQ.m@INE.sc" in message["message"]
    for at, cursor in ((friday + timedelta(hours=1), None), (friday + timedelta(days=1), told.cursor)):
        look(at, cursor)
    assert len(receiver.messages) == before + 1, "neither after a restart nor on Saturday"


def test_days_whose_baseline_moved_are_asked_for_once(
    environment: Mapping[str, str], instance: dg.DagsterInstance, db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A day that comes late moves the baselines of days judged before it: they are judged again, and no others."""
    meal = parse_symbol("KQ.m@DCE.m")
    monkeypatch.setenv("GHTRADER_SYMBOLS", meal.text)
    monkeypatch.setenv("GHTRADER_START_DATE", "2025-08-01")
    where = location()
    provider = Provider("nobody", SecretStr("nobody"), name="embedded")
    home = LoadContext(settings=load_settings(), calendar=CALENDAR, database=db, provider=provider)
    late, *others = CALENDAR.days(date(2025, 8, 1), date(2025, 8, 12))
    frames = {day: tick_frame(model_day(meal, day)) for day in (late, *others)}

    def load(*days: date) -> None:
        fill(home, meal, {day: frames[day] for day in days})

    def fresh(*days: date) -> list[date]:
        outcomes = judge_days(home, meal, days)
        return [each.trading_day for each in outcomes if each.judgement and each.judgement.fresh]

    def asked(cursor: str | None) -> tuple[Any, list[date]]:
        answer = sensor_answer(where, instance, "judge_moved_days", cursor)
        spans = ranges(answer)
        assert {tables for _, _, tables in spans} <= {len(FROM_STORE)}
        return answer, sorted(
            day for first, last, _ in spans for day in CALENDAR.days(*map(date.fromisoformat, (first, last)))
        )

    load(*others)
    assert fresh(*others) == others
    nothing, days = asked(None)
    assert days == []
    load(late)
    assert asked(nothing.cursor)[1] == [], "a day that was never judged is not one whose evidence moved"
    assert fresh(late) == [late]
    answer, days = asked(nothing.cursor)
    assert days
    assert set(days) <= set(others)
    again, same = asked(answer.cursor)
    assert same == days
    assert [each.run_key for each in again.run_requests] == [each.run_key for each in answer.run_requests]
    assert fresh(late, *others) == days
    load(others[0])
    frames[others[1]] = frames[others[1]].head(20_000)
    load(others[1])
    assert asked(answer.cursor)[1] == [], "content that changed is another sensor's"


def test_what_only_reads_needs_no_provider(
    environment: Mapping[str, str], instance: dg.DagsterInstance, db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No account is set and no exchange runs: checks and plans are made, loading says what is missing."""
    for name in ("TQSDK_USER", "TQSDK_PASSWORD"):
        monkeypatch.delenv(name)
    where = location()
    with (
        pytest.raises(ServiceError, match="no embedded exchange runs"),
        Platform(load_settings(), SYSTEM_CLOCK).opened(),
    ):
        pass
    watching = sensor_answer(where, instance, "watch_feeds", None)
    assert {event.check_name for event in watching.asset_events} == {"latest_day", "ingest_rate"}
    write_manifests(db, [failed_load(date(2025, 12, 15), IngestState.PROVIDER_EMPTY)])
    repairing = sensor_answer(where, instance, "repair_days", None)
    assert ranges(repairing) == [("2025-12-15", "2025-12-15", len(ALL_TABLES))]
    judging = apart(
        where.get_implicit_global_asset_job_def().execute_in_process,
        instance=instance,
        asset_selection=[asset_key(CRUDE, "validation_summary")],
        partition_key="2025-12-16",
        raise_on_error=False,
    )
    (failure,) = judging.get_step_failure_events()
    assert "no ticks of KQ.m@INE.sc are stored for 2025-12-16" in str(failure.step_failure_data.user_failure_data)


def test_a_symbol_whose_product_is_unknown_keeps_nothing_from_running(
    environment: Mapping[str, str], instance: dg.DagsterInstance, db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The definitions load, the other symbol is refreshed and planned, and the check says what to do."""
    unknown = parse_symbol("KQ.m@GFEX.zz")
    monkeypatch.setenv("GHTRADER_SYMBOLS", f"{unknown.text},{CRUDE.text}")
    where = location()
    write_manifests(db, [failed_load(date(2025, 12, 15), IngestState.PROVIDER_EMPTY)])
    evening = datetime(2025, 12, 16, 19, 40, tzinfo=SHANGHAI)
    requests = evaluate(where, instance, evening).run_requests
    assert {key.path[0] for request in requests for key in request.asset_selection} == {CRUDE.key}
    watching = sensor_answer(where, instance, "watch_feeds", None)
    checks = {(event.asset_key.path[0], event.check_name): event for event in watching.asset_events}
    check = checks[unknown.key, "latest_day"]
    assert not check.passed
    assert str(check.description).startswith("unknown_contract: unknown_product: GFEX has no product 'zz'")
    assert "GHTRADER_SYMBOLS" in str(check.metadata["remedy"].value)
    assert "unknown" not in str(checks[CRUDE.key, "latest_day"].description)

    def scheduled(symbol: Any) -> Any:
        return apart(
            where.get_implicit_global_asset_job_def().execute_in_process,
            instance=instance,
            asset_selection=[asset_key(symbol, "main_schedule")],
            partition_key="2025-12-16",
            raise_on_error=False,
        )

    assert scheduled(CRUDE).success
    (failure,) = scheduled(unknown).get_step_failure_events()
    assert "unknown_product" in str(failure.step_failure_data.user_failure_data)


def test_automation_is_off_against_the_embedded_exchange_and_on_with_real_tqsdk() -> None:
    for automation, user, running in (
        ("auto", None, False),
        ("auto", "quant", True),
        ("on", None, True),
        ("off", "quant", False),
    ):
        settings = Settings(
            automation=automation, tqsdk_user=user, start_date=date(2025, 12, 1), home=Path("/nonexistent")
        )  # type: ignore[call-arg]
        location = build_definitions(settings, SYSTEM_CLOCK).get_repository_def()
        states = {
            location.get_schedule_def("load_trading_days").default_status.value,
            location.get_sensor_def("repair_days").default_status.value,
        }
        assert states == {"RUNNING" if running else "STOPPED"}
        assert location.get_sensor_def("watch_feeds").default_status.value == "RUNNING"
