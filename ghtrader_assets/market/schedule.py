"""Which contract is the main one on each trading day, how days are fingerprinted, and when a day is complete.

Belongs here: expanding a list of main-contract changes to trading days, segments and rolls, ghTrader's
schedule hash.
Does not belong here: where the change list comes from (`tq`) and where the schedule is kept (`questdb`).
"""

from __future__ import annotations

import hashlib
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from ghtrader_assets.errors import BadInputError
from ghtrader_assets.market.calendar import TradingCalendar
from ghtrader_assets.market.clock import NS, instant_ns, shanghai_day, shanghai_time
from ghtrader_assets.market.sessions import DaySessions
from ghtrader_assets.market.ticks import SCHEMA_HASH, DayWindow

MainChange = tuple[date, str]
"""From this trading day on, this is the main contract; an empty one: there is none."""

COMPLETE_S: Final = 16 * 3600
"""A trading day is complete at 16:00 Beijing time: 45 minutes after the last exchange (CFFEX bonds, 15:15) closed."""

PARTIAL_MARGIN_S: Final = 60
"""A trading day in progress is read up to this long before now: what is older does not change any more."""


@dataclass(frozen=True, slots=True)
class ScheduleDay:
    """The main contract of `symbol` on one trading day, its night session included.

    `segment_id` counts the contracts from 0 over the whole change list; `is_roll` marks the first day of a
    segment after the first. `provisional`: the day was not complete yet when the list was asked for, and
    may still change.
    """

    symbol: str
    trading_day: date
    contract: str
    segment_id: int
    is_roll: bool
    provisional: bool


def build_schedule(
    symbol: str,
    changes: Sequence[MainChange],
    calendar: TradingCalendar,
    start: date,
    end: date,
    today_complete_through: date,
) -> list[ScheduleDay]:
    """One row for each trading day from `start` to `end` on which a main contract is known.

    `changes` says from which day on which contract is the main one, in any order; the last of one day wins,
    and a change on a day without trading counts from the next trading day. An empty contract means that
    there is none. What else the text may be, a contract of the symbol or not, is not looked at here (`lives`). Raises
    BadInputError for a range outside the calendar.
    """
    segments = _segments(changes, calendar)
    starts = [first for first, _, _ in segments]
    rows: list[ScheduleDay] = []
    for day in calendar.days(start, end):
        index = bisect_right(starts, day) - 1
        if index < 0 or not segments[index][1]:
            continue
        first, contract, number = segments[index]
        rolled = first == day and number > 0
        rows.append(ScheduleDay(symbol, day, contract, number, rolled, day > today_complete_through))
    return rows


def overridden(changes: Sequence[MainChange], mains: Mapping[date, str], calendar: TradingCalendar) -> list[MainChange]:
    """The changes with the contracts of `mains` on its trading days, and as they are on all others."""
    theirs = sorted(changes, key=lambda change: change[0], reverse=True)
    found: list[MainChange] = []
    provided = before = ""
    for day in calendar.days(calendar.first, calendar.horizon):
        while theirs and theirs[-1][0] <= day:
            provided = theirs.pop()[1]
        contract = mains.get(day, provided)
        if contract != before:
            found.append((day, contract))
        before = contract
    return found


def schedule_hash(rows: Iterable[ScheduleDay]) -> str:
    """ghTrader's hash of a whole schedule: 16 hex digits of sha256 over its CSV `date,main_contract,segment_id`.

    ghTrader writes the product in lower case whatever the exchange (CZCE.sr609), so its hash does.
    """
    lines = ["date,main_contract,segment_id"]
    for row in rows:
        exchange, _, contract = row.contract.partition(".")
        lines.append(f"{row.trading_day.isoformat()},{exchange}.{contract.lower()},{row.segment_id}")
    return hashlib.sha256(("\n".join(lines) + "\n").encode()).hexdigest()[:16]


def day_fingerprint(contract: str, sessions: DaySessions) -> str:
    """What a stored day depends on besides its ticks: contract, sessions and schema, 16 hex digits.

    A new trading day leaves the fingerprints of all others alone; a corrected roll changes exactly the days
    whose contract changed.
    """
    text = f"{contract}|{sessions.trading_day.isoformat()}|{sessions.fingerprint}|{SCHEMA_HASH}"
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def present_trading_day(calendar: TradingCalendar, now_ns: int) -> date:
    """The trading day whose window holds `now_ns` (epoch nanoseconds).

    Past the horizon it is the last day covered; `calendar.check_horizon` reports that.
    """
    days = calendar.days(calendar.first, calendar.horizon)
    return days[-1] if now_ns >= calendar.window(days[-1]).end_ns else calendar.trading_day_of(now_ns)


def last_completed_day(calendar: TradingCalendar, now_ns: int) -> date:
    """The last trading day the calendar knows that is complete at `now_ns` (epoch nanoseconds).

    Past the horizon it stays the last day covered; `calendar.check_horizon` reports that.
    """
    day = last_trading_day_until(calendar, shanghai_day(now_ns))
    return day if is_complete(day, now_ns) else calendar.previous(day)


def last_trading_day_until(calendar: TradingCalendar, today: date) -> date:
    """`today` or the trading day before it; past the horizon the last day covered."""
    latest = min(today, calendar.horizon)
    return latest if calendar.is_trading_day(latest) else calendar.previous(latest)


def is_complete(day: date, now_ns: int) -> bool:
    """Whether trading day `day` has closed, with a margin, at `now_ns`."""
    return now_ns >= instant_ns(day, COMPLETE_S)


def require_complete(day: date, now_ns: int) -> None:
    """Refuse a trading day that is not complete yet: BadInputError saying from when on it is."""
    if not is_complete(day, now_ns):
        ready = shanghai_time(instant_ns(day, COMPLETE_S))
        begun = "" if shanghai_day(now_ns) >= day else f" from {day} on"
        raise BadInputError(
            f"trading day {day} is not complete before {ready:%Y-%m-%d %H:%M} Beijing time",
            f"load it then, or{begun} what there is of it with --allow-partial",
        )


def partial_window(window: DayWindow, now_ns: int) -> DayWindow | None:
    """What can be read by now of a trading day that is not complete; None before its own date in Beijing.

    Until then it has no partition, although its night session may have traded on the evening before.
    """
    until_ns = now_ns - PARTIAL_MARGIN_S * NS
    if shanghai_day(now_ns) < window.trading_day or until_ns <= window.start_ns:
        return None
    return DayWindow(window.trading_day, window.start_ns, min(until_ns, window.end_ns))


def _segments(changes: Sequence[MainChange], calendar: TradingCalendar) -> list[tuple[date, str, int]]:
    """(first trading day, contract, segment number), ascending; without a contract the number repeats."""
    by_day: dict[date, str] = {}
    days = calendar.days(calendar.first, calendar.horizon)
    for day, contract in sorted(changes, key=lambda change: change[0]):
        index = bisect_left(days, day)
        if index < len(days):
            by_day[days[index]] = contract
    segments: list[tuple[date, str, int]] = []
    number, latest = -1, ""
    for first, contract in by_day.items():
        if contract and contract != latest:
            number, latest = number + 1, contract
        segments.append((first, contract, number))
    return segments
