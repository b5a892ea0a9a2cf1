"""`demo`: five trading days of three symbols, from ticks on the wire to a verdict in the UI.

Belongs here: which days, and what is shown of them. Does not belong here: loading them (`orchestration.backfill`).
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence
from datetime import date
from typing import Annotated, Final

import typer

from ghtrader_assets.assets.launchers import launcher_for
from ghtrader_assets.cli.app import announce, command, emit_table, log, out
from ghtrader_assets.cli.backfill import TerminalProgress, show_report
from ghtrader_assets.cli.services import services_for, show_urls, wait_for_interrupt
from ghtrader_assets.clock import SYSTEM_CLOCK
from ghtrader_assets.context.load import open_load
from ghtrader_assets.context.universe import universe_of
from ghtrader_assets.market.calendar import calendar_for
from ghtrader_assets.market.schedule import last_completed_day
from ghtrader_assets.market.sessions import day_sessions
from ghtrader_assets.market.symbols import Symbol
from ghtrader_assets.orchestration.backfill import run_backfill
from ghtrader_assets.orchestration.names import ALL_TABLES
from ghtrader_assets.questdb.tables.rows import DayState
from ghtrader_assets.reading.overview import summary_of
from ghtrader_assets.setting_sources import START_DATE
from ghtrader_assets.settings import Settings
from ghtrader_assets.store import Store
from ghtrader_assets.validation.verdicts import GapRow

DEMO_DAYS: Final = (date(2026, 1, 5), date(2026, 1, 9))
"""The first five trading days of 2026: no night session after New Year on the first, and a roll of copper inside."""

REAL_DAYS: Final = 5
SYMBOLS: Final = 3
SHOWN_GAPS: Final = 10
SHOWN_COLUMNS: Final = (
    "symbol", "trading day", "sessions", "contract", "ticks", "ingest", "coverage", "quality", "manifest",
)  # fmt: skip


@command()
def demo(
    settings: Settings,
    leave: Annotated[bool, typer.Option("--exit", help="Stop everything after printing.")] = False,
) -> None:
    """Load and judge five trading days of three symbols, and show them. Exit 0 only if every partition succeeded."""
    settings, start, end = _demo_range(settings)
    symbols = universe_of(settings)[:SYMBOLS]
    started = time.monotonic()
    with services_for(settings, with_dagster=True) as runtime:
        if runtime.owner.pid != os.getpid():
            announce(f"using the platform that process {runtime.owner.pid} keeps up")
        show_urls(settings, runtime)
        with open_load(settings) as context:
            launcher = launcher_for(settings, SYSTEM_CLOCK)
            report = run_backfill(context, launcher, TerminalProgress(), symbols, start, end, ALL_TABLES)
        _show_days(settings, symbols, start, end)
        show_report(report)
        log.print(f"{time.monotonic() - started:.0f} s from start to verdict", style="dim")
        if not leave:
            show_urls(settings, runtime)
            _show_next(symbols[0], start)
            out.print("everything stays up; Ctrl-C stops it")
            wait_for_interrupt()
        announce("stopping")
    raise typer.Exit(report.exit_code)


def _demo_range(settings: Settings) -> tuple[Settings, date, date]:
    """The fixed days of the embedded exchange; with real TqSdk the last completed ones."""
    if not settings.uses_real_tqsdk:
        return settings, *DEMO_DAYS
    calendar = calendar_for(settings.home)
    end = last_completed_day(calendar, SYSTEM_CLOCK.now_ns())
    start = end
    for _ in range(REAL_DAYS - 1):
        start = calendar.previous(start)
    if settings.start_date is None:
        os.environ[START_DATE] = start.isoformat()  # for the services that are started
        settings = settings.model_copy(update={"start_date": start})
    return settings, start, end


def _show_days(settings: Settings, symbols: Sequence[Symbol], start: date, end: date) -> None:
    with Store(settings) as store:
        for symbol in symbols:
            stored = summary_of(store.context, symbol)
            out.print(
                f"{symbol.text}: {stored.n_days} trading days, {stored.rows:,} ticks,"
                f" {stored.first_day} to {stored.last_day}"
            )
        shown = [(symbol, day) for symbol in symbols for day in store.days(symbol.text, start, end)]
        emit_table("trading days", SHOWN_COLUMNS, [_day_row(store, symbol, day) for symbol, day in shown])
        _show_gaps([gap for symbol, day in shown for gap in store.gaps(symbol.text, day.trading_day)])


def _day_row(store: Store, symbol: Symbol, day: DayState) -> tuple[object, ...]:
    sessions = day_sessions(symbol, day.trading_day, store.calendar)
    scheduled = store.schedule(symbol.text, day.trading_day, day.trading_day)
    rolled = " (roll)" if scheduled and scheduled[0].is_roll else ""
    return (
        symbol.text,
        day.trading_day,
        "night + day" if sessions.has_night else "day",
        day.contract + rolled,
        day.rows,
        day.ingest_state,
        day.coverage_state,
        day.quality_state,
        day.manifest_id,
    )


def _show_next(symbol: Symbol, day: date) -> None:
    """What a new user may type now, as this command was typed."""
    out.print("to type in another terminal:")
    for words in (
        f"ticks {symbol.text} {day} --columns datetime,last_price,volume",
        f"lineage {symbol.text} {day}",
        "status",
    ):
        out.print(f"  {sys.argv[0]} {words}", soft_wrap=True)


def _show_gaps(gaps: Sequence[GapRow]) -> None:
    if not gaps:
        out.print("gaps: none")
        return
    longest = sorted(gaps, key=lambda gap: -gap.duration_s)[:SHOWN_GAPS]
    emit_table(
        f"gaps: {len(gaps)}" + (f", the {SHOWN_GAPS} longest" if len(gaps) > SHOWN_GAPS else ""),
        ("symbol", "trading day", "session", "starts", "seconds", "looks like"),
        [(gap.symbol, gap.trading_day, gap.session, gap.start_ts, gap.duration_s, gap.attribution) for gap in longest],
    )
