"""Which trading days should be loaded or judged again, why, and when to leave them alone.

Belongs here: the plan, worked out from the small tables alone, and how often and how soon a day is tried again.
Does not belong here: what a day should be (`wanted`) and what is wrong with it (`causes`), carrying the plan out
(`cli.repair`, `assets.repair`), judging and loading themselves.

A day whose last attempts failed for the same contract and sessions has a budget. Maintenance and a refused account
cost none of it, nor does an attempt that was cancelled or killed. Between attempts a day waits, longer each time; the
first repair after a failure comes at once.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Final

from ghtrader_assets.context.store import StoreContext
from ghtrader_assets.context.universe import unknown_product
from ghtrader_assets.errors import IngestState
from ghtrader_assets.market.clock import SHANGHAI
from ghtrader_assets.market.schedule import last_completed_day
from ghtrader_assets.market.symbols import Symbol
from ghtrader_assets.questdb.standing.evidence import Renewed
from ghtrader_assets.questdb.standing.histories import Attempt, Content, Histories, Key, read_histories
from ghtrader_assets.questdb.standing.obstacles import read_first_days
from ghtrader_assets.questdb.tables.reader import read_daily_agg, read_standing_coverage
from ghtrader_assets.settings import start_date_of
from ghtrader_assets.upkeep.begun import Span
from ghtrader_assets.upkeep.causes import Cause, changed_since, fault_of, is_good, never_stored
from ghtrader_assets.upkeep.due import Need
from ghtrader_assets.upkeep.wanted import Wanted, wanted_days
from ghtrader_assets.validation.windows import LOOK_BACK

MAINTENANCE_ENDS: Final = time(19, 35, tzinfo=SHANGHAI)
"""TqSdk's daily maintenance is 19:00 to 19:30 Beijing time; five minutes for its servers to settle."""

UNANNOUNCED_MAINTENANCE: Final = timedelta(minutes=40)
BACKOFF_GROWTH: Final = 4
MAX_BACKOFF: Final = timedelta(days=7)

_UNBUDGETED: Final = frozenset({Cause.MAINTENANCE, Cause.DENIED})
_FREE: Final = frozenset({IngestState.MAINTENANCE, IngestState.DENIED, IngestState.RUNNING, IngestState.MISSING})
"""Outcomes that cost no budget: what the provider refused to all, and attempts that were cancelled or killed."""
_SLOW: Final = frozenset(
    {
        Cause.PROVIDER_EMPTY,
        Cause.PARTIAL,
        Cause.PROVIDER_HAS_DATA,
        Cause.UNKNOWN_CONTRACT,
        Cause.PROVIDER_MAIN_UNKNOWN,
    }
)
"""What only the provider can mend: asked again after a day, not after an hour."""


@dataclass(frozen=True, slots=True)
class Repair:
    """One trading day that needs work. `tries` counts the attempts that ended in this; before `not_before` it waits.

    `in_hand`: a run in progress has begun to load it. `accepted`: it stays as it is by an operator's word. `incurable`:
    no load can help, as long as the provider calls this contract main.
    """

    symbol: Symbol
    trading_day: date
    cause: Cause
    need: Need
    reason: str
    tries: int = 0
    not_before: datetime | None = None
    in_hand: bool = False
    accepted: bool = False
    incurable: bool = False


@dataclass(frozen=True, slots=True)
class Work:
    """An estimate from the loads so far; `rows` and `seconds` are None while no load of any symbol is known."""

    loads: int
    judgements: int
    rows: int | None
    seconds: float | None


@dataclass(frozen=True, slots=True)
class RepairPlan:
    """The days to repair now, those in their back-off, those that only a person can help, being loaded, accepted."""

    planned: tuple[Repair, ...]
    waiting: tuple[Repair, ...]
    given_up: tuple[Repair, ...]
    running: tuple[Repair, ...]
    accepted: tuple[Repair, ...]
    work: Work

    @property
    def empty(self) -> bool:
        """Whether there is nothing to repair: not now, not later, and nothing given up."""
        return not (self.planned or self.waiting or self.given_up)


