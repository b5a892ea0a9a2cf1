"""The run queue: runs that ingest are told from runs that only judge, so that each kind has its own limit.

Belongs here: the mark on a run. Does not belong here: the limits (`services/dagster.yaml`).

A Dagster pool belongs to an op, and one op materializes all tables of a symbol; holding a pool, a run that only judges
would wait behind every long ingestion. A tag depends on what a run was asked for.
"""

from dagster import DagsterRun
from dagster._core.run_coordinator import QueuedRunCoordinator, SubmitRunContext

from ghtrader_assets.assets.names import INGESTS_TAG, TICKS


class IngestMarkingCoordinator(QueuedRunCoordinator):
    """Dagster's queue, which first tags each run that materializes ticks."""

    def submit_run(self, context: SubmitRunContext) -> DagsterRun:
        run = context.dagster_run
        if run.asset_selection is None or any(key.path[-1] == TICKS for key in run.asset_selection):
            self._instance.add_run_tags(run.run_id, {INGESTS_TAG: "true"})
        return super().submit_run(context)
