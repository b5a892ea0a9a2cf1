"""From a repair plan to runs, and the sensor that repairs by itself.

Belongs here: cutting days into runs that Dagster launches once, what runs already have in hand, the repair sensor.
Does not belong here: which days (`upkeep.repair`), the daily schedule (`schedules`).
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from hashlib import blake2b
from typing import Final

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition
from dagster._core.execution.backfill import BulkActionsFilter, BulkActionStatus
from dagster._core.storage.dagster_run import IN_PROGRESS_RUN_STATUSES

from ghtrader_assets.assets.partitions import DAYS_PER_RUN
from ghtrader_assets.assets.resources import PlatformResource
from ghtrader_assets.assets.run_here import RANGE_END, RANGE_START
from ghtrader_assets.assets.tables import asset_key
from ghtrader_assets.clock import SYSTEM_CLOCK
from ghtrader_assets.market.clock import SHANGHAI
from ghtrader_assets.market.schedule import last_completed_day
from ghtrader_assets.market.symbols import Symbol
from ghtrader_assets.orchestration.names import ALL_TABLES, JUDGED, LAUNCHED_BY_TAG
from ghtrader_assets.upkeep.causes import CURABLE
from ghtrader_assets.upkeep.due import Need
from ghtrader_assets.upkeep.repair import Repair, RepairPlan, read_plan

REPAIR_INTERVAL_S: Final = 600
SYMBOLS_PER_RUN: Final = 6
RUNS_PER_TICK: Final = 60
PARTITION_TAG: Final = "dagster/partition"
PRIORITY_TAG: Final = "dagster/priority"
_TABLES: Final = {Need.LOAD: ALL_TABLES, Need.JUDGEMENT: tuple(sorted(JUDGED))}

Range = tuple[Need, tuple[str, ...]]
"""What neighbouring partitions need."""


def run_requests(
    repairs: Sequence[Repair], partitions: Sequence[str], launched_by: str, stamp: str, priority: int = 0
) -> list[dg.RunRequest]:
    """Runs over neighbouring days, at most `DAYS_PER_RUN` each; symbols that need the same days share one.

    `partitions` are all partition keys in order; days that are none of them are left out. The run key holds `stamp`,
    the days and how often each was tried: the same situation is asked for once a stamp.
    """
    alike: dict[Range, list[Symbol]] = {}
    tries = {(one.symbol, one.trading_day.isoformat()): one.tries for one in repairs}
    for symbol, by_need in _by_symbol(repairs).items():
        for need, days in by_need.items():
            for run in _runs(days, partitions):
                alike.setdefault((need, run), []).append(symbol)
    requests: list[dg.RunRequest] = []
    for (need, days), symbols in sorted(alike.items(), key=lambda item: item[0][1][-1], reverse=True):
        for start in range(0, len(symbols), SYMBOLS_PER_RUN):
            chosen = symbols[start : start + SYMBOLS_PER_RUN]
            situation = repr([(symbol.text, day, tries[symbol, day]) for symbol in chosen for day in days])
            digest = blake2b(situation.encode(), digest_size=8).hexdigest()
            requests.append(
                dg.RunRequest(
                    run_key=f"{launched_by}:{stamp}:{need.value}:{days[0]}:{days[-1]}:{digest}",
                    asset_selection=[asset_key(symbol, table) for symbol in chosen for table in _TABLES[need]],
                    tags={
                        RANGE_START: days[0],
                        RANGE_END: days[-1],
                        LAUNCHED_BY_TAG: launched_by,
                        PRIORITY_TAG: str(priority),
                    },
                )
            )
    return requests


def in_hand(instance: dg.DagsterInstance) -> tuple[frozenset[str], dict[str, list[tuple[str, str]]]]:
    """The ids of runs queued or in progress, and by symbol key the partition ranges that they have in hand."""
    ranges: dict[str, list[tuple[str, str]]] = {}
    runs = instance.get_runs(dg.RunsFilter(statuses=list(IN_PROGRESS_RUN_STATUSES)))
    for run in runs:
        one = run.tags.get(PARTITION_TAG)
        first, last = run.tags.get(RANGE_START, one), run.tags.get(RANGE_END, one)
        if first is not None and last is not None:
            for name in {key.path[0] for key in run.asset_selection or ()}:
                ranges.setdefault(name, []).append((first, last))
    return frozenset(run.run_id for run in runs), ranges


def not_in_hand(repairs: Sequence[Repair], ranges: Mapping[str, Collection[tuple[str, str]]]) -> list[Repair]:
    """The repairs whose day no run has in hand."""

    def free(one: Repair) -> bool:
        day = one.trading_day.isoformat()
        return not any(first <= day <= last for first, last in ranges.get(one.symbol.key, ()))

    return [one for one in repairs if free(one)]


def repair_sensor(
    symbols: Sequence[Symbol],
    partitions: dg.DailyPartitionsDefinition,
    job: UnresolvedAssetJobDefinition,
    status: dg.DefaultSensorStatus,
) -> dg.SensorDefinition:
    """The sensor that carries out what of the repair plan needs nobody: curable failures, partial and stale days."""

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
        now = SYSTEM_CLOCK.now()
        with platform.opened() as opened:
            end = last_completed_day(opened.calendar, int(now.timestamp() * 1e9))
            plan = read_plan(opened, symbols, None, end, now, ids, begun_only=True, in_bulk=True)
        todo = not_in_hand(plan.only(CURABLE), ranges)
        stamp = now.astimezone(SHANGHAI).date().isoformat()
        requests = run_requests(todo, partitions.get_partition_keys(), "repair", stamp) if todo else []
        if not requests:
            return dg.SensorResult(skip_reason=said_of(plan))
        return dg.SensorResult(run_requests=requests[:RUNS_PER_TICK])

    return repair_days


def backfills_under_way(instance: dg.DagsterInstance) -> bool:
    """Whether a backfill still hands out runs: which days it will ask for is not known from runs."""
    asked = BulkActionsFilter(statuses=[BulkActionStatus.REQUESTED, BulkActionStatus.CANCELING])
    return bool(instance.get_backfills(filters=asked, limit=1))


def said_of(plan: RepairPlan) -> str:
    """The plan in one line, for a tick that asks for nothing."""
    return (
        f"nothing to do by itself: {len(plan.planned)} planned, {len(plan.waiting)} wait out their back-off,"
        f" {len(plan.given_up)} given up, {len(plan.running)} in hand; see `ghtrader-assets repair`"
    )


def _by_symbol(repairs: Sequence[Repair]) -> dict[Symbol, dict[Need, set[str]]]:
    found: dict[Symbol, dict[Need, set[str]]] = {}
    for one in repairs:
        found.setdefault(one.symbol, {}).setdefault(one.need, set()).add(one.trading_day.isoformat())
    return found


def _runs(days: Collection[str], partitions: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """The days that are partitions, cut into runs of neighbours."""
    run: list[str] = []
    for key in partitions:
        if key in days:
            run.append(key)
        if run and (key not in days or len(run) == DAYS_PER_RUN):
            yield tuple(run)
            run = []
    if run:
        yield tuple(run)
