"""Reading the metrics table: percentiles, ingest rates and their course over any window; and how long it is kept.

Belongs here: these queries and the retention of the table. Does not belong here: measuring (`metrics`), the names of
loads' figures (`loading.figures`).

Percentiles are exact, nearest rank: the smallest value that at least that share of the values does not exceed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Literal, LiteralString, cast

from ghtrader_assets.questdb.client.connection import Database
from ghtrader_assets.questdb.tables.schema import METRICS

QUERY_PREFIX: Final = "query."
"""A metric of this prefix holds the seconds of one query of that name."""

Grain = Literal["1m", "5m", "15m", "1h", "6h", "1d"]
GRAINS: Final[tuple[Grain, ...]] = ("1m", "5m", "15m", "1h", "6h", "1d")

_UNIT_MONTHS: Final = {"MONTH": 1, "YEAR": 12}
_RANKED: Final = (
    "SELECT {group} g, value, row_number() OVER (PARTITION BY {group} ORDER BY value) r,"
    " count() OVER (PARTITION BY {group}) n FROM ({rows})"
)
_PERCENTILES: Final = (
    "SELECT g, max(n), min(CASE WHEN r >= 0.50 * n THEN value END), min(CASE WHEN r >= 0.95 * n THEN value END),"
    " min(CASE WHEN r >= 0.99 * n THEN value END), max(value) FROM ({ranked}) ORDER BY g"
)


@dataclass(frozen=True, slots=True)
class Percentiles:
    """How a measured value was distributed over a window, in its own unit."""

    name: str
    count: int
    p50: float
    p95: float
    p99: float
    largest: float


@dataclass(frozen=True, slots=True)
class TimedPercentiles:
    """Percentiles of one step of time, which begins at `ts` (UTC)."""

    ts: datetime
    count: int
    p50: float
    p95: float
    p99: float
    largest: float


@dataclass(frozen=True, slots=True)
class IngestRate:
    """What was loaded of a symbol in a window. Seconds are those of download, storing and reading back, added up."""

    symbol: str
    days: int
    rows: int
    bytes: int
    seconds: float
    rows_per_s: float
    last: datetime


@dataclass(frozen=True, slots=True)
class IngestStep:
    """What was loaded in one step of time, which begins at `ts` (UTC)."""

    ts: datetime
    days: int
    rows: int
    seconds: float


def read_query_percentiles(db: Database, start: datetime, end: datetime) -> list[Percentiles]:
    """The latency of each query, in seconds, by its name, over `[start, end)`."""
    rows = f"SELECT name, value FROM {METRICS} WHERE ts >= %s AND ts < %s AND name LIKE '{QUERY_PREFIX}%%'"  # noqa: S608 - our own names; values are bound
    found = _percentiles(db, "metrics.queries", "name", rows, [start, end])
    return [Percentiles(row[0].removeprefix(QUERY_PREFIX), *row[1:]) for row in found]


def read_percentiles(db: Database, names: Sequence[str], start: datetime, end: datetime) -> list[Percentiles]:
    """How these metrics were distributed over `[start, end)`, each in its own unit."""
    places = ", ".join(["%s"] * len(names))
    rows = f"SELECT name, value FROM {METRICS} WHERE ts >= %s AND ts < %s AND name IN ({places})"  # noqa: S608 - our own names; values are bound
    return [Percentiles(*row) for row in _percentiles(db, "metrics.values", "name", rows, [start, end, *names])]


def read_query_course(db: Database, start: datetime, end: datetime, step: Grain) -> list[TimedPercentiles]:
    """The latency of all queries together, in seconds, step by step over `[start, end)`."""
    rows = (
        f"SELECT timestamp_floor('{_checked(step)}', ts) step, value FROM {METRICS}"  # noqa: S608 - our own names; values are bound
        f" WHERE ts >= %s AND ts < %s AND name LIKE '{QUERY_PREFIX}%%'"
    )
    found = _percentiles(db, "metrics.query_course", "step", rows, [start, end])
    return [TimedPercentiles(row[0].replace(tzinfo=UTC), *row[1:]) for row in found]


def read_ingest_rates(db: Database, start: datetime, end: datetime) -> list[IngestRate]:
    """What was loaded of each symbol in `[start, end)`."""
    found = db.rows(
        "metrics.ingest",
        "SELECT symbol, sum(CASE WHEN name = 'ingest_rows' THEN 1 ELSE 0 END),"  # noqa: S608 - our own names; values are bound
        " sum(CASE WHEN name = 'ingest_rows' THEN value ELSE 0.0 END),"
        " sum(CASE WHEN name = 'ingest_bytes' THEN value ELSE 0.0 END),"
        " sum(CASE WHEN name IN ('download_seconds', 'store_seconds', 'readback_seconds') THEN value ELSE 0.0 END),"
        f" max(ts) FROM {METRICS} WHERE ts >= %s AND ts < %s AND name IN"
        " ('ingest_rows', 'ingest_bytes', 'download_seconds', 'store_seconds', 'readback_seconds') ORDER BY symbol",
        [start, end],
    )
    return [
        IngestRate(symbol, days, int(rows), int(size), seconds, _rate(rows, seconds), last.replace(tzinfo=UTC))
        for symbol, days, rows, size, seconds, last in found
    ]


def read_ingest_course(db: Database, start: datetime, end: datetime, step: Grain) -> list[IngestStep]:
    """What was loaded, of all symbols, step by step over `[start, end)`; steps without a load are left out."""
    found = db.rows(
        "metrics.ingest_course",
        f"SELECT timestamp_floor('{_checked(step)}', ts) step, sum(CASE WHEN name = 'ingest_rows' THEN 1 ELSE 0 END),"  # noqa: S608 - our own names; values are bound
        " sum(CASE WHEN name = 'ingest_rows' THEN value ELSE 0.0 END),"
        " sum(CASE WHEN name = 'ingest_rows' THEN 0.0 ELSE value END)"
        f" FROM {METRICS} WHERE ts >= %s AND ts < %s AND name IN"
        " ('ingest_rows', 'download_seconds', 'store_seconds', 'readback_seconds') ORDER BY step",
        [start, end],
    )
    return [IngestStep(ts.replace(tzinfo=UTC), days, int(rows), seconds) for ts, days, rows, seconds in found]


def keep_metrics(db: Database, months: int, table: str = METRICS) -> None:
    """Let QuestDB drop metrics older than this many months, whole months at a time. Changes nothing if it is so."""
    found = db.rows("metrics.retention", "SELECT ttlValue, ttlUnit FROM tables() WHERE table_name = %s", [table])
    value, unit = found[0] if found else (0, "")
    if value * _UNIT_MONTHS.get(unit, 0) != months:
        db.execute(cast("LiteralString", f"ALTER TABLE {table} SET TTL {int(months)} MONTHS"))


def _percentiles(
    db: Database, name: str, group: str, rows: str, parameters: Sequence[object]
) -> list[tuple[Any, int, float, float, float, float]]:
    ranked = _RANKED.format(group=group, rows=rows)
    found = db.rows(name, _PERCENTILES.format(ranked=ranked), parameters)
    return cast("list[tuple[Any, int, float, float, float, float]]", found)


def _rate(rows: float, seconds: float) -> float:
    return rows / seconds if seconds else 0.0


def _checked(step: Grain) -> Grain:
    assert step in GRAINS  # noqa: S101 - narrows a type
    return step
