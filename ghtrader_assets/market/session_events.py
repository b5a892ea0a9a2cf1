"""Trading days that differed from the session table: suspensions, late opens, halts; ours and the operator's own.

Belongs here: the packaged events, the operator's file, and what an event does to the hours of a session.
Does not belong here: hours that changed for good (`session_tables`) and the holiday rule (`sessions`).
"""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any, Final, Literal, cast

import msgspec

from ghtrader_assets.errors import BadInputError
from ghtrader_assets.market.data_files import Hours, is_verified, own_text, rows, second_of_day
from ghtrader_assets.market.products import products as all_products
from ghtrader_assets.market.symbols import Exchange, Symbol, parse_symbol

SessionKind = Literal["day", "night"]
Action = Literal["skip", "shift_start", "shift_end", "halt"]

ANY: Final = "*"
"""Every product of the exchanges, every contract of the products."""

_TIMES: Final[dict[Action, tuple[str, ...]]] = {
    "skip": (),
    "shift_start": ("time",),
    "shift_end": ("time",),
    "halt": ("time", "until"),
}
_BOUNDS: Final[dict[SessionKind, tuple[str, str]]] = {"day": ("09:00", "15:15"), "night": ("21:00", "26:30")}
"""Outside these no product ever traded: such a time would leave a session as it is, or without a window."""

_REMEDY: Final = "docs/operations.md shows how an event is written"


@dataclass(frozen=True, slots=True)
class SessionEvent:
    """What was different in a session of the trading days `first_day`..`last_day`, both included.

    'skip': no session at all; 'shift_start' and 'shift_end': it opened or closed at `second`; 'halt': no trading from
    `second` to `until`. Both count from midnight of the day on which the session opens (25:00 is 01:00 the next day).
    Product '*' is every product of the exchanges, contract '*' every contract of the products; a contract is written
    without its exchange, as 'ni2204'. `verified`: the source is a document that was opened.
    """

    exchanges: frozenset[Exchange]
    products: frozenset[str]
    contracts: frozenset[str]
    session: SessionKind
    action: Action
    first_day: date
    last_day: date
    second: int
    until: int
    source: str
    verified: bool

    def applies(self, symbol: Symbol, day: date) -> bool:
        """Whether the event changes the symbol's sessions of that trading day. An alias is no contract."""
        return self.touches(symbol, day) and (ANY in self.contracts or symbol.code in self.contracts)

    def touches(self, symbol: Symbol, day: date) -> bool:
        """Whether the event is about the symbol's product, or contracts of it, on that trading day."""
        return self.first_day <= day <= self.last_day and self.is_about(symbol.exchange, symbol.product)

    def is_about(self, exchange: Exchange, product: str) -> bool:
        """Whether the event is about a product, or contracts of it, on some day."""
        return exchange in self.exchanges and (ANY in self.products or product in self.products)

    def changed(self, spans: Hours) -> Hours:
        """The hours that the event leaves of a session."""
        match self.action:
            case "skip":
                return ()
            case "shift_start":
                return tuple((max(start, self.second), end) for start, end in spans if end > self.second)
            case "shift_end":
                return tuple((start, min(end, self.second)) for start, end in spans if start < self.second)
            case "halt":
                before = [(start, min(end, self.second)) for start, end in spans if start < self.second]
                after = [(max(start, self.until), end) for start, end in spans if end > self.until]
                return tuple(sorted({*before, *after}))


@cache
def packaged_events() -> tuple[SessionEvent, ...]:
    """The events that ship with the package."""
    return tuple(_packaged(row) for row in rows("session_events.csv"))


@cache
def packaged_events_of(exchange: Exchange, product: str) -> tuple[SessionEvent, ...]:
    """Those of the packaged events that are about a product, or contracts of it, on some day."""
    return tuple(event for event in packaged_events() if event.is_about(exchange, product))


def events_path(home: Path) -> Path:
    """Where an operator's own session events stand: a JSON list of objects."""
    return home / "calendar" / "session_events.json"


def events_for(home: Path) -> tuple[SessionEvent, ...]:
    """The operator's own events stored under `home`; none without the file. Raises BadInputError if it is damaged."""
    path = events_path(home)
    text = own_text(path)
    return () if text is None else parse_events(text, str(path))


