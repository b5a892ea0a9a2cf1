"""What a changed calendar does to the partitions that exist."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ghtrader_assets.assets.partitions import trading_day_partitions
from ghtrader_assets.market.calendar import CalendarFinding, TradingCalendar, changed_days, snapshot_calendar
from ghtrader_assets.reference.calendar import adopted

CALENDAR = snapshot_calendar()
FIRST, LAST = date(2024, 1, 2), date(2026, 10, 30)
OPEN = CALENDAR.days(date(2024, 1, 3), LAST)
CLOSED = CALENDAR.holidays_on_weekdays(date(2024, 1, 3), LAST)


def keys(calendar: TradingCalendar) -> set[str]:
    return set(trading_day_partitions(FIRST, calendar).get_partition_keys())


@pytest.fixture(scope="module")
def before() -> set[str]:
    return keys(CALENDAR)


@settings(deadline=None, max_examples=10)
@given(st.sampled_from(OPEN), st.sampled_from(CLOSED))
def test_exactly_the_changed_days_appear_and_disappear(before: set[str], gone: date, come: date) -> None:
    differences = [CalendarFinding(gone, "open", "closed"), CalendarFinding(come, "closed", "open")]
    changed = adopted(CALENDAR, differences, "a notice")
    after = keys(changed)
    assert before - after == {gone.isoformat()}
    assert after - before == {come.isoformat()}
    windows_moved = set(changed_days(CALENDAR, changed)) - {gone, come}
    assert len(windows_moved) <= 2
    assert all(changed.window(day) != CALENDAR.window(day) for day in windows_moved)
