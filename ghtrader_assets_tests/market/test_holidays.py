"""A provider's list of holidays against the calendar: what differs, what stays open, what it carries on."""

from __future__ import annotations

from datetime import date

import pytest

from ghtrader_assets.errors import BadInputError
from ghtrader_assets.market.calendar import changed_days, snapshot_calendar, weekdays
from ghtrader_assets.market.holidays import (
    compare_holidays,
    covers_year,
    extend_calendar,
    implausible_list,
    unconfirmed,
)
from ghtrader_assets_tests.calendars import NEXT_YEAR

CALENDAR = snapshot_calendar()
HOLIDAYS = CALENDAR.holidays_on_weekdays(CALENDAR.first, CALENDAR.settled)


def test_a_provider_that_agrees_has_no_findings() -> None:
    assert compare_holidays(CALENDAR, [day.isoformat() for day in HOLIDAYS]) == []
    weekends = [date(2025, 5, 3), date(2025, 5, 4)]
    assert compare_holidays(CALENDAR, [*HOLIDAYS, *weekends]) == []


def test_a_provider_that_differs_is_reported_day_by_day() -> None:
    theirs = [*(day for day in HOLIDAYS if day != date(2025, 5, 5)), date(2025, 5, 6)]
    findings = compare_holidays(CALENDAR, theirs)
    assert [str(finding) for finding in findings] == [
        "2025-05-05 (Mon): closed in our calendar, open in the provider's list",
        "2025-05-06 (Tue): open in our calendar, closed in the provider's list",
    ]


def test_only_the_years_a_provider_covers_are_compared() -> None:
    assert compare_holidays(CALENDAR, [day for day in HOLIDAYS if day.year in (2024, 2025)]) == []
    with pytest.raises(BadInputError, match="is empty"):
        compare_holidays(CALENDAR, [])
    with pytest.raises(BadInputError, match="is no day"):
        compare_holidays(CALENDAR, ["soon"])


def test_a_list_that_ends_early_in_a_year_opens_none_of_its_holidays() -> None:
    until_new_year = [day for day in HOLIDAYS if day < date(2026, 1, 1)]
    assert compare_holidays(CALENDAR, [*until_new_year, date(2026, 1, 1)]) == []


TODAY = date(2026, 11, 28)
SPRING_FESTIVAL = [day for day in HOLIDAYS if (day.year, day.month) == (2026, 2)]


def test_a_list_is_compared_up_to_its_last_day() -> None:
    """One that was cut in June and lacks Spring Festival once "agreed"."""
    cut = [day for day in HOLIDAYS if day < date(2026, 6, 30) and day not in SPRING_FESTIVAL]
    assert [holiday.day for holiday in compare_holidays(CALENDAR, cut)] == SPRING_FESTIVAL
    assert compare_holidays(CALENDAR, [day for day in HOLIDAYS if day < date(2026, 6, 30)]) == []


@pytest.mark.parametrize(
    ("closed", "said"),
    [
        (HOLIDAYS, ""),
        ([*HOLIDAYS, date(2027, 1, 1)], ""),
        ([day for day in HOLIDAYS if day.year == 2026], ""),
        ([day for day in HOLIDAYS if day < date(2026, 6, 30)], "2004-01-01 to 2026-06-19: 2026 is not confirmed whole"),
        ([day for day in HOLIDAYS if day.year < 2026], "to 2025-12-31: 2026 is not confirmed whole"),
        ([date(2035, 10, 1), date(2035, 10, 2)], "2035-10-01 to 2035-10-02, has no day in common with our calendar"),
    ],
)
def test_what_a_list_leaves_open_of_this_year_is_said(closed: list[date], said: str) -> None:
    left_open = unconfirmed(CALENDAR, closed, TODAY)
    assert left_open.endswith(said) if said else left_open == ""
    assert unconfirmed(CALENDAR, HOLIDAYS, date(2027, 5, 1)) == "", "past the horizon the horizon is what is wrong"


@pytest.mark.parametrize("year", range(2004, 2027))
def test_a_year_is_covered_whole_by_its_closures_and_not_without_one_of_them(year: int) -> None:
    closed = [day for day in HOLIDAYS if day.year == year]
    assert covers_year(closed, year)
    for month in ((1,), (1, 2), (4, 5), (10,)):
        assert not covers_year([day for day in closed if day.month not in month], year)


def test_a_refreshed_calendar_reaches_further_and_changes_no_day_we_know() -> None:
    longer = extend_calendar(CALENDAR, NEXT_YEAR, "provider list of 2026-11-22")
    assert longer.horizon == date(2027, 12, 31)
    assert longer.digest != CALENDAR.digest
    assert not longer.is_trading_day(date(2027, 2, 8))
    assert longer.next(date(2026, 12, 31)) == date(2027, 1, 4)
    assert longer.inferred_from is None
    theirs = {date(2027, 2, 12), date(2027, 5, 4), date(2027, 5, 5), date(2027, 9, 15)}
    changed = changed_days(CALENDAR, longer)
    assert theirs <= set(changed), "where the list closes other days than the rules do, it is right"
    assert min(changed) > CALENDAR.settled
    assert extend_calendar(CALENDAR, HOLIDAYS, "nothing new") is CALENDAR


def test_a_list_that_ends_with_new_years_day_does_not_open_the_rest_of_the_year() -> None:
    assert extend_calendar(CALENDAR, [*HOLIDAYS, date(2027, 1, 1)], "too early") is CALENDAR
    assert extend_calendar(CALENDAR, [*HOLIDAYS, date(2027, 10, 1)], "National Day alone") is CALENDAR
    assert extend_calendar(CALENDAR, [*HOLIDAYS, date(2028, 10, 2)], "a year is missing") is CALENDAR


def test_a_list_that_no_exchange_can_have() -> None:
    """Compared with what every year since 2004 had, not with what the list says of itself."""
    calendar = snapshot_calendar()
    true = calendar.holidays_on_weekdays(date(2005, 1, 1), calendar.horizon)
    assert implausible_list(true) == ""
    assert implausible_list([day for day in true if day.year == 2025]) == ""
    assert implausible_list([]) == "", "an empty list has a name of its own"
    assert implausible_list([date(2026, 1, 1)]).startswith("covers no year: it has 1 day(s)")
    assert implausible_list([day for day in true if day.month == 10]).startswith("covers no year")
    closed = [*true, *weekdays(date(2024, 6, 1), date(2024, 12, 31))]
    assert implausible_list(closed) == "has 164 weekdays without trading in 2024"
