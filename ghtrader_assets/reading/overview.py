"""Looking at what there is: each trading day's load and verdicts in one row, and each symbol's coverage.

Belongs here: comparing stored rows with the calendar. Does not belong here: the queries (`questdb`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from ghtrader_assets.context.store import StoreContext
from ghtrader_assets.errors import IngestState
from ghtrader_assets.market.lives import wrong_main_of
from ghtrader_assets.market.schedule import ScheduleDay, last_completed_day
from ghtrader_assets.market.symbols import Symbol
from ghtrader_assets.questdb.standing.day_states import read_day_states
from ghtrader_assets.questdb.standing.derivation import state_untouched
from ghtrader_assets.questdb.standing.obstacles import read_obstacles
from ghtrader_assets.questdb.tables.reader import read_schedule
from ghtrader_assets.questdb.tables.rows import DayState
from ghtrader_assets.reading.stored import stored_symbol, warn_of_namesakes
from ghtrader_assets.settings import start_date_of


@dataclass(frozen=True, slots=True)
class CalendarCoverage:
    """What is stored of a symbol. `missing_days` holds the expected days that are not complete by ingest state, or by
    what is wrong with their main contract. A day on which the symbol does not trade is not expected."""

    symbol: str
    first_day: date | None
    last_day: date | None
    n_days: int
    rows: int
    expected_days: int
    missing_days: dict[str, list[date]]


def days_of(context: StoreContext, symbol: Symbol, start: date, end: date) -> list[DayState]:
    """Every trading day from `start` to `end`, both included, stored or not."""
    database, name = context.database, symbol.text
    obstacles = read_obstacles(database, context.calendar, [symbol], start, end)
    known = {row.trading_day: row for row in read_day_states(database, [name], start, end, obstacles)}
    schedule = {row.trading_day: row for row in read_schedule(database, name, start, end)}
    listed_from = start_date_of(context.settings, symbol.product)
    return [
        known.get(day) or _untouched(name, day, schedule.get(day), listed_from)
        for day in context.calendar.days(start, end)
    ]


def days_known_as(context: StoreContext, symbol: Symbol, start: date, end: date) -> list[DayState]:
    """`days_of` a symbol; of a contract that is stored as its main symbol, the days on which that stood for it."""
    stored_as = stored_symbol(context, symbol, start, end)
    days = days_of(context, stored_as, start, end)
    if stored_as == symbol:
        return days
    return [day for day in days if day.contract == symbol.text and not wrong_main_of(day.reason)]


def coverage_of(context: StoreContext, symbol: Symbol) -> CalendarCoverage:
    """What is stored of a symbol against the trading days from its start to the last completed one."""
    start = max(start_date_of(context.settings, symbol.product), context.calendar.first)
    end = last_completed_day(context.calendar, context.clock.now_ns())
    found = [
        day
        for day in (days_known_as(context, symbol, start, end) if start <= end else [])
        if day.ingest_state not in {IngestState.NOT_LISTED, IngestState.EXPIRED}
    ]
    complete = [day for day in found if day.ingest_state == IngestState.COMPLETE]
    if symbol.digits:
        warn_of_namesakes((symbol.text, day.trading_day) for day in complete)
    missing: dict[str, list[date]] = {}
    for day in found:
        if day.ingest_state != IngestState.COMPLETE:
            missing.setdefault(wrong_main_of(day.reason) or day.ingest_state, []).append(day.trading_day)
    return CalendarCoverage(
        symbol.text,
        complete[0].trading_day if complete else None,
        complete[-1].trading_day if complete else None,
        len(complete),
        sum(day.rows for day in complete),
        len(found),
        missing,
    )


def _untouched(symbol: str, day: date, schedule: ScheduleDay | None, listed_from: date) -> DayState:
    state = state_untouched(day, listed_from)
    reason = "the day was never loaded" if state == IngestState.MISSING else "the day lies before the symbol's start"
    return DayState(
        symbol=symbol,
        trading_day=day,
        rows=0,
        contract=schedule.contract if schedule else "",
        ingest_state=state,
        coverage_state="",
        quality_state="",
        state=state,
        reason=reason,
        digest="",
        manifest_id="",
    )
