"""Faults on demand: rules that say which request meets which trouble, how often.

Belongs here: the JSON of a rule, matching, counting down.
Does not belong here: doing the trouble (`diff`, `server`, `revisions`).

Three families. *Access* faults meet the token request or the websocket handshake. *Delivery* faults meet one page and
its connection. *Content* faults change what a chart sees from the request that opens it until it is closed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final, Literal, get_args

from ghtrader_assets.errors import BadInputError
from ghtrader_assets.exchange.revisions import Revision, RevisionKind, Revisions

AccessKind = Literal["refuse", "maintenance", "wrong_grant", "slow", "stall"]
DeliveryKind = Literal["drop", "stall", "maintenance", "garbage", "duplicate_page", "stale_page", "slow"]
Place = Literal["token", "handshake", "query", "page"]

_ACCESS: Final = frozenset(get_args(AccessKind))
_DELIVERY: Final = frozenset(get_args(DeliveryKind))
_CONTENT: Final = frozenset(get_args(RevisionKind))
_NEEDS_DAY: Final = frozenset({"changed", "fewer", "truncated", "missing_id"})
_DEFAULT_PLACE: Final[dict[str, Place]] = {"refuse": "handshake", "wrong_grant": "token"}
_FIELDS: Final = frozenset(
    {"kind", "at", "symbol", "trading_day", "page", "times", "status", "message", "features", "seconds", "amount", "fraction"}
)  # fmt: skip
MAINTENANCE_TEXT: Final = "系统维护中，每日 19:00-19:30 为日常运维时间，请稍后再试"


@dataclass(slots=True)
class Rule:
    """One fault rule. `times` None means for ever; `hits` counts what it met."""

    kind: str
    at: Place
    symbol: str = "*"
    trading_day: date | None = None
    page: int | None = None
    times: int | None = 1
    status: int = 503
    message: str = MAINTENANCE_TEXT
    features: tuple[str, ...] = ()
    seconds: float = 1.0
    amount: int = 1
    fraction: float = 0.5
    hits: int = field(default=0)

    @property
    def live(self) -> bool:
        """Whether the rule may still strike."""
        return self.times is None or self.hits < self.times

    @property
    def revision(self) -> Revision | None:
        """The change of content a content rule stands for."""
        if self.kind not in _CONTENT:
            return None
        kind: RevisionKind = self.kind  # type: ignore[assignment]
        return Revision(kind, self.symbol, self.trading_day, self.amount, self.fraction)

    def as_json(self) -> dict[str, Any]:
        """The rule as the control endpoint shows it."""
        day = self.trading_day.isoformat() if self.trading_day else None
        names = ("kind", "at", "symbol", "page", "times", "status", "message", "seconds", "amount", "fraction", "hits")
        return {**{name: getattr(self, name) for name in names}, "trading_day": day, "features": list(self.features)}


class Faults:
    """The rules in force, in the order they were given."""

    def __init__(self) -> None:
        self.rules: list[Rule] = []

    def add(self, document: object) -> list[Rule]:
        """Add the rules of a JSON document: one rule or a list. Raises BadInputError naming the bad field."""
        items = document if isinstance(document, list) else [document]
        added = [parse_rule(item) for item in items]
        self.rules += added
        return added

    def clear(self) -> None:
        """Forget all rules."""
        self.rules.clear()

    def access(self, place: Place) -> Rule | None:
        """The rule that meets this token request or handshake, counted; None if it may pass."""
        return self._first(rule for rule in self.rules if rule.at == place and rule.kind in _ACCESS)

    def delivery(self, symbol: str, days: frozenset[date], page: int) -> list[Rule]:
        """The rules that meet a page of `symbol` holding ticks of `days`, the chart's `page`-th from 0, counted."""
        met = [
            rule
            for rule in self.rules
            if rule.at == "page"
            and rule.kind in _DELIVERY
            and rule.live
            and rule.symbol in ("*", symbol)
            and rule.page in (None, page)
            and (rule.trading_day is None or rule.trading_day in days)
        ]
        for rule in met:
            rule.hits += 1
        return met

    def content(self, symbol: str) -> Revisions:
        """What a chart of `symbol` that opens now will see changed, counted."""
        met = [rule for rule in self.rules if rule.kind in _CONTENT and rule.live and rule.symbol in ("*", symbol)]
        for rule in met:
            rule.hits += 1
        return frozenset(revision for rule in met if (revision := rule.revision) is not None)

    @staticmethod
    def _first(rules: Any) -> Rule | None:
        for rule in rules:
            if rule.live:
                rule.hits += 1
                return rule
        return None


def parse_rule(item: object) -> Rule:
    """One rule from JSON. Raises BadInputError naming the field and what is legal."""
    if not isinstance(item, dict):
        raise BadInputError("a fault rule is a JSON object with at least 'kind'")
    given: dict[str, Any] = dict(item)
    unknown = sorted(set(given) - _FIELDS)
    if unknown:
        raise BadInputError(f"a fault rule has no field {unknown[0]!r}", f"known are {', '.join(sorted(_FIELDS))}")
    kind = given.get("kind")
    if kind not in _ACCESS | _DELIVERY | _CONTENT:
        raise BadInputError(f"{kind!r} is no fault", f"known are {', '.join(sorted(_ACCESS | _DELIVERY | _CONTENT))}")
    place = given.setdefault("at", _DEFAULT_PLACE.get(str(kind), "page"))
    if place not in get_args(Place):
        raise BadInputError(f"no fault strikes at {place!r}", f"legal are {', '.join(get_args(Place))}")
    if given.get("trading_day") is not None:
        given["trading_day"] = _day(given["trading_day"])
    elif kind in _NEEDS_DAY:
        raise BadInputError(f"a {kind!r} fault needs 'trading_day'", "write it as YYYY-MM-DD")
    if kind in _CONTENT:
        given.setdefault("times", None)
    given["features"] = tuple(given.get("features", ()))
    return Rule(**given)


def _day(text: object) -> date:
    try:
        return date.fromisoformat(str(text))
    except ValueError:
        raise BadInputError(f"trading_day {text!r} is no date", "write it as YYYY-MM-DD") from None
