"""Repairing a range: reading main contracts anew, asking about days in doubt, planning, doing what is planned.

Belongs here: the order of these steps. Does not belong here: what is planned and why (`upkeep.repair`), how the work is
done (`backfill`), arguments and output (`cli`), the repair that a sensor begins (`assets.repair`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from ghtrader_assets.context.load import LoadContext
from ghtrader_assets.context.store import StoreContext
from ghtrader_assets.loading.disk import require_free_disk
from ghtrader_assets.loading.judgement import judge_by_witness
from ghtrader_assets.loading.witness import days_in_doubt
from ghtrader_assets.market.symbols import Symbol
from ghtrader_assets.orchestration.backfill import carry_out
from ghtrader_assets.orchestration.daemon import running_runs
from ghtrader_assets.orchestration.launcher import Launcher, Progress
from ghtrader_assets.orchestration.names import ALL_TABLES
from ghtrader_assets.orchestration.report import BackfillReport
from ghtrader_assets.orchestration.runs import needs_in
from ghtrader_assets.reference.schedule import refresh_schedules
from ghtrader_assets.upkeep.begun import begun_spans
from ghtrader_assets.upkeep.repair import RepairPlan, read_plan


@dataclass(frozen=True, slots=True)
class RepairRange:
    """The days to look at: from `start`, or without it of each symbol its history, to `end`.

    A symbol without a history is looked at from its start. `carried_on`: days after the last of which a load began
    belong to a history too.
    """

    start: date | None
    end: date
    carried_on: bool


def plan_repair(context: StoreContext, symbols: Sequence[Symbol], asked: RepairRange) -> RepairPlan:
    """What should be done now, on the days asked for. The running Dagster knows its runs."""
    spans = dict.fromkeys([symbol.text for symbol in symbols], (context.calendar.first, asked.end))
    if asked.start is None:
        spans |= begun_spans(context, symbols, followed=asked.carried_on)
    now, running = context.clock.now(), running_runs(context.settings)
    return read_plan(context, symbols, asked.start, asked.end, now, running, begun=spans)


def apply_repair(
    context: LoadContext,
    launcher: Launcher,
    progress: Progress,
    symbols: Sequence[Symbol],
    asked: RepairRange,
) -> tuple[RepairPlan, BackfillReport | None]:
    """Plan a repair and carry it out. The report of the days is None where nothing was planned."""
    require_free_disk(context)
    progress.announce("reading the main-contract schedules")
    refresh_schedules(context, symbols, force_refresh=True)
    _ask_about_doubts(context, progress, symbols, asked)
    plan = plan_repair(context, symbols, asked)
    if not plan.planned:
        return plan, None
    report = BackfillReport()
    carry_out(context, launcher, progress, needs_in(plan.planned), ALL_TABLES, report)
    return plan, report


def _ask_about_doubts(context: LoadContext, progress: Progress, symbols: Sequence[Symbol], asked: RepairRange) -> None:
    """Ask the provider for its bars of days in doubt, and judge those by its answers: what they convict is planned."""
    for symbol in symbols:
        days = [day for day in days_in_doubt(context, symbol, ()) if (asked.start or day) <= day <= asked.end]
        for outcome in judge_by_witness(context, symbol, days)[1]:
            progress.announce(
                f"{outcome.symbol} {outcome.trading_day} was in doubt, and is judged by the provider's bars"
            )
