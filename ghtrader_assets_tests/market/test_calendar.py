"""The calendar against both packages, day by day, and its behaviour at the edges."""

from __future__ import annotations

import csv
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ghtrader_assets.errors import BadInputError
from ghtrader_assets.market.calendar import (
    TradingCalendar,
    calendar_for,
    calendar_path,
    changed_days,
    check_horizon,
    dump_calendar,
    parse_calendar,
    snapshot_calendar,
)
from ghtrader_assets.market.holidays import covers_year, extend_calendar
from ghtrader_assets.market.sessions import day_sessions
from ghtrader_assets.market.symbols import parse_symbol
from ghtrader_assets_tests.calendars import NEXT_YEAR
from ghtrader_assets_tests.market import build_calendar

CALENDAR = snapshot_calendar()
ALL_DAYS = CALENDAR.days(CALENDAR.first, CALENDAR.horizon)
SETTLED_DAYS = CALENDAR.days(CALENDAR.first, CALENDAR.settled)
HOLIDAYS = CALENDAR.holidays_on_weekdays(CALENDAR.first, CALENDAR.settled)


def test_coverage() -> None:
    assert (CALENDAR.first, CALENDAR.settled) == (date(2004, 1, 1), date(2026, 12, 31))
    assert (CALENDAR.inferred_from, CALENDAR.horizon) == (date(2027, 1, 1), date(2027, 12, 31))
    assert (len(SETTLED_DAYS), len(ALL_DAYS)) == (5586, 5829)
    assert len(CALENDAR.digest) == 16


def test_every_day_agrees_with_exchange_calendars() -> None:
    sessions, horizon = build_calendar.exchange_days()
    assert horizon == CALENDAR.settled
    assert {day for day in sessions if day >= CALENDAR.first} == set(SETTLED_DAYS)


def test_the_inferred_year_is_closed_on_the_days_that_the_rules_give() -> None:
    assert covers_year(build_calendar.inferred(), 2027)
    closed = CALENDAR.holidays_on_weekdays(date(2027, 1, 1), CALENDAR.horizon)
    assert closed == sorted(build_calendar.inferred())


def test_every_difference_from_chinesecalendar_is_settled_with_a_source() -> None:
    with build_calendar.DIFFERENCES.open(encoding="utf-8") as file:
        table = {date.fromisoformat(row["day"]): row for row in csv.DictReader(file)}
    weekdays = build_calendar.weekdays(CALENDAR.first, CALENDAR.settled)
    theirs = {day for day in weekdays if build_calendar.state_workday(day) != CALENDAR.is_trading_day(day)}
    assert theirs == set(table)
    assert {day for day, *_ in build_calendar.differences()} == set(table)
    assert all(row["source"] and row["reason"] for row in table.values())
    assert all((row["settled"] == "open") == CALENDAR.is_trading_day(day) for day, row in table.items())


def test_the_snapshot_is_what_the_build_makes() -> None:
    rebuilt = parse_calendar(build_calendar.build(), "rebuilt")
    assert rebuilt == CALENDAR
    assert hash(rebuilt) == hash(CALENDAR)


def test_a_makeup_workday_on_a_weekend_does_not_trade() -> None:
    saturday = date(2024, 2, 4) + timedelta(days=14)
    assert build_calendar.state_workday(saturday)
    assert not CALENDAR.is_trading_day(saturday)


def test_neighbours() -> None:
    assert CALENDAR.next(date(2025, 9, 30)) == date(2025, 10, 9)
    assert CALENDAR.previous(date(2025, 10, 9)) == date(2025, 9, 30)
    assert CALENDAR.next(date(2025, 10, 3)) == date(2025, 10, 9)
    assert CALENDAR.previous(date(2025, 10, 3)) == date(2025, 9, 30)
    assert CALENDAR.previous(CALENDAR.first) == date(2003, 12, 31)
    assert CALENDAR.holidays_on_weekdays(date(2025, 5, 1), date(2025, 5, 31)) == [
        date(2025, 5, 1),
        date(2025, 5, 2),
        date(2025, 5, 5),
    ]


