"""One partition is one trading day; all symbols share one definition, so that one backfill can take several.

Belongs here: partitions, and the policy by which Dagster's own backfills are cut into runs.
Does not belong here: session hours; a partition's time window is the calendar day, never the session. Having a running
Dagster take up new days (`new_days`).

A trading day is a partition once its date has begun. Dagster shows a partition when its window has ended, and with an
offset of one the next one too: today's on a trading day, one of the future on any other. So a definition ends with the
trading days that follow one another without a day off from the day on which it is made, and is made again when trading
goes on after one. Time zone, windows and offset stay what they always were: Dagster compares them before it goes on
with a backfill that it has kept.
"""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Final

import dagster as dg

from ghtrader_assets.market.calendar import TradingCalendar
from ghtrader_assets.market.clock import SHANGHAI
from ghtrader_assets.market.schedule import last_trading_day_until
from ghtrader_assets.orchestration.runs import DAYS_PER_RUN

TIME_ZONE: Final = "Asia/Shanghai"
WEEKENDS: Final = "0 0 * * 6,0"
BACKFILL_POLICY: Final = dg.BackfillPolicy.multi_run(DAYS_PER_RUN)


def trading_day_partitions(
    first_day: date, calendar: TradingCalendar, made_at: datetime
) -> dg.DailyPartitionsDefinition:
    """Trading days from `first_day` to the last whose date has begun, and never beyond the calendar's horizon.

    Right from the instant `made_at` until trading goes on after the next day off (`known_to`).
    """
    holidays = calendar.holidays_on_weekdays(first_day, calendar.horizon)
    return dg.DailyPartitionsDefinition(
        start_date=_midnight(first_day),
        end_date=_midnight(known_to(calendar, made_at) + timedelta(days=1)),
        timezone=TIME_ZONE,
        end_offset=1,
        exclusions=[WEEKENDS, *(_midnight(day) for day in holidays)],
    )


def last_begun(calendar: TradingCalendar, at: datetime) -> date:
    """The last trading day whose date has begun in Shanghai at the instant `at`."""
    return last_trading_day_until(calendar, at.astimezone(SHANGHAI).date())


def known_to(calendar: TradingCalendar, made_at: datetime) -> date:
    """The last trading day that a definition made at that instant will show: the last one before the next day off."""
    day, today = last_begun(calendar, made_at), made_at.astimezone(SHANGHAI).date()
    while day >= today and day < calendar.horizon and calendar.is_trading_day(day + timedelta(days=1)):
        day += timedelta(days=1)
    return day


def begun_days(first_day: date, calendar: TradingCalendar, at: datetime) -> list[date]:
    """The trading days that are partitions at the instant `at`, in order."""
    return calendar.days(first_day, last_begun(calendar, at))


def partition_days(partitions: dg.PartitionsDefinition[str], at: datetime | None = None) -> list[date]:
    """The trading days that a definition has, in order; those of the instant `at` if it is given."""
    return [date.fromisoformat(key) for key in partitions.get_partition_keys(current_time=at)]


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time())
