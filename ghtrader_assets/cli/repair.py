"""`repair`: what should be loaded or judged again and why, and with `--apply` doing it.

Belongs here: the command and how a plan is shown. Does not belong here: the plan itself (`upkeep.repair`), the steps
of doing it (`orchestration.repair`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import date
from itertools import groupby
from typing import Annotated, Any, Final

import typer

from ghtrader_assets.assets.launchers import launcher_for
from ghtrader_assets.cli.app import (
    AsJson,
    OptionalEnd,
    OptionalStart,
    UniverseArgument,
    announce,
    command,
    emit_json,
    emit_table,
    out,
    require_in_universe,
)
from ghtrader_assets.cli.backfill import TerminalProgress, show_report
from ghtrader_assets.cli.services import services_for, store_for
from ghtrader_assets.clock import SYSTEM_CLOCK
from ghtrader_assets.context.load import open_load
from ghtrader_assets.context.universe import universe_of
from ghtrader_assets.errors import BadInputError
from ghtrader_assets.market.calendar import calendar_for
from ghtrader_assets.market.schedule import last_completed_day
from ghtrader_assets.orchestration.repair import RepairRange, apply_repair, plan_repair
from ghtrader_assets.orchestration.report import BackfillReport
from ghtrader_assets.services.dagster_state import loads_daily
from ghtrader_assets.settings import Settings
from ghtrader_assets.upkeep.causes import WRONG_MAIN
from ghtrader_assets.upkeep.repair import Repair, RepairPlan, Work

PARTS: Final = ("planned", "waiting", "given_up", "running", "accepted")
DAY_FIELDS: Final = ("symbol", "trading_day", "cause", "need", "reason", "tries", "not_before")
COLUMNS: Final = ("", "symbol", "trading_days", "days", "cause", "tries", "not_before", "reason")


@command()
def repair(
    settings: Settings,
    symbols: UniverseArgument = None,
    start: OptionalStart = None,
    end: OptionalEnd = None,
    apply: Annotated[bool, typer.Option("--apply", help="Do it; without, only the plan is printed.")] = False,
    as_json: AsJson = False,
) -> None:
    """Plan what is missing, failed, partial or stale, with reasons; --apply does it.

    Exit 0: nothing to do, or all done. Exit 1: work is planned or waits, some failed, or days are given up.
    """
    chosen = symbols or universe_of(settings)
    require_in_universe(settings, *chosen)
    asked = _asked(settings, start, end)
    report: BackfillReport | None = None
    if apply:
        with services_for(settings), open_load(settings) as context:
            launcher = launcher_for(settings, context.clock)
            plan, report = apply_repair(context, launcher, TerminalProgress(), chosen, asked)
    else:
        with store_for(settings) as store:
            plan = plan_repair(store.context, chosen, asked)
    if as_json:
        emit_json(_document(plan, report))
    else:
        _show(plan, report)
        if asked.start is None:
            announce("days before and after what was loaded are looked at with --from and --to")
    raise typer.Exit(_exit_code(plan, report, applied=apply))


def _asked(settings: Settings, start: date | None, end: date | None) -> RepairRange:
    """The trading days of `--from` and `--to` (else the last completed day). Raises `BadInputError`."""
    calendar = calendar_for(settings.home)
    completed = last_completed_day(calendar, SYSTEM_CLOCK.now_ns())
    first, last = calendar.span(start or calendar.first, end or completed)
    if last > completed:
        raise BadInputError(f"--to {last} is not complete yet", f"the last completed trading day is {completed}")
    return RepairRange(first if start else None, last, carried_on=end is not None or loads_daily(settings))


def _exit_code(plan: RepairPlan, report: BackfillReport | None, *, applied: bool) -> int:
    left = plan.waiting or plan.given_up or (plan.planned and not applied)
    return (report.exit_code if report else 0) or int(bool(left))


def _document(plan: RepairPlan, report: BackfillReport | None) -> dict[str, Any]:
    """The JSON that scripts rely on."""
    parts = {part: [_day(repair) for repair in getattr(plan, part)] for part in PARTS}
    return {**parts, "work": asdict(plan.work), "applied": report.document() if report else None}


def _day(repair: Repair) -> dict[str, Any]:
    return {**{name: getattr(repair, name) for name in DAY_FIELDS}, "symbol": repair.symbol.text}


def _show(plan: RepairPlan, report: BackfillReport | None) -> None:
    rows = [row for part in PARTS for row in _rows(part.replace("_", " "), getattr(plan, part))]
    if rows:
        emit_table("repair", COLUMNS, rows)
    out.print(_work_line(plan))
    if first := next((day for day in plan.given_up if day.cause not in WRONG_MAIN), None):
        out.print(
            "given up: as many loads ended alike as GHTRADER_REPAIR_ATTEMPTS allows; look into the reason, then e.g."
            f" `ghtrader-assets backfill {first.symbol.text} --from {first.trading_day} --to {first.trading_day}`"
        )
    if report:
        show_report(report)


def _rows(part: str, repairs: Sequence[Repair]) -> Iterator[tuple[object, ...]]:
    """One row for each run of neighbouring days of a symbol with the same cause, reason and number of attempts."""
    for (symbol, cause, reason, tries), group in groupby(
        repairs, key=lambda day: (day.symbol.text, day.cause, day.reason, day.tries)
    ):
        days = list(group)
        first, last = days[0], days[-1]
        shown = str(first.trading_day) if first is last else f"{first.trading_day} … {last.trading_day}"
        later = f"{first.not_before:%Y-%m-%d %H:%M} UTC" if part == "waiting" and first.not_before else ""
        yield part, symbol, shown, len(days), cause.value, tries, later, reason


def _work_line(plan: RepairPlan) -> str:
    if plan.empty and not plan.running:
        return f"nothing to repair; {len(plan.accepted)} accepted" if plan.accepted else "nothing to repair"
    counts = ", ".join(f"{len(getattr(plan, part))} {part.replace('_', ' ')}" for part in PARTS)
    return f"{counts}; {_estimate(plan.work)}"


def _estimate(work: Work) -> str:
    todo = f"{work.loads} days to load, {work.judgements} to judge"
    if work.rows is None or work.seconds is None or not work.loads:
        return todo
    return f"{todo}: about {work.rows:,} ticks and {work.seconds:,.0f} s of one session's work"