def test_window_turns_at_six_in_the_evening() -> None:
    window = CALENDAR.window(date(2025, 3, 10))
    start = datetime(2025, 3, 7, 10, tzinfo=UTC)
    end = datetime(2025, 3, 10, 10, tzinfo=UTC)
    assert (window.start_ns, window.end_ns) == (
        int(start.timestamp()) * 1_000_000_000,
        int(end.timestamp()) * 1_000_000_000,
    )


@given(st.integers(CALENDAR.window(ALL_DAYS[0]).start_ns, CALENDAR.window(ALL_DAYS[-1]).end_ns - 1))
@settings(max_examples=300, deadline=None)
def test_every_instant_has_one_trading_day(instant: int) -> None:
    window = CALENDAR.window(CALENDAR.trading_day_of(instant))
    assert window.start_ns <= instant < window.end_ns


@given(st.sampled_from(ALL_DAYS[:-1]))
@settings(max_examples=200, deadline=None)
def test_windows_join_without_gap(day: date) -> None:
    following = CALENDAR.next(day)
    assert CALENDAR.window(day).end_ns == CALENDAR.window(following).start_ns
    assert CALENDAR.previous(following) == day


@given(st.dates(CALENDAR.first, CALENDAR.horizon - timedelta(days=40)), st.integers(0, 40))
@settings(max_examples=200, deadline=None)
def test_ranges_agree_with_single_days(start: date, length: int) -> None:
    span = [start + timedelta(days=number) for number in range(length + 1)]
    assert CALENDAR.days(start, span[-1]) == [day for day in span if CALENDAR.is_trading_day(day)]


def test_a_range_that_runs_backwards_is_empty() -> None:
    assert CALENDAR.days(date(2025, 3, 4), date(2025, 3, 3)) == []


@pytest.mark.parametrize(
    ("day", "message"),
    [
        (
            date(2025, 10, 4),
            r"2025-10-04 \(Saturday\) is not a trading day; its neighbours are 2025-09-30 and 2025-10-09",
        ),
        (date(2003, 12, 31), "use a day from 2004-01-01"),
        (date(2028, 1, 4), "2027-12-31; refresh the calendar"),
    ],
)
def test_days_that_cannot_be_used_are_explained(day: date, message: str) -> None:
    with pytest.raises(BadInputError, match=message):
        CALENDAR.require_trading_day(day)


def test_beyond_the_horizon_is_an_error_never_a_guess() -> None:
    last = ALL_DAYS[-1]
    evening = CALENDAR.window(last).end_ns
    for question in (
        lambda: CALENDAR.next(last),
        lambda: CALENDAR.trading_day_of(evening),
        lambda: CALENDAR.is_trading_day(date(2028, 1, 3)),
        lambda: CALENDAR.days(last, date(2028, 1, 3)),
    ):
        with pytest.raises(BadInputError, match="refresh the calendar"):
            question()
    with pytest.raises(BadInputError, match="before the calendar"):
        CALENDAR.trading_day_of(CALENDAR.window(ALL_DAYS[0]).start_ns - 1)


def test_the_end_of_what_is_settled_is_said_sixty_days_ahead() -> None:
    assert check_horizon(CALENDAR, date(2026, 11, 1)).ok
    late = check_horizon(CALENDAR, date(2026, 11, 2))
    assert (late.ok, late.days_ahead) == (False, 424)
    assert "from 2027-01-01 on inferred" in str(late)
    assert str(late).endswith("fewer than 60 are left that are settled")
    settled = extend_calendar(CALENDAR, NEXT_YEAR, "provider list")
    assert check_horizon(settled, date(2027, 11, 1)).ok
    assert not check_horizon(settled, date(2027, 11, 2)).ok
    assert check_horizon(CALENDAR, date(2028, 1, 2)).days_ahead == -2


