"""Looking at what there is: each trading day's load and verdicts in one row, and what is stored of each symbol.

Belongs here: comparing stored rows with the calendar. Does not belong here: the queries (`questdb`).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from ghtrader_assets.context.store import StoreContext
from ghtrader_assets.context.universe import UNKNOWN_PRODUCT, unknown_in_universe
from ghtrader_assets.errors import IngestState
from ghtrader_assets.market.schedule import ScheduleDay, last_completed_day
from ghtrader_assets.market.symbols import Symbol
from ghtrader_assets.questdb.standing.day_states import read_day_states, read_stored_states
from ghtrader_assets.questdb.standing.derivation import GOOD, NOT_TRADED, UNJUDGED, Unexplained, state_untouched
from ghtrader_assets.questdb.standing.obstacles import read_obstacles
from ghtrader_assets.questdb.tables.reader import read_daily_aggs, read_schedule, read_summary
from ghtrader_assets.questdb.tables.rows import DayState
from ghtrader_assets.reading.stored import names_of, own_and_main, warn_of_namesakes
from ghtrader_assets.settings import start_date_of
from ghtrader_assets.validation.verdicts import CoverageVerdict


@dataclass(frozen=True, slots=True)
class SymbolSummary:
    """What is stored of a symbol. `missing_days` holds the expected days that are not complete by ingest state, or by
    what is wrong with their main contract.

    A day on which the symbol does not trade is not expected; accepted days are not missing. One that is stored for
    another contract than the wrong one that the provider names is missing too.
    """

    symbol: str
    first_day: date | None
    last_day: date | None
    n_days: int
    rows: int
    expected_days: int
    missing_days: dict[str, list[date]]


def days_of(
    context: StoreContext, symbol: Symbol, start: date, end: date, *, contract: str | None = None
) -> list[DayState]:
    """Every trading day from `start` to `end`, both included, stored or not.

    With `contract` nothing is said of days on which another one is the main contract.
    """
    database, name = context.database, symbol.text
    mains = [row for row in read_schedule(database, name, start, end) if contract in (None, row.contract)]
    obstacles = read_obstacles(database, context.calendar, [symbol], start, end, mains)
    found = read_day_states(database, [name], start, end, context.clock.now(), obstacles)
    known = {row.trading_day: row for row in found}
    schedule = {row.trading_day: row for row in mains}
    listed_from = start_date_of(context.settings, symbol.product)
    unknown = unknown_in_universe(context.settings, symbol) is not None
    return [
        known.get(day) or untouched_day(name, day, schedule.get(day), listed_from, unknown=unknown)
        for day in context.calendar.days(start, end)
    ]


def days_known_as(context: StoreContext, symbol: Symbol, start: date, end: date) -> list[DayState]:
    """`days_of` a symbol; of a contract that is stored as its main symbol, the days on which that stood for it, and
    those stored under its own name.

    Warns where days of two contracts with one name are stored.
    """
    names = names_of(context, symbol)
    rows = read_daily_aggs(context.database, names, start, end) if len(names) > 1 else []
    stored_as, stored = own_and_main(symbol, rows)
    days = days_of(context, stored_as, start, end, contract=None if stored_as == symbol else symbol.text)
    if stored_as != symbol:
        own = [row.trading_day for row in stored if row.symbol == symbol.text]
        as_main = [day for day in days if day.contract == symbol.text and day.wrong_main is None]
        days = [day for day in as_main if day.trading_day not in own]
        days += [day for day in days_of(context, symbol, own[0], own[-1]) if day.trading_day in own] if own else []
        days.sort(key=lambda day: day.trading_day)
    if symbol.digits:
        stored = (day for day in days if day.ingest_state in (IngestState.COMPLETE, IngestState.PARTIAL))
        warn_of_namesakes((symbol.text, day.trading_day) for day in stored)
    return days


@dataclass(frozen=True, slots=True)
class BadDay:
    """A stored day in a bad state, not accepted as such; `sessions` says in which sessions ticks are missing."""

    state: DayState
    sessions: str


def bad_days_of(context: StoreContext, symbol: str, days: Sequence[date]) -> list[BadDay]:
    """The stored ones of these days that are partial or in error, by day, accepted ones left out."""
    if not days:
        return []
    database, now = context.database, context.clock.now()
    found = read_stored_states(database, [symbol], min(days), max(days), now)
    wanted = set(days)
    bad = [
        state
        for state in found
        if state.trading_day in wanted and state.state not in (*GOOD, UNJUDGED) and state.accepted is None
    ]
    verdicts = read_summary(database, symbol, [state.trading_day for state in bad if state.coverage_state])
    return [BadDay(state, sessions_lacking(verdicts.get(state.trading_day))) for state in bad]


def sessions_lacking(verdict: CoverageVerdict | None) -> str:
    """The sessions with gaps, each with its seconds without a tick."""
    figures: dict[str, dict[str, Any]] = json.loads(verdict.sessions_json or "{}") if verdict is not None else {}
    return ", ".join(
        f"{name} session: {session['missing_seconds']:,} of {session['expected_seconds_strict']:,} s without a tick"
        for name, session in figures.items()
        if session["missing_segments"]
    )


def summary_of(context: StoreContext, symbol: Symbol) -> SymbolSummary:
    """What is stored of a symbol against the trading days from its start to the last completed one."""
    start = max(start_date_of(context.settings, symbol.product), context.calendar.first)
    end = last_completed_day(context.calendar, context.clock.now_ns())
    found = [
        day
        for day in (days_known_as(context, symbol, start, end) if start <= end else [])
        if day.ingest_state not in NOT_TRADED
    ]
    complete = [day for day in found if day.ingest_state == IngestState.COMPLETE and day.wrong_main is None]
    missing: dict[str, list[date]] = {}
    for day in found:
        if (day.ingest_state != IngestState.COMPLETE or day.wrong_main is not None) and day.accepted is None:
            missing.setdefault(day.wrong_main or day.ingest_state, []).append(day.trading_day)
    return SymbolSummary(
        symbol.text,
        complete[0].trading_day if complete else None,
        complete[-1].trading_day if complete else None,
        len(complete),
        sum(day.rows for day in complete),
        len(found),
        missing,
    )


_REASONS: Final = {
    IngestState.MISSING: Unexplained.NEVER_LOADED.value,
    IngestState.NOT_LISTED: Unexplained.BEFORE_START.value,
    IngestState.UNKNOWN_CONTRACT: UNKNOWN_PRODUCT,
}


def untouched_day(
    symbol: str, day: date, schedule: ScheduleDay | None, listed_from: date, *, unknown: bool
) -> DayState:
    """How a day stands that was neither stored nor attempted; `unknown`: its product is unknown."""
    state = state_untouched(day, listed_from, unknown=unknown)
    return DayState(
        symbol=symbol,
        trading_day=day,
        rows=0,
        contract=schedule.contract if schedule else "",
        ingest_state=state,
        coverage_state="",
        quality_state="",
        state=state,
        reason=_REASONS[state],
        digest="",
        manifest_id="",
    )
