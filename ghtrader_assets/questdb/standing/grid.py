"""How every day of every symbol stands, in bulk: one answer of a few columns, however many symbols.

Belongs here: the question behind the dashboard's heatmap and trends. Does not belong here: a day's whole state with
reason and digest (`states`), expected days (`reading.overview`).
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime
from typing import Final

import polars as pl

from ghtrader_assets.errors import IngestState
from ghtrader_assets.questdb.client.connection import Database
from ghtrader_assets.questdb.client.sql import instant_literal
from ghtrader_assets.questdb.tables.schema import DAILY_AGG, FIELD_QUALITY, MANIFESTS, VALIDATE_SUMMARY
from ghtrader_assets.validation.verdicts import State, midnight_utc

UNJUDGED: Final = "unjudged"
GRID_SCHEMA: Final = {
    "symbol": pl.String,
    "trading_day": pl.Date,
    "state": pl.String,
    "rows": pl.Int64,
    "gap_seconds": pl.Int64,
    "score": pl.Float64,
    "reason": pl.String,
}

_SEVERITY: Final = {state: rank for rank, state in enumerate((State.OK, State.WARN, State.PARTIAL, State.ERROR))}
# Digests are compared by the server: 9.3.4 writes broken Parquet ("more than one dictionary") of a VARCHAR column with
# more different values than one dictionary holds.
_STORED: Final = (
    "SELECT a.symbol symbol, a.ts ts, a.rows_total rows, s.missing_seconds gap_seconds, q.score score,"
    " s.state coverage, s.reason_code coverage_reason, s.content_digest = a.digest coverage_in_force,"
    " q.state quality, q.reason_code quality_reason, q.content_digest = a.digest quality_in_force"
    " FROM (SELECT * FROM {agg} WHERE {range}) a"
    " LEFT JOIN (SELECT * FROM {summary} WHERE {range}) s ON a.ts = s.ts AND a.symbol = s.symbol"
    " LEFT JOIN (SELECT * FROM {quality} WHERE {range}) q ON a.ts = q.ts AND a.symbol = q.symbol"
)


def read_grid(db: Database, start: date, end: date) -> pl.DataFrame:
    """Each symbol-day of the inclusive range that was stored or attempted, in the columns of `GRID_SCHEMA`, sorted.

    `state` is the worse verdict on the stored content, `unjudged` without one, and how the last attempt ended where
    nothing is stored. `gap_seconds` and `score` (share in [0, 1]) are null where there is no verdict.
    """
    first, last = midnight_utc(start), midnight_utc(end)
    within = f"ts >= {instant_literal(first)} AND ts <= {instant_literal(last)}"
    statement = _STORED.format(agg=DAILY_AGG, summary=VALIDATE_SUMMARY, quality=FIELD_QUALITY, range=within)
    with ThreadPoolExecutor(1) as beside:
        attempts = beside.submit(
            db.rows,
            "grid.attempts",
            f"SELECT symbol, ts, outcome, reason FROM {MANIFESTS}"
            " WHERE ts >= %s AND ts <= %s AND outcome != %s ORDER BY started",
            [first, last, IngestState.COMPLETE.value],
        )
        stored = db.export("grid.stored", statement)
        return pl.concat([_judged(stored), _failed(stored, attempts.result())]).sort("symbol", "trading_day")


def _judged(stored: pl.DataFrame) -> pl.DataFrame:
    """The stored days; a verdict on other content than the stored one says nothing."""
    coverage, quality = (pl.col(name).replace_strict(_SEVERITY, default=None) for name in ("coverage", "quality"))
    in_force = pl.col("coverage_in_force") & pl.col("quality_in_force") & coverage.is_not_null() & quality.is_not_null()
    quality_decides = quality > coverage
    return stored.select(
        "symbol",
        pl.col("ts").dt.date().alias("trading_day"),
        pl.when(~in_force)
        .then(pl.lit(UNJUDGED))
        .when(quality_decides)
        .then("quality")
        .otherwise("coverage")
        .alias("state"),
        "rows",
        "gap_seconds",
        "score",
        pl.when(quality_decides).then("quality_reason").otherwise("coverage_reason").alias("reason"),
    ).cast(GRID_SCHEMA)  # pyright: ignore[reportArgumentType]


def _failed(stored: pl.DataFrame, attempts: list[tuple[str, datetime, str, str]]) -> pl.DataFrame:
    """The days without stored content, by their last attempt."""
    known = set(zip(stored["symbol"], stored["ts"].dt.date(), strict=True))
    last = {(symbol, ts.date()): (outcome, reason) for symbol, ts, outcome, reason in attempts}
    rows = [
        (symbol, day, outcome, 0, None, None, reason or "")
        for (symbol, day), (outcome, reason) in last.items()
        if (symbol, day) not in known
    ]
    return pl.DataFrame(rows, schema=GRID_SCHEMA, orient="row")
