"""Bringing a range of trading days up to date: what each needs, doing it, and a report on every day.

Belongs here: the order of the steps, and waiting out the provider's maintenance. Does not belong here: what a day needs
(`upkeep.due`), how runs are launched (`launcher`), arguments and output (`cli`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date
from itertools import groupby

from ghtrader_assets.context.load import LoadContext
from ghtrader_assets.context.universe import unknown_product
from ghtrader_assets.errors import IngestState, NotListedError, WrongMainError
from ghtrader_assets.lineage.aggregate import aggregate, record_aggregated
from ghtrader_assets.loading.disk import full_disk_named, full_disk_stop, require_free_disk
from ghtrader_assets.loading.plan import LoadPlan, plan_days
from ghtrader_assets.market.lives import NOT_ASKED, obstacle_on
from ghtrader_assets.market.symbols import Symbol, parse_symbol
from ghtrader_assets.orchestration.launcher import Launcher, Progress
from ghtrader_assets.orchestration.names import (
    BARS_ASSET,
    JUDGED,
    MAIN_SCHEDULE_ASSET,
    PARTIAL_TAG,
    TICKS_ASSET,
    WORKERS_TAG,
)
from ghtrader_assets.orchestration.report import BackfillReport
from ghtrader_assets.orchestration.runs import Needs
from ghtrader_assets.orchestration.watch import Watch
from ghtrader_assets.questdb.standing.obstacles import read_first_days
from ghtrader_assets.reading.overview import bad_days_of
from ghtrader_assets.reference.schedule import refresh_schedules
from ghtrader_assets.tq.process import one_fork_server
from ghtrader_assets.upkeep.due import DayResult, Need, needs_of
from ghtrader_assets.upkeep.patience import Patience


def run_backfill(
    context: LoadContext,
    launcher: Launcher,
    progress: Progress,
    symbols: Sequence[Symbol],
    start: date,
    end: date,
    tables: Sequence[str],
    *,
    workers: int | None = None,
    force: bool = False,
    allow_partial: bool = False,
) -> BackfillReport:
    """Bring the days of the symbols up to date and report on each. Raises `GhtraderError` for what stops all.

    Where `tables` are made of what is stored, the stored schedule is enough, and the provider is not asked.
    """
    report = BackfillReport()
    with full_disk_named(context), one_fork_server():
        require_free_disk(context)
        days = context.calendar.days(start, end)
        if {MAIN_SCHEDULE_ASSET, TICKS_ASSET} & set(tables):
            progress.announce(f"reading the main-contract schedules of {', '.join(symbol.text for symbol in symbols)}")
            refresh_schedules(context, symbols)
        needs: dict[Symbol, dict[date, Need]] = {}
        for symbol in symbols:
            plan = plan_days(context, symbol, days, allow_partial=allow_partial)
            for line in _left_out(symbol, plan):
                progress.announce(line)
            needs[symbol] = _needs(context, symbol, plan, report, tables, force=force)
        tags = {WORKERS_TAG: str(workers)} if workers else {}
        tags |= {PARTIAL_TAG: "yes"} if allow_partial else {}
        carry_out(context, launcher, progress, needs, tables, report, tags)
        if any(needs.values()):
            made = aggregate(context, [symbol for symbol in symbols if _is_known(context, symbol)], start, end)
            record_aggregated(context, made)
            progress.announce(f"aggregated manifest {made.manifest_id}")
    return report


def carry_out(
    context: LoadContext,
    launcher: Launcher,
    progress: Progress,
    needs: Needs,
    tables: Sequence[str],
    report: BackfillReport,
    tags: Mapping[str, str] | None = None,
) -> None:
    """Load and judge what `needs` says in runs with these tags, and add each day to the report, with how it stands.

    Where nothing else does so, days that met the provider's maintenance are loaded again after it.
    """
    patience = Patience(context)
    while any(needs.values()):
        watch = Watch(context, launcher, needs, report, progress, tables=tables)
        with watch.following():
            try:
                stops = launcher.run(needs, tables, {**(tags or {}), **watch.tags}, progress)
            except KeyboardInterrupt:
                progress.announce(f"interrupted: {launcher.when_interrupted}")
                raise
        watch.finish([full_disk_stop(context, stop) for stop in stops])
        needs = {} if launcher.retries_maintenance else _after_maintenance(report, patience, progress)
    report.failed = _with_findings(context, report.failed)
    days: dict[str, list[date]] = {}
    for result in (*report.succeeded, *report.unchanged):
        days.setdefault(result.symbol, []).append(result.trading_day)
    report.bad = [bad for symbol, own in days.items() for bad in bad_days_of(context, symbol, own)]


def _left_out(symbol: Symbol, plan: LoadPlan) -> Iterator[str]:
    """Take the days on which a contract does not trade out of its plan; what is to be said of them.

    Where it trades on none of the days they stay, and refuse the range.
    """
    outside = {day: error for day, error in plan.refused.items() if isinstance(error, NotListedError)}
    if not symbol.digits or len(outside) == len(plan.refused) + len(plan.days):
        return
    for error, days in groupby(sorted(outside), key=lambda day: outside[day].what):
        found = list(days)
        for day in found:
            del plan.refused[day]
        yield f"{len(found)} trading days from {found[0]} to {found[-1]} are left out: {error}"


def _needs(
    context: LoadContext, symbol: Symbol, plan: LoadPlan, report: BackfillReport, tables: Sequence[str], *, force: bool
) -> dict[date, Need]:
    """What each day needs; days that can't be loaded go to the report.

    Raises its error if the first can't, unless its main contract is wrong or the symbol's product unknown: then
    the others are loaded.
    """
    first = min((*plan.refused, *(day.trading_day for day in plan.days)), default=date.min)
    error = plan.refused.get(first)
    if error is not None and not isinstance(error, WrongMainError) and _is_known(context, symbol):
        raise error
    report.failed += [DayResult(symbol.text, day, error.line, None) for day, error in plan.refused.items()]
    if force:
        return {day.trading_day: Need.LOAD for day in plan.days}
    judges, bars = bool(JUDGED & set(tables)), BARS_ASSET in tables
    needs = needs_of(context, symbol, plan.days, judges=judges, bars=bars)
    report.unchanged += [DayResult(symbol.text, day, "", None) for day, need in needs.items() if need == Need.NOTHING]
    return {day: need for day, need in needs.items() if need != Need.NOTHING}


def _with_findings(context: LoadContext, failed: list[DayResult]) -> list[DayResult]:
    """The failures; of an empty day what its load found out after it: that the main contract was not listed yet."""
    empty = {day: day.manifest for day in failed if day.manifest and day.manifest.outcome == IngestState.PROVIDER_EMPTY}
    first_days = read_first_days(context.database) if empty else NOT_ASKED
    found = {
        day: obstacle.reason
        for day, manifest in empty.items()
        if (
            obstacle := obstacle_on(
                parse_symbol(day.symbol), day.trading_day, manifest.contract, context.calendar, first_days
            )
        )
    }
    return [replace(day, failure=found.get(day, day.failure)) for day in failed]


def _is_known(context: LoadContext, symbol: Symbol) -> bool:
    return unknown_product(context.settings.home, symbol) is None


def _after_maintenance(report: BackfillReport, patience: Patience, progress: Progress) -> Needs:
    """The days that met the provider's maintenance, taken from the report once it should be over."""
    met = [day for day in report.failed if day.manifest and day.manifest.outcome == IngestState.MAINTENANCE]
    if not met:
        return {}
    with progress.waiting(len(met)) as show:
        if not patience.wait(show):
            return {}
    report.failed = [day for day in report.failed if day not in met]
    needs: dict[Symbol, dict[date, Need]] = {}
    for day in met:
        needs.setdefault(parse_symbol(day.symbol), {})[day.trading_day] = Need.LOAD
    return needs
