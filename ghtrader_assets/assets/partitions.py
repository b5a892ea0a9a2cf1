"""One partition is one trading day; all symbols share one definition, so that one backfill can take several.

Belongs here: partitions, and the policy by which Dagster's own backfills are cut into runs.
Does not belong here: session hours; a partition's time window is the calendar day, never the session.
"""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Final

import dagster as dg

from ghtrader_assets.market.calendar import TradingCalendar
from ghtrader_assets.orchestration.runs import DAYS_PER_RUN

TIME_ZONE: Final = "Asia/Shanghai"
WEEKENDS: Final = "0 0 * * 6,0"
BACKFILL_POLICY: Final = dg.BackfillPolicy.multi_run(DAYS_PER_RUN)


def trading_day_partitions(first_day: date, calendar: TradingCalendar) -> dg.DailyPartitionsDefinition:
    """Trading days from `first_day` to today, and never beyond the calendar's horizon."""
    holidays = calendar.holidays_on_weekdays(first_day, calendar.horizon)
    return dg.DailyPartitionsDefinition(
        start_date=_midnight(first_day),
        end_date=_midnight(calendar.horizon + timedelta(days=1)),
        timezone=TIME_ZONE,
        end_offset=1,
        exclusions=[WEEKENDS, *(_midnight(day) for day in holidays)],
    )


def partition_days(partitions: dg.PartitionsDefinition[str], at: datetime | None = None) -> list[date]:
    """The trading days that are partitions, in order; those of the instant `at` if it is given."""
    return [date.fromisoformat(key) for key in partitions.get_partition_keys(current_time=at)]


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time())
