"""A provider's list of holidays against the calendar: what differs, what it leaves open, what it carries on.

Belongs here: which days a list speaks of, and a calendar extended by it. Does not belong here: the calendar itself
(`calendar`), fetching a list (`tq`), keeping what it confirmed (`reference`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final, Literal

from ghtrader_assets.errors import BadInputError
from ghtrader_assets.market.calendar import TradingCalendar, weekdays

_CLOSURES: Final = (
    ((1, 1), (1, 3), 1),  # New Year
    ((1, 20), (2, 28), 4),  # Spring Festival
    ((4, 28), (5, 7), 1),  # Labour Day
    ((10, 1), (10, 8), 3),  # National Day
)
"""Months and days between which every year since 2004 has at least so many weekdays without trading."""
_MOST_CLOSED: Final = 60
"""Twice the weekdays without trading that a year since 2004 had at most."""


@dataclass(frozen=True, slots=True)
class CalendarFinding:
    """One weekday on which a provider's holiday list and the calendar differ."""

    day: date
    ours: Literal["open", "closed"]
    theirs: Literal["open", "closed"]

    def __str__(self) -> str:
        return f"{self.day} ({self.day:%a}): {self.ours} in our calendar, {self.theirs} in the provider's list"


def compare_holidays(calendar: TradingCalendar, holidays: Iterable[date | str]) -> list[CalendarFinding]:
    """Where a provider's holiday list (TqSdk: days that do not trade, weekends optional) differs from ours.

    Compared over `compared_days`. Raises BadInputError for an empty list.
    """
    closed = {_day(item) for item in holidays}
    return [
        CalendarFinding(day, "open" if ours else "closed", "closed" if ours else "open")
        for day in weekdays(*compared_days(calendar, closed))
        if (ours := calendar.is_trading_day(day)) == (day in closed)
    ]


def compared_days(calendar: TradingCalendar, closed: Collection[date]) -> tuple[date, date]:
    """The first and the last day that a holiday list and the calendar's settled part cover; reversed if there is none.

    The list covers from its first year to its last day, or to the end of that year if it covers it whole. Raises
    BadInputError for an empty list.
    """
    if not closed:
        raise BadInputError("the provider's holiday list is empty")
    last = max(closed)
    end = date(last.year, 12, 31) if covers_year(closed, last.year) else last
    return max(calendar.first, date(min(closed).year, 1, 1)), min(calendar.settled, end)


def unconfirmed(calendar: TradingCalendar, closed: Collection[date], today: date) -> str:
    """Which part of the year of `today` (at most the last settled one) a holiday list does not confirm; empty if none.

    Raises BadInputError for an empty list.
    """
    start, end = compared_days(calendar, closed)
    if start > end:
        return f"the list, {min(closed)} to {max(closed)}, has no day in common with our calendar"
    wanted = date(min(today.year, calendar.settled.year), 12, 31)
    if start > wanted or end < min(wanted, calendar.settled):
        return f"the list tells only of {start} to {end}: {wanted.year} is not confirmed whole"
    return ""


def extend_calendar(calendar: TradingCalendar, holidays: Iterable[date | str], source: str) -> TradingCalendar:
    """`calendar` carried on through the years that a provider's holiday list covers whole.

    Days that are settled stay as they are; differences there are findings of `compare_holidays`, never adopted. Those
    that were inferred are what the list says, or stay inferred in years that it does not cover.
    """
    closed = {_day(item) for item in holidays}
    year = calendar.settled.year
    while covers_year(closed, year + 1):
        year += 1
    last = date(year, 12, 31)
    if last <= calendar.settled:
        return calendar
    start, rest = calendar.settled + timedelta(days=1), last + timedelta(days=1)
    still_inferred = rest <= calendar.horizon
    return TradingCalendar(
        [
            calendar.previous(calendar.first),
            *calendar.days(calendar.first, calendar.settled),
            *(day for day in weekdays(start, last) if day not in closed),
            *(calendar.days(rest, calendar.horizon) if still_inferred else ()),
        ],
        first=calendar.first,
        horizon=max(last, calendar.horizon),
        inferred_from=rest if still_inferred else None,
        source=f"{calendar.source}; from {start} on: {source}",
    )


def covers_year(closed: Collection[date], year: int) -> bool:
    """Whether a holiday list covers a year whole: each closure that every year has (`_CLOSURES`) is listed.

    A list that ends with New Year's Day, or names National Day alone, must not turn the rest of that year into trading
    days.
    """
    return all(
        sum(date(year, *first) <= day <= date(year, *last) and day.weekday() < 5 for day in closed) >= least
        for first, last, least in _CLOSURES
    )


def implausible_list(days: Collection[date]) -> str:
    """Why no calendar of an exchange is like this holiday list; empty if one may be. An empty list is another matter.

    A true one covers years whole, and none since 2004 had more than 30 weekdays without trading.
    """
    years = {day.year for day in days}
    if not days:
        return ""
    if not any(covers_year(days, year) for year in years):
        return f"covers no year: it has {len(days)} day(s), {min(days)} to {max(days)}"
    closed = Counter(day.year for day in set(days) if day.weekday() < 5)
    full = [year for year, count in closed.items() if count > _MOST_CLOSED]
    return f"has {closed[min(full)]} weekdays without trading in {min(full)}" if full else ""


def _day(item: date | str) -> date:
    try:
        return date.fromisoformat(item) if isinstance(item, str) else item
    except ValueError as error:
        raise BadInputError(f"'{item}' in the provider's holiday list is no day") from error
