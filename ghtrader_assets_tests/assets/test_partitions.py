"""Which trading days are partitions when, and what a changed calendar does to those that exist."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta

import dagster as dg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ghtrader_assets.assets.new_days import new_days_sensor
from ghtrader_assets.assets.partitions import TIME_ZONE, begun_days, known_to, partition_days, trading_day_partitions
from ghtrader_assets.assets.resources import Platform
from ghtrader_assets.clock import Clock
from ghtrader_assets.market.calendar import TradingCalendar, changed_days, snapshot_calendar
from ghtrader_assets.market.clock import SHANGHAI
from ghtrader_assets.market.holidays import CalendarFinding
from ghtrader_assets.reference.calendar import adopted
from ghtrader_assets.settings import Settings

CALENDAR = snapshot_calendar()
FIRST, LAST = date(2024, 1, 2), date(2026, 10, 30)
OPEN = CALENDAR.days(date(2024, 1, 3), LAST)
CLOSED = CALENDAR.holidays_on_weekdays(date(2024, 1, 3), LAST)
HOURS = (time(0), time(12), time(23, 59, 59))


def at(day: date, hour: time = time(9)) -> datetime:
    return datetime.combine(day, hour, SHANGHAI)


def keys(calendar: TradingCalendar) -> set[str]:
    now = at(date(2026, 11, 30))
    return set(trading_day_partitions(FIRST, calendar, now).get_partition_keys(current_time=now))


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


def last_shown(partitions: dg.DailyPartitionsDefinition, now: datetime) -> date:
    window = partitions._get_last_partition_window(now.timestamp())
    assert window is not None
    return window.start.date()


@pytest.mark.parametrize("year", [2026, *(pytest.param(year, marks=pytest.mark.soak) for year in range(2021, 2026))])
def test_the_last_partition_is_the_last_trading_day_whose_date_has_begun(year: int) -> None:
    """Each day of a year, weekends and holidays included, three hours a day, by the definition that is in force: made
    when trading went on after the last day off. One that is made on the day itself says the same."""
    first, day = date(2021, 1, 4), date(year, 1, 5)
    held = trading_day_partitions(first, CALENDAR, at(day, time(0)))
    made_to = known_to(CALENDAR, at(day, time(0)))
    while day.year == year:
        wanted = day if CALENDAR.is_trading_day(day) else CALENDAR.previous(day)
        made = trading_day_partitions(first, CALENDAR, at(day, time(0)))
        if wanted > made_to:
            held, made_to = made, known_to(CALENDAR, at(day, time(0)))
        assert {last_shown(held, at(day, hour)) for hour in HOURS} == {wanted}, day
        assert last_shown(made, at(day, HOURS[-1])) == wanted, day
        day += timedelta(days=1)


def test_every_trading_day_that_has_begun_is_a_partition_in_order() -> None:
    first = date(2021, 1, 4)
    for day in (date(2026, 2, 20), date(2026, 10, 8), date(2026, 11, 29), date(2027, 1, 4)):
        partitions = trading_day_partitions(first, CALENDAR, at(day))
        assert partition_days(partitions, at(day)) == begun_days(first, CALENDAR, at(day))
        assert begun_days(first, CALENDAR, at(day))[-1] == CALENDAR.previous(day + timedelta(days=1))


def test_what_is_no_trading_day_or_has_not_begun_is_no_partition() -> None:
    saturday = at(date(2026, 1, 10))
    partitions = trading_day_partitions(FIRST, CALENDAR, saturday)
    with dg.partition_loading_context(saturday):
        found = {key: partitions.has_partition_key(key) for key in ("2026-01-04", "2026-01-01", "2026-01-09")}
        assert found == {"2026-01-04": False, "2026-01-01": False, "2026-01-09": True}
        assert not partitions.has_partition_key("2026-01-12")


def of_earlier_versions() -> dg.DailyPartitionsDefinition:
    """Without an end but the calendar's, as homes of earlier versions have it in backfills and cursors."""

    def midnight(day: date) -> datetime:
        return datetime.combine(day, time())

    holidays = CALENDAR.holidays_on_weekdays(FIRST, CALENDAR.settled)
    return dg.DailyPartitionsDefinition(
        start_date=midnight(FIRST),
        end_date=midnight(CALENDAR.settled + timedelta(days=1)),
        timezone=TIME_ZONE,
        end_offset=1,
        exclusions=["0 0 * * 6,0", *map(midnight, holidays)],
    )


def test_dagster_goes_on_with_what_earlier_versions_left_in_its_storage() -> None:
    """A backfill under way: Dagster compares windows, time zone and what exists, and takes its days over."""
    now = at(date(2026, 10, 10))
    before, after = of_earlier_versions(), trading_day_partitions(FIRST, CALENDAR, now)
    with dg.partition_loading_context(now):
        shown = [key for key in before.get_partition_keys() if key <= "2026-10-09"]
        assert after.get_partition_keys() == shown
        for days in (["2026-01-05"], ["2026-09-30", "2026-10-09"], shown[3:600], shown):
            kept = before.subset_with_partition_keys(days)
            assert (kept - after.subset_with_all_partitions()).is_empty
            assert sorted(kept.with_partitions_def(after).get_partition_keys()) == sorted(days)


@pytest.mark.parametrize(
    ("made", "later", "asks"),
    [
        (at(date(2026, 1, 9)), at(date(2026, 1, 11)), False),
        (at(date(2026, 1, 9)), at(date(2026, 1, 12), time(0)), True),
        (at(date(2026, 1, 10)), at(date(2026, 1, 12), time(0)), True),
        (at(date(2026, 1, 12)), at(date(2026, 1, 16), time(23)), False),
        (at(date(2026, 12, 31)), at(date(2027, 1, 3)), False),
        (at(date(2026, 12, 31)), at(date(2027, 1, 4), time(0)), True),
    ],
)
def test_a_running_dagster_reads_its_definitions_anew_when_trading_goes_on(
    made: datetime, later: datetime, asks: bool
) -> None:
    sensor = new_days_sensor(known_to(CALENDAR, made))
    platform = Platform(Settings(), Clock(lambda: round(later.timestamp() * 1e9)))
    with dg.DagsterInstance.ephemeral() as instance:
        context = dg.build_sensor_context(instance, resources={"platform": platform})
        assert isinstance(sensor(context), dg.RunRequest if asks else dg.SkipReason)
