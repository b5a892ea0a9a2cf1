"""What each trading day should have been loaded for and judged by now: its contract, sessions, terms and policy.

Belongs here: working it out from the calendar, the schedule and the settings. Does not belong here: comparing it with
what is stored (`causes`), planning (`repair`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache

from ghtrader_assets.errors import GhtraderError
from ghtrader_assets.loading.frames import policy_of
from ghtrader_assets.market.calendar import TradingCalendar
from ghtrader_assets.market.lives import NOT_ASKED, FirstDays, Obstacle, obstacle_on
from ghtrader_assets.market.products import product_on
from ghtrader_assets.market.schedule import day_fingerprint
from ghtrader_assets.market.session_events import SessionEvent
from ghtrader_assets.market.sessions import DaySessions, day_sessions
from ghtrader_assets.market.symbols import Symbol, parse_symbol
from ghtrader_assets.questdb.standing.histories import Histories, Key
from ghtrader_assets.settings import Settings
from ghtrader_assets.validation.judge import RULE_VERSION, fingerprint


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a stored day should have been loaded for and judged by now. `contract` is empty where none is known.

    `trades`: a session was held. A day on which the contract was suspended is not missing. `obstacle`: the provider's
    main contract can't be it.
    """

    trades: bool
    contract: str
    price_tick: float
    upstream: str
    sessions: str
    policy: str
    obstacle: Obstacle | None = None

    def verdict_on(self, digest: str, evidence_digest: str) -> str:
        """The fingerprint of a verdict on this content, with this of the evidence, that would be in force."""
        rests_on = (digest, self.sessions, self.contract, self.price_tick)
        return fingerprint(*rests_on, RULE_VERSION, self.policy, evidence_digest)


def wanted_days(
    settings: Settings,
    calendar: TradingCalendar,
    events: tuple[SessionEvent, ...],
    spans: Mapping[Symbol, tuple[date, date]],
    standing: Histories,
    first_days: FirstDays = NOT_ASKED,
) -> dict[Key, tuple[Symbol, Wanted]]:
    """What each trading day of each symbol's span should be; a day on which it does not trade is left out.

    `first_days` are those of contracts that the provider was asked for.
    """
    found: dict[Key, tuple[Symbol, Wanted]] = {}
    for symbol, (start, end) in spans.items():
        policy = policy_of(settings, symbol).digest
        for day in calendar.days(start, end) if start <= end else ():
            if (symbol.text, day) in standing.sound:
                continue
            contract = standing.contracts.get((symbol.text, day), "")
            obstacle = obstacle_on(symbol, day, contract, calendar, first_days)
            content = standing.contents.get((symbol.text, day))
            is_wrong = obstacle is not None and obstacle.wrong_main is not None
            if obstacle is not None and (content is None or (is_wrong and content.contract != contract)):
                if is_wrong:
                    found[symbol.text, day] = symbol, Wanted(True, contract, 0.0, "", "", policy, obstacle)
                continue
            wanted = _wanted(symbol, day, contract, calendar, events, standing, policy)
            if wanted is not None:
                found[symbol.text, day] = symbol, wanted
    return found


def _wanted(
    symbol: Symbol,
    day: date,
    contract: str,
    calendar: TradingCalendar,
    events: tuple[SessionEvent, ...],
    standing: Histories,
    policy: str,
) -> Wanted | None:
    """What the day should be; None for a day without trading in the product, or without main contract."""
    terms = _terms(contract or symbol.text, day, calendar, events)
    asked_to = standing.scheduled_to.get(symbol.text)
    if terms is None or (not contract and asked_to is not None and day <= asked_to):
        return None
    sessions, price_tick, upstream = terms
    return Wanted(
        bool(sessions.windows), contract, price_tick, upstream if contract else "", sessions.fingerprint, policy
    )


@lru_cache(maxsize=262_144)
def _terms(
    name: str, day: date, calendar: TradingCalendar, events: tuple[SessionEvent, ...]
) -> tuple[DaySessions, float, str] | None:
    """Sessions, price tick and upstream fingerprint of a contract's day; None where it was not listed.

    Kept: a sensor asks for sixty symbols' ten years at every tick.
    """
    symbol = parse_symbol(name)
    try:
        sessions = day_sessions(symbol, day, calendar, operator_events=events)
        return sessions, product_on(symbol, day).price_tick, day_fingerprint(name, sessions)
    except GhtraderError:
        return None
