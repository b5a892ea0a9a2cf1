"""The main-contract schedule of a symbol: fetched from the provider, stored, and asked for the contract of a day.

Belongs here: refreshing the stored schedule and saying what changed.
Does not belong here: the rules that build it (`market.schedule`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from ghtrader_assets.context.load import LoadContext
from ghtrader_assets.context.store import StoreContext
from ghtrader_assets.context.universe import require_product
from ghtrader_assets.errors import NotListedError, UnknownContractError
from ghtrader_assets.market.calendar import TradingCalendar
from ghtrader_assets.market.schedule import (
    MainChange,
    ScheduleDay,
    build_schedule,
    last_completed_day,
    overridden,
    present_trading_day,
    schedule_hash,
)
from ghtrader_assets.market.symbols import Symbol
from ghtrader_assets.questdb.tables.reader import (
    FIRST_DAY,
    LAST_DAY,
    read_main_overrides,
    read_schedule,
    read_schedules,
)
from ghtrader_assets.questdb.tables.records import write_schedules
from ghtrader_assets.questdb.tables.rows import MainOverride
from ghtrader_assets.reference.first_days import learn_first_days
from ghtrader_assets.reference.main_contracts import recent_changes
from ghtrader_assets.settings import start_date_of


@dataclass(frozen=True, slots=True)
class Schedule:
    """The stored schedule of one symbol: its rows by trading day and ghTrader's hash over all of them."""

    rows: Mapping[date, ScheduleDay]
    hash: str

    @classmethod
    def of(cls, rows: Sequence[ScheduleDay]) -> Schedule:
        return cls({row.trading_day: row for row in rows}, schedule_hash(rows))


def refresh_schedule(context: LoadContext, symbol: Symbol, *, force_refresh: bool = False) -> Schedule:
    """Fetch the continuous table of one symbol and store what is new; see `refresh_schedules`.

    Raises `UnknownContractError` for a symbol whose product is unknown.
    """
    refreshed = refresh_schedules(context, [symbol], force_refresh=force_refresh)
    require_product(context.settings.home, symbol)
    return refreshed[symbol]


def refresh_schedules(
    context: LoadContext, symbols: Sequence[Symbol], *, force_refresh: bool = False
) -> dict[Symbol, Schedule]:
    """Fetch the continuous table in a fresh process and store every row that is new or different, overrides applied.

    What was fetched within the last minute is good enough for a run; a person who asks wants `force_refresh`. A symbol
    whose product is unknown is left out. Raises the `FetchError` family when the provider fails and `QuestDBError`
    when the store does.
    """
    learn_first_days(context, symbols)
    changes = recent_changes(context, symbols, force_refresh=force_refresh)
    overrides = read_main_overrides(context.database, [symbol.text for symbol in symbols])
    schedules: dict[Symbol, Schedule] = {}
    stored: dict[tuple[str, date], ScheduleDay] = {}
    if changes:
        rows = read_schedules(context.database, [symbol.text for symbol in changes], FIRST_DAY, LAST_DAY)
        stored = {(row.symbol, row.trading_day): row for row in rows}
    different: dict[str, list[ScheduleDay]] = {}
    for symbol, provided in changes.items():
        said = overridden_days([row for row in overrides if row.symbol == symbol.text], context.calendar)
        theirs = overridden(provided, said, context.calendar) if said else provided
        fetched = Schedule.of(_schedule_rows(context, symbol, theirs))
        changed = [row for day, row in fetched.rows.items() if stored.get((symbol.text, day)) != row]
        different.setdefault(fetched.hash, []).extend(changed)
        schedules[symbol] = fetched
    write_schedules(context.database, different, context.clock.now())
    return schedules


def schedule_of(context: LoadContext, symbol: Symbol, days: Sequence[date]) -> Schedule:
    """The stored schedule; refreshed first if one of `days` is not in it."""
    stored = stored_schedule(context, symbol)
    return stored if all(day in stored.rows for day in days) else refresh_schedule(context, symbol)


def stored_schedule(context: StoreContext, symbol: Symbol) -> Schedule:
    """The schedule as it is stored, without a row where nothing was ever loaded."""
    return Schedule.of(read_schedule(context.database, symbol.text))


def overridden_days(rows: Sequence[MainOverride], calendar: TradingCalendar) -> dict[date, str]:
    """The contract of each trading day that versions of overrides, oldest first, name one for."""
    found: dict[date, str] = {}
    for row in rows:
        found |= dict.fromkeys(calendar.days(row.first_day, row.last_day), row.contract)
    return {day: contract for day, contract in found.items() if contract}


def require_listed(context: StoreContext, symbol: Symbol, day: date, schedule: Schedule) -> ScheduleDay:
    """The schedule row of a day. Raises `NotListedError` or `UnknownContractError`."""
    start = start_date_of(context.settings, symbol.product)
    if day < start:
        raise NotListedError(
            f"{symbol.text} {day} lies before the symbol's start {start}",
            f"choose days from {start}, or move GHTRADER_START_DATE_{symbol.product.upper()}",
        )
    row = schedule.rows.get(day)
    if row is not None:
        return row
    first = min(schedule.rows, default=None)
    if first is None or day < first:
        raise NotListedError(f"{symbol.text} had no main contract yet on {day}", "choose a later day")
    raise UnknownContractError(
        f"the provider names no main contract of {symbol.text} for {day}", "load the day once it is traded"
    )


def _schedule_rows(context: LoadContext, symbol: Symbol, changes: Sequence[MainChange]) -> list[ScheduleDay]:
    calendar = context.calendar
    start = max(context.settings.first_day, calendar.first)
    now_ns = context.clock.now_ns()
    end = present_trading_day(calendar, now_ns)
    return build_schedule(symbol.text, changes, calendar, start, end, last_completed_day(calendar, now_ns))
