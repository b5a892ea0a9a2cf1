"""The sessions of a symbol as a person meets them: windows in Beijing time, table rows, the provider's own hours.

Belongs here: gathering them. Does not belong here: the tables and the rules that join them (`market`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from ghtrader_assets.errors import UnknownContractError
from ghtrader_assets.market.calendar import TradingCalendar
from ghtrader_assets.market.clock import shanghai_time
from ghtrader_assets.market.products import Product, TermsFinding, compare_terms, product_on
from ghtrader_assets.market.session_events import SessionEvent, SessionKind, packaged_events
from ghtrader_assets.market.session_tables import SessionRow, TableSession, rows_of
from ghtrader_assets.market.sessions import DaySessions, SessionFinding, compare_trading_time, day_sessions
from ghtrader_assets.market.symbols import Symbol, parse_symbol
from ghtrader_assets.tq.market_data import fetch_instrument, fetch_main_contracts
from ghtrader_assets.tq.provider import Provider
from ghtrader_assets.tq.timing import Timing


@dataclass(frozen=True, slots=True)
class ShownWindow:
    """A window in Beijing time: opening and closing instant."""

    session: SessionKind
    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class ShownDay:
    """One trading day's windows, what they add up to, and who says so. `verified`: every source was opened."""

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
class LiveHours:
    """How the provider's present `trading_time`, price tick and multiplier of a contract compare with ours."""

    contract: str
    differences: list[SessionFinding | TermsFinding]


@dataclass(frozen=True, slots=True)
class SymbolHours:
    """Everything known of a symbol's hours over a range; `live` only if it was asked for."""

    symbol: str
    terms: Product
    days: list[ShownDay]
    table: list[ShownRow]
    events: list[SessionEvent]
    live: LiveHours | None


def symbol_hours(
    symbol: Symbol,
    days: Sequence[date],
    calendar: TradingCalendar,
    operator_events: tuple[SessionEvent, ...],
    live: LiveHours | None = None,
) -> SymbolHours:
    """The sessions of each of `days` with the rows and events behind them.

    Raises `BadInputError` for an unknown product, `NotListedError` for a day on which it was not traded.
    """
    events = [*packaged_events(), *operator_events]
    return SymbolHours(
        symbol=symbol.text,
        terms=product_on(symbol, days[-1]),
        days=[_shown(day_sessions(symbol, day, calendar, operator_events=operator_events)) for day in days],
        table=[_row(row) for row in rows_of(symbol)],
        events=[event for event in events if any(event.applies(symbol, day) for day in days)],
        live=live,
    )


def live_hours(
    provider: Provider, home: Path, timing: Timing, symbol: Symbol, today: date, calendar: TradingCalendar
) -> LiveHours:
    """Compare the provider's present hours and terms with ours, on the last trading day up to `today`.

    Nothing is adopted: the past is dated in our tables. Raises `FetchError`.
    """
    contract = symbol.text if symbol.kind == "contract" else _main_contract(provider, home, timing, symbol, today)
    instrument = fetch_instrument(provider, contract, home, timing)
    day = today if calendar.is_trading_day(today) else calendar.previous(today)
    hours = compare_trading_time(symbol, day, calendar, instrument.trading_time)
    terms = compare_terms(parse_symbol(contract), day, instrument.price_tick, instrument.multiplier)
    return LiveHours(contract, [*hours, *terms])


def _main_contract(provider: Provider, home: Path, timing: Timing, symbol: Symbol, today: date) -> str:
    changes = fetch_main_contracts(provider, symbol.alias, home, timing)
    known = [contract for day, contract in changes if day <= today and contract]
    if not known:
        raise UnknownContractError(f"the provider names no main contract of {symbol.alias} for {today}")
    return known[-1]


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
