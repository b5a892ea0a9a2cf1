"""The names of tables and tags that launching and materializing share.

Belongs here: names, free of dagster, so that a command can use them without the seconds that importing it takes.
"""

from __future__ import annotations

from typing import Final

MAIN_SCHEDULE: Final = "main_schedule"
TICKS: Final = "ticks"
VALIDATION_SUMMARY: Final = "validation_summary"
FIELD_QUALITY: Final = "field_quality"
BASELINE: Final = "baseline"
MANIFEST: Final = "manifest"
LOADED: Final = (MAIN_SCHEDULE, TICKS)
FOLLOWING: Final = (BASELINE, VALIDATION_SUMMARY, FIELD_QUALITY, MANIFEST)
"""What is materialized again by itself when the ticks of a day change."""

ALL_TABLES: Final = (*LOADED, *FOLLOWING)
DAY_TABLES: Final = (TICKS, *FOLLOWING)
JUDGED: Final = frozenset({VALIDATION_SUMMARY, FIELD_QUALITY})

EXIT_CODE: Final = "exit_code"
"""Metadata of a failed step: the exit code of the command that launched its run."""

WORKERS_TAG: Final = "ghtrader/ingest_workers"
PARTIAL_TAG: Final = "ghtrader/allow_partial"
"""A run with it stores what there is of a trading day in progress."""

LAUNCHED_BY_TAG: Final = "ghtrader/launched_by"
LAUNCH_TAG: Final = "ghtrader/launch"
"""The id of the launch that a run belongs to: what a command finds its runs by, and by their ids its results."""

INTERRUPTED: Final = "DagsterExecutionInterruptedError"
"""Dagster's own class, by name: what a step of a cancelled run fails with."""

RANGE_START: Final = "dagster/asset_partition_range_start"
RANGE_END: Final = "dagster/asset_partition_range_end"
PARTITION: Final = "dagster/partition"
"""Dagster's own tags: the first and the last partition of a run over a range, and the one of any other run."""