@cache
def parse_events(text: str, name: str) -> tuple[SessionEvent, ...]:
    """Read a JSON list of events; `name` says whose, in errors. Raises BadInputError naming the event that is wrong."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadInputError(f"{name} is no JSON ({error})", "repair or remove it") from error
    if not isinstance(document, list):
        raise BadInputError(f"{name} is no JSON list of session events", "repair or remove it")
    events: list[SessionEvent] = []
    for number, item in enumerate(cast("list[Any]", document), start=1):
        try:
            events.append(_event(msgspec.convert(item, _Entry)))
        except ValueError as error:  # msgspec's ValidationError is one
            raise BadInputError(f"{name}: event {number} is wrong: {error}", _REMEDY) from error
    return tuple(events)


class _Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An event as it is written. `time` and `until` are clock times such as 22:30, past midnight 25:00."""

    exchanges: tuple[Exchange, ...]
    products: tuple[str, ...]
    session: SessionKind
    action: Action
    first_day: date
    last_day: date
    source: str
    verified: bool = True
    contracts: tuple[str, ...] = (ANY,)
    time: str = ""
    until: str = ""


def _packaged(row: dict[str, str]) -> SessionEvent:
    names = {name: row[name].split() for name in ("exchanges", "products", "contracts")}
    return _event(msgspec.convert({**row, **names, "verified": is_verified(row)}, _Entry))


def _event(entry: _Entry) -> SessionEvent:
    """The event. Raises ValueError for one that is incomplete or has no effect."""
    if not (entry.exchanges and entry.products and entry.contracts):
        raise ValueError("a list of names is empty; '*' is all of them")
    _require_known_names(entry)
    _require_times(entry)
    if not entry.source.strip():
        raise ValueError("its source is empty")
    event = SessionEvent(
        exchanges=frozenset(entry.exchanges),
        products=frozenset(entry.products),
        contracts=frozenset(entry.contracts),
        session=entry.session,
        action=entry.action,
        first_day=entry.first_day,
        last_day=entry.last_day,
        second=0 if entry.action == "skip" else second_of_day(entry.time),
        until=second_of_day(entry.until) if entry.action == "halt" else 0,
        source=entry.source,
        verified=entry.verified,
    )
    if event.first_day > event.last_day or (event.action == "halt" and event.second >= event.until):
        raise ValueError("it ends before it begins")
    if (event.last_day - event.first_day).days < 2 and min(event.first_day.weekday(), event.last_day.weekday()) > 4:
        raise ValueError("it falls on a weekend: name the trading day, for a Friday night the Monday")
    return event


def _require_times(entry: _Entry) -> None:
    """Raise ValueError for a time that the action does not take, or one at which the session never trades."""
    opens, closes = (second_of_day(text) for text in _BOUNDS[entry.session])
    for name, text in (("time", entry.time), ("until", entry.until)):
        if name not in _TIMES[entry.action]:
            if text:
                raise ValueError(f"{entry.action} takes no '{name}'")
        elif not opens <= second_of_day(text) <= closes:
            raise ValueError(
                f"'{name}' {text} lies outside every {entry.session} session, {'-'.join(_BOUNDS[entry.session])} (past "
                "midnight the hours count on: 24:30)"
            )


def _require_known_names(entry: _Entry) -> None:
    known = {product.code for product in all_products() if product.exchange in entry.exchanges}
    for code in entry.products:
        if code not in known | {ANY}:
            raise ValueError(f"{' '.join(entry.exchanges)} has no product '{code}'")
    for code in entry.contracts:
        if code != ANY and not any(_is_contract(exchange, code, entry.products) for exchange in entry.exchanges):
            raise ValueError(
                f"'{code}' is no contract of these products; it is written without its exchange, as ni2204"
            )


def _is_contract(exchange: Exchange, code: str, products: Collection[str]) -> bool:
    try:
        symbol = parse_symbol(f"{exchange}.{code}")
    except BadInputError:
        return False
    return bool(symbol.digits) and (ANY in products or symbol.product in products)
