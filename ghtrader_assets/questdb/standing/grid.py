"""How every day of every symbol stands, in bulk: one answer of a few columns, however many symbols.

Belongs here: the question behind the dashboard's heatmap and trends. Does not belong here: a day's whole state with
contract and digest (`day_states`), expected days (`reading.overview`).
"""

from __future__ import annotations

from datetime import date
from typing import Final

import polars as pl

from ghtrader_assets.questdb.client.connection import Database
from ghtrader_assets.questdb.client.sql import instant_literal
from ghtrader_assets.questdb.standing.derivation import with_states
from ghtrader_assets.questdb.standing.facts import joined, read_unstored, stored_days
from ghtrader_assets.validation.verdicts import midnight_utc

GRID_SCHEMA: Final = {
    "symbol": pl.String,
    "trading_day": pl.Date,
    "state": pl.String,
    "rows": pl.Int64,
    "gap_seconds": pl.Int64,
    "score": pl.Float64,
    "reason": pl.String,
}


def read_grid(db: Database, start: date, end: date) -> pl.DataFrame:
    """Each symbol-day of the inclusive range that was stored or attempted, in the columns of `GRID_SCHEMA`, sorted.

    `state` and `reason` are those of `derivation`; `gap_seconds` and `score` (share in [0, 1]) are null where no
    verdict is in force.
    """
    first, last = midnight_utc(start), midnight_utc(end)
    unstored = read_unstored(db, "grid.attempts", "ts >= %s AND ts <= %s", [first, last])
    within = f"ts >= {instant_literal(first)} AND ts <= {instant_literal(last)}"
    columns = "a.rows_total rows, s.missing_seconds gap_seconds, q.score score"
    stored = db.export("grid.stored", stored_days(within, columns)).with_columns(
        pl.col("ts").dt.replace_time_zone(None), pl.col(pl.Categorical).cast(pl.String)
    )
    return (
        with_states(joined(stored, unstored.with_columns(rows=0)))
        .with_columns(
            pl.col("ts").dt.date().alias("trading_day"),
            pl.when(pl.col("coverage_state") != "").then("gap_seconds"),
            pl.when(pl.col("quality_state") != "").then("score"),
        )
        .select(*GRID_SCHEMA)
        .cast(GRID_SCHEMA)  # pyright: ignore[reportArgumentType]
        .sort("symbol", "trading_day")
    )
