"""From a repair plan to Dagster's run requests: the sensor that repairs by itself, and the daily schedule.

Belongs here: run requests that Dagster launches once, what runs already have in hand, when and what of the plan.
Does not belong here: which days (`upkeep.repair`), how they are cut into runs (`orchestration.runs`).
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import date
from hashlib import blake2b
from typing import Final, Protocol, TypeVar

import dagster as dg

from ghtrader_assets.assets.dagster_internals import AssetJob, backfills_under_way, runs_in_progress
from ghtrader_assets.assets.partitions import TIME_ZONE, begun_days
from ghtrader_assets.assets.resources import PlatformResource
from ghtrader_assets.assets.tables import asset_key
from ghtrader_assets.context.load import LoadContext
from ghtrader_assets.errors import FetchError
from ghtrader_assets.market.calendar import calendar_for
from ghtrader_assets.market.clock import SHANGHAI
from ghtrader_assets.market.schedule import last_completed_day
from ghtrader_assets.market.symbols import Symbol
from ghtrader_assets.orchestration.names import LAUNCHED_BY_TAG, PARTITION, RANGE_END, RANGE_START
from ghtrader_assets.orchestration.runs import Run, cut_into_runs, needs_in, tables_for
from ghtrader_assets.reference.schedule import refresh_schedules
from ghtrader_assets.services.dagster_state import DAILY_SCHEDULE
from ghtrader_assets.upkeep.begun import begun_spans
from ghtrader_assets.upkeep.causes import CURABLE
from ghtrader_assets.upkeep.repair import Repair, RepairPlan, read_plan

AFTER_MAINTENANCE: Final = "40 19 * * 1-5"
"""Every exchange closes by 15:15 and TqSdk's maintenance ends at 19:30; the night session belongs to the next day."""

DAILY: Final = "daily_schedule"
DAILY_PRIORITY: Final = 10
"""Today's day goes before the backfills that are queued."""

REPAIR_INTERVAL_S: Final = 600
RUNS_PER_TICK: Final = 60
PRIORITY_TAG: Final = "dagster/priority"


class SymbolDay(Protocol):
    """A trading day of a symbol, whatever there is to do about it."""

    @property
    def symbol(self) -> Symbol: ...
    @property
    def trading_day(self) -> date: ...


Day = TypeVar("Day", bound=SymbolDay)


def run_requests(
    repairs: Sequence[Repair], partitions: Sequence[date], launched_by: str, stamp: str, priority: int = 0
) -> list[dg.RunRequest]:
    """The repairs as runs, the newest days first.

    `partitions` are all partitions in order. The run key holds `stamp`, the days and how often each was tried: the same
    situation is launched once a stamp.
    """
    runs = cut_into_runs(needs_in(repairs), partitions)
    tries = {(repair.symbol, repair.trading_day): repair.tries for repair in repairs}
    return [
        range_request(run, tables_for(run.need), _run_key(run, tries, f"{launched_by}:{stamp}"), launched_by, priority)
        for run in sorted(runs, key=lambda run: run.days[-1], reverse=True)
    ]


def range_request(
    run: Run, tables: Collection[str], run_key: str, launched_by: str, priority: int = 0
) -> dg.RunRequest:
    """The request for `tables` of a run's symbols and days."""
    return dg.RunRequest(
        run_key=run_key,
        asset_selection=[asset_key(symbol, table) for symbol in run.symbols for table in tables],
        tags={
            RANGE_START: run.days[0].isoformat(),
            RANGE_END: run.days[-1].isoformat(),
            LAUNCHED_BY_TAG: launched_by,
            PRIORITY_TAG: str(priority),
        },
    )


def in_hand(instance: dg.DagsterInstance) -> tuple[frozenset[str], dict[str, list[tuple[str, str]]]]:
    """The ids of runs queued or in progress, and by symbol key the partition ranges that they have in hand."""
    ranges: dict[str, list[tuple[str, str]]] = {}
    runs = runs_in_progress(instance)
    for run in runs:
        partition = run.tags.get(PARTITION)
        start, end = run.tags.get(RANGE_START, partition), run.tags.get(RANGE_END, partition)
        if start is not None and end is not None:
            for name in {key.path[0] for key in run.asset_selection or ()}:
                ranges.setdefault(name, []).append((start, end))
    return frozenset(run.run_id for run in runs), ranges


