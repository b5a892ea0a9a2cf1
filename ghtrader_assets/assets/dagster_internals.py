"""What we use of Dagster that it does not export: every import of `dagster._…` stands here and nowhere else.

Belongs here: names that have no public form, each with what needs it. Does not belong here: anything that `dagster`
exports. Checked on `CHECKED_ON`: on another version, look at each before this constant is raised.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

import dagster as dg
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition
from dagster._core.execution.backfill import BulkActionsFilter, BulkActionStatus
from dagster._core.execution.plan.objects import StepFailureData
from dagster._core.scheduler.instigation import InstigatorStatus
from dagster._core.storage.asset_check_execution_record import (
    AssetCheckExecutionRecord,
    AssetCheckExecutionRecordStatus,
)
from dagster._core.storage.dagster_run import IN_PROGRESS_RUN_STATUSES
from dagster._core.storage.dagster_run import RunRecord as _RunRecord
from dagster._core.storage.event_log.sql_event_log import SqlEventLogStorage
from dagster._core.storage.event_log.sqlite.sqlite_event_log import SqliteEventLogStorage
from dagster._core.storage.runs.sql_run_storage import SqlRunStorage
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import WorkspaceFileTarget
from dagster._utils.log import configure_loggers

__all__ = ("configure_loggers",)

CHECKED_ON: Final = "1.13.27"

AssetJob = UnresolvedAssetJobDefinition
"""What `define_asset_job` returns: the type of an argument."""

StepFailure = StepFailureData
"""What a step failed with: the type that `DagsterEvent.step_failure_data` has."""

CheckRecord = AssetCheckExecutionRecord
"""The last evaluation of a check: the type that the event log's storage answers with."""

RunRecord = _RunRecord
"""A run with the times of its record: the type that `DagsterInstance.get_run_records` answers with."""

SqlEvents, SqlRuns = SqlEventLogStorage, SqlRunStorage
"""Storages that are databases of SQL: their rows can be deleted by age."""

ShardedEvents = SqliteEventLogStorage
"""The log of events of which each run has a file of its own, apart from the one of all assets."""

CheckStatus = AssetCheckExecutionRecordStatus
"""Of a `CheckRecord`: only an evaluation that ended says something."""


def opened_workspace(instance: dg.DagsterInstance, files: list[str]) -> WorkspaceProcessContext:
    """The code locations of workspace files, as the web server needs them; a context, which closes them."""
    return WorkspaceProcessContext(
        instance, WorkspaceFileTarget(paths=files), version=CHECKED_ON, code_server_log_level="warning"
    )


def schedule_is_on(instance: dg.DagsterInstance, name: str, *, by_default: bool) -> bool:
    """Whether a schedule of this name is on: as it was last switched in the UI, else as the code has it."""
    states = instance.all_instigator_state(instigator_type=InstigatorType.SCHEDULE)
    switched = [state.status for state in states if state.instigator_name == name]
    return by_default if not switched else switched[-1] != InstigatorStatus.STOPPED


def runs_in_progress(instance: dg.DagsterInstance) -> list[dg.DagsterRun]:
    """The runs that are queued or being worked on. Dagster's own list of such statuses follows its new ones."""
    return list(instance.get_runs(dg.RunsFilter(statuses=list(IN_PROGRESS_RUN_STATUSES))))


def run_starts(instance: dg.DagsterInstance) -> list[datetime]:
    """When each of the runs that are being worked on began, UTC."""
    records = instance.get_run_records(dg.RunsFilter(statuses=list(IN_PROGRESS_RUN_STATUSES)))
    return [datetime.fromtimestamp(record.start_time, UTC) for record in records if record.start_time]


def backfills_under_way(instance: dg.DagsterInstance) -> bool:
    """Whether a backfill still hands out runs: which days it will ask for is not known from runs."""
    handing_out = BulkActionsFilter(statuses=[BulkActionStatus.REQUESTED, BulkActionStatus.CANCELING])
    return bool(instance.get_backfills(filters=handing_out, limit=1))
