"""Calendars that end sooner or go on longer than the packaged one."""

from __future__ import annotations

from datetime import date

from ghtrader_assets.market.calendar import TradingCalendar, snapshot_calendar

_PACKAGED = snapshot_calendar()

NEXT_YEAR = [
    *_PACKAGED.holidays_on_weekdays(_PACKAGED.first, _PACKAGED.settled),
    *(date(2027, *day) for day in ((1, 1), (2, 5), (2, 8), (2, 9), (2, 10), (2, 11), (4, 5), (5, 3), (6, 9))),
    *(date(2027, 10, day) for day in (1, 4, 5, 6, 7)),
]
"""A list of holidays that covers 2027 as well."""


def cut(calendar: TradingCalendar, last: date) -> TradingCalendar:
    """The calendar up to `last`."""
    days = [calendar.previous(calendar.first), *calendar.days(calendar.first, last)]
    return TradingCalendar(days, first=calendar.first, horizon=last, source="the operator's own")