def test_a_changed_holiday_changes_exactly_the_days_it_touches() -> None:
    """An extra holiday on Wednesday 2025-05-07 removes that day, and its neighbour's night."""
    days = [CALENDAR.previous(CALENDAR.first), *(day for day in ALL_DAYS if day != date(2025, 5, 7))]
    corrected = TradingCalendar(days, first=CALENDAR.first, horizon=CALENDAR.horizon, source="a correction")
    changed = changed_days(CALENDAR, corrected)
    assert changed == [date(2025, 5, 7), date(2025, 5, 8)]
    symbol = parse_symbol("KQ.m@SHFE.cu")
    stale = [
        day
        for day in corrected.days(date(2025, 4, 1), date(2025, 6, 30))
        if day_sessions(symbol, day, corrected).fingerprint != day_sessions(symbol, day, CALENDAR).fingerprint
    ]
    assert stale == [date(2025, 5, 8)]


def test_an_operators_calendar_is_used_and_guarded(tmp_path: Path) -> None:
    assert calendar_for(tmp_path) is CALENDAR
    longer = extend_calendar(CALENDAR, NEXT_YEAR, "provider list")
    path = calendar_path(tmp_path)
    path.parent.mkdir(parents=True)
    path.write_text(dump_calendar(longer), encoding="utf-8")
    assert calendar_for(tmp_path) == longer
    assert calendar_for(tmp_path).source.endswith("provider list")
    path.write_text(dump_calendar(longer).replace("2027-02-09", "2027-02-10"), encoding="utf-8")
    with pytest.raises(BadInputError, match="does not match its own digest"):
        calendar_for(tmp_path)


def test_an_operators_calendar_that_cannot_be_read_is_refused_by_name(tmp_path: Path) -> None:
    calendar_path(tmp_path).parent.mkdir()
    calendar_path(tmp_path).write_bytes(b"\xff\xfe{}")
    with pytest.raises(BadInputError, match=r"calendar\.json can't be read"):
        calendar_for(tmp_path)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"first": "2004-13-01"}',
        dump_calendar(CALENDAR).replace('"horizon": "2027', '"horizon": "2003'),
    ],
)
def test_a_damaged_calendar_is_refused_by_name(text: str) -> None:
    with pytest.raises(BadInputError, match="mine is no calendar file"):
        parse_calendar(text, "mine")


@pytest.mark.parametrize(
    "days",
    [
        [date(2024, 12, 31)],
        [date(2025, 1, 2), date(2025, 1, 3)],
        [date(2024, 12, 31), date(2025, 1, 3), date(2025, 1, 2)],
        [date(2024, 12, 31), date(2025, 1, 2), date(2025, 1, 4)],
        [date(2024, 12, 31), date(2025, 1, 2), date(2025, 2, 3)],
    ],
)
def test_impossible_calendars_are_refused(days: list[date]) -> None:
    with pytest.raises(BadInputError):
        TradingCalendar(days, first=date(2025, 1, 1), horizon=date(2025, 1, 31), source="test")


def test_a_range_means_the_trading_days_between() -> None:
    assert CALENDAR.span(date(2026, 1, 1), date(2026, 1, 31)) == (date(2026, 1, 5), date(2026, 1, 30))
    assert CALENDAR.span(date(2026, 1, 6), date(2026, 1, 6)) == (date(2026, 1, 6), date(2026, 1, 6))


@pytest.mark.parametrize(
    ("start", "end", "message"),
    [
        (
            date(2026, 1, 1),
            date(2026, 1, 4),
            "from 2026-01-01 to 2026-01-04; .* 2025-12-31 and 2026-01-05",
        ),
        (date(2026, 1, 6), date(2026, 1, 5), "2026-01-06, after its end 2026-01-05; swap them"),
        (date(2026, 1, 5), date(2099, 1, 5), "2099-01-05 lies outside the calendar"),
    ],
)
def test_a_range_without_trading_days_says_so(start: date, end: date, message: str) -> None:
    with pytest.raises(BadInputError, match=message):
        CALENDAR.span(start, end)


@given(start=st.dates(CALENDAR.first, CALENDAR.horizon), end=st.dates(CALENDAR.first, CALENDAR.horizon))
def test_a_range_s_ends_are_its_first_and_last_trading_day(start: date, end: date) -> None:
    days = CALENDAR.days(start, end) if start <= end else []
    if days:
        assert CALENDAR.span(start, end) == (days[0], days[-1])
    else:
        with pytest.raises(BadInputError):
            CALENDAR.span(start, end)
