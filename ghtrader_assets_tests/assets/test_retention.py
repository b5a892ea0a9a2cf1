"""What Dagster keeps, and for how long: partitions keep their standing, and everything else goes after its time."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest
import yaml
from sqlalchemy import text

from ghtrader_assets.assets import retention
from ghtrader_assets.assets.retention import RUN_LOGS, SMALL_THINGS, prune_rows, prune_runs
from ghtrader_assets.services.dagster_instance import dagster_home

KEY = dg.AssetKey(["KQ_m_SHFE_cu", "ticks"])
CHECK = dg.AssetCheckSpec("latest_day", asset=KEY)
LATER = datetime.now(UTC) + SMALL_THINGS + timedelta(days=1)
MUCH_LATER = datetime.now(UTC) + RUN_LOGS + timedelta(days=1)


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    """One as a home has it."""
    dagster_home(tmp_path)
    with dg.DagsterInstance.from_config(str(tmp_path / "dagster")) as made:
        yield made


@dg.asset(key=KEY, partitions_def=dg.StaticPartitionsDefinition(["2025-12-01"]))
def ticks(context: dg.AssetExecutionContext) -> None:
    context.log.info("a word")
    print("a line")  # noqa: T201 - what is captured
    if context.run.tags.get("fails"):
        raise dg.Failure("no")


@dg.job
def nothing() -> None: ...


@dg.asset_check(asset=KEY, name="latest_day")
def latest_day() -> dg.AssetCheckResult:
    return dg.AssetCheckResult(passed=True)


def count(instance: dg.DagsterInstance, query: str) -> int:
    with instance.event_log_storage.index_connection() as connection:
        return int(connection.execute(text(query)).scalar_one())


def evaluated(instance: dg.DagsterInstance, passed: bool) -> None:
    evaluation = dg.AssetCheckEvaluation(asset_key=KEY, check_name="latest_day", passed=passed)
    instance.report_runless_asset_event(evaluation)


def test_the_last_evaluation_of_a_check_stays_and_the_others_go(instance: dg.DagsterInstance) -> None:
    materialized = dg.materialize([ticks, latest_day], partition_key="2025-12-01", instance=instance)
    assert materialized.success
    for passed in (False, True, False):
        evaluated(instance, passed)
    events = "SELECT count(*) FROM event_logs WHERE dagster_event_type LIKE 'ASSET_CHECK_EVALUATION%'"
    executions = "SELECT count(*) FROM asset_check_executions"
    before = count(instance, events), count(instance, executions)
    prune_rows(instance, datetime.now(UTC))
    assert (count(instance, events), count(instance, executions)) == before, "they are of today"
    assert prune_rows(instance, LATER) > 0
    assert (count(instance, events), count(instance, executions)) == (1, 1)
    last = instance.event_log_storage.get_latest_asset_check_execution_by_key([CHECK.key])[CHECK.key]
    assert last.event is not None
    assert last.event.asset_check_evaluation is not None
    assert not last.event.asset_check_evaluation.passed
    assert instance.get_latest_materialization_event(KEY) is not None


def test_backfills_that_have_ended_go_and_those_under_way_stay(instance: dg.DagsterInstance) -> None:
    body = (
        "INSERT INTO bulk_actions (key, status, timestamp, body) VALUES (:key, :status, '2025-01-01 00:00:00', 'long')"
    )
    states = ("REQUESTED", "CANCELING", "COMPLETED_SUCCESS", "COMPLETED_FAILED", "FAILED", "CANCELED", "FAILING")
    with instance.run_storage.connect() as connection:
        for state in states:
            connection.execute(text(body), {"key": state, "status": state})
    assert prune_rows(instance, datetime.now(UTC)) == 4
    with instance.run_storage.connect() as connection:
        left = {row[0] for row in connection.execute(text("SELECT key FROM bulk_actions"))}
    assert left == {"REQUESTED", "CANCELING", "FAILING"}


def test_old_runs_lose_their_logs_and_partitions_keep_their_standing(
    instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    good = dg.materialize([ticks], partition_key="2025-12-01", instance=instance)
    bad = dg.materialize(
        [ticks], partition_key="2025-12-01", instance=instance, tags={"fails": "1"}, raise_on_error=False
    )
    alive = instance.create_run_for_job(nothing)
    instance.report_engine_event("begins", alive)
    folder, printed = tmp_path / "dagster" / "history" / "runs", tmp_path / "dagster" / "storage"

    def logs() -> set[str]:
        return {path.stem for path in folder.glob("*.db")} - {"index"}

    assert logs() == {good.run_id, bad.run_id, alive.run_id}
    assert {path.name for path in printed.iterdir()} >= {good.run_id, bad.run_id}
    assert prune_runs(instance, datetime.now(UTC), None) == (0, None)
    count, after = prune_runs(instance, MUCH_LATER, None)
    assert count == 2
    assert logs() == {good.run_id, alive.run_id}
    assert not {good.run_id, bad.run_id} & {path.name for path in printed.iterdir()}
    assert instance.get_run_by_id(bad.run_id) is None
    assert instance.has_run(good.run_id)
    assert instance.get_materialized_partitions(KEY) == {"2025-12-01"}
    assert instance.all_logs(good.run_id) == [], "the page of the run is empty, not broken"
    assert prune_runs(instance, MUCH_LATER, after) == (0, after), "no run is looked at twice"


def test_a_few_runs_at_a_time(instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "RUNS_A_TICK", 2)
    for _ in range(3):
        assert nothing.execute_in_process(instance=instance).success
    count, after = prune_runs(instance, MUCH_LATER, None)
    assert (count, instance.get_runs_count()) == (2, 1)
    assert prune_runs(instance, MUCH_LATER, after)[0] == 1
    assert instance.get_runs_count() == 0


def test_the_rest_has_a_setting_of_dagsters_own(tmp_path: Path) -> None:
    said = yaml.safe_load((dagster_home(tmp_path) / "dagster.yaml").read_text())
    assert set(said["retention"]) == {"schedule", "sensor", "auto_materialize"}
    assert said["python_logs"] == {"python_log_level": "INFO"}, (
        "or every event of every run is in the code server's log"
    )
