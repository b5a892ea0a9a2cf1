"""Metrics that a test needs in the table before it goes on.

Belongs here: writing them. Does not belong here: what they measure (each test's own).
"""

from __future__ import annotations

from collections.abc import Sequence

from ghtrader_assets.questdb.client.connection import Database
from ghtrader_assets.questdb.tables.records import send_metrics
from ghtrader_assets.questdb.tables.rows import Metric
from ghtrader_assets.questdb.tables.schema import METRICS


def write_metrics(db: Database, rows: Sequence[Metric]) -> None:
    """Store measured values, and return once they show."""
    send_metrics(db, rows)
    db.await_applied(METRICS)
