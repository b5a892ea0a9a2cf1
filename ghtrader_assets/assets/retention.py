"""How long Dagster keeps what it writes of runs, checks and backfills, where it has no setting for it.

Belongs here: the policy, and the sensor that carries it out a part at a time. Does not belong here: ticks of sensors
and schedules (`retention` in `services/dagster.yaml`), metrics and logs of processes.

What says how a partition stands is kept for ever: materializations, and the last evaluation of each check. Dagster can
delete a run with all of its events only, so a run that materialized anything loses its own log, and stays.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import dagster as dg
from sqlalchemy import Connection, DateTime, bindparam, text

from ghtrader_assets.assets.dagster_internals import ShardedEvents, SqlEvents, SqlRuns
from ghtrader_assets.assets.resources import PlatformResource
from ghtrader_assets.market.clock import shanghai_day
from ghtrader_assets.services.shares import note_shares

INTERVAL_S: Final = 3600
RUN_LOGS: Final = timedelta(days=90)
"""What happened in a run, and what it printed. A run that materialized nothing goes whole."""
SMALL_THINGS: Final = timedelta(days=30)
"""Evaluations of checks but for the last of each, backfills that have ended, evaluations of automation conditions."""
RUNS_A_TICK: Final = 300
_WAIT_S: Final = 5.0
_OVER: Final = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]

_LAST_OF_CHECKS: Final = """
SELECT max(id) FROM asset_check_executions WHERE execution_status IN ('SUCCEEDED', 'FAILED')
GROUP BY asset_key, check_name
"""
_OF_CHECKS: Final = (
    """DELETE FROM event_logs WHERE timestamp < :before AND dagster_event_type = 'ASSET_CHECK_EVALUATION_PLANNED'""",
    f"""DELETE FROM event_logs WHERE timestamp < :before AND dagster_event_type = 'ASSET_CHECK_EVALUATION'
        AND id NOT IN (SELECT evaluation_event_storage_id FROM asset_check_executions
            WHERE evaluation_event_storage_id IS NOT NULL AND id IN ({_LAST_OF_CHECKS}))""",  # noqa: S608 - no value
    f"""DELETE FROM asset_check_executions
        WHERE create_timestamp < :before AND id NOT IN ({_LAST_OF_CHECKS})""",  # noqa: S608 - no value
)
_ENDED: Final = (
    "timestamp < :before AND status IN ('COMPLETED', 'COMPLETED_SUCCESS', 'COMPLETED_FAILED', 'FAILED', 'CANCELED')"
)
_OF_BACKFILLS: Final = (
    f"DELETE FROM backfill_tags WHERE backfill_id IN (SELECT key FROM bulk_actions WHERE {_ENDED})",  # noqa: S608 - no value
    f"DELETE FROM bulk_actions WHERE {_ENDED}",  # noqa: S608 - no value
)


def retention_sensor() -> dg.SensorDefinition:
    """Takes away what is older than the policy; running by default, since nothing else bounds Dagster's storage."""

    @dg.sensor(  # pyright: ignore[reportUnknownMemberType] - dagster's own types are partial
        name="keep_house",
        minimum_interval_seconds=INTERVAL_S,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Each hour: deletes what Dagster keeps of runs, checks and backfills that are older than the policy"
        " in docs/operations.md; each day: notes what every part of the home takes of the disk.",
    )
    def keep_house(context: dg.SensorEvaluationContext, platform: PlatformResource) -> dg.SensorResult:
        now = platform.clock.now()
        after = datetime.fromisoformat(context.cursor) if context.cursor else None
        rows = prune_rows(context.instance, now)
        runs, after = prune_runs(context.instance, now, after)
        said = f"{rows} rows and the logs of {runs} runs deleted"
        try:
            noted = note_shares(platform.settings.home, shanghai_day(platform.clock.now_ns()))
        except OSError as error:
            said += f"; shares of the disk not noted: {error}"
        else:
            said += "; shares of the disk noted" if noted else ""
        return dg.SensorResult(skip_reason=said, cursor=after.isoformat() if after else None)

    return keep_house


def prune_rows(instance: dg.DagsterInstance, now: datetime) -> int:
    """Delete what is older than `SMALL_THINGS`; how many rows. A storage that is no database of SQL keeps all."""
    before, deleted = now - SMALL_THINGS, 0
    if instance.schedule_storage is not None:
        instance.schedule_storage.purge_asset_evaluations(before.timestamp())
    if isinstance(instance.event_log_storage, SqlEvents):
        with instance.event_log_storage.index_connection() as connection:
            deleted += _delete(connection, _OF_CHECKS, before)
    if isinstance(instance.run_storage, SqlRuns):
        with instance.run_storage.connect() as connection:
            deleted += _delete(connection, _OF_BACKFILLS, before)
    return deleted


def prune_runs(instance: dg.DagsterInstance, now: datetime, after: datetime | None) -> tuple[int, datetime | None]:
    """Take away the logs of runs that were created longer than `RUN_LOGS` ago and have ended, at most `RUNS_A_TICK`.

    `after` is where the last call has come to: how many there were, and where this one has come to. Where each run has
    a log in a file of its own, as in the embedded Dagster.
    """
    storage = instance.event_log_storage
    if not isinstance(storage, ShardedEvents):
        return 0, after
    old = dg.RunsFilter(statuses=_OVER, created_after=after, created_before=now - RUN_LOGS)
    records = instance.get_run_records(old, limit=RUNS_A_TICK, ascending=True)
    for record in records:
        run_id, log = record.dagster_run.run_id, Path(storage.path_for_shard(record.dagster_run.run_id))
        if not _materialized(storage, run_id):
            instance.delete_run(run_id)
            log.unlink(missing_ok=True)
        elif log.exists():
            _empty(log)
        instance.compute_log_manager.delete_logs(prefix=[run_id])
    return len(records), records[-1].create_timestamp if records else after


def _empty(log: Path) -> None:
    """Leave a log without its events. Processes have it in mind: a file that is gone would be an error to them."""
    with closing(sqlite3.connect(log, timeout=_WAIT_S, isolation_level=None)) as database:
        for statement in ("DELETE FROM event_logs", "VACUUM", "PRAGMA wal_checkpoint(TRUNCATE)"):
            database.execute(statement)


def _delete(connection: Connection, statements: tuple[str, ...], before: datetime) -> int:
    """Dagster keeps instants of rows in UTC, without a zone."""
    instant = before.astimezone(UTC).replace(tzinfo=None)
    given = bindparam("before", instant, type_=DateTime())
    return sum(connection.execute(text(each).bindparams(given)).rowcount for each in statements)


def _materialized(storage: Any, run_id: str) -> bool:
    query = text(
        "SELECT 1 FROM event_logs WHERE run_id = :run AND dagster_event_type = 'ASSET_MATERIALIZATION' LIMIT 1"
    )
    with storage.index_connection() as connection:
        return connection.execute(query, {"run": run_id}).first() is not None
