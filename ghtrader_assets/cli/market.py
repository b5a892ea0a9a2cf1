"""`calendar`, `sessions`, `l5-start`: what the market's own clock says of a symbol and a range.

Belongs here: these commands. Does not belong here: what they show (`reference.calendar`, `reference.hours`,
`reference.depth`).
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from datetime import date, timedelta
from typing import Annotated, Final, cast

import typer

from ghtrader_assets.cli.app import (
    AsJson,
    OptionalEnd,
    OptionalStart,
    SymbolArgument,
    command,
    emit_json,
    emit_rows,
    emit_table,
    out,
)
from ghtrader_assets.cli.services import services_for
from ghtrader_assets.clock import SYSTEM_CLOCK
from ghtrader_assets.context.load import provider_of, timing_of
from ghtrader_assets.errors import BadInputError, UnknownContractError
from ghtrader_assets.health import horizon_finding
from ghtrader_assets.market.calendar import HorizonFinding, TradingCalendar, calendar_for, check_horizon
from ghtrader_assets.market.clock import shanghai_day
from ghtrader_assets.market.schedule import last_completed_day, last_trading_day_until
from ghtrader_assets.market.session_events import ANY, SessionEvent, events_for
from ghtrader_assets.orchestration.daemon import reload_running
from ghtrader_assets.reading.stored import warn_of_namesakes
from ghtrader_assets.reference.calendar import CalendarRefresh, refresh_calendar
from ghtrader_assets.reference.depth import DepthSource, find_five_level_start
from ghtrader_assets.reference.hours import ShownDay, SymbolHours, symbol_hours
from ghtrader_assets.reference.live_hours import SETTLE, compare_live_hours
from ghtrader_assets.settings import Settings
from ghtrader_assets.tq.provider import Provider

PROBE_STEP: Final = 60
PROBED_COLUMNS: Final = ("trading_day", "contract", "state", "rows", "five_level_rows")
CALENDAR_FIELDS: Final = ("source", "digest", "first", "horizon")
REFRESH_FIELDS: Final = ("differences", "unconfirmed", "adopted", "changed", "added", "stored")


@contextmanager
def provider_for(settings: Settings) -> Generator[Provider]:
    """TqSdk, or the embedded exchange of a running `up` or of services started for this command."""
    if settings.uses_real_tqsdk:
        yield provider_of(settings)
        return
    with services_for(settings):
        yield provider_of(settings)


@command()
def calendar(
    settings: Settings,
    start: OptionalStart = None,
    end: OptionalEnd = None,
    refresh: Annotated[bool, typer.Option("--refresh", help="Confirm and carry on by the provider's list.")] = False,
    adopt: Annotated[bool, typer.Option("--adopt", help="With --refresh: take the provider's differing days.")] = False,
    as_json: AsJson = False,
) -> None:
    """Trading days and holidays of a range. Exit 1 when the provider's holiday list differs or confirms too little."""
    today = shanghai_day(SYSTEM_CLOCK.now_ns())
    if adopt and not refresh:
        raise BadInputError("--adopt goes with --refresh", "pass both")
    refreshed: CalendarRefresh | None = None
    definitions = ""
    if refresh:
        calendar_for(settings.home)  # a damaged one is told before anything is started
        with provider_for(settings) as provider:
            refreshed = refresh_calendar(provider, settings.home, SYSTEM_CLOCK, timing_of(settings), adopt=adopt)
            definitions = reload_running(settings) if refreshed.stored else definitions
    known = calendar_for(settings.home)
    start = start or min(today, known.horizon)
    end = end or max(start, min(start + timedelta(days=30), known.horizon))
    if start > end:
        raise BadInputError(f"--from {start} lies after --to {end}", "swap them")
    horizon = check_horizon(known, today)
    document: dict[str, object] = {
        "start": start,
        "end": end,
        "trading_days": known.days(start, end),
        "holidays": known.holidays_on_weekdays(start, end),
        **{name: getattr(known, name) for name in CALENDAR_FIELDS},
        "days_ahead": horizon.days_ahead,
        "horizon_ok": horizon.ok,
        "refresh": _refreshed(refreshed, definitions),
    }
    if as_json:
        emit_json(document)
    else:
        _show_calendar(document, refreshed, horizon, definitions)
    raise typer.Exit(1 if refreshed and _is_open(refreshed) else 0)


@command()
def sessions(
    settings: Settings,
    symbol: SymbolArgument,
    start: OptionalStart = None,
    end: OptionalEnd = None,
    live: Annotated[bool, typer.Option("--live", help="Compare with the provider's present trading hours.")] = False,
    as_json: AsJson = False,
) -> None:
    """The windows of each trading day in Beijing time, with their sources. Exit 1 when the provider's hours differ."""
    today = shanghai_day(SYSTEM_CLOCK.now_ns())
    known = calendar_for(settings.home)
    default = last_trading_day_until(known, today)
    start, end = known.span(start or end or default, end or start or default)
    events = events_for(settings.home)
    found = None
    if live:
        with provider_for(settings) as provider:
            timing = timing_of(settings)
            compared = compare_live_hours(provider, settings.home, timing, [symbol], SYSTEM_CLOCK, known, events)
        found = compared.get(symbol)
        if found is None:
            raise UnknownContractError(
                f"the provider's main contract table has no {symbol.text}", "ask without --live, or of another symbol"
            )
    hours = symbol_hours(symbol, known.days(start, end), known, events, found)
    if symbol.digits:
        warn_of_namesakes((symbol.text, day.trading_day) for day in hours.days)
    if as_json:
        emit_json(hours)
    else:
        _show_hours(hours)
    raise typer.Exit(1 if found and found.differences else 0)


