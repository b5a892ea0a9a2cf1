"""Materializing partitions in this process, for a command without a running platform.

Belongs here: the runs that the daemon would make of the same partitions, recorded in the same instance.
Does not belong here: launching through the daemon (`launch`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Final

import dagster as dg
from dagster._core.execution.plan.objects import StepFailureData

from ghtrader_assets.assets.partitions import DAYS_PER_RUN
from ghtrader_assets.assets.tables import asset_key
from ghtrader_assets.loading.outcome import Stopped
from ghtrader_assets.market.symbols import Symbol
from ghtrader_assets.orchestration.names import EXIT_CODE, LAUNCHED_BY_TAG, TICKS

RANGE_START: Final = "dagster/asset_partition_range_start"
RANGE_END: Final = "dagster/asset_partition_range_end"


def run_here(
    definitions: dg.Definitions,
    symbols: Sequence[Symbol],
    days: Sequence[date],
    tables: Sequence[str],
    tags: Mapping[str, str],
) -> list[Stopped]:
    """Materialize the partitions in this process, in the same runs that the daemon would make of them.

    Returns what ended steps before they had done with their days, such as a refused log-in or a full disk.
    """
    job = definitions.resolve_implicit_global_asset_job_def()
    instance = dg.DagsterInstance.get()
    stops: list[Stopped] = []
    for run_days in _runs_of(definitions, symbols, days):
        result = job.execute_in_process(
            instance=instance,
            asset_selection=[asset_key(symbol, table) for symbol in symbols for table in tables],
            tags={
                **tags,
                LAUNCHED_BY_TAG: "cli",
                RANGE_START: run_days[0].isoformat(),
                RANGE_END: run_days[-1].isoformat(),
            },
            run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
            raise_on_error=False,
        )
        stops += [_stopped(event.step_failure_data) for event in result.get_step_failure_events()]
    return stops


def _stopped(step: StepFailureData) -> Stopped:
    """The words and exit code of a `Failure`; of any other exception, what it says itself."""
    if step.user_failure_data is not None:
        code = step.user_failure_data.metadata.get(EXIT_CODE)
        return Stopped(step.user_failure_data.description or "", int(str(code.value)) if code else 1)
    error = step.error
    assert error is not None
    return Stopped((error.cause or error).message.strip())


def _runs_of(definitions: dg.Definitions, symbols: Sequence[Symbol], days: Sequence[date]) -> Iterator[list[date]]:
    """The days cut into contiguous partition ranges of at most `DAYS_PER_RUN`."""
    partitions = definitions.resolve_asset_graph().get(asset_key(symbols[0], TICKS)).partitions_def
    assert partitions is not None
    wanted = {day.isoformat() for day in days}
    run: list[date] = []
    for key in partitions.get_partition_keys():
        if key in wanted:
            run.append(date.fromisoformat(key))
        if run and (key not in wanted or len(run) == DAYS_PER_RUN):
            yield run
            run = []
    if run:
        yield run
