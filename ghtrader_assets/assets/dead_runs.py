"""Runs whose process is gone: reported as what they are, and their attempts closed.

Belongs here: which runs are dead, and what becomes of them. Does not belong here: how a run shows that it lives
(`runtime`), and loading again what they left (`repair`).

A run holds a lock that ends with its process, however that ends. What Dagster records of a run says nothing about its
process: a code server that is killed reports none of its runs, and nothing else looks. A dead run that stays STARTED
keeps its slot of the pool, its days count as being loaded, and later loads wait for it without end.
"""

from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import dagster as dg
import psutil

from ghtrader_assets.assets.dagster_internals import RunRecord
from ghtrader_assets.assets.resources import PlatformResource
from ghtrader_assets.clock import Clock
from ghtrader_assets.context.store import StoreContext, open_writable_store
from ghtrader_assets.errors import GhtraderError
from ghtrader_assets.loading.record import close_attempts, runs_with_open_attempts
from ghtrader_assets.orchestration.names import LAUNCHED_BY_TAG
from ghtrader_assets.runtime import LOCATION, is_living_run
from ghtrader_assets.settings import Settings

WATCH_INTERVAL_S: Final = 60
LOCKED_WITHIN: Final = timedelta(minutes=1)
"""So long a run takes at most, from its launch, to take its lock. Definitions that are loaded anew make another process
of the code server, which knows nothing of what the one before it has just launched."""

NO_SERVER: Final = datetime.max.replace(tzinfo=UTC)
"""When the present code server began, where none runs: the locks of all runs decide."""

KILLED: Final = "its run was killed; the same command, or `ghtrader-assets repair --apply`, loads the day"
_WORKED_ON: Final = [dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING]


def fail_dead_runs(instance: dg.DagsterInstance, home: Path, server_began: datetime) -> list[str]:
    """Report the runs that are being worked on and have no living process; returns their ids.

    A run takes its lock some seconds after it was launched. One that the present code server has launched since it
    began is left to it, which sees its processes end.
    """
    dead: list[str] = []
    for record in instance.get_run_records(dg.RunsFilter(statuses=_WORKED_ON)):
        run = record.dagster_run
        if _may_be_judged(record, server_began) and not is_living_run(home, run.run_id):
            if run.status == dg.DagsterRunStatus.CANCELING:
                instance.report_run_canceled(run, "The run was being cancelled, and its process is gone.")
            else:
                instance.report_run_failed(run, f"The run's process is gone: {KILLED}.")
            dead.append(run.run_id)
    return dead


def _may_be_judged(record: RunRecord, server_began: datetime) -> bool:
    """Whether the lock of a run decides: not of other code locations, and not before it can have been taken."""
    run = record.dagster_run
    if run.remote_job_origin is not None and run.remote_job_origin.location_name != LOCATION:
        return False
    if run.remote_job_origin is None and LAUNCHED_BY_TAG in run.tags:
        return True  # `run_here` takes the lock before the run begins
    began = record.start_time or record.update_timestamp.timestamp()
    return began < server_began.timestamp()


def left_to(server_began: datetime, now: datetime) -> datetime:
    """When the present code server began, or a minute ago: what was launched later may have no lock yet."""
    return min(server_began, now - LOCKED_WITHIN)


def close_attempts_of_dead_runs(instance: dg.DagsterInstance, context: StoreContext) -> int:
    """Close the attempts that ended runs of this instance left open; how many there were."""
    left = [run_id for run_id in runs_with_open_attempts(context) if _has_ended(instance, context, run_id)]
    return close_attempts(context, left, KILLED)


def _has_ended(instance: dg.DagsterInstance, context: StoreContext, run_id: str) -> bool:
    run = instance.get_run_by_id(run_id)
    return run is not None and run.is_finished and not is_living_run(context.settings.home, run_id)


def report_dead_runs(settings: Settings, clock: Clock) -> None:
    """What a command does before its own runs: those that an earlier one left hold their slots and their days."""
    with dg.DagsterInstance.get() as instance, open_writable_store(settings, clock) as context:
        fail_dead_runs(instance, settings.home, NO_SERVER)
        close_attempts_of_dead_runs(instance, context)


def dead_run_sensor() -> dg.SensorDefinition:
    """Looks for dead runs each minute; running by default, since nothing else frees what they hold."""

    @dg.sensor(  # pyright: ignore[reportUnknownMemberType] - dagster's own types are partial
        name="watch_runs",
        minimum_interval_seconds=WATCH_INTERVAL_S,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Reports runs that have no living process as failed, so that their slots and days are free, and"
        " closes the load attempts that ended runs left open.",
    )
    def watch_runs(context: dg.SensorEvaluationContext, platform: PlatformResource) -> dg.SkipReason:
        began = datetime.fromtimestamp(psutil.Process().create_time(), UTC)
        dead = fail_dead_runs(context.instance, platform.settings.home, left_to(began, platform.clock.now()))
        try:
            with platform.store() as opened:
                closed = str(close_attempts_of_dead_runs(context.instance, opened))
        except GhtraderError as error:
            closed = f"none ({error})"
        return dg.SkipReason(f"{len(dead)} runs were dead{_named(dead)}; attempts closed: {closed}")

    return watch_runs


def _named(run_ids: Collection[str]) -> str:
    return f" ({', '.join(run_ids)})" if run_ids else ""
