"""How trading days stand: stored content, last attempt and verdicts, side by side, one row a symbol-day.

Belongs here: the questions behind `ghtrader-assets days` and the dashboard's calendar (whole states), and behind its
heatmap and trends (a few columns of every symbol), from the small tables alone. Does not belong here: the rules
(`derivation`), expected days and what is missing among them (`reading.overview`).

Digests are compared by the server: 9.3.4 writes broken Parquet ("more than one dictionary") of a VARCHAR column with
more different values than one dictionary holds. An empty digest names no content.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from datetime import date, datetime, time
from typing import Any, Final

import polars as pl

from ghtrader_assets.questdb.client.connection import Database
from ghtrader_assets.questdb.client.sql import bound_list, instant_literal
from ghtrader_assets.questdb.standing.derivation import FACTS, with_states
from ghtrader_assets.questdb.standing.obstacles import NO_OBSTACLES, Obstacles
from ghtrader_assets.questdb.tables.rows import DayState
from ghtrader_assets.questdb.tables.schema import DAILY_AGG, FIELD_QUALITY, MANIFESTS, VALIDATE_SUMMARY
from ghtrader_assets.validation.verdicts import midnight_utc

_STORED_DAYS: Final = (
    "SELECT a.symbol symbol, a.ts ts, {columns}, true stored, a.partial partial,"
    " s.state coverage, s.reason_code coverage_reason,"
    " s.content_digest = a.digest AND length(a.digest) > 0 coverage_names_content,"
    " q.state quality, q.reason_code quality_reason,"
    " q.content_digest = a.digest AND length(a.digest) > 0 quality_names_content"
    f" FROM (SELECT * FROM {DAILY_AGG} WHERE {{within}}) a"
    f" LEFT JOIN (SELECT * FROM {VALIDATE_SUMMARY} WHERE {{within}}) s ON a.ts = s.ts AND a.symbol = s.symbol"
    f" LEFT JOIN (SELECT * FROM {FIELD_QUALITY} WHERE {{within}}) q ON a.ts = q.ts AND a.symbol = q.symbol"
)
_ATTEMPTED: Final = (
    "SELECT m.symbol, m.ts, m.rows, m.contract, m.manifest_id, m.outcome, m.reason"
    f" FROM (SELECT * FROM {MANIFESTS} WHERE {{within}}) m"
    f" LEFT JOIN (SELECT ts, symbol FROM {DAILY_AGG} WHERE {{within}}) a ON m.ts = a.ts AND m.symbol = a.symbol"
    " WHERE a.ts IS NULL ORDER BY m.started, m.manifest_id"
)
_DAY: Final = {
    "symbol": pl.String,
    "ts": pl.Datetime("us"),
    "rows": pl.Int64,
    "contract": pl.String,
    "manifest_id": pl.String,
}
_ATTEMPT: Final = {**_DAY, "outcome": pl.String, "outcome_reason": pl.String}
_OBSTACLE: Final = {
    **{name: _DAY[name] for name in ("symbol", "ts")},
    "main": pl.String,
    "obstacle": pl.String,
    "obstacle_reason": pl.String,
}
_STORED: Final = {
    **_DAY,
    "digest": pl.String,
    **{name: kind for name, kind in FACTS.items() if not name.startswith(("outcome", "obstacle"))},
}
GRID_SCHEMA: Final = {
    "symbol": pl.String,
    "trading_day": pl.Date,
    "state": pl.String,
    "rows": pl.Int64,
    "gap_seconds": pl.Int64,
    "score": pl.Float64,
    "reason": pl.String,
}


def read_day_states(
    db: Database, symbols: Sequence[str], start: date, end: date, obstacles: Obstacles = NO_OBSTACLES
) -> list[DayState]:
    """Every day of the symbols in the inclusive range that was stored, attempted or has an obstacle, by symbol and day.

    The states are those of `derivation`; the reason says what decided `state`.
    """
    if not symbols:
        return []
    places, names = bound_list(symbols)
    within = f"ts >= %s AND ts <= %s AND symbol IN ({places})"
    values = [midnight_utc(start), midnight_utc(end), *names]
    unstored = _read_unstored(db, "day_states.attempts", within, values, obstacles)
    columns = "a.rows_total rows, a.contract contract, a.manifest_id manifest_id, a.digest digest"
    rows = db.rows("day_states.stored", _STORED_DAYS.format(within=within, columns=columns), [*values] * 3)
    stored = pl.DataFrame(rows, schema=_STORED, orient="row")
    days = with_states(_joined(stored, unstored)).with_columns(
        pl.col("contract", "digest", "manifest_id").fill_null(""),
        pl.col("rows").fill_null(0),
        pl.col("ts").dt.date().alias("trading_day"),
    )
    ordered = days.sort("symbol", "trading_day").select(field.name for field in fields(DayState))
    return [DayState(**row) for row in ordered.iter_rows(named=True)]


def read_grid(db: Database, start: date, end: date, obstacles: Obstacles = NO_OBSTACLES) -> pl.DataFrame:
    """Each symbol-day of the inclusive range that was stored, attempted or has an obstacle, in the columns of
    `GRID_SCHEMA`, sorted.

    `state` and `reason` are those of `derivation`; `gap_seconds` and `score` (share in [0, 1]) are null where no
    verdict is in force.
    """
    first, last = midnight_utc(start), midnight_utc(end)
    unstored = _read_unstored(db, "grid.attempts", "ts >= %s AND ts <= %s", [first, last], obstacles)
    within = f"ts >= {instant_literal(first)} AND ts <= {instant_literal(last)}"
    columns = "a.rows_total rows, s.missing_seconds gap_seconds, q.score score"
    stored = db.export("grid.stored", _STORED_DAYS.format(within=within, columns=columns)).with_columns(
        pl.col("ts").dt.replace_time_zone(None), pl.col(pl.Categorical).cast(pl.String)
    )
    return (
        with_states(_joined(stored, unstored.with_columns(rows=0)))
        .with_columns(
            pl.col("ts").dt.date().alias("trading_day"),
            pl.when(pl.col("coverage_state") != "").then("gap_seconds"),
            pl.when(pl.col("quality_state") != "").then("score"),
        )
        .select(*GRID_SCHEMA)
        .cast(GRID_SCHEMA)  # pyright: ignore[reportArgumentType]
        .sort("symbol", "trading_day")
    )


def _read_unstored(
    db: Database, name: str, within: str, values: Sequence[object], obstacles: Obstacles
) -> pl.DataFrame:
    """The last attempt or the obstacle of each day of which nothing is stored. `values` are those bound in `within`.

    Ask for it before the stored days: a day that is being stored then is in one of the two at least.
    """
    found = db.rows(name, _ATTEMPTED.format(within=within), [*values, *values])
    last: dict[tuple[Any, ...], tuple[Any, ...]] = {(row[0], row[1]): row for row in found}
    attempts = pl.DataFrame(list(last.values()), schema=_ATTEMPT, orient="row")
    found = [
        (symbol, datetime.combine(day, time()), item.contract or None, item.state.value, item.reason)
        for (symbol, day), item in obstacles.items()
    ]
    return (
        attempts.join(
            pl.DataFrame(found, schema=_OBSTACLE, orient="row"), on=("symbol", "ts"), how="full", coalesce=True
        )
        .with_columns(pl.coalesce("main", "contract").alias("contract"), stored=False)
        .drop("main")
    )


def _joined(stored: pl.DataFrame, unstored: pl.DataFrame) -> pl.DataFrame:
    """Both kinds of days in one frame; a day of both is a stored one."""
    return pl.concat([stored, unstored.join(stored, on=("symbol", "ts"), how="anti")], how="diagonal_relaxed")
