"""Materializing partitions in this process, for a command without a running platform.

Belongs here: the runs that the daemon would make of the same partitions, recorded in the same instance, and what ended
a step of a run. Does not belong here: how work is cut into runs (`orchestration.runs`), launching through the daemon
(`orchestration.daemon`).
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path

import dagster as dg

from ghtrader_assets.assets.dagster_internals import StepFailure
from ghtrader_assets.assets.partitions import partition_days
from ghtrader_assets.assets.tables import asset_key
from ghtrader_assets.loading.outcome import CANCELLED, Stopped
from ghtrader_assets.orchestration.names import (
    EXIT_CODE,
    INTERRUPTED,
    LAUNCHED_BY_TAG,
    RANGE_END,
    RANGE_START,
    TICKS_ASSET,
)
from ghtrader_assets.orchestration.runs import Needs, cut_into_runs, tables_for
from ghtrader_assets.runtime import living_run


def run_here(
    definitions: dg.Definitions,
    home: Path,
    needs: Needs,
    tables: Sequence[str],
    tags: Mapping[str, str],
    begun: list[str],
) -> list[Stopped]:
    """Materialize what the days need in this process, in runs like those of the daemon; `begun` gets the id of each.

    Returns what ended steps before they had done with their days, such as a refused log-in or a full disk.
    """
    job = definitions.resolve_implicit_global_asset_job_def()
    instance = dg.DagsterInstance.get()
    stops: list[Stopped] = []
    for run in cut_into_runs(needs, _partitions(definitions, needs)):
        run_id = str(uuid.uuid4())
        begun.append(run_id)
        with living_run(home, run_id):
            result = job.execute_in_process(
                instance=instance,
                run_id=run_id,
                asset_selection=[
                    asset_key(symbol, table) for symbol in run.symbols for table in tables_for(run.need, tables)
                ],
                tags={
                    **tags,
                    LAUNCHED_BY_TAG: "cli",
                    RANGE_START: run.days[0].isoformat(),
                    RANGE_END: run.days[-1].isoformat(),
                },
                run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
                raise_on_error=False,
            )
        stops += [stop_of(event.step_failure_data) for event in result.get_step_failure_events()]
    return stops


def stop_of(step: StepFailure) -> Stopped:
    """The words and exit code of a `Failure`; of any other exception, what it says itself."""
    failure, error = step.user_failure_data, step.error
    if failure is not None and failure.description:
        code = failure.metadata.get(EXIT_CODE)
        return Stopped(failure.description, int(str(code.value)) if code else 1)
    if error is None:
        return Stopped("")
    error = error.cause or error
    return CANCELLED if error.cls_name == INTERRUPTED else Stopped(error.message.strip())


def _partitions(definitions: dg.Definitions, needs: Needs) -> list[date]:
    """The trading days that are partitions of these symbols' assets."""
    partitions = definitions.resolve_asset_graph().get(asset_key(next(iter(needs)), TICKS_ASSET)).partitions_def
    assert partitions is not None  # noqa: S101 - narrows a type
    return partition_days(partitions)
