"""How a symbol's trading days stand: stored content, last attempt and verdicts, side by side.

Belongs here: the question behind `ghtrader-assets days` and the dashboard's calendar, from the small tables alone.
Does not belong here: the rules (`derivation`), expected days and what is missing among them (the calendar's owner
knows).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Final

import polars as pl

from ghtrader_assets.questdb.client.connection import Database
from ghtrader_assets.questdb.client.sql import bound_list
from ghtrader_assets.questdb.standing.derivation import FACTS, with_states
from ghtrader_assets.questdb.standing.facts import joined, read_unstored, stored_days
from ghtrader_assets.questdb.tables.rows import DayState
from ghtrader_assets.validation.verdicts import midnight_utc

_STORED: Final = {
    "symbol": pl.String,
    "ts": pl.Datetime("us"),
    "rows": pl.Int64,
    "contract": pl.String,
    "digest": pl.String,
    "manifest_id": pl.String,
    **{name: kind for name, kind in FACTS.items() if not name.startswith("outcome")},
}


def read_day_states(db: Database, symbols: Sequence[str], start: date, end: date) -> list[DayState]:
    """Every day of the symbols in the inclusive range that was stored or attempted, by symbol and day.

    The states are those of `derivation`; the reason says what decided `state`.
    """
    if not symbols:
        return []
    places, names = bound_list(symbols)
    within = f"ts >= %s AND ts <= %s AND symbol IN ({places})"
    values = [midnight_utc(start), midnight_utc(end), *names]
    unstored = read_unstored(db, "day_states.attempts", within, values)
    columns = "a.rows_total rows, a.contract contract, a.digest digest, a.manifest_id manifest_id"
    rows = db.rows("day_states.stored", stored_days(within, columns), [*values] * 3)
    stored = pl.DataFrame(rows, schema=_STORED, orient="row")
    days = with_states(joined(stored, unstored)).with_columns(
        pl.col("contract", "digest", "manifest_id").fill_null(""), pl.col("rows").fill_null(0)
    )
    return [
        DayState(
            symbol=row["symbol"],
            trading_day=row["ts"].date(),
            **{name: row[name] for name in _AS_DERIVED},
        )
        for row in days.sort("symbol", "ts").iter_rows(named=True)
    ]


_AS_DERIVED: Final = (
    "rows",
    "contract",
    "ingest_state",
    "coverage_state",
    "quality_state",
    "state",
    "reason",
    "digest",
    "manifest_id",
)