def not_in_hand(days: Sequence[Day], ranges: Mapping[str, Collection[tuple[str, str]]]) -> list[Day]:
    """Those of the symbols' days that no run has in hand."""

    def free(each: Day) -> bool:
        day = each.trading_day.isoformat()
        return not any(start <= day <= end for start, end in ranges.get(each.symbol.key, ()))

    return [each for each in days if free(each)]


def repair_sensor(symbols: Sequence[Symbol], job: AssetJob, status: dg.DefaultSensorStatus) -> dg.SensorDefinition:
    """The sensor that carries out the part of the repair plan that needs no person: curable failures, partial and stale
    days."""

    @dg.sensor(  # pyright: ignore[reportUnknownMemberType] - dagster's own types are partial
        name="repair_days",
        job=job,
        minimum_interval_seconds=REPAIR_INTERVAL_S,
        default_status=status,
        description="Loads or judges again, within budget and back-off, the days that failed for a curable reason, are"
        " partial or stale, or met maintenance. Never begins a history; `ghtrader-assets repair` shows the same plan.",
    )
    def repair_days(context: dg.SensorEvaluationContext, platform: PlatformResource) -> dg.SensorResult:
        if backfills_under_way(context.instance):
            return dg.SensorResult(skip_reason="a backfill is under way: what it leaves is looked at afterwards")
        ids, ranges = in_hand(context.instance)
        with platform.store() as opened:
            now = opened.clock.now()
            end = last_completed_day(opened.calendar, int(now.timestamp() * 1e9))
            plan = read_plan(
                opened, symbols, None, end, now, ids, begun=begun_spans(opened, symbols, followed=True), in_bulk=True
            )
            days = begun_days(opened.settings.first_day, opened.calendar, now)
        todo = not_in_hand([repair for repair in plan.planned if repair.cause in CURABLE], ranges)
        stamp = now.astimezone(SHANGHAI).date().isoformat()
        requests = run_requests(todo, days, "repair", stamp) if todo else []
        if not requests:
            return dg.SensorResult(skip_reason=summary(plan))
        return dg.SensorResult(run_requests=requests[:RUNS_PER_TICK])

    return repair_days


def daily_schedule(symbols: Sequence[Symbol], job: AssetJob, status: dg.DefaultScheduleStatus) -> dg.ScheduleDefinition:
    """Compares the whole main-contract schedule and calendar with what is stored and loads every day due or changed."""

    @dg.schedule(  # pyright: ignore[reportUnknownMemberType] - dagster's own types are partial
        name=DAILY_SCHEDULE,
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
            end = last_completed_day(opened.calendar, int(at.timestamp()) * 1_000_000_000)
            plan = read_plan(opened, symbols, None, end, at, ids, begun=begun_spans(opened, symbols, followed=True))
            days = begun_days(opened.settings.first_day, opened.calendar, at)
        todo = not_in_hand(plan.planned, ranges)
        requests = run_requests(todo, days, DAILY, at.date().isoformat(), DAILY_PRIORITY)
        return requests or dg.SkipReason(summary(plan))

    return load_trading_days


def summary(plan: RepairPlan) -> str:
    """The plan in one line, for a tick that launches nothing."""
    return (
        f"nothing to do by itself: {len(plan.planned)} planned, {len(plan.waiting)} wait out their back-off,"
        f" {len(plan.given_up)} given up, {len(plan.running)} in hand; see `ghtrader-assets repair`"
    )


def _run_key(run: Run, tries: Mapping[tuple[Symbol, date], int], asked: str) -> str:
    situation = repr([(symbol.text, str(day), tries[symbol, day]) for symbol in run.symbols for day in run.days])
    digest = blake2b(situation.encode(), digest_size=8).hexdigest()
    return f"{asked}:{run.need.value}:{run.days[0]}:{run.days[-1]}:{digest}"


def _refresh(context: dg.ScheduleEvaluationContext, platform: LoadContext, symbols: Sequence[Symbol]) -> None:
    """Read the main contracts anew. A provider that is away leaves the known ones; each run asks again itself."""
    try:
        refresh_schedules(platform, symbols)
    except FetchError as error:
        context.log.warning(f"the main contracts could not be read anew: {error}")
