"""`backfill`: load a range of trading days, through the daemon of a running platform or in this process.

Belongs here: the command and its summary. Does not belong here: doing it (`orchestration.backfill`), showing how it
goes (`progress`).
"""

from __future__ import annotations

from typing import Annotated

import typer

from ghtrader_assets.assets.launchers import launcher_for
from ghtrader_assets.cli.app import (
    AsJson,
    EndOption,
    StartOption,
    SymbolsArgument,
    app,
    emit_json,
    out,
    require_in_universe,
    require_range,
)
from ghtrader_assets.cli.progress import TerminalProgress
from ghtrader_assets.cli.services import services_for
from ghtrader_assets.context.load import open_load
from ghtrader_assets.errors import BadInputError
from ghtrader_assets.market.calendar import calendar_for
from ghtrader_assets.orchestration.backfill import run_backfill
from ghtrader_assets.orchestration.names import ALL_TABLES
from ghtrader_assets.orchestration.report import BackfillReport
from ghtrader_assets.settings import load_settings


@app.command()
def backfill(
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
    """Materialize trading days. Exit 0 when all succeeded or were unchanged, 1 when some failed, 3 if denied."""
    settings = load_settings()
    require_in_universe(symbols, settings.symbols)
    require_range(start, end, calendar_for(settings.home))
    if start < settings.first_day:
        raise BadInputError(f"--from {start} lies before the first partition {settings.first_day}", "start there")
    wanted = parse_tables(tables)
    with services_for(settings), open_load(settings) as context:
        report = run_backfill(
            context, launcher_for(settings, context.clock), TerminalProgress(), symbols, start, end, wanted,
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


def show_report(report: BackfillReport) -> None:
    """Failed days by reason, and the counts."""
    alike: dict[tuple[str, str], list[str]] = {}
    for result in report.failed:
        alike.setdefault((result.symbol, result.failure), []).append(result.trading_day.isoformat())
    for (symbol, failure), days in alike.items():
        out.print(f"failed     {symbol} {', '.join(days)}  {failure}", highlight=False)
    out.print(
        f"{len(report.succeeded)} succeeded, {len(report.failed)} failed, {len(report.unchanged)} unchanged",
        highlight=False,
    )
