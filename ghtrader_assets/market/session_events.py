"""Trading days that differed from the session table: suspensions, late opens, halts; ours and the operator's own.

Belongs here: the packaged events, the operator's file, and what an event does to the hours of a session.
Does not belong here: hours that changed for good (`session_tables`) and the holiday rule (`sessions`).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any, Final, Literal, cast, get_args

from ghtrader_assets.errors import BadInputError
from ghtrader_assets.market.data_files import Hours, own_text, rows, second_of_day
from ghtrader_assets.market.symbols import Exchange, Symbol

SessionKind = Literal["day", "night"]
Action = Literal["skip", "shift_start", "shift_end", "halt"]

_FIELDS: Final = ("exchanges", "products", "session", "action", "first_day", "last_day", "source")
_REMEDY: Final = f"an event needs {', '.join(_FIELDS)}, a time for shifts and halts, an until for halts"


@dataclass(frozen=True, slots=True)
class SessionEvent:
    """What was different in a session of the trading days `first_day`..`last_day`, both included.

    'skip': no session at all; 'shift_start' and 'shift_end': it opened or closed at `second`; 'halt': no trading from
    `second` to `until`. Both count from midnight of the day on which the session opens (25:00 is 01:00 the next day).
    Product '*' is every product of the exchanges.
    """

    exchanges: frozenset[str]
    products: frozenset[str]
    session: SessionKind
    action: Action
    first_day: date
    last_day: date
    second: int
    until: int
    source: str

    def applies(self, symbol: Symbol, day: date) -> bool:
        """Whether the event touches the symbol's product on that trading day."""
        return (
            self.first_day <= day <= self.last_day
            and symbol.exchange in self.exchanges
            and ("*" in self.products or symbol.product in self.products)
        )

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
    return tuple(_event(_split(row)) for row in rows("session_events.csv"))


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
    except ValueError as error:
        raise BadInputError(f"{name} is no JSON ({error})", "repair or remove it") from error
    if not isinstance(document, list):
        raise BadInputError(f"{name} is no JSON list of session events", "repair or remove it")
    events: list[SessionEvent] = []
    for number, item in enumerate(cast("list[Any]", document), start=1):
        try:
            events.append(_event(item))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise BadInputError(f"{name}: event {number} is wrong ({error})", _REMEDY) from error
    return tuple(events)


def _split(row: dict[str, str]) -> dict[str, Any]:
    return {**row, "exchanges": row["exchanges"].split(), "products": row["products"].split()}


def _event(item: Mapping[str, Any]) -> SessionEvent:
    action, session = item["action"], item["session"]
    if action not in get_args(Action) or session not in get_args(SessionKind):
        raise ValueError(f"no such action or session: {action} {session}")
    event = SessionEvent(
        exchanges=frozenset(Exchange(name) for name in _texts(item["exchanges"])),
        products=frozenset(_texts(item["products"])),
        session=session,
        action=action,
        first_day=date.fromisoformat(item["first_day"]),
        last_day=date.fromisoformat(item["last_day"]),
        second=0 if action == "skip" else second_of_day(item["time"]),
        until=second_of_day(item["until"]) if action == "halt" else 0,
        source=str(item["source"]),
    )
    if event.first_day > event.last_day or (action == "halt" and event.second >= event.until):
        raise ValueError("it ends before it begins")
    return event


def _texts(items: Iterable[Any]) -> list[str]:
    if isinstance(items, str) or not all(isinstance(item, str) for item in items):
        raise ValueError(f"{items!r} is no list of names")
    return list(items)
