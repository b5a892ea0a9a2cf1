"""Faults on demand: rules that say which request meets which trouble, how often.

Belongs here: the JSON of a rule, matching, counting down.
Does not belong here: doing the trouble (`diff`, `server`, `revisions`).

Five families. *Access* faults meet the token request or the websocket handshake. *Delivery* faults meet one page and
its connection. *Content* faults change what a chart sees from the request that opens it until it is closed.
*Reference* faults misstate the continuous table, the holidays or an instrument. *Body* faults put something else in the
place of what the log-in, the holidays or the continuous table answer over HTTP.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Any, Final, Literal, cast, get_args

import msgspec

from ghtrader_assets.errors import BadInputError
from ghtrader_assets.exchange.floods import BodyKind, FloodKind
from ghtrader_assets.exchange.revisions import LOSSES, Revision, RevisionKind, Revisions
from ghtrader_assets.market.clock import NS
from ghtrader_assets.market.session_events import SessionKind

MisstatementKind = Literal["moved_roll", "wrong_main", "holiday", "one_day", "hours", "terms"]
"""`moved_roll`: the roll of `trading_day` came `amount` trading days later (earlier, if negative). `wrong_main`: that
roll came to `contract`, whether there is one of that name or not. `holiday`: `trading_day` is left out of the list of
holidays, or stands in it; without a day the list is empty. `one_day`: the list is `trading_day` alone.
`hours`: there is a night session from 21:00 to 01:30, which no product has. `terms`: price tick and multiplier are
doubled."""
AccessKind = Literal["refuse", "maintenance", "wrong_grant", "slow", "stall"]
DeliveryKind = Literal[
    "drop", "stall", "maintenance", "garbage", "duplicate_page", "stale_page", "slow", "no_ticks", "far_bounds"
]
Place = Literal["token", "handshake", "page", "reference", "holidays", "continuous"]

_ACCESS: Final = frozenset(get_args(AccessKind))
_FLOODS: Final = frozenset(get_args(FloodKind))
_DELIVERY: Final = frozenset(get_args(DeliveryKind)) | _FLOODS
_BODIES: Final = frozenset(get_args(BodyKind))
_CONTENT: Final = frozenset(get_args(RevisionKind))
_REFERENCE: Final = frozenset(get_args(MisstatementKind))
_KNOWS_SESSIONS: Final = frozenset({"cut", "thin", "one_left", "shift", "moved"})
_NEEDS_DAY: Final = frozenset({"changed", "fewer", "hole", "truncated", "missing_id", "one_day"}) | _KNOWS_SESSIONS
_LEGAL: Final = {
    "token": _ACCESS | _BODIES,
    "page": _DELIVERY | _CONTENT,
    "reference": _REFERENCE,
    "holidays": _BODIES,
    "continuous": _BODIES,
}
_DAY_S: Final = 86_400
MAINTENANCE_TEXT: Final = "系统维护中，每日 19:00-19:30 为日常运维时间，请稍后再试"


class FaultRule(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """One fault rule; its JSON has these names.

    `times` is how often it strikes: once if left out, for content faults for ever; null is for ever too. `symbol` is
    `*` or exactly what is asked for. `page` counts a chart's answered pages from 0. `seconds` is how long `slow`
    takes, `status` what `refuse` answers, `features` the grants left by `wrong_grant`; `amount` (ticks) and `fraction`
    (place in the day, 0..1) belong to content faults, `session`, `offset_days` and `offset_s` to some of them; with
    `bars` a loss of ticks is one of the provider's bars too. `contract` is what `wrong_main` names. `hits` counts what
    it met.
    """

    kind: AccessKind | DeliveryKind | FloodKind | RevisionKind | MisstatementKind | BodyKind
    at: Place | None = None
    symbol: str = "*"
    trading_day: date | None = None
    page: int | None = None
    times: int | msgspec.UnsetType | None = msgspec.UNSET
    status: int = 503
    message: str = MAINTENANCE_TEXT
    features: tuple[str, ...] = ()
    seconds: float = 1.0
    amount: int = 1
    fraction: float = 0.5
    session: SessionKind | None = None
    offset_days: int = 0
    offset_s: float = 0.0
    bars: bool = False
    contract: str = ""
    hits: int = 0

    @property
    def place(self) -> Place:
        """Where it strikes: what it says, or what is usual for its kind."""
        if self.kind in _REFERENCE:
            return "reference"
        at_token = self.kind == "wrong_grant" or self.kind in _BODIES
        usual: Place = "token" if at_token else "handshake" if self.kind == "refuse" else "page"
        return self.at or usual

    @property
    def live(self) -> bool:
        if self.times is msgspec.UNSET:
            return self.kind in _CONTENT | _REFERENCE or self.hits < 1
        return self.times is None or self.hits < self.times

    def concerns(self, symbol: str) -> bool:
        return self.symbol in ("*", symbol)

    @property
    def revision(self) -> Revision:
        """The change of content that a content rule stands for."""
        return Revision(
            kind=cast("RevisionKind", self.kind),
            day=self.trading_day,
            amount=self.amount,
            fraction=self.fraction,
            session=self.session,
            offset_ns=round((self.offset_days * _DAY_S + self.offset_s) * NS),
            bars=self.bars,
        )


class Faults:
    """The rules in force, in the order they were given."""

    def __init__(self) -> None:
        self.rules: list[FaultRule] = []

    def add(self, document: bytes) -> list[FaultRule]:
        """Add the rules of a JSON list. Raises BadInputError naming the bad field."""
        added = parse_rules(document)
        self.rules += added
        return added

    def access(self, place: Place) -> FaultRule | None:
        """The first rule that meets this token request or handshake, counted; None if it may pass."""
        rules = (rule for rule in self.rules if rule.place == place and rule.kind in _ACCESS and rule.live)
        return next(iter(_counted(rules, most=1)), None)

    def body(self, place: Place) -> FaultRule | None:
        """The first rule that puts something else in the place of this answer over HTTP, counted."""
        rules = (rule for rule in self.rules if rule.place == place and rule.kind in _BODIES and rule.live)
        return next(iter(_counted(rules, most=1)), None)

    @property
    def bombs(self) -> bool:
        """Whether a compressed message may come: a connection that opens now is to agree to compression."""
        return any(rule.kind == "bomb" and rule.live for rule in self.rules)

    def delivery(self, symbol: str, days: frozenset[date], page: int) -> list[FaultRule]:
        """The rules that meet a page of `symbol` holding ticks of `days`, the chart's `page`-th from 0, counted."""
        return _counted(
            rule
            for rule in self.rules
            if rule.place == "page"
            and rule.kind in _DELIVERY
            and rule.live
            and rule.concerns(symbol)
            and rule.page in (None, page)
            and (rule.trading_day is None or rule.trading_day in days)
        )

    def content(self, symbol: str, *, of_bars: bool = False) -> Revisions:
        """What a chart of `symbol` that opens now will see changed, counted. Few rules change a chart of bars."""
        met = _counted(
            rule
            for rule in self.rules
            if rule.kind in _CONTENT and rule.live and rule.concerns(symbol) and (rule.bars or not of_bars)
        )
        return frozenset(rule.revision for rule in met)

    def reference(self) -> list[FaultRule]:
        """The live rules for reference data; each answer counts as a hit."""
        return _counted(rule for rule in self.rules if rule.kind in _REFERENCE and rule.live)


