"""`backfill`: load a range of trading days, through the daemon of a running platform or in this process.

Belongs here: the command, and how loads and their summary are shown. Does not belong here: doing it
(`orchestration.backfill`).
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from ghtrader_assets.assets.launchers import launcher_for
from ghtrader_assets.cli.app import (
    AsJson,
    EndOption,
    StartOption,
    SymbolsArgument,
    announce,
    command,
    emit_json,
    log,
    out,
    require_in_universe,
)
from ghtrader_assets.cli.services import services_for
from ghtrader_assets.context.load import open_load
from ghtrader_assets.context.universe import require_product
from ghtrader_assets.errors import BadInputError, IngestState
from ghtrader_assets.market.calendar import calendar_for
from ghtrader_assets.orchestration.backfill import run_backfill
from ghtrader_assets.orchestration.contracts import WithContracts
from ghtrader_assets.orchestration.names import ALL_TABLES
from ghtrader_assets.orchestration.report import BackfillReport
from ghtrader_assets.settings import Settings
from ghtrader_assets.upkeep.due import DayResult


@command()
def backfill(
    settings: Settings,
    symbols: SymbolsArgument,
    start: StartOption,
    end: EndOption,
    tables: Annotated[str, typer.Option(help="Tables to materialize, comma-separated.")] = ",".join(ALL_TABLES),
    workers: Annotated[int | None, typer.Option(min=1, max=64, help="TqSdk sessions at once.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Load days again that are complete and unchanged.")] = False,
    allow_partial: Annotated[
        bool,
        typer.Option("--allow-partial", help="Store what there is of a day in progress; it is loaded again later."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Materialize trading days. Exit 0 when all succeeded or were unchanged, 1 when some failed, 3 if denied.

    A contract that is not in the universe has no assets: it is loaded in this process, stored and judged.
    """
    outside = [symbol for symbol in symbols if symbol.kind == "contract" and symbol.text not in settings.symbols]
    require_in_universe(settings, *(symbol for symbol in symbols if symbol not in outside))
    for contract in outside:
        require_product(settings.home, contract)
    start, end = calendar_for(settings.home).span(start, end)
    if start < settings.first_day:
        raise BadInputError(f"--from {start} lies before the first partition {settings.first_day}", "start there")
    wanted = parse_tables(tables)
    with services_for(settings), open_load(settings) as context:
        inside = launcher_for(settings, context.clock)
        launcher = WithContracts(context, inside) if outside else inside
        report = run_backfill(
            context, launcher, TerminalProgress(), symbols, start, end, wanted,
            workers=workers, force=force, allow_partial=allow_partial,
        )  # fmt: skip
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


class TerminalProgress:
    """The `orchestration.launcher.Progress` of the command line, on stderr."""

    def __init__(self) -> None:
        self._day_of_bar: Callable[[], None] | None = None

    def announce(self, message: str) -> None:
        announce(message)

    @contextmanager
    def loading(self, total: int) -> Generator[None]:
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        with Progress(*columns, console=log, transient=True, disable=total == 0) as bar:
            task = bar.add_task("trading days", total=total)
            self._day_of_bar = lambda: bar.advance(task)
            try:
                yield
            finally:
                self._day_of_bar = None

    def day_ended(self, result: DayResult) -> None:
        log.print(_line(result))
        if self._day_of_bar:
            self._day_of_bar()

    @contextmanager
    def waiting(self, days: int) -> Generator[Callable[[float], None]]:
        with log.status("") as status:

            def show(seconds: float) -> None:
                left = f"{int(seconds) // 60}:{int(seconds) % 60:02d}"
                status.update(f"the provider is under maintenance: {days} day(s) are loaded again in {left}")

            yield show


def show_report(report: BackfillReport) -> None:
    """Failed days by reason, stored ones whose content is bad, and the counts."""
    alike: dict[tuple[str, str], list[str]] = {}
    for result in report.failed:
        alike.setdefault((result.symbol, result.failure), []).append(result.trading_day.isoformat())
    for (symbol, failure), days in alike.items():
        out.print(f"failed     {symbol} {', '.join(days)}  {failure}")
    for bad in report.bad:
        state = bad.state
        sessions = f"; {bad.sessions}" if bad.sessions else ""
        out.print(f"{state.state:<9}  {state.symbol} {state.trading_day}  {state.reason}{sessions}")
    out.print(f"{len(report.succeeded)} succeeded, {len(report.failed)} failed, {len(report.unchanged)} unchanged")


def _line(result: DayResult) -> str:
    day, manifest = f"{result.symbol} {result.trading_day}", result.manifest
    if result.failure or manifest is None:
        return f"failed  {day}  {result.failure}"
    word = "partial" if manifest.outcome == IngestState.PARTIAL else "stored "
    seconds = manifest.download_s + manifest.store_s + manifest.readback_s
    rate = f"{manifest.rows / max(seconds, 1e-9):,.0f} rows/s"
    return f"{word}  {day}  {manifest.contract}  {manifest.rows:,} ticks  {rate}  {manifest.replaced}"
