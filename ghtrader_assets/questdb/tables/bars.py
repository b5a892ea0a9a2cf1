"""Stored bars: replacing a day's at one instant, and reading those of a range.

Belongs here: the rows of 1-minute bars, and reading what they were made of. Does not belong here: what of them is
handed out (`reading.bars`), writing what they were made of (`records`).

A day's bars are replaced as its ticks are: one transaction carries the new rows, and `live = false` for each stored
minute that the new ones don't have. Each row carries the mark of what it was made of, so that a reader can tell whose
bars it has read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import polars as pl
from questdb import SenderTransaction

from ghtrader_assets.bars.frame import FIGURES, mark_of
from ghtrader_assets.market.clock import instant
from ghtrader_assets.market.ticks import DayWindow
from ghtrader_assets.questdb.client.connection import Database
from ghtrader_assets.questdb.client.sql import instant_literal, literal
from ghtrader_assets.questdb.tables.codec import columns_of_kind, rows_of
from ghtrader_assets.questdb.tables.rows import BarDay
from ghtrader_assets.questdb.tables.schema import BAR_DAYS, BARS, TABLES
from ghtrader_assets.questdb.tables.tick_columns import put_rows
from ghtrader_assets.validation.verdicts import midnight_utc

_STORED: Final = pl.Schema({"ts": pl.Datetime("us"), **FIGURES, "made_of": pl.Int64})


@dataclass(frozen=True, slots=True)
class DayBars:
    """The 1-minute bars of a symbol's trading day, and the row that says what they were made of."""

    row: BarDay
    window: DayWindow
    frame: pl.DataFrame

    @property
    def mark(self) -> int:
        return mark_of(self.row.fingerprint)


def send_bars(db: Database, days: Sequence[DayBars]) -> list[str]:
    """Commit the bars of different days in one transaction, in place of what is stored of them; those that are stored
    already are not sent. Returns the table to wait for, none where nothing was sent."""
    if not days:
        return []
    stored = _stored_keys(db, days)
    replaced = [(day, stored.filter(_of_day(day))) for day in days]
    changed = [(day, old) for day, old in replaced if not _is_stored(day, old)]
    if not changed:
        return []
    base = TABLES[BARS].base
    with db.sender() as sender, sender.transaction(base) as transaction:
        _put_live(transaction, [day for day, _ in changed if day.row.bars])
        for day, old in changed:
            _put_dead(transaction, day, old)
    return [base]


def _put_live(transaction: SenderTransaction, days: Sequence[DayBars]) -> None:
    """Add the bars of the days, live: one frame for all of them, since each costs as much as thousands of its rows."""
    if not days:
        return
    bars = pl.concat([day.frame for day in days])
    of_row = np.repeat(np.arange(len(days)), [day.frame.height for day in days])
    texts = {
        name: _numbered([str(getattr(day.row, name)) for day in days], of_row)
        for name in ("symbol", "trading_day", "contract")
    }
    columns = {name: bars[name].to_numpy() for name in FIGURES}
    columns["ts"] = (bars["start_ns"].to_numpy() // 1000).astype("datetime64[us]")
    columns["made_of"] = np.array([day.mark for day in days])[of_row]
    columns["live"] = np.ones(bars.height, dtype=np.bool_)
    put_rows(transaction, texts, columns)


def _put_dead(transaction: SenderTransaction, day: DayBars, old: pl.DataFrame) -> None:
    """Hide the stored minutes that the day's bars don't have."""
    gone = np.setdiff1d(old["micros"].to_numpy(), day.frame["start_ns"].to_numpy() // 1000)
    if not len(gone):
        return
    codes = np.zeros(len(gone), dtype=np.int8)
    texts = {"symbol": (codes, [day.row.symbol]), "trading_day": (codes, [day.row.trading_day.isoformat()])}
    put_rows(transaction, texts, {"ts": gone.astype("datetime64[us]"), "live": np.zeros(len(gone), dtype=np.bool_)})


def _numbered(values: Sequence[str], of_row: npt.NDArray[np.int64]) -> tuple[npt.NDArray[Any], Sequence[str]]:
    """The number of each row's value among the different ones, and those."""
    different = list(dict.fromkeys(values))
    return np.array([different.index(value) for value in values], dtype=np.int32)[of_row], different


def read_bars(
    db: Database, symbol: str, start: datetime, end: datetime, columns: Sequence[str] = FIGURES.names()
) -> pl.DataFrame:
    """The symbol's live bars that begin in `[start, end)` (UTC), in order: `start_ns`, these figures, and `made_of`."""
    names = ("ts", *columns, "made_of")
    found = db.export(
        "bars",
        f"SELECT {', '.join(names)} FROM {BARS} WHERE symbol = {literal(symbol)}"  # noqa: S608 - our own names; values pass the grammar of symbols
        f" AND ts >= {instant_literal(start)} AND ts < {instant_literal(end)}",
    )
    kinds = pl.Schema({name: _STORED[name] for name in names})
    start_ns = pl.col("ts").dt.timestamp("us") * 1000
    return found.cast(kinds).select(start_ns.alias("start_ns"), *columns, "made_of")


def read_bar_days(db: Database, symbol: str, days: Sequence[date]) -> dict[date, BarDay]:
    """What the bars of these days were made of, of those that have any."""
    if not days:
        return {}
    found = db.rows(
        "bar_days",
        f"SELECT {columns_of_kind(BarDay)} FROM {BAR_DAYS} WHERE symbol = %s AND ts >= %s AND ts <= %s",  # noqa: S608 - our own names; values are bound
        [symbol, midnight_utc(min(days)), midnight_utc(max(days))],
    )
    wanted = set(days)
    return {row.trading_day: row for row in rows_of(BarDay, found) if row.trading_day in wanted}


def _stored_keys(db: Database, days: Sequence[DayBars]) -> pl.DataFrame:
    """`symbol`, `micros` and `made_of` of the live bars within the days' windows."""
    start = instant(min(day.window.start_ns for day in days))
    end = instant(max(day.window.end_ns for day in days))
    symbols = ", ".join(literal(name) for name in sorted({day.row.symbol for day in days}))
    found = db.export(
        "bar_keys",
        f"SELECT symbol, ts, made_of FROM {BARS} WHERE symbol IN ({symbols})"  # noqa: S608 - our own names; values pass the grammar of symbols
        f" AND ts >= {instant_literal(start)} AND ts < {instant_literal(end)}",
    )
    return found.select(
        pl.col("symbol").cast(pl.String), pl.col("ts").cast(pl.Datetime("us")).dt.timestamp("us").alias("micros"),
        pl.col("made_of").cast(pl.Int64),
    )  # fmt: skip


def _of_day(day: DayBars) -> pl.Expr:
    within = pl.col("micros").is_between(day.window.start_ns // 1000, day.window.end_ns // 1000, closed="left")
    return (pl.col("symbol") == day.row.symbol) & within


def _is_stored(day: DayBars, old: pl.DataFrame) -> bool:
    return old.height == day.frame.height and bool((old["made_of"] == day.mark).all())
