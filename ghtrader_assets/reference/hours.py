"""The sessions of a symbol for display: windows in Beijing time, terms, and the rows and events behind them.

Belongs here: gathering them. Does not belong here: the tables and the rules that join them (`market`), and what a
provider says (`live_hours`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import groupby

from ghtrader_assets.market.calendar import TradingCalendar
from ghtrader_assets.market.clock import shanghai_time
from ghtrader_assets.market.expiry import StatedDay, last_trading_day
from ghtrader_assets.market.lives import obstacle_on
from ghtrader_assets.market.products import Product, product_on
from ghtrader_assets.market.session_events import SessionEvent, SessionKind, packaged_events_of
from ghtrader_assets.market.session_tables import SessionRow, TableSession, product_rows
from ghtrader_assets.market.sessions import DaySessions, day_sessions
from ghtrader_assets.market.symbols import Symbol
from ghtrader_assets.reference.live_hours import LiveHours


@dataclass(frozen=True, slots=True)
class ShownWindow:
    """A window in Beijing time: opening and closing instant."""

    session: SessionKind
    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class ShownDay:
    """One trading day's windows, what they add up to, and their sources. `verified`: every source was opened."""

    trading_day: date
    windows: list[ShownWindow]
    has_night: bool
    expected_seconds: int
    expected_seconds_strict: int
    verified: bool
    sources: tuple[str, ...]
    fingerprint: str


@dataclass(frozen=True, slots=True)
class ShownRow:
    """A row of the session table: hours of Beijing time since a trading day, past 24:00 on the next calendar day."""

    session: TableSession
    first_day: date
    hours: str
    verified: bool
    source: str


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Trading days on which a contract does not trade, from the first to the last, and why."""

    first_day: date
    last_day: date
    n_days: int
    reason: str


@dataclass(frozen=True, slots=True)
class SymbolHours:
    """Everything known of a symbol's hours over a range; `live` only if it was asked for.

    `last_day` is a contract's last trading day, None for an alias and where it is not known yet. `events` are those of
    the product, of single contracts too.
    """

    symbol: str
    terms: Product
    last_day: StatedDay | None
    days: list[ShownDay]
    table: list[ShownRow]
    events: list[SessionEvent]
    live: LiveHours | None
    left_out: list[LeftOut]


def symbol_hours(
    symbol: Symbol,
    days: Sequence[date],
    calendar: TradingCalendar,
    operator_events: tuple[SessionEvent, ...],
    live: LiveHours | None,
) -> SymbolHours:
    """The sessions of each of `days` with the rows and events behind them.

    Of a contract those on which it does not trade are left out, and said to be. Raises `BadInputError` for an unknown
    product, `NotListedError` for a day of a main symbol before its product, and where a contract trades on none.
    """
    days, left_out = _traded(symbol, days, calendar)
    events = [*packaged_events_of(symbol.exchange, symbol.product), *operator_events]
    return SymbolHours(
        symbol=symbol.text,
        terms=product_on(symbol, days[-1]),
        last_day=last_trading_day(symbol, calendar, days[-1]),
        days=[_shown(day_sessions(symbol, day, calendar, operator_events=operator_events)) for day in days],
        table=[_row(row) for row in product_rows(symbol)],
        events=[event for event in events if any(event.touches(symbol, day) for day in days)],
        live=live,
        left_out=left_out,
    )


def _traded(symbol: Symbol, days: Sequence[date], calendar: TradingCalendar) -> tuple[list[date], list[LeftOut]]:
    """The days on which a contract trades, and the others: CZCE's names mean one contract after another."""
    outside = {day: obstacle for day in days if symbol.digits and (obstacle := obstacle_on(symbol, day, "", calendar))}
    traded = [day for day in days if day not in outside]
    if not traded:
        raise outside[days[0]].error
    runs = ((what, list(run)) for what, run in groupby(outside, key=lambda day: outside[day].what))
    return traded, [LeftOut(run[0], run[-1], len(run), what) for what, run in runs]


def _shown(sessions: DaySessions) -> ShownDay:
    return ShownDay(
        trading_day=sessions.trading_day,
        windows=[
            ShownWindow(window.session, shanghai_time(window.start_ns), shanghai_time(window.end_ns))
            for window in sessions.windows
        ],
        has_night=sessions.has_night,
        expected_seconds=sessions.expected_seconds,
        expected_seconds_strict=sessions.expected_seconds_strict,
        verified=sessions.verified,
        sources=sessions.sources,
        fingerprint=sessions.fingerprint,
    )


def _row(row: SessionRow) -> ShownRow:
    spans = (f"{_clock(start)}-{_clock(end)}" for start, end in row.hours)
    return ShownRow(row.session, row.first_day, " ".join(spans) or "none", row.verified, row.source)


def _clock(second: int) -> str:
    return f"{second // 3600:02d}:{second % 3600 // 60:02d}"
