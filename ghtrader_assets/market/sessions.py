"""When a product trades on a trading day: its sessions by era, special events, and the seconds to expect.

Belongs here: the effective-dated session tables, suspensions and late opens, the night-session rule.
Does not belong here: which days trade (`calendar`) and what was found in them (`validation`).

A night session belongs to the trading day after it. It opens on the evening of the previous trading day, unless a
weekday without trading lies between the two: before a holiday break there is no night session.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache, lru_cache
from typing import Any, Literal

from ghtrader_assets.errors import BadInputError
from ghtrader_assets.market.calendar import TradingCalendar
from ghtrader_assets.market.clock import NS, instant_ns
from ghtrader_assets.market.data_files import hours, rows, second_of_day
from ghtrader_assets.market.products import product_of
from ghtrader_assets.market.symbols import Exchange, Symbol

SessionKind = Literal["day", "night"]
Hours = tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class SessionWindow:
    """One stretch of trading without a break: `[start_ns, end_ns]`, whole seconds; `end_ns` is the closing instant."""

    session: SessionKind
    start_ns: int
    end_ns: int

    @property
    def expected_seconds(self) -> int:
        """Seconds from opening to closing, both counted."""
        return (self.end_ns - self.start_ns) // NS + 1

    @property
    def expected_seconds_strict(self) -> int:
        """Seconds strictly between opening and closing."""
        return self.expected_seconds - 2


@dataclass(frozen=True)
class DaySessions:
    """The windows of one product on one trading day, night first, and where the knowledge comes from.

    `fingerprint` names the windows alone: a better source for the same hours makes no day stale.
    """

    trading_day: date
    windows: tuple[SessionWindow, ...]
    fingerprint: str
    sources: tuple[str, ...]

    @property
    def has_night(self) -> bool:
        """Whether a night session belongs to this trading day."""
        return any(window.session == "night" for window in self.windows)

    @property
    def expected_seconds(self) -> int:
        """ghTrader's expected_seconds: the sum over the windows, opening and closing second included."""
        return sum(window.expected_seconds for window in self.windows)

    @property
    def expected_seconds_strict(self) -> int:
        """ghTrader's expected_seconds_strict: without the windows' opening and closing seconds."""
        return sum(window.expected_seconds_strict for window in self.windows)


@dataclass(frozen=True, slots=True)
class SessionEvent:
    """What was different on the trading days `first_day`..`last_day`; `second` of the day for the two shifts."""

    exchanges: frozenset[str]
    products: frozenset[str]
    session: SessionKind
    action: Literal["skip", "shift_start", "shift_end"]
    first_day: date
    last_day: date
    second: int
    source: str

    def applies(self, symbol: Symbol, day: date) -> bool:
        """Whether the event touches the symbol's product on that trading day."""
        return (
            self.first_day <= day <= self.last_day
            and symbol.exchange in self.exchanges
            and ("*" in self.products or symbol.product in self.products)
        )


def day_sessions(
    symbol: Symbol,
    day: date,
    calendar: TradingCalendar,
    contract_last_day: date | None = None,
    operator_events: tuple[SessionEvent, ...] = (),
) -> DaySessions:
    """The sessions of `symbol`'s product on trading day `day`.

    `contract_last_day` is the last trading day of the contract traded, where known: some end earlier on it.
    Raises BadInputError for a day that does not trade, or on which the product's exchange had no such product yet.
    """
    return _day_sessions(symbol, day, calendar, contract_last_day == day, operator_events)


@lru_cache(maxsize=65_536)
def _day_sessions(
    symbol: Symbol,
    day: date,
    calendar: TradingCalendar,
    is_last: bool,
    operator_events: tuple[SessionEvent, ...],
) -> DaySessions:
    calendar.require_trading_day(day)
    product = product_of(symbol.exchange, symbol.product)
    if day < product.listed or (product.delisted is not None and day > product.delisted):
        raise BadInputError(f"{symbol.text} was not traded on {day}", f"it is listed since {product.listed}")
    evening = calendar.previous(day)
    night, day_hours, sources = _hours(symbol, day, is_last)
    if night and breaks_for_holiday(evening, day, calendar):
        night, sources = (), (*sources, "no night session before a holiday break")
    for event in (*packaged_events(), *operator_events):
        if event.applies(symbol, day):
            night, day_hours = _apply(event, night, day_hours)
            sources = (*sources, event.source)
    windows = (
        *(SessionWindow("night", instant_ns(evening, a), instant_ns(evening, b)) for a, b in night),
        *(SessionWindow("day", instant_ns(day, a), instant_ns(day, b)) for a, b in day_hours),
    )
    return DaySessions(day, windows, _fingerprint(windows), tuple(dict.fromkeys(sources)))


