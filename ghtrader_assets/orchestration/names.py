"""The names of tables and tags that launching and materializing share.

Belongs here: names, free of dagster, so that a command can use them without the seconds that importing it takes.
"""

from __future__ import annotations

from typing import Final

MAIN_SCHEDULE_ASSET: Final = "main_schedule"
TICKS_ASSET: Final = "ticks"
VALIDATION_SUMMARY_ASSET: Final = "validation_summary"
FIELD_QUALITY_ASSET: Final = "field_quality"
BASELINE_ASSET: Final = "baseline"
MANIFEST_ASSET: Final = "manifest"
BARS_ASSET: Final = "bars_1m"
LOADED: Final = (MAIN_SCHEDULE_ASSET, TICKS_ASSET)
FOLLOWING: Final = (BASELINE_ASSET, VALIDATION_SUMMARY_ASSET, FIELD_QUALITY_ASSET, MANIFEST_ASSET)
"""What is materialized again by itself when the ticks of a day change."""

ALL_TABLES: Final = (*LOADED, BARS_ASSET, *FOLLOWING)
DAY_TABLES: Final = (TICKS_ASSET, BARS_ASSET, *FOLLOWING)
JUDGED: Final = frozenset({VALIDATION_SUMMARY_ASSET, FIELD_QUALITY_ASSET})
FROM_STORE: Final = JUDGED | {BARS_ASSET}
"""What a day that is stored already needs no provider for."""

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