def parse_rules(document: bytes) -> list[FaultRule]:
    """Rules from a JSON list. Raises BadInputError naming the field and what is legal."""
    try:
        rules = msgspec.json.decode(document, type=list[FaultRule])
    except msgspec.MsgspecError as error:
        raise BadInputError(f"the fault rules are not legal: {error}", "docs/exchange.md shows the JSON") from None
    for rule in rules:
        legal = _LEGAL.get(rule.place, _ACCESS)
        if rule.kind not in legal:
            raise BadInputError(f"{rule.kind!r} can't strike at {rule.place!r}", f"{_listed(legal)} can")
        if rule.kind in _NEEDS_DAY and rule.trading_day is None:
            raise BadInputError(f"a {rule.kind!r} fault needs 'trading_day'", "write it as YYYY-MM-DD")
        if rule.session is not None and rule.kind not in _KNOWS_SESSIONS:
            raise BadInputError(f"'session' means nothing to {rule.kind!r}", f"it does to {_listed(_KNOWS_SESSIONS)}")
        if rule.bars and rule.kind not in LOSSES:
            raise BadInputError(f"'bars' means nothing to {rule.kind!r}", f"it does to {_listed(LOSSES)}")
        if (rule.kind == "wrong_main") != bool(rule.contract):
            raise BadInputError("'contract' belongs to 'wrong_main', and to it alone", "name it there")
        if rule.kind in _KNOWS_SESSIONS and rule.amount < 1:
            raise BadInputError(f"'amount' of {rule.kind!r} is {rule.amount}", "write a positive number")
    return rules


def as_json(rules: list[FaultRule]) -> list[dict[str, Any]]:
    """Rules as the control endpoint shows them."""
    return [{**msgspec.to_builtins(rule), "at": rule.place} for rule in rules]


def _listed(kinds: Iterable[str]) -> str:
    return ", ".join(sorted(kinds))


def _counted(rules: Iterable[FaultRule], most: int | None = None) -> list[FaultRule]:
    met = list(rules)[:most]
    for rule in met:
        rule.hits += 1
    return met
