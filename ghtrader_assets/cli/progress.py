"""Showing how a backfill goes: a line as each day ends, a bar for all of them, a countdown during maintenance.

Belongs here: rich. Does not belong here: what is shown of which day (`orchestration`).
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from ghtrader_assets.cli.app import announce, log
from ghtrader_assets.errors import IngestState
from ghtrader_assets.upkeep.due import DayResult


class TerminalProgress:
    """The `orchestration.progress.Progress` of the command line, on stderr."""

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
        log.print(_line(result), highlight=False)
        if self._day_of_bar:
            self._day_of_bar()

    @contextmanager
    def waiting(self, days: int) -> Generator[Callable[[float], None]]:
        with log.status("") as status:

            def show(seconds: float) -> None:
                left = f"{int(seconds) // 60}:{int(seconds) % 60:02d}"
                status.update(f"the provider is under maintenance: {days} day(s) are loaded again in {left}")

            yield show


def _line(result: DayResult) -> str:
    day, manifest = f"{result.symbol} {result.trading_day}", result.manifest
    if result.failure or manifest is None:
        return f"failed  {day}  {result.failure}"
    word = "partial" if manifest.outcome == IngestState.PARTIAL else "stored "
    seconds = manifest.download_s + manifest.store_s + manifest.readback_s
    rate = f"{manifest.rows / max(seconds, 1e-9):,.0f} rows/s"
    return f"{word}  {day}  {manifest.contract}  {manifest.rows:,} ticks  {rate}  {manifest.replaced}"
