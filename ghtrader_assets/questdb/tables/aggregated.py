"""Reading what lineage and aggregated manifests ask for.

Belongs here: queries about gaps by day and about aggregated manifests. Does not belong here: days, loads and verdicts,
which `reader` reads, and what an aggregated manifest is (`lineage.aggregate`).
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import Final, NamedTuple

from ghtrader_assets.questdb.client.connection import Database
from ghtrader_assets.questdb.tables.codec import columns_of_kind, rows_of
from ghtrader_assets.questdb.tables.rows import AggregatedRow
from ghtrader_assets.questdb.tables.schema import AGGREGATED, VALIDATE_GAPS
from ghtrader_assets.validation.verdicts import midnight_utc

_AROUND: Final = timedelta(days=20)
"""A day's gaps may begin on the trading day before, across the longest break."""


class GapSum(NamedTuple):
    """The gaps of a trading day and the seconds in them."""

    gaps: int
    seconds: int


def read_gap_sums(db: Database, symbol: str, start: date, end: date) -> dict[date, GapSum]:
    """The gaps of a symbol's judged days in an inclusive range, those that have any."""
    found = db.rows(
        "gap_sums",
        f"SELECT trading_day, count(), sum(duration_s) FROM {VALIDATE_GAPS} WHERE symbol = %s AND ts >= %s AND ts < %s",
        [symbol, midnight_utc(start) - _AROUND, midnight_utc(end) + timedelta(days=2)],
    )
    sums = {date.fromisoformat(day): GapSum(int(gaps), int(seconds)) for day, gaps, seconds in found}
    return {day: gap_sum for day, gap_sum in sums.items() if start <= day <= end}


def read_aggregated(db: Database, manifest_id: str) -> list[AggregatedRow]:
    """The parts of an aggregated manifest, by symbol and day; empty where it is unknown."""
    found = db.rows(
        "aggregated",
        f"SELECT {columns_of_kind(AggregatedRow)} FROM {AGGREGATED} WHERE manifest_id = %s",
        [manifest_id],
    )
    return sorted(rows_of(AggregatedRow, found), key=lambda row: (row.symbol, row.trading_day))
