"""Whether each symbol's feed is alive: the latest expected trading day is there, judged and good.

Belongs here: which day is expected when, how long a closure lasts at most, and one state a symbol.
Does not belong here: older days (`upkeep.repair`), and showing or reporting a state (`assets.checks`, `services`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from itertools import pairwise
from typing import Final

from ghtrader_assets.context.store import StoreContext
from ghtrader_assets.context.universe import unknown_in_universe
from ghtrader_assets.errors import IngestState
from ghtrader_assets.market.calendar import TradingCalendar
from ghtrader_assets.market.clock import instant_ns, shanghai_day
from ghtrader_assets.market.lives import wrong_main_remedy
from ghtrader_assets.market.schedule import last_trading_day_until
from ghtrader_assets.market.symbols import Symbol
from ghtrader_assets.questdb.standing.day_states import read_day_states
from ghtrader_assets.questdb.standing.obstacles import read_obstacles
from ghtrader_assets.questdb.tables.reader import read_begun, read_newest_days
from ghtrader_assets.questdb.tables.rows import DayState
from ghtrader_assets.settings import start_date_of
from ghtrader_assets.validation.verdicts import State

EXPECTED_BY_S: Final = 21 * 3600
"""A trading day is expected by 21:00 Beijing time: the daily schedule begins at 19:40."""

LOOK_BACK: Final = timedelta(days=400)
GRACE: Final = timedelta(hours=2)
"""A day's load may end this much later than the one before the closure did."""


class FeedState(StrEnum):
    """`idle`: the symbol is not followed, or is not listed yet. `ended`: it trades no more, loaded or not.
    `late`: the expected day is not stored."""

    GOOD = "good"
    IDLE = "idle"
    ENDED = "ended"
    LATE = "late"
    UNJUDGED = "unjudged"
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class Feed:
    """How a symbol's feed stands. `fresh`: something was loaded within the longest closure; None while idle."""

    symbol: str
    state: FeedState
    expected_day: date
    last_day: date | None
    loaded_at: datetime | None
    fresh: bool | None
    reason: str
    remedy: str

    @property
    def good(self) -> bool:
        """Whether nothing is wrong; a symbol that is not followed, or that trades no more, is not late."""
        return self.state in {FeedState.GOOD, FeedState.IDLE, FeedState.ENDED}


def expected_day(calendar: TradingCalendar, now_ns: int) -> date:
    """The last trading day that should be stored and judged at `now_ns` (epoch nanoseconds)."""
    day = last_trading_day_until(calendar, shanghai_day(now_ns))
    return day if now_ns >= instant_ns(day, EXPECTED_BY_S) else calendar.previous(day)


def longest_closure(calendar: TradingCalendar, today: date) -> timedelta:
    """The longest time between two neighbouring trading days, from a year before `today` to the calendar's horizon."""
    start = max(min(today, calendar.horizon) - LOOK_BACK, calendar.first)
    return max(later - earlier for earlier, later in pairwise(calendar.days(start, calendar.horizon)))


def freshness_windows(calendar: TradingCalendar, today: date) -> tuple[timedelta, timedelta]:
    """How long after its last load a feed is suspect, and dead: both longer than the longest holiday."""
    warn = longest_closure(calendar, today) + GRACE
    return warn, warn + timedelta(days=1)


