"""What is stored of a symbol against the calendar: the state of each expected day, and which stored days are bad."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from datetime import date

import pytest

from ghtrader_assets.clock import Clock
from ghtrader_assets.context.store import StoreContext
from ghtrader_assets.market.clock import instant_ns
from ghtrader_assets.market.symbols import parse_symbol
from ghtrader_assets.questdb.client.connection import Database
from ghtrader_assets.questdb.tables.reader import read_summary
from ghtrader_assets.questdb.tables.writer import DayLoad
from ghtrader_assets.reading.overview import bad_days_of, days_of, sessions_lacking, summary_of
from ghtrader_assets.store import Store
from ghtrader_assets.upkeep.acceptance import accept_days
from ghtrader_assets_tests.fix_store import Record, begin

MONDAY, TUESDAY, WEDNESDAY, THURSDAY, FRIDAY = WEEK = tuple(date(2026, 1, day) for day in range(5, 10))
LoadOf = Callable[..., DayLoad]


@pytest.fixture
def context(store: Store) -> StoreContext:
    """On Friday's evening, where symbols begin on Tuesday."""
    settings = store.context.settings.model_copy(update={"start_date": TUESDAY})
    return dataclasses.replace(store.context, settings=settings, clock=Clock(lambda: instant_ns(FRIDAY, 22 * 3600)))


def test_each_expected_day_is_complete_or_missing_with_its_state(
    context: StoreContext, db: Database, load_of: LoadOf, record: Record, symbol: str
) -> None:
    record(load_of(TUESDAY, rows=20))
    record(load_of(WEDNESDAY, rows=30), state="error")
    begin(db, load_of(THURSDAY))
    days = days_of(context, parse_symbol(symbol), MONDAY, FRIDAY)
    assert [(day.trading_day, day.ingest_state, day.state, day.rows) for day in days] == [
        (MONDAY, "not_listed", "not_listed", 0),
        (TUESDAY, "complete", "ok", 20),
        (WEDNESDAY, "complete", "error", 30),
        (THURSDAY, "running", "running", 0),
        (FRIDAY, "missing", "missing", 0),
    ]
    summary = summary_of(context, parse_symbol(symbol))
    assert (summary.first_day, summary.last_day, summary.n_days, summary.rows) == (TUESDAY, WEDNESDAY, 2, 50)
    assert (summary.expected_days, summary.missing_days) == (4, {"running": [THURSDAY], "missing": [FRIDAY]})


def test_of_a_symbol_that_begins_later_no_day_is_expected(context: StoreContext, symbol: str) -> None:
    settings = context.settings.model_copy(update={"start_date": date(2026, 1, 12)})
    summary = summary_of(dataclasses.replace(context, settings=settings), parse_symbol(symbol))
    assert (summary.first_day, summary.n_days, summary.expected_days, summary.missing_days) == (None, 0, 0, {})


def test_stored_days_are_bad_that_are_partial_or_in_error_and_not_accepted(
    context: StoreContext, load_of: LoadOf, record: Record, symbol: str
) -> None:
    for day, state in zip(WEEK, ("ok", "partial", "error", "", "error"), strict=True):
        record(load_of(day, rows=20), state=state)
    assert [bad.state.trading_day for bad in bad_days_of(context, symbol, WEEK)] == [TUESDAY, WEDNESDAY, FRIDAY]
    assert [bad.state.trading_day for bad in bad_days_of(context, symbol, WEEK[:2])] == [TUESDAY]
    assert bad_days_of(context, symbol, []) == []
    accept_days(context, parse_symbol(symbol), FRIDAY, FRIDAY, who="an operator", reason="as it is")
    assert [bad.state.trading_day for bad in bad_days_of(context, symbol, WEEK)] == [TUESDAY, WEDNESDAY]


def test_the_sessions_that_lack_ticks_are_named_with_their_seconds(
    context: StoreContext, load_of: LoadOf, record: Record, symbol: str
) -> None:
    record(load_of(MONDAY, rows=20), state="error")
    verdict = read_summary(context.database, symbol, [MONDAY])[MONDAY]
    assert sessions_lacking(None) == sessions_lacking(verdict) == ""
    figures = {
        "night": {"missing_segments": 2, "missing_seconds": 1_250, "expected_seconds_strict": 14_398},
        "day": {"missing_segments": 0, "missing_seconds": 0, "expected_seconds_strict": 13_498},
    }
    lacking = sessions_lacking(dataclasses.replace(verdict, sessions_json=json.dumps(figures)))
    assert lacking == "night session: 1,250 of 14,398 s without a tick"