def breaks_for_holiday(evening: date, day: date, calendar: TradingCalendar) -> bool:
    """Whether a weekday lies strictly between two neighbouring trading days: then no night session precedes `day`."""
    between = (evening + timedelta(days=n) for n in range(1, (day - evening).days))
    return any(gap.weekday() < 5 for gap in between)


@cache
def packaged_events() -> tuple[SessionEvent, ...]:
    """The special events that ship with the package."""
    return tuple(_event(row) for row in rows("session_events.csv"))


def _event(row: dict[str, str]) -> SessionEvent:
    session: Any = row["session"]
    action: Any = row["action"]
    return SessionEvent(
        exchanges=frozenset(row["exchanges"].split()),
        products=frozenset(row["products"].split()),
        session=session,
        action=action,
        first_day=date.fromisoformat(row["first_day"]),
        last_day=date.fromisoformat(row["last_day"]),
        second=second_of_day(row["time"]) if row["time"] else 0,
        source=row["source"],
    )


@dataclass(frozen=True, slots=True)
class SessionRow:
    """One row of the session table: the hours of a product's session from trading day `first_day` on."""

    exchange: Exchange
    product: str
    session: str
    first_day: date
    hours: Hours
    source: str


@cache
def session_rows() -> tuple[SessionRow, ...]:
    """The session table, one row for each exchange, product and change."""
    return tuple(
        SessionRow(
            Exchange(exchange), product, row["session"], date.fromisoformat(row["first_day"]),
            hours(row["hours"]), row["source"],
        )
        for row in rows("sessions.csv")
        for exchange in row["exchange"].split()
        for product in row["products"].split()
    )  # fmt: skip


@cache
def _eras() -> dict[tuple[Exchange, str, str], list[SessionRow]]:
    eras: dict[tuple[Exchange, str, str], list[SessionRow]] = {}
    for row in sorted(session_rows(), key=lambda row: row.first_day):
        eras.setdefault((row.exchange, row.product, row.session), []).append(row)
    return eras


def _era(symbol: Symbol, session: str, day: date) -> SessionRow | None:
    for product in (symbol.product, "*"):
        rows_of = _eras().get((symbol.exchange, product, session), [])
        index = bisect_right(rows_of, day, key=lambda row: row.first_day)
        if index:
            return rows_of[index - 1]
    return None


def _hours(symbol: Symbol, day: date, is_last: bool) -> tuple[Hours, Hours, tuple[str, ...]]:
    last = _era(symbol, "last_day", day) if is_last else None
    day_row = last or _era(symbol, "day", day)
    if day_row is None:
        raise BadInputError(f"no day session of {symbol.text} is known for {day}")
    night_row = _era(symbol, "night", day)
    if night_row is None:
        return (), day_row.hours, (day_row.source,)
    return night_row.hours, day_row.hours, (day_row.source, night_row.source)


def _apply(event: SessionEvent, night: Hours, day: Hours) -> tuple[Hours, Hours]:
    if event.session == "night":
        return _changed(event, night), day
    return night, _changed(event, day)


def _changed(event: SessionEvent, spans: Hours) -> Hours:
    if event.action == "skip":
        return ()
    if event.action == "shift_start":
        return tuple((max(start, event.second), end) for start, end in spans if end > event.second)
    return tuple((start, min(end, event.second)) for start, end in spans if start < event.second)


def _fingerprint(windows: Iterable[SessionWindow]) -> str:
    text = ";".join(f"{window.session},{window.start_ns},{window.end_ns}" for window in windows)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
