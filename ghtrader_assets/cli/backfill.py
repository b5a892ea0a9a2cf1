"""`backfill`: load a range of trading days, through the daemon of a running platform or in this process.

Belongs here: the command, its progress and its summary. Does not belong here: what a day needs (`upkeep.due`) and how
runs are launched (`orchestration.daemon`).
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from threading import Event, Thread
from typing import Annotated, Final

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from ghtrader_assets.cli.app import AsJson, SymbolsArgument, app, day_range, emit_json, known_symbol, log, out
from ghtrader_assets.cli.services import announce, services_for
from ghtrader_assets.context.load import LoadContext, open_load
from ghtrader_assets.errors import BadInputError, IngestState, ServiceError
from ghtrader_assets.lineage.aggregate import aggregate, record_aggregated
from ghtrader_assets.loading.disk import full_disk_named, require_free_disk
from ghtrader_assets.loading.outcome import Stopped
from ghtrader_assets.loading.plan import LoadPlan, plan_days
from ghtrader_assets.market.calendar import calendar_for
from ghtrader_assets.market.symbols import Symbol, parse_symbol
from ghtrader_assets.orchestration.daemon import FINISHED, launch_backfill
from ghtrader_assets.orchestration.names import ALL_TABLES, JUDGED, PARTIAL_TAG, TICKS, WORKERS_TAG
from ghtrader_assets.reference.schedule import refresh_schedules
from ghtrader_assets.runtime import DAGSTER, owned_runtime
from ghtrader_assets.services.dagster_instance import dagster_environment
from ghtrader_assets.settings import Settings, load_settings
from ghtrader_assets.upkeep.due import DayResult, Need, needs_of, results_since
from ghtrader_assets.upkeep.patience import Patience

POLL_S: Final = 1.0
UNLOADED: Final = "its run ended before it was done; see its page in Dagster"


@dataclass(slots=True)
class BackfillReport:
    """What became of each symbol's day."""

    succeeded: list[DayResult] = field(default_factory=list)
    failed: list[DayResult] = field(default_factory=list)
    unchanged: list[DayResult] = field(default_factory=list)
    stopped_by: int = 0
    """The exit code of what stopped days before they were tried."""

    @property
    def exit_code(self) -> int:
        """0 when nothing failed, 3 when a service, the disk or the provider refused, else 1."""
        denied = any(one.manifest and one.manifest.outcome == IngestState.DENIED for one in self.failed)
        return 3 if denied else max(self.stopped_by, int(bool(self.failed)))

    def document(self) -> dict[str, list[dict[str, str]]]:
        """The JSON that scripts rely on."""

        def days(results: Sequence[DayResult]) -> list[dict[str, str]]:
            return [{"symbol": one.symbol, "trading_day": one.trading_day.isoformat()} for one in results]

        failed = [{**day, "reason": one.failure} for day, one in zip(days(self.failed), self.failed, strict=True)]
        return {"succeeded": days(self.succeeded), "failed": failed, "unchanged": days(self.unchanged)}


