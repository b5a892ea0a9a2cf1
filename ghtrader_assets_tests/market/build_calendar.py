"""Builds the packaged calendar snapshot: `python -m ghtrader_assets_tests.market.build_calendar`.

Every weekday on which the packages disagree must be settled in `calendar_differences.csv`, or nothing is
written. The year after their last one is inferred: `calendar_inferred.csv` has its closures by the rules of holidays,
until their notice comes out and the packages have it. Needs the development packages exchange_calendars and
chinesecalendar; the product imports neither.
"""

from __future__ import annotations

import csv
import io
from datetime import date, timedelta
from importlib.metadata import version
from pathlib import Path

import chinese_calendar
import exchange_calendars
import pandas as pd

from ghtrader_assets.market import calendar as market_calendar

DATA = Path(market_calendar.__file__).parent / "data"
INFERRED = Path(__file__).with_name("calendar_inferred.csv")
DIFFERENCES = Path(__file__).with_name("calendar_differences.csv")
FIRST = date(2004, 1, 1)


def weekdays(first: date, last: date) -> list[date]:
    """All days from Monday to Friday, both ends included."""
    span = ((first + timedelta(days=n)) for n in range((last - first).days + 1))
    return [day for day in span if day.weekday() < 5]


def exchange_days() -> tuple[set[date], date]:
    """XSHG's sessions since the end of 2003, and the last day the package knows."""
    calendar = exchange_calendars.get_calendar("XSHG", start=pd.Timestamp("2003-12-01"))
    return {session.date() for session in calendar.sessions}, calendar.last_session.date()


def state_workday(day: date) -> bool:
    """Whether the state's holiday arrangement makes `day` a workday (chinesecalendar)."""
    return bool(chinese_calendar.is_workday(day))


def differences() -> list[tuple[date, bool, bool]]:
    """Weekdays on which the packages disagree: (day, XSHG open, state workday)."""
    sessions, horizon = exchange_days()
    return [
        (day, day in sessions, state_workday(day))
        for day in weekdays(FIRST, horizon)
        if (day in sessions) != state_workday(day)
    ]


def settled() -> dict[date, bool]:
    """The table of settled disagreements: day -> open."""
    text = DIFFERENCES.read_text(encoding="utf-8")
    rows = csv.DictReader(io.StringIO(text))
    return {date.fromisoformat(row["day"]): row["settled"] == "open" for row in rows}


def inferred() -> dict[date, str]:
    """The weekdays of the year after the packages' last one that should be closed, each with its rule."""
    rows = csv.DictReader(io.StringIO(INFERRED.read_text(encoding="utf-8")))
    return {date.fromisoformat(row["day"]): row["rule"] for row in rows}


def build() -> str:
    """The snapshot's JSON text."""
    sessions, horizon = exchange_days()
    verdicts = settled()
    open_days = set(sessions)
    for day, *_ in differences():
        open_days.discard(day)
        if verdicts[day]:
            open_days.add(day)
    last, closed = date(horizon.year + 1, 12, 31), inferred()
    open_days |= {day for day in weekdays(horizon + timedelta(days=1), last) if day not in closed}
    before = max(day for day in sessions if day < FIRST)
    calendar = market_calendar.TradingCalendar(
        sorted(day for day in open_days if day >= before),
        first=FIRST,
        horizon=last,
        inferred_from=horizon + timedelta(days=1),
        source=f"exchange_calendars {version('exchange_calendars')} XSHG reconciled with "
        f"chinesecalendar {version('chinesecalendar')}; {last.year} inferred: holidays not published yet",
    )
    return market_calendar.dump_calendar(calendar)


if __name__ == "__main__":
    (DATA / "calendar.json").write_text(build(), encoding="utf-8")
