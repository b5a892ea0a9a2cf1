"""Which trading day is expected when, and how long a feed may be silent: against the calendar, day by day."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path

import dagster as dg

from ghtrader_assets.assets.build import feed_freshness
from ghtrader_assets.clock import Clock
from ghtrader_assets.context.store import StoreContext
from ghtrader_assets.errors import IngestState
from ghtrader_assets.market.calendar import snapshot_calendar
from ghtrader_assets.market.clock import instant_ns
from ghtrader_assets.market.symbols import parse_symbol
from ghtrader_assets.questdb.client.connection import Database
from ghtrader_assets.settings import Settings
from ghtrader_assets.upkeep.feeds import FeedState, expected_day, feeds_of, freshness_windows, longest_closure
from ghtrader_assets_tests.fix_questdb import fresh_symbol
from ghtrader_assets_tests.pasts import DAY, Past, put

CALENDAR = snapshot_calendar()
NEW_YEAR, YEARS_END = date(2026, 1, 5), date(2026, 12, 31)


def test_a_day_is_expected_from_its_evening_until_the_next_trading_evening() -> None:
    """Every day of 2026: before 21:00 the trading day before, from then on itself; none on weekends and holidays."""
    for number in range(NEW_YEAR.toordinal(), YEARS_END.toordinal()):
        day = date.fromordinal(number)
        before = CALENDAR.previous(day)
        evening = day if CALENDAR.is_trading_day(day) else before
        assert expected_day(CALENDAR, instant_ns(day, 21 * 3600 - 1)) == before
        assert expected_day(CALENDAR, instant_ns(day, 21 * 3600)) == evening


def test_a_symbol_is_followed_once_its_history_was_begun(db: Database, tmp_path: Path) -> None:
    symbols = [parse_symbol(fresh_symbol()) for _ in range(2)]
    now_ns = instant_ns(DAY + timedelta(days=7), 12 * 3600)
    context = StoreContext(
        settings=Settings(home=tmp_path, start_date=DAY), calendar=CALENDAR, database=db, clock=Clock(lambda: now_ns)
    )
    put(db, {(symbols[1].text, DAY): Past("d", False, None, None, (IngestState.COMPLETE,))})
    feeds = feeds_of(context, symbols, loads_daily=True)
    assert [feed.state for feed in feeds] == [FeedState.IDLE, FeedState.LATE]
    assert [feed.state for feed in feeds_of(context, symbols, loads_daily=False)] == [FeedState.IDLE, FeedState.IDLE]


def test_nothing_is_expected_beyond_the_calendar() -> None:
    assert expected_day(CALENDAR, instant_ns(CALENDAR.horizon + timedelta(days=40), 0)) <= CALENDAR.horizon


def test_no_closure_of_the_year_looks_like_an_outage_and_a_missed_day_after_one_does() -> None:
    """A feed that loads each trading day by 21:00 never reaches the warning, whatever the holidays."""
    warn, fail = freshness_windows(CALENDAR, NEW_YEAR)
    days = CALENDAR.days(NEW_YEAR, YEARS_END)
    silences = [later - earlier for earlier, later in pairwise(days)]
    assert max(silences) == timedelta(days=11) == longest_closure(CALENDAR, NEW_YEAR)
    assert max(silences) + timedelta(hours=1, minutes=20) < warn < fail
    assert fail - warn == timedelta(days=1)


def test_the_policy_carries_both_windows() -> None:
    policy = feed_freshness(CALENDAR, NEW_YEAR)
    assert policy == dg.FreshnessPolicy.time_window(
        fail_window=timedelta(days=12, hours=2), warn_window=timedelta(days=11, hours=2)
    )