@app.command()
def backfill(
    symbols: SymbolsArgument,
    first: Annotated[str, typer.Option("--from", metavar="D", help="First trading day, YYYY-MM-DD.")],
    last: Annotated[str, typer.Option("--to", metavar="D", help="Last trading day, YYYY-MM-DD.")],
    tables: Annotated[str, typer.Option(help="Tables to materialize, comma-separated.")] = ",".join(ALL_TABLES),
    workers: Annotated[int | None, typer.Option(min=1, max=64, help="TqSdk sessions at once.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Load days again that are complete and unchanged.")] = False,
    allow_partial: Annotated[
        bool,
        typer.Option("--allow-partial", help="Store what there is of a day in progress; it is loaded again later."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Materialize trading days. Exit 0 when all succeeded or were unchanged, 1 when some failed, 3 if denied."""
    settings = load_settings()
    chosen = [known_symbol(text, settings.symbols) for text in symbols]
    start, end = day_range(first, last, calendar_for(settings.home))
    if start < settings.first_day:
        raise BadInputError(f"--from {start} lies before the first partition {settings.first_day}", "start there")
    wanted = parse_tables(tables)
    with services_for(settings):
        report = run_backfill(
            settings, chosen, start, end, wanted, workers=workers, force=force, allow_partial=allow_partial
        )
    if as_json:
        emit_json(report.document())
    else:
        show_report(report)
    raise typer.Exit(report.exit_code)


def parse_tables(text: str) -> list[str]:
    """The tables of a comma-separated list. Raises `BadInputError`."""
    names = [name.strip() for name in text.split(",") if name.strip()]
    unknown = [name for name in names if name not in ALL_TABLES]
    if unknown or not names:
        raise BadInputError(f"--tables {text!r} names no table {unknown[:1]}", f"choose from {', '.join(ALL_TABLES)}")
    return names


def run_backfill(
    settings: Settings,
    symbols: Sequence[Symbol],
    start: date,
    end: date,
    tables: Sequence[str],
    *,
    workers: int | None = None,
    force: bool = False,
    allow_partial: bool = False,
) -> BackfillReport:
    """Bring the days of the symbols up to date and report on each. Raises `GhtraderError` for what stops all."""
    report = BackfillReport()
    with open_load(settings) as context, full_disk_named(context):
        require_free_disk(context)
        days = context.calendar.days(start, end)
        needs: dict[Symbol, dict[date, Need]] = {}
        announce(f"reading the main-contract schedules of {', '.join(symbol.text for symbol in symbols)}")
        refresh_schedules(context, symbols)
        for symbol in symbols:
            plan = plan_days(context, symbol, days, allow_partial=allow_partial)
            needs[symbol] = _needs(context, symbol, plan, report, force=force, judges=bool(JUDGED & set(tables)))
        tags = {WORKERS_TAG: str(workers)} if workers else {}
        carry_out(context, needs, tables, report, tags | ({PARTIAL_TAG: "yes"} if allow_partial else {}))
        if any(needs.values()):
            made = aggregate(context, symbols, start, end)
            record_aggregated(context, made)
            log.print(f"aggregated manifest {made.manifest_id}", highlight=False)
    return report


def carry_out(
    context: LoadContext,
    needs: dict[Symbol, dict[date, Need]],
    tables: Sequence[str],
    report: BackfillReport,
    tags: Mapping[str, str] | None = None,
) -> None:
    """Load and judge what `needs` says in runs with these tags, show progress, and report on each day."""
    patience = Patience(context)
    while any(needs.values()):
        watch = _Watch(context, needs, report, loads=TICKS in tables)
        with watch.shown():
            stops = _launch(context.settings, _jobs(needs, tables), tags or {})
        watch.finish(stops)
        needs = {} if _daemon_runs(context.settings) else _after_maintenance(report, patience)


def _after_maintenance(report: BackfillReport, patience: Patience) -> dict[Symbol, dict[date, Need]]:
    """The days that met the provider's maintenance, taken from the report once it should be over."""
    met = [one for one in report.failed if one.manifest and one.manifest.outcome == IngestState.MAINTENANCE]
    if not met:
        return {}
    with log.status("") as status:

        def show(seconds: float) -> None:
            left = f"{int(seconds) // 60}:{int(seconds) % 60:02d}"
            status.update(f"the provider is under maintenance: {len(met)} day(s) are asked for again in {left}")

        if not patience.wait(show):
            return {}
    report.failed = [one for one in report.failed if one not in met]
    needs: dict[Symbol, dict[date, Need]] = {}
    for one in met:
        needs.setdefault(parse_symbol(one.symbol), {})[one.trading_day] = Need.LOAD
    return needs


def _daemon_runs(settings: Settings) -> bool:
    runtime = owned_runtime(settings.home)
    return runtime is not None and runtime.service(DAGSTER) is not None


def show_report(report: BackfillReport) -> None:
    alike: dict[tuple[str, str], list[str]] = {}
    for result in report.failed:
        alike.setdefault((result.symbol, result.failure), []).append(result.trading_day.isoformat())
    for (symbol, failure), days in alike.items():
        out.print(f"failed     {symbol} {', '.join(days)}  {failure}", highlight=False)
    out.print(
        f"{len(report.succeeded)} succeeded, {len(report.failed)} failed, {len(report.unchanged)} unchanged",
        highlight=False,
    )


def _needs(
    context: LoadContext, symbol: Symbol, plan: LoadPlan, report: BackfillReport, *, force: bool, judges: bool
) -> dict[date, Need]:
    """What each day needs; days that can't be loaded go to the report. Raises `BadInputError` if the first can't."""
    if plan.refused and not any(one.trading_day < min(plan.refused) for one in plan.days):
        raise BadInputError(str(plan.refused[min(plan.refused)]))
    report.failed += [DayResult(symbol.text, day, str(error), None) for day, error in plan.refused.items()]
    if force:
        return {one.trading_day: Need.LOAD for one in plan.days}
    needs = needs_of(context, symbol, plan.days)
    if not judges:
        needs = {day: Need.NOTHING if need == Need.JUDGEMENT else need for day, need in needs.items()}
    report.unchanged += [DayResult(symbol.text, day, "", None) for day, need in needs.items() if need == Need.NOTHING]
    return {day: need for day, need in needs.items() if need != Need.NOTHING}


@dataclass(frozen=True, slots=True)
class _Job:
    """Symbols that need the same tables of the same days: one backfill."""

    symbols: tuple[Symbol, ...]
    days: tuple[date, ...]
    tables: tuple[str, ...]


def _jobs(needs: dict[Symbol, dict[date, Need]], tables: Sequence[str]) -> list[_Job]:
    wanted = {Need.LOAD: tuple(tables), Need.JUDGEMENT: tuple(table for table in tables if table in JUDGED)}
    alike: dict[tuple[tuple[date, ...], tuple[str, ...]], list[Symbol]] = {}
    for symbol, by_day in needs.items():
        for need, chosen in wanted.items():
            days = tuple(day for day, found in by_day.items() if found == need)
            if days and chosen:
                alike.setdefault((days, chosen), []).append(symbol)
    return [_Job(tuple(symbols), days, chosen) for (days, chosen), symbols in alike.items()]


def _launch(settings: Settings, jobs: Sequence[_Job], tags: Mapping[str, str]) -> list[Stopped]:
    """Run the jobs to their end; returns what stopped steps as a whole."""
    runtime = owned_runtime(settings.home)
    dagster = runtime.service(DAGSTER) if runtime else None
    if dagster is None:
        from ghtrader_assets.assets.build import build_definitions  # noqa: PLC0415 - two seconds that only this path needs
        from ghtrader_assets.assets.run_here import run_here  # noqa: PLC0415

        os.environ.update(dagster_environment(settings.home))
        definitions = build_definitions(settings)
        return [stop for job in jobs for stop in run_here(definitions, job.symbols, job.days, job.tables, tags)]
    backfills = [launch_backfill(dagster.urls["http"], job.symbols, job.days, job.tables, tags) for job in jobs]
    for backfill_ in backfills:
        log.print(f"backfill {backfill_.page}", highlight=False)
    while not all(one.status() in FINISHED for one in backfills):
        time.sleep(POLL_S)
    return [stop for one in backfills for stop in one.stops()]


class _Watch:
    """Live progress from the manifests: a line as each day ends, a bar for all of them."""

    def __init__(
        self, context: LoadContext, needs: dict[Symbol, dict[date, Need]], report: BackfillReport, *, loads: bool
    ) -> None:
        self._loads = loads
        self._context = context
        self._report = report
        self._since = datetime.now(tz=UTC)
        self._waiting = {
            symbol: {day for day, need in by_day.items() if need == Need.LOAD} for symbol, by_day in needs.items()
        }
        self._to_judge = {
            symbol: [day for day, need in by_day.items() if need == Need.JUDGEMENT] for symbol, by_day in needs.items()
        }

    @contextmanager
    def shown(self) -> Generator[None]:
        """Show progress while the block runs."""
        total = sum(len(days) for days in self._waiting.values())
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        done = Event()
        with Progress(*columns, console=log, transient=True, disable=total == 0) as progress:
            task = progress.add_task("trading days", total=total)

            def follow() -> None:
                while not done.wait(POLL_S):
                    # A store that is away is the run's to report; looking again is all that progress can do.
                    with contextlib.suppress(ServiceError):
                        progress.update(task, advance=self._collect())

            thread = Thread(target=follow, name="progress", daemon=True)
            thread.start()
            try:
                yield
            finally:
                done.set()
                thread.join()

    def finish(self, stops: Sequence[Stopped]) -> None:
        """Account for every day that was launched."""
        self._collect()
        worst = max(stops, key=lambda stop: stop.exit_code, default=None)
        reason = worst.reason if worst else UNLOADED if self._loads else ""
        for symbol, days in self._waiting.items():
            left = [DayResult(symbol.text, day, reason, None) for day in sorted(days)]
            (self._report.failed if reason else self._report.succeeded).extend(left)
            if left and worst:
                self._report.stopped_by = worst.exit_code
        for symbol, days in self._to_judge.items():
            plan = plan_days(self._context, symbol, days)
            for day, need in needs_of(self._context, symbol, plan.days).items():
                result = DayResult(symbol.text, day, "" if need == Need.NOTHING else reason or UNLOADED, None)
                (self._report.failed if result.failure else self._report.succeeded).append(result)

    def _collect(self) -> int:
        ended = 0
        for symbol, days in self._waiting.items():
            for day, result in results_since(self._context, symbol, sorted(days), self._since).items():
                days.discard(day)
                ended += 1
                self._note(result)
        return ended

    def _note(self, result: DayResult) -> None:
        manifest = result.manifest
        if result.failure or manifest is None:
            self._report.failed.append(result)
            log.print(f"failed  {result.symbol} {result.trading_day}  {result.failure}", highlight=False)
            return
        self._report.succeeded.append(result)
        word = "partial" if manifest.outcome == IngestState.PARTIAL else "stored "
        seconds = manifest.download_s + manifest.store_s + manifest.readback_s
        log.print(
            f"{word}  {result.symbol} {result.trading_day}  {manifest.contract}  {manifest.rows:,} ticks"
            f"  {manifest.rows / max(seconds, 1e-9):,.0f} rows/s  {manifest.replaced}",
            highlight=False,
        )
