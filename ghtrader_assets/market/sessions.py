"""When a product trades on a trading day: its windows as instants, the night-session rule, the seconds to expect.

Belongs here: joining calendar, session table and events to the windows of one day; comparing them with TqSdk's.
Does not belong here: the tables (`session_tables`, `session_events`), and what was found in a window (`validation`).

A night session belongs to the trading day after it. It opens on the evening of the previous trading day, unless a
weekday without trading lies between the two: before a holiday break there is no night session.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache

from ghtrader_assets.errors import BadInputError, ExpiredError, NotListedError
from ghtrader_assets.market.calendar import TradingCalendar
from ghtrader_assets.market.clock import NS, instant_ns
from ghtrader_assets.market.data_files import Hours, second_of_day
from ghtrader_assets.market.expiry import contract_has_ended, last_trading_day
from ghtrader_assets.market.products import product_of
from ghtrader_assets.market.session_events import SessionEvent, SessionKind, packaged_events_of
from ghtrader_assets.market.session_tables import SessionRow, row_on
from ghtrader_assets.market.symbols import Symbol

HOLIDAY_RULE = "no night session before a holiday break (a weekday without trading)"


@dataclass(frozen=True, slots=True)
class SessionWindow:
    """Trading without a break: whole seconds, `end_ns` is the closing instant."""

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

    `fingerprint` names the windows alone: a better source for the same hours makes no day stale. `verified`: every
    source is a document that was opened.
    """

    trading_day: date
    windows: tuple[SessionWindow, ...]
    fingerprint: str
    sources: tuple[str, ...]
    verified: bool

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


def day_sessions(
    symbol: Symbol,
    day: date,
    calendar: TradingCalendar,
    contract_last_day: date | None = None,
    operator_events: tuple[SessionEvent, ...] = (),
) -> DaySessions:
    """The sessions of `symbol`'s product on trading day `day`.

    Some contracts end earlier on their last trading day: a contract symbol's own is known by rule (`expiry`),
    `contract_last_day` states it for an alias or where the provider says otherwise. A day on which the contract was
    suspended has no window.
    `operator_events` (`session_events.events_for(home)`) come after ours. Raises BadInputError for an unknown product
    or a day that does not trade, NotListedError for a day before the product's first, its kind ExpiredError for one
    after the contract's last.
    """
    by_rule = last_trading_day(symbol, calendar, day) if contract_last_day is None else None
    last_day = by_rule.day if by_rule is not None else contract_last_day
    return _day_sessions(symbol, day, calendar, last_day == day, operator_events)


@lru_cache(maxsize=65_536)
def _day_sessions(
    symbol: Symbol, day: date, calendar: TradingCalendar, is_last: bool, operator_events: tuple[SessionEvent, ...]
) -> DaySessions:
    calendar.require_trading_day(day)
    _require_listed(symbol, day, calendar)
    evening = calendar.previous(day)
    night, day_hours, rows = _regular_hours(symbol, day, is_last)
    sources, verified = [row.source for row in rows], all(row.verified for row in rows)
    if night and breaks_for_holiday(evening, day):
        night = ()
        sources.append(HOLIDAY_RULE)
    for event in (*packaged_events_of(symbol.exchange, symbol.product), *operator_events):
        if event.applies(symbol, day) and (night or event.session == "day"):
            sources.append(event.source)
            verified = verified and event.verified
            if event.session == "night":
                night = event.changed(night)
            else:
                day_hours = event.changed(day_hours)
    windows = (*_windows("night", evening, night), *_windows("day", day, day_hours))
    return DaySessions(day, windows, _fingerprint(windows), tuple(dict.fromkeys(sources)), verified)


def breaks_for_holiday(evening: date, day: date) -> bool:
    """Whether a weekday lies strictly between two neighbouring trading days: then no night session precedes `day`."""
    between = (evening + timedelta(days=number) for number in range(1, (day - evening).days))
    return any(gap.weekday() < 5 for gap in between)


@dataclass(frozen=True, slots=True)
class SessionFinding:
    """A session whose hours differ between our table and a provider, on a trading day."""

    symbol: str
    day: date
    session: SessionKind
    ours: Hours
    theirs: Hours

    def __str__(self) -> str:
        return (
            f"{self.symbol} {self.session} session of {self.day}: {_text(self.ours)} in our table, "
            f"{_text(self.theirs)} at the provider"
        )


def compare_trading_time(
    symbol: Symbol,
    day: date,
    calendar: TradingCalendar,
    trading_time: Mapping[str, Sequence[Sequence[str]]],
    operator_events: tuple[SessionEvent, ...] = (),
) -> list[SessionFinding]:
    """Where TqSdk's live `trading_time` ({"day": [["09:00:00", "10:15:00"], …], "night": […]}) differs from ours.

    It counts as equal if it has our regular hours or those of `day` itself, as TqSdk blanks the night of a day that
    has none. Findings are for people to judge; nothing is adopted, least of all for the past.
    """
    night, day_hours, _ = _regular_hours(symbol, day, is_last=False)
    actual = day_sessions(symbol, day, calendar, operator_events=operator_events)
    ours: dict[SessionKind, Hours] = {"night": night, "day": day_hours}
    findings: list[SessionFinding] = []
    for session, regular in ours.items():
        spans = trading_time.get(session) or ()
        theirs = tuple((second_of_day(start), second_of_day(end)) for start, end in spans)
        base = calendar.previous(day) if session == "night" else day
        same_as_day = _windows(session, base, theirs) == tuple(
            window for window in actual.windows if window.session == session
        )
        if theirs != regular and not same_as_day:
            findings.append(SessionFinding(symbol.text, day, session, regular, theirs))
    return findings


def _require_listed(symbol: Symbol, day: date, calendar: TradingCalendar) -> None:
    product = product_of(symbol.exchange, symbol.product)
    if day < product.listed:
        raise NotListedError(f"{symbol.text} was not listed on {day}", f"its first day is {product.listed}")
    if product.delisted is not None and day > product.delisted:
        remedy = f"it was followed by {product.successor}" if product.successor else ""
        raise ExpiredError(f"{symbol.text} ended on {product.delisted}", remedy)
    last = contract_has_ended(symbol, day, calendar)
    if last is not None:
        raise ExpiredError(f"{symbol.text} ended on {last.day}", "choose a later contract, or earlier days")


def _regular_hours(symbol: Symbol, day: date, is_last: bool) -> tuple[Hours, Hours, list[SessionRow]]:
    """(night, day, the rows that say so) by the session table alone."""
    day_row = (row_on(symbol, "last_day", day) if is_last else None) or row_on(symbol, "day", day)
    if day_row is None:
        raise BadInputError(f"no day session of {symbol.text} is known for {day}")
    night_row = row_on(symbol, "night", day)
    if night_row is None:
        return (), day_row.hours, [day_row]
    return night_row.hours, day_row.hours, [day_row, night_row]


def _windows(session: SessionKind, base: date, spans: Hours) -> tuple[SessionWindow, ...]:
    return tuple(SessionWindow(session, instant_ns(base, start), instant_ns(base, end)) for start, end in spans)


def _fingerprint(windows: Iterable[SessionWindow]) -> str:
    text = ";".join(f"{window.session},{window.start_ns},{window.end_ns}" for window in windows)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _text(spans: Hours) -> str:
    times = (f"{a // 3600:02d}:{a % 3600 // 60:02d}-{b // 3600:02d}:{b % 3600 // 60:02d}" for a, b in spans)
    return " ".join(times) or "none"
