"""Bars of a day in place of those that are stored of it: minutes that it no longer has are hidden."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime

import polars as pl

from ghtrader_assets.bars.frame import BAR_SCHEMA
from ghtrader_assets.market.calendar import TradingCalendar
from ghtrader_assets.market.clock import instant
from ghtrader_assets.questdb.client.connection import Database
from ghtrader_assets.questdb.tables.bars import DayBars, read_bar_days, read_bars
from ghtrader_assets.questdb.tables.forgetting import DaysOfSymbol, hide_rows
from ghtrader_assets.questdb.tables.records import write_bars
from ghtrader_assets.questdb.tables.rows import BarDay
from ghtrader_assets_tests.fix_questdb import fresh_symbol

DAY, NEXT = date(2026, 1, 6), date(2026, 1, 7)


def bars_of(calendar: TradingCalendar, symbol: str, day: date, minutes: range, price: float = 100.0) -> DayBars:
    window = calendar.window(day)
    starts = [window.start_ns + minute * 60 * 10**9 for minute in minutes]
    figures = {name: [price] * len(starts) for name in BAR_SCHEMA if name not in ("start_ns", "end_ns")}
    frame = pl.DataFrame({"start_ns": starts, "end_ns": starts, **figures}).cast(BAR_SCHEMA)
    row = BarDay(
        symbol=symbol, trading_day=day, contract="SHFE.cu2602", bars=len(starts), traded_bars=len(starts),
        volume=price * len(starts), content_digest="c", sessions_fingerprint="s",
        fingerprint=f"{round(price):032x}"[::-1], manifest_id="m", updated_at=datetime(2026, 1, 8, tzinfo=UTC),
    )  # fmt: skip
    return DayBars(row, window, frame)


def stored(db: Database, made: DayBars) -> pl.DataFrame:
    return read_bars(db, made.row.symbol, instant(made.window.start_ns), instant(made.window.end_ns))


def same(db: Database, made: DayBars) -> bool:
    found = stored(db, made)
    return found.drop("made_of").equals(made.frame.drop("end_ns")) and set(found["made_of"]) <= {made.mark}


def test_a_days_bars_take_the_place_of_all_that_is_stored_of_it_and_of_nothing_else(
    db: Database, calendar: TradingCalendar
) -> None:
    symbol, other = fresh_symbol(), fresh_symbol()
    many = bars_of(calendar, symbol, DAY, range(180, 400))
    beside = [bars_of(calendar, symbol, NEXT, range(180, 200)), bars_of(calendar, other, DAY, range(180, 200), 7.0)]
    write_bars(db, [many, *beside])
    assert all(same(db, made) for made in (many, *beside))
    assert read_bar_days(db, symbol, [DAY, NEXT]) == {DAY: many.row, NEXT: beside[0].row}
    fewer = bars_of(calendar, symbol, DAY, range(200, 300), 101.0)
    write_bars(db, [fewer])
    assert all(same(db, made) for made in (fewer, *beside))
    assert read_bar_days(db, symbol, [DAY])[DAY] == fewer.row
    none = bars_of(calendar, symbol, DAY, range(0), 102.0)
    write_bars(db, [none])
    assert stored(db, none).is_empty()
    write_bars(db, [many])
    assert all(same(db, made) for made in (many, *beside))


def test_the_same_bars_are_not_written_again(db: Database, calendar: TradingCalendar) -> None:
    made = bars_of(calendar, fresh_symbol(), DAY, range(180, 200))
    write_bars(db, [made])
    query = "SELECT sequencerTxn FROM wal_tables() WHERE name = 'ghtrader_bars_v1_base'"
    before = db.rows("txn", query)
    write_bars(db, [made])
    write_bars(db, [])
    assert db.rows("txn", query) == before
    write_bars(db, [replace(made, row=replace(made.row, fingerprint="0" * 32))])
    assert db.rows("txn", query) != before


def test_forgotten_days_have_no_bars(db: Database, calendar: TradingCalendar) -> None:
    symbol = fresh_symbol()
    gone, kept = (bars_of(calendar, symbol, day, range(180, 200)) for day in (DAY, NEXT))
    write_bars(db, [gone, kept])
    for _ in hide_rows(db, DaysOfSymbol(symbol, DAY, DAY, whole=False)):
        pass
    assert stored(db, gone).is_empty()
    assert same(db, kept)
    assert read_bar_days(db, symbol, [DAY, NEXT]) == {NEXT: kept.row}
