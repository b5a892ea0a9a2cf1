"""The names of tables and tags that launching and materializing share.

Belongs here: names, free of dagster, so that a command can use them without the seconds that importing it takes.
"""

from __future__ import annotations

from typing import Final

MAIN_SCHEDULE: Final = "main_schedule"
TICKS: Final = "ticks"
VALIDATION_SUMMARY: Final = "validation_summary"
FIELD_QUALITY: Final = "field_quality"
MANIFEST: Final = "manifest"
DAY_TABLES: Final = (TICKS, VALIDATION_SUMMARY, FIELD_QUALITY, MANIFEST)
ALL_TABLES: Final = (MAIN_SCHEDULE, *DAY_TABLES)
JUDGED: Final = frozenset({VALIDATION_SUMMARY, FIELD_QUALITY})
FOLLOWING: Final = JUDGED | {MANIFEST}
"""What is materialized again by itself when the ticks of a day change."""

EXIT_CODE: Final = "exit_code"
"""Metadata of a failed step: what a command that asked for it exits with."""

WORKERS_TAG: Final = "ghtrader/ingest_workers"
PARTIAL_TAG: Final = "ghtrader/allow_partial"
"""A run with it stores what there is of a trading day in progress."""

LAUNCHED_BY_TAG: Final = "ghtrader/launched_by"
INGESTS_TAG: Final = "ghtrader/ingests"
