"""How trading days stand: stored content, last attempt and verdicts, side by side, one row a symbol-day.

Belongs here: the questions behind `ghtrader-assets days` and the dashboard's calendar (whole states), and behind its
heatmap and trends (a few columns of every symbol), from the small tables alone. Does not belong here: the rules
(`derivation`), expected days and what is missing among them (`reading.overview`).

Digests are compared by the server: 9.3.4 writes broken Parquet ("more than one dictionary") of a VARCHAR column with
more different values than one dictionary holds. An empty digest names no content.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time
from typing import Any, Final

import polars as pl

from ghtrader_assets.market.lives import WrongMain, wrong_main_of
from ghtrader_assets.questdb.client.connection import Database
from ghtrader_assets.questdb.client.sql import bound_list, instant_literal
from ghtrader_assets.questdb.standing.derivation import FACTS, DecidedBy, with_states
from ghtrader_assets.questdb.standing.obstacles import NO_OBSTACLES, Obstacles
from ghtrader_assets.questdb.tables.reader import OF_ANY
from ghtrader_assets.questdb.tables.rows import Acceptance, DayState
from ghtrader_assets.questdb.tables.schema import DAILY_AGG, EXCEPTIONS, FIELD_QUALITY, MANIFESTS, VALIDATE_SUMMARY
from ghtrader_assets.validation.verdicts import midnight_utc

_EXCEPTIONS: Final = (
    "(SELECT * FROM (SELECT symbol, trading_day, ts, who, reason, bound_to, expires, revoked"  # noqa: S608 - our own names; values are bound
    f" FROM {EXCEPTIONS} LATEST ON ts PARTITION BY symbol, trading_day)"
    " WHERE NOT revoked AND (expires IS NULL OR expires > {now}))"
)
"""The last exception of each day, if it holds: neither revoked nor expired; one row a symbol-day."""

_OF_VERDICTS: Final = "concat(s.fingerprint, ' ', q.fingerprint)"
_OF_ATTEMPT: Final = "concat(m.outcome, ' ', m.contract)"
"""What an exception of a stored day, and of one of which nothing is stored, is bound to."""

_STORED_DAYS: Final = (
    "SELECT a.symbol symbol, a.ts ts, {columns}, true stored, a.partial partial,"  # noqa: S608 - our own names; values are bound
    " s.state coverage, s.reason_code coverage_reason,"
    " s.content_digest = a.digest AND length(a.digest) > 0 coverage_names_content,"
    " q.state quality, q.reason_code quality_reason,"
    " q.content_digest = a.digest AND length(a.digest) > 0 quality_names_content,"
    f" e.bound_to = {_OF_VERDICTS} exception_holds"
    f" FROM (SELECT * FROM {DAILY_AGG} WHERE {{within}}) a"
    f" LEFT JOIN (SELECT * FROM {VALIDATE_SUMMARY} WHERE {{within}}) s ON a.ts = s.ts AND a.symbol = s.symbol"
    f" LEFT JOIN (SELECT * FROM {FIELD_QUALITY} WHERE {{within}}) q ON a.ts = q.ts AND a.symbol = q.symbol"
    f" LEFT JOIN {_EXCEPTIONS} e ON a.trading_day = e.trading_day AND a.symbol = e.symbol"
)
_ATTEMPTED: Final = (
    "SELECT m.symbol, m.ts, m.rows, m.contract, m.manifest_id, e.who, e.ts accepted_at, e.reason accepted_because,"  # noqa: S608 - our own names; values are bound
    f" {_OF_ATTEMPT} binding, m.outcome, m.reason, e.bound_to = {_OF_ATTEMPT} exception_holds"
    f" FROM (SELECT * FROM {MANIFESTS} WHERE {{within}}) m"
    f" LEFT JOIN (SELECT ts, symbol FROM {DAILY_AGG} WHERE {{within}}) a ON m.ts = a.ts AND m.symbol = a.symbol"
    f" LEFT JOIN {_EXCEPTIONS} e ON m.trading_day = e.trading_day AND m.symbol = e.symbol"
    " WHERE a.ts IS NULL ORDER BY m.started, m.manifest_id"
)
_DAY: Final = {
    "symbol": pl.String,
    "ts": pl.Datetime("us"),
    "rows": pl.Int64,
    "contract": pl.String,
    "manifest_id": pl.String,
    "who": pl.String,
    "accepted_at": pl.Datetime("us"),
    "accepted_because": pl.String,
    "binding": pl.String,
}
_ATTEMPT: Final = {**_DAY, "outcome": pl.String, "outcome_reason": pl.String, "exception_holds": pl.Boolean}
_OBSTACLE: Final = {
    **{name: _DAY[name] for name in ("symbol", "ts")},
    "main": pl.String,
    "obstacle": pl.String,
    "obstacle_reason": pl.String,
    "obstacle_wrong_main": pl.String,
}
_STORED: Final = {
    **_DAY,
    "digest": pl.String,
    "detail": pl.String,
    "baseline_days": pl.Int64,
    "witness": pl.String,
    **{name: kind for name, kind in FACTS.items() if not name.startswith(("outcome", "obstacle"))},
}
NO_BASELINE: Final = "no_baseline"
"""Said of a judged day before which there are too few days for a baseline. It is no fault."""
_STATES: Final = ("symbol", "ingest_state", "coverage_state", "quality_state", "state")
GRID_SCHEMA: Final = {
    "symbol": pl.String,
    "trading_day": pl.Date,
    "state": pl.String,
    "rows": pl.Int64,
    "gap_seconds": pl.Int64,
    "score": pl.Float64,
    "reason": pl.String,
    "accepted": pl.Boolean,
    "wrong_main": pl.String,
}


def read_day_states(
    db: Database, symbols: Sequence[str], start: date, end: date, now: datetime, obstacles: Obstacles = NO_OBSTACLES
) -> list[DayState]:
    """Every day of the symbols in the inclusive range that was stored, attempted or has an obstacle, by symbol and day.

    The states are those of `derivation`, exceptions as they hold at `now`; the reason says what decided `state`: where
    coverage did, its code and the verdict's detail.
    """
    return [state for state, _ in read_bound_states(db, symbols, start, end, now, obstacles)]


def read_bound_states(
    db: Database, symbols: Sequence[str], start: date, end: date, now: datetime, obstacles: Obstacles = NO_OBSTACLES
) -> list[tuple[DayState, str]]:
    """`read_day_states`, each with what an exception that is recorded of it now is bound to."""
    if not symbols:
        return []
    unstored = _attempted(db, symbols, start, end, now, obstacles)
    return _bound_states(_joined(_stored(db, symbols, start, end, now), unstored, obstacles))


def read_stored_states(db: Database, symbols: Sequence[str], start: date, end: date, now: datetime) -> list[DayState]:
    """`read_day_states` of the days that are stored, from one query."""
    return [state for state, _ in _bound_states(_stored(db, symbols, start, end, now))]


def read_attempted_states(
    db: Database, symbols: Sequence[str], start: date, end: date, now: datetime, obstacles: Obstacles = NO_OBSTACLES
) -> list[DayState]:
    """`read_day_states` of the days of which nothing is stored, from one query. `obstacles` are of such days alone."""
    return [state for state, _ in _bound_states(_attempted(db, symbols, start, end, now, obstacles))]


def read_accepted(
    db: Database, symbols: Sequence[str], start: date, end: date, now: datetime
) -> dict[tuple[str, date], Acceptance]:
    """The accepted days of the symbols in the inclusive range, from one query where no exception was ever recorded."""
    places, names = bound_list(symbols)
    found = db.rows(
        "day_states.excepted",
        f"SELECT symbol, trading_day FROM {_EXCEPTIONS.format(now='%s')}"  # noqa: S608 - our own names; values are bound
        f" WHERE symbol IN ({places}) AND trading_day >= %s AND trading_day <= %s",
        [now, *names, start.isoformat(), end.isoformat()],
    )
    excepted = [date.fromisoformat(day) for _, day in found]
    if not excepted:
        return {}
    states = read_day_states(db, sorted({symbol for symbol, _ in found}), min(excepted), max(excepted), now)
    return {(state.symbol, state.trading_day): state.accepted for state in states if state.accepted is not None}


def read_grid(db: Database, start: date, end: date, now: datetime, obstacles: Obstacles = NO_OBSTACLES) -> pl.DataFrame:
    """Each symbol-day of the inclusive range that was stored, attempted or has an obstacle, in the columns of
    `GRID_SCHEMA`, sorted.

    `state`, `reason`, `accepted` and `wrong_main` are those of `derivation`, exceptions as they hold at `now`;
    `gap_seconds` and `score` (share in [0, 1]) are null where no verdict speaks of the stored content.
    """
    start_ts, end_ts = midnight_utc(start), midnight_utc(end)
    unstored = _read_unstored(
        db, "grid.attempts", f"ts >= %s AND ts <= %s AND {OF_ANY}", [start_ts, end_ts], now, obstacles
    )
    within = f"ts >= {instant_literal(start_ts)} AND ts <= {instant_literal(end_ts)} AND {OF_ANY}"
    columns = "a.rows_total rows, a.contract contract, s.missing_seconds gap_seconds, q.score score"
    statement = _STORED_DAYS.format(within=within, columns=columns, now=instant_literal(now))
    stored = db.export("grid.stored", statement).with_columns(
        pl.col("ts").dt.replace_time_zone(None), pl.col(pl.Categorical).cast(pl.String)
    )
    return (
        with_states(_joined(stored, unstored.with_columns(rows=0), obstacles))
        .with_columns(
            pl.col("ts").dt.date().alias("trading_day"),
            pl.when(pl.col("coverage_state") != "").then("gap_seconds"),
            pl.when(pl.col("quality_state") != "").then("score"),
        )
        .select(*GRID_SCHEMA)
        .cast(GRID_SCHEMA)  # pyright: ignore[reportArgumentType]
        .sort("symbol", "trading_day")
    )


def _within(symbols: Sequence[str], start: date, end: date) -> tuple[str, list[object]]:
    places, names = bound_list(symbols)
    return f"ts >= %s AND ts <= %s AND symbol IN ({places})", [midnight_utc(start), midnight_utc(end), *names]


def _stored(db: Database, symbols: Sequence[str], start: date, end: date, now: datetime) -> pl.DataFrame:
    within, values = _within(symbols, start, end)
    columns = (
        "a.rows_total rows, a.contract contract, a.manifest_id manifest_id, e.who who, e.ts accepted_at,"
        f" e.reason accepted_because, {_OF_VERDICTS} binding, a.digest digest, s.detail detail,"
        " s.baseline_days baseline_days, s.witness witness"
    )
    statement = _STORED_DAYS.format(within=within, columns=columns, now="%s")
    rows = db.rows("day_states.stored", statement, [*values, *values, *values, now])
    return pl.DataFrame(rows, schema=_STORED, orient="row")


def _attempted(
    db: Database, symbols: Sequence[str], start: date, end: date, now: datetime, obstacles: Obstacles
) -> pl.DataFrame:
    return _read_unstored(db, "day_states.attempts", *_within(symbols, start, end), now, obstacles)


def _read_unstored(
    db: Database, name: str, within: str, values: Sequence[object], now: datetime, obstacles: Obstacles
) -> pl.DataFrame:
    """The last attempt or the obstacle of each day without stored ticks. `values` are the parameters of `within`.

    Ask for it before the stored days: a day that is being stored then is in one of the two at least.
    """
    found = db.rows(name, _ATTEMPTED.format(within=within, now="%s"), [*values, *values, now])
    last: dict[tuple[Any, ...], tuple[Any, ...]] = {(row[0], row[1]): row for row in found}
    attempts = pl.DataFrame(list(last.values()), schema=_ATTEMPT, orient="row")
    wrong = [wrong_main_of(*attempt) for attempt in attempts.select("symbol", "outcome").iter_rows()]
    return (
        attempts.with_columns(pl.Series("outcome_wrong_main", wrong, pl.String))
        .join(_frame_of(obstacles), on=("symbol", "ts"), how="full", coalesce=True)
        .with_columns(pl.coalesce("main", "contract").alias("contract"), stored=False)
        .drop("main")
    )


def _frame_of(obstacles: Obstacles) -> pl.DataFrame:
    found = [
        (symbol, datetime.combine(day, time()), item.contract or None, item.state.value, item.reason, item.wrong_main)
        for (symbol, day), item in obstacles.items()
    ]
    return pl.DataFrame(found, schema=_OBSTACLE, orient="row")


def _bound_states(facts: pl.DataFrame) -> list[tuple[DayState, str]]:
    """The days as they stand, by symbol and day, each with what an exception of it is bound to."""
    found = [(_day_state(row), row["binding"] or "") for row in with_states(facts).iter_rows(named=True)]
    return sorted(found, key=lambda bound: (bound[0].symbol, bound[0].trading_day))


def _day_state(row: Mapping[str, Any]) -> DayState:
    accepted = None
    if row["accepted"]:
        accepted = Acceptance(row["who"], row["accepted_at"].replace(tzinfo=UTC), row["accepted_because"])
    return DayState(
        **{name: row[name] for name in _STATES},
        reason=_with_detail(row),
        trading_day=row["ts"].date(),
        rows=row["rows"] or 0,
        contract=row["contract"] or "",
        digest=row.get("digest") or "",
        manifest_id=row["manifest_id"] or "",
        witness=(row.get("witness") or "") if row["coverage_state"] else "",
        accepted=accepted,
        wrong_main=WrongMain(row["wrong_main"]) if row["wrong_main"] else None,
    )


def _with_detail(row: Mapping[str, Any]) -> str:
    """The reason's code; after a colon what of the day coverage names, where it decided, and the lack of a baseline.

    A wrong main contract's is the finding itself.
    """
    if row["wrong_main"]:
        return row["reason"]
    decides, judged = row["decided_by"] == DecidedBy.COVERAGE, bool(row["coverage_state"])
    named = [
        *([row["detail"]] if decides and row.get("detail") else []),
        *([NO_BASELINE] if judged and row.get("baseline_days") == 0 else []),
    ]
    return f"{row['reason']}: {'; '.join(named)}" if named else row["reason"]


def _joined(stored: pl.DataFrame, unstored: pl.DataFrame, obstacles: Obstacles) -> pl.DataFrame:
    """Both kinds of days in one frame; a day of both is a stored one.

    What is wrong with a main contract is said of a stored day too, if its content is another contract's.
    """
    left = unstored.join(stored, on=("symbol", "ts"), how="anti")
    wrong = _frame_of(obstacles).filter(pl.col("obstacle_wrong_main").is_not_null())
    if wrong.is_empty():
        return pl.concat([stored, left], how="diagonal_relaxed")
    named = stored.join(wrong, on=("symbol", "ts"), how="left")
    of_another = [
        pl.when(pl.col("main") != pl.col("contract")).then(name).alias(name)
        for name in ("obstacle", "obstacle_reason", "obstacle_wrong_main")
    ]
    return pl.concat([named.with_columns(of_another).drop("main"), left], how="diagonal_relaxed")