NOTHING: Final = RepairPlan((), (), (), (), (), Work(0, 0, None, None))


def read_plan(
    context: StoreContext,
    symbols: Sequence[Symbol],
    start: date | None,
    end: date,
    now: datetime,
    running: Collection[str] = (),
    *,
    begun: Mapping[str, Span] | None = None,
    in_bulk: bool = False,
) -> RepairPlan:
    """The plan for the trading days from `start` (each symbol's own start without) to `end`, both included.

    `running` are the ids of runs in progress: what they began is left to them. `begun`: of each symbol only the days of
    its history (`begun_spans`), so that no plan starts one by itself or carries one on. `in_bulk` passes over
    days that are stored for their main contract and judged whole: changed sessions, rules and policy go unseen, at a
    fraction of the work. Symbols whose product is unknown have no plan. Raises `QuestDBError`.
    """
    symbols = [symbol for symbol in symbols if unknown_product(context.settings.home, symbol) is None]
    if not symbols:
        return NOTHING
    first = max(
        start or min(start_date_of(context.settings, symbol.product) for symbol in symbols), context.calendar.first
    )
    if first > end:
        return NOTHING
    names = [symbol.text for symbol in symbols]
    standing = read_histories(context.database, names, first, end, now, leave_out_sound=in_bulk)
    listed = read_first_days(context.database)
    own = dict.fromkeys(names, (first, end)) if begun is None else begun
    spans = {
        symbol: (max(first, begins, start_date_of(context.settings, symbol.product)), min(end, ends))
        for symbol in symbols
        if symbol.text in own
        for begins, ends in [own[symbol.text]]
    }
    wanted = wanted_days(context.settings, context.calendar, context.operator_events, spans, standing, listed)
    return plan_of(find_repairs(wanted, standing, running), standing, context.settings.repair_attempts, now)


def read_moved(
    context: StoreContext, symbols: Sequence[Symbol], renewed: Mapping[str, Renewed], now: datetime
) -> list[Repair]:
    """The days that were judged as they are stored and are due again, of those whose evidence the `renewed` may be.

    Raises `QuestDBError`.
    """
    found: list[Repair] = []
    today = last_completed_day(context.calendar, int(now.timestamp() * 1e9))
    for symbol in symbols:
        new = renewed.get(symbol.text)
        if new is not None:
            plan = read_plan(context, [symbol], new.start, min(new.end + LOOK_BACK, today), now)
            due = {each.trading_day: each for each in plan.planned if each.need == Need.JUDGEMENT}
            judged = read_standing_coverage(context.database, symbol.text, list(due))
            stored = read_daily_agg(context.database, symbol.text, list(judged))
            found += [due[row.trading_day] for row in stored if judged[row.trading_day].content_digest == row.digest]
    return found


def find_repairs(
    wanted: Mapping[Key, tuple[Symbol, Wanted]], standing: Histories, running: Collection[str]
) -> list[Repair]:
    """Every day that is not as it should be, by symbol and day. `running` are run ids."""
    suspects = sorted(key for key, (_, want) in wanted.items() if not is_good(key, want, standing))
    attempts = standing.attempts(suspects)
    return [_repair(key, *wanted[key], standing, attempts.get(key, []), running) for key in suspects]


