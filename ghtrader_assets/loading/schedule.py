"""The main-contract schedule of a symbol: fetched from the provider, stored, and asked for the contract of a day.

Belongs here: refreshing the stored schedule and saying what changed.
Does not belong here: the rules that build it (`market.schedule`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from ghtrader_assets.errors import NotListedError, UnknownContractError
from ghtrader_assets.loading.platform import Platform, utc_now
from ghtrader_assets.market.schedule import ScheduleDay, build_schedule, last_completed_day
from ghtrader_assets.market.symbols import Symbol
from ghtrader_assets.questdb.reader import read_schedule
from ghtrader_assets.questdb.records import write_schedule
from ghtrader_assets.settings import start_date_of
from ghtrader_assets.tq.market_data import fetch_main_contracts


@dataclass(frozen=True, slots=True)
class RefreshedSchedule:
    """The whole schedule of a symbol and the trading days whose contract is not what was stored before."""

    rows: tuple[ScheduleDay, ...]
    changed: tuple[date, ...]


def refresh_schedule(platform: Platform, symbol: Symbol) -> RefreshedSchedule:
    """Fetch the continuous table in a fresh process and store every row that is new or different.

    Raises the `FetchError` family when the provider fails and `QuestDBError` when the store does.
    """
    rows = _fetch_schedule(platform, symbol)
    stored = {row.trading_day: row for row in read_schedule(platform.database, symbol.text)}
    different = [row for row in rows if stored.get(row.trading_day) != row]
    write_schedule(platform.database, different)
    changed = tuple(
        row.trading_day
        for row in different
        if row.trading_day in stored and stored[row.trading_day].contract != row.contract
    )
    return RefreshedSchedule(tuple(rows), changed)


def schedule_of(platform: Platform, symbol: Symbol, days: Sequence[date]) -> dict[date, ScheduleDay]:
    """The stored schedule rows of `days`; refreshed first if one of them is not stored."""
    stored = {row.trading_day: row for row in read_schedule(platform.database, symbol.text)}
    if not all(day in stored for day in days):
        stored = {row.trading_day: row for row in refresh_schedule(platform, symbol).rows}
    return {day: stored[day] for day in days if day in stored}


def require_listed(
    platform: Platform, symbol: Symbol, day: date, schedule: dict[date, ScheduleDay]
) -> ScheduleDay:
    """The schedule row of a day. Raises `NotListedError` or `UnknownContractError`."""
    start = start_date_of(platform.settings, symbol.product)
    if day < start:
        raise NotListedError(
            f"{symbol.text} {day} lies before the symbol's start {start}",
            f"choose days from {start}, or move GHTRADER_START_DATE_{symbol.product.upper()}",
        )
    row = schedule.get(day)
    if row is not None:
        return row
    first = min(schedule, default=None)
    if first is None or day < first:
        raise NotListedError(f"{symbol.text} had no main contract yet on {day}", "choose a later day")
    raise UnknownContractError(
        f"the provider names no main contract of {symbol.text} for {day}", "load the day once it is traded"
    )


def _fetch_schedule(platform: Platform, symbol: Symbol) -> list[ScheduleDay]:
    settings, calendar = platform.settings, platform.calendar
    start = max(settings.first_day, calendar.first)
    if symbol.kind == "contract":
        changes = [(start, symbol.text)]
    else:
        changes = fetch_main_contracts(platform.provider, symbol.text, settings.home)
    now = utc_now()
    through = last_completed_day(calendar, int(now.timestamp()) * 1_000_000_000)
    end = calendar.trading_day_of(int(now.timestamp()) * 1_000_000_000)
    return build_schedule(symbol.text, changes, calendar, start, end, through)