@command("l5-start")
def l5_start(
    settings: Settings,
    symbol: SymbolArgument,
    start: OptionalStart = None,
    end: OptionalEnd = None,
    step: Annotated[int, typer.Option(min=1, help="Probe every so many trading days first.")] = PROBE_STEP,
    as_json: AsJson = False,
) -> None:
    """The first trading day with five levels, by probing, and the setting that starts there."""
    known = calendar_for(settings.home)
    start, end = _probed_range(settings, known, start, end)
    with provider_for(settings) as provider:
        source = DepthSource(provider, settings.home, settings.ingest_workers, timing_of(settings), SYSTEM_CLOCK)
        found = find_five_level_start(source, symbol, known, start, end, step)
    if as_json:
        emit_json(found)
        return
    if found.levels == 1:
        out.print(f"{symbol.exchange} delivers one level: {symbol.text} has no five-level day")
        return
    emit_rows(f"probed days of {found.symbol}, every {step}th first", found.probed, PROBED_COLUMNS)
    for opened, closed in found.spans:
        out.print(f"five levels from {opened} to {closed}")
    out.print(found.setting or "no probed day has five levels")
    if found.may_be_earlier:
        out.print(f"{found.first_day} is the first day that was probed: probe from an earlier --from")


def _probed_range(
    settings: Settings, known: TradingCalendar, start: date | None, end: date | None
) -> tuple[date, date]:
    completed = last_completed_day(known, SYSTEM_CLOCK.now_ns())
    start, end = known.span(start or settings.first_day, end or completed)
    if end > completed:
        raise BadInputError(f"--to {end} is not complete yet", f"probe up to {completed}")
    return start, end


def _is_open(done: CalendarRefresh) -> bool:
    """Whether something is left for a person to judge."""
    return bool(done.unconfirmed) or (bool(done.differences) and not done.adopted)


def _refreshed(done: CalendarRefresh | None, definitions: str) -> dict[str, object] | None:
    if done is None:
        return None
    return {
        "digest_before": done.before.digest,
        **{name: getattr(done, name) for name in REFRESH_FIELDS},
        "definitions": definitions,
    }


def _show_calendar(
    document: dict[str, object], done: CalendarRefresh | None, horizon: HorizonFinding, definitions: str
) -> None:
    shown = ("start", "end", "source", "digest", "first", "horizon")
    emit_table("calendar", ("name", "value"), ((name, document[name]) for name in shown))
    for name in ("trading_days", "holidays"):
        days = cast("list[object]", document[name])
        out.print(f"{len(days)} {name.replace('_', ' ')}: {_listed(days)}")
    out.print(horizon_finding(horizon).line)
    if done is None:
        return
    for difference in done.differences:
        out.print(f"DIFFERS: {difference}")
    if done.unconfirmed:
        out.print(f"NOT CONFIRMED: {done.unconfirmed}")
    elif not done.differences:
        out.print("the provider's holiday list agrees")
    out.print(f"changed partitions: {_listed(done.changed) or 'none'}")
    out.print(f"new trading days: {len(done.added)}")
    if done.stored:
        out.print(f"stored as {done.stored}; Dagster's partitions: {definitions}")


def _show_hours(hours: SymbolHours) -> None:
    columns = ("trading day", "windows, Beijing time", "expected s", "strict s", "verified", "sources")
    emit_table(f"sessions of {hours.symbol}", columns, (_day_cells(day) for day in hours.days))
    emit_rows("session table of the product", hours.table, ("session", "first_day", "hours", "verified", "source"))
    for left in hours.left_out:
        out.print(f"{left.n_days} trading days from {left.first_day} to {left.last_day} are left out: {left.reason}")
    for event in hours.events:
        out.print(_event_line(event))
    if hours.last_day is not None:
        out.print(f"last trading day {hours.last_day.day} ({hours.last_day.source})")
    if hours.live is not None:
        for difference in hours.live.differences:
            out.print(f"DIFFERS: {difference}")
        agree = f"the provider's present hours, terms and last day of {hours.live.contract} agree"
        out.print(SETTLE if hours.live.differences else agree)


def _event_line(event: SessionEvent) -> str:
    whom = "" if ANY in event.contracts else f" of {' '.join(sorted(event.contracts))}"
    return (
        f"event: {event.action} of the {event.session} session{whom}, {event.first_day} to {event.last_day} "
        f"({event.source})"
    )


def _day_cells(day: ShownDay) -> Sequence[object]:
    windows = "  ".join(f"{window.session} {window.start:%m-%d %H:%M}-{window.end:%H:%M}" for window in day.windows)
    return (
        day.trading_day,
        windows,
        day.expected_seconds,
        day.expected_seconds_strict,
        day.verified,
        " | ".join(day.sources),
    )


def _listed(days: Sequence[object]) -> str:
    return ", ".join(str(day) for day in days)