def feeds_of(
    context: StoreContext, symbols: Sequence[Symbol], *, loads_daily: bool | None = None, day: date | None = None
) -> list[Feed]:
    """The feed of each symbol on `day`, the latest expected one without. Nine small queries. Raises `QuestDBError`.

    A symbol is followed when the daily schedule is on (`loads_daily`; None: as the settings have it) and its history
    was begun. Beyond the calendar's end no day is known, and a followed symbol is late.
    """
    database, now_ns = context.database, context.clock.now_ns()
    day = day or expected_day(context.calendar, now_ns)
    names = [symbol.text for symbol in symbols]
    loads, begun = read_newest_days(database, names), read_begun(database, names)
    obstacles = read_obstacles(database, context.calendar, symbols, day, day)
    stored = read_day_states(database, names, day, day, context.clock.now(), obstacles)
    states = {state.symbol: state for state in stored}
    follows = context.settings.runs_by_itself if loads_daily is None else loads_daily
    _, dead = freshness_windows(context.calendar, shanghai_day(now_ns))
    found: list[Feed] = []
    for symbol in symbols:
        last_day, loaded_at = loads.get(symbol.text, (None, None))
        begun_by_then = symbol.text in begun and start_date_of(context.settings, symbol.product) <= day
        unknown = unknown_in_universe(context.settings, symbol)
        if unknown is not None:
            state, reason, remedy = FeedState.BAD, f"{IngestState.UNKNOWN_CONTRACT}: {unknown}", unknown.remedy
        else:
            known = states.get(symbol.text)
            resting = known is not None and known.ingest_state in _RESTING
            if resting or (begun_by_then and follows):
                state, reason, remedy = _past_the_calendar(context, now_ns) or _state_on(symbol, day, known)
            else:
                state, reason, remedy = _NOT_FOLLOWED if begun_by_then else _IDLE
        age_s = None if loaded_at is None else now_ns / 1e9 - loaded_at.timestamp()
        fresh = None if age_s is None or state == FeedState.ENDED else age_s <= dead.total_seconds()
        found.append(Feed(symbol.text, state, day, last_day, loaded_at, fresh, reason, remedy))
    return found


_IDLE: Final = (FeedState.IDLE, "no day of it was ever loaded", "begin its history with `ghtrader-assets backfill`")

_NOT_FOLLOWED: Final = (
    FeedState.IDLE,
    "its daily schedule is off: no day is expected",
    "switch load_trading_days on in Dagster's UI, or set GHTRADER_AUTOMATION=on",
)

_RESTING: Final = {
    IngestState.NOT_LISTED.value: FeedState.IDLE,
    IngestState.EXPIRED.value: FeedState.ENDED,
}


def _past_the_calendar(context: StoreContext, now_ns: int) -> tuple[FeedState, str, str] | None:
    """The standing of every feed once the calendar has ended: whether a day is missing can't be known."""
    if shanghai_day(now_ns) <= context.calendar.horizon:
        return None
    reason = f"the calendar ended on {context.calendar.horizon}: no later trading day is known"
    return FeedState.LATE, reason, "`ghtrader-assets calendar --refresh`"


def _state_on(symbol: Symbol, day: date, state: DayState | None) -> tuple[FeedState, str, str]:
    load = f"`ghtrader-assets backfill {symbol.text} --from {day} --to {day}`"
    if state is None:
        return FeedState.LATE, f"{day} was expected and is not loaded", load
    if state.ingest_state in _RESTING:
        return _RESTING[state.ingest_state], state.reason, ""
    return _as_loaded(symbol, day, state, load)


def _as_loaded(symbol: Symbol, day: date, state: DayState, load: str) -> tuple[FeedState, str, str]:
    """The state on a day on which the symbol trades, and of which something is known."""
    if state.accepted is not None:
        return FeedState.GOOD, f"{day} is {state.state}: {state.reason}; accepted {state.accepted}", ""
    if state.ingest_state != IngestState.COMPLETE:
        found, remedy = (FeedState.BAD, wrong_main_remedy(symbol)) if state.wrong_main else (FeedState.LATE, load)
        return found, f"{day} is not stored: {state.ingest_state}: {state.reason}", remedy
    if state.wrong_main is not None:
        return FeedState.BAD, f"{day} is stored for {state.contract}: {state.reason}", wrong_main_remedy(symbol)
    if not (state.coverage_state and state.quality_state):
        judge = f"`ghtrader-assets validate {symbol.text} --from {day} --to {day}`"
        return FeedState.UNJUDGED, f"{day} is stored and not judged", judge
    if state.state in {State.OK, State.WARN}:
        return FeedState.GOOD, f"{day} is stored, judged and {state.state}", ""
    look = f"`ghtrader-assets gaps {symbol.text} {day}` and `ghtrader-assets quality {symbol.text} {day}`"
    return FeedState.BAD, f"{day} is {state.state}: {state.reason}", look