def plan_of(repairs: Iterable[Repair], standing: Histories, budget: int, now: datetime) -> RepairPlan:
    """Sort the repairs into those for now, for later, for a person, for the run that has them, and accepted ones."""
    planned: list[Repair] = []
    waiting: list[Repair] = []
    given_up: list[Repair] = []
    in_hand: list[Repair] = []
    accepted: list[Repair] = []
    for repair in repairs:
        if repair.in_hand:
            in_hand.append(repair)
        elif repair.accepted:
            accepted.append(repair)
        elif repair.incurable or (repair.tries >= budget and repair.cause not in _UNBUDGETED):
            given_up.append(repair)
        elif repair.not_before is not None and repair.not_before > now:
            waiting.append(repair)
        else:
            planned.append(repair)
    parts = [tuple(part) for part in (planned, waiting, given_up, in_hand, accepted)]
    return RepairPlan(*parts, work=_work(planned, standing.pace()))


def _repair(
    key: Key,
    symbol: Symbol,
    want: Wanted,
    standing: Histories,
    attempts: Sequence[Attempt],
    running: Collection[str],
) -> Repair:
    content = standing.contents.get(key)
    if want.obstacle is not None:
        cause = Cause(want.obstacle.wrong_main)
        closed = content is not None and key in standing.accepted
        return Repair(symbol, key[1], cause, Need.LOAD, want.obstacle.reason, accepted=closed, incurable=True)
    fault = fault_of(key, content, want, standing) if content is not None else None
    cause, need, reason = fault or never_stored(symbol.text, attempts, want)
    in_hand = bool(attempts) and attempts[-1].finished is None and attempts[-1].run_id in running
    if need == Need.JUDGEMENT:
        return Repair(symbol, key[1], cause, need, reason, in_hand=in_hand)
    tries = _tries(attempts, want.upstream, content)
    last = attempts[-1] if attempts else None
    if fault is not None and tries and last is not None and last.outcome != IngestState.COMPLETE:
        reason = f"{reason}; the last attempt: {last.outcome.value}: {last.reason}"
    accepted = key in standing.accepted and not changed_since(cause, content, attempts, want)
    return Repair(symbol, key[1], cause, need, reason, tries, _not_before(cause, tries, last), in_hand, accepted)


def _tries(attempts: Sequence[Attempt], upstream: str, content: Content | None) -> int:
    """How many of the latest attempts, for today's contract and sessions, ended in the present content or in none."""
    count = 0
    for attempt in reversed(attempts):
        if attempt.partial or (upstream and attempt.upstream != upstream):
            break
        if attempt.outcome == IngestState.COMPLETE and (content is None or attempt.digest != content.digest):
            break
        count += attempt.outcome not in _FREE
    return count


def _not_before(cause: Cause, tries: int, last: Attempt | None) -> datetime | None:
    if last is None:
        return None
    ended = last.finished or last.started
    if cause == Cause.MAINTENANCE:
        return _after_maintenance(ended)
    if tries <= 1:
        return None
    first_pause = timedelta(days=1) if cause in _SLOW else timedelta(hours=1)
    return ended + min(first_pause * BACKOFF_GROWTH ** min(tries - 2, 10), MAX_BACKOFF)


def _after_maintenance(ended: datetime) -> datetime:
    """The end of the window that the attempt met: the daily one, or one of unknown length."""
    there = ended.astimezone(SHANGHAI)
    if time(18, 55) <= there.time() < MAINTENANCE_ENDS.replace(tzinfo=None):
        return datetime.combine(there.date(), MAINTENANCE_ENDS)
    return ended + UNANNOUNCED_MAINTENANCE


def _work(planned: Sequence[Repair], pace: Mapping[str, tuple[float, float]]) -> Work:
    """Rows and seconds at each symbol's pace so far, a symbol's that was never loaded at the mean of the others."""
    loads = [repair for repair in planned if repair.need == Need.LOAD]
    judgements = len(planned) - len(loads)
    if not pace:
        return Work(len(loads), judgements, None, None)
    usual = tuple(sum(values) / len(pace) for values in zip(*pace.values(), strict=True))
    paces = [pace.get(load.symbol.text, usual) for load in loads]
    return Work(len(loads), judgements, round(sum(rows for rows, _ in paces)), sum(seconds for _, seconds in paces))
