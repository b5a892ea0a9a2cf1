"""The daily schedule: each trading day at 19:40 Beijing time, whatever is due or changed.

Belongs here: when, and what of the plan. Does not belong here: the plan (`upkeep.repair`), its run requests
(`repair`).
"""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Final

import dagster as dg

from ghtrader_assets.assets.dagster_internals import AssetJob
from ghtrader_assets.assets.partitions import TIME_ZONE, partition_days
from ghtrader_assets.assets.repair import in_hand, not_in_hand, run_requests, summary
from ghtrader_assets.assets.resources import PlatformResource
from ghtrader_assets.context.load import LoadContext
from ghtrader_assets.context.store import StoreContext
from ghtrader_assets.errors import FetchError
from ghtrader_assets.market.calendar import calendar_for
from ghtrader_assets.market.clock import SHANGHAI
from ghtrader_assets.market.schedule import last_completed_day
from ghtrader_assets.market.symbols import Symbol
from ghtrader_assets.orchestration.names import LAUNCHED_BY_TAG
from ghtrader_assets.reference.schedule import refresh_schedules
from ghtrader_assets.upkeep.repair import RepairPlan, read_plan

AFTER_MAINTENANCE: Final = "40 19 * * 1-5"
"""Every exchange closes by 15:15 and TqSdk's maintenance ends at 19:30; the night session belongs to the next day."""

DAILY: Final = "daily_schedule"
DAILY_PRIORITY: Final = 10
"""Today's day goes before the backfills that are queued."""


def daily_schedule(
    symbols: Sequence[Symbol],
    partitions: dg.DailyPartitionsDefinition,
    job: AssetJob,
    status: dg.DefaultScheduleStatus,
) -> dg.ScheduleDefinition:
    """Compares the whole main-contract schedule and calendar with what is stored and loads every day due or changed."""

    @dg.schedule(  # pyright: ignore[reportUnknownMemberType] - dagster's own types are partial
        name="load_trading_days",
        cron_schedule=AFTER_MAINTENANCE,
        execution_timezone=TIME_ZONE,
        job=job,
        default_status=status,
        tags={LAUNCHED_BY_TAG: DAILY},
        description="At 19:40 Beijing time of each trading day: reads the main contracts anew and loads every day, from"
        " the first that was ever loaded, that is missing, failed, partial, or whose contract or sessions changed.",
    )
    def load_trading_days(
        context: dg.ScheduleEvaluationContext, platform: PlatformResource
    ) -> list[dg.RunRequest] | dg.SkipReason:
        at = context.scheduled_execution_time.astimezone(SHANGHAI)
        if not calendar_for(platform.settings.home).is_trading_day(at.date()):
            return dg.SkipReason(f"{at.date()} is no trading day")
        ids, ranges = in_hand(context.instance)
        with platform.opened() as opened:
            _refresh(context, opened, symbols)
            plan = daily_plan(opened, symbols, at, ids)
        todo = not_in_hand(plan.planned, ranges)
        days = partition_days(partitions, at) if todo else []
        requests = run_requests(todo, days, DAILY, at.date().isoformat(), DAILY_PRIORITY)
        return requests or dg.SkipReason(summary(plan))

    return load_trading_days


def daily_plan(context: LoadContext, symbols: Sequence[Symbol], at: datetime, running: frozenset[str]) -> RepairPlan:
    """What is due at this instant, of the histories that were begun. Raises `QuestDBError`."""
    end = last_day_due(context, at)
    return read_plan(context, symbols, None, end, at, running, started_only=True)


def last_day_due(context: StoreContext, at: datetime) -> date:
    """The last trading day that is complete at an instant."""
    return last_completed_day(context.calendar, int(at.timestamp()) * 1_000_000_000)


def _refresh(context: dg.ScheduleEvaluationContext, platform: LoadContext, symbols: Sequence[Symbol]) -> None:
    """Read the main contracts anew. A provider that is away leaves the known ones; each run asks again itself."""
    try:
        refresh_schedules(platform, symbols)
    except FetchError as error:
        context.log.warning(f"the main contracts could not be read anew: {error}")
