"""The evening's report: what became of a trading day, in one line if all is well, and what is to be done if not.

Belongs here: when it is due, what it looks at, its words. Does not belong here: sending it (`assets.evening`), showing
it (`dashboard`), and how a feed or a repair is judged (`feeds`, `repair`).

It looks at the store and not at runs, so it says the same whether the evening's load ran, failed or never began.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import groupby
from typing import Final

from ghtrader_assets.context.store import StoreContext
from ghtrader_assets.market.calendar import TradingCalendar
from ghtrader_assets.market.clock import SHANGHAI
from ghtrader_assets.market.schedule import last_trading_day_until
from ghtrader_assets.market.symbols import Symbol
from ghtrader_assets.questdb.tables.reader import manifests_covering
from ghtrader_assets.upkeep.begun import begun_spans
from ghtrader_assets.upkeep.feeds import Feed, FeedState, feeds_of
from ghtrader_assets.upkeep.repair import Repair, read_plan

LOOK_BACK_DAYS: Final = 250
"""Trading days of which what is given up and accepted is told."""
TOLD_WITHIN: Final = timedelta(hours=12)
"""A platform that comes up later than this after the time tells the next evening alone."""
LISTED: Final = 20


@dataclass(frozen=True, slots=True)
class EveningReport:
    """How `trading_day` stands. `idle` symbols are expected to have no day; `attempts` are loads of it, of any end.

    `given_up` and `accepted` are days of the last `LOOK_BACK_DAYS` trading days. `disk` is a sentence.
    """

    trading_day: date
    loaded: tuple[Feed, ...]
    bad: tuple[Feed, ...]
    late: tuple[Feed, ...]
    idle: int
    attempts: int
    given_up: tuple[Repair, ...]
    accepted: tuple[Repair, ...]
    disk: str
    disk_is_low: bool

    @property
    def all_is_well(self) -> bool:
        """Whether there is nothing to do. What was accepted is known."""
        return not (self.bad or self.late or self.given_up or self.disk_is_low)

    @property
    def line(self) -> str:
        """The report in one line."""
        counts = {"loaded": self.loaded, "late": self.late, "bad": self.bad}
        said = [f"{len(feeds)} {word}" for word, feeds in counts.items() if feeds or word == "loaded"]
        if self.late and not self.attempts:
            said.append("no load of the day began")
        if self.given_up:
            said.append(f"{len(self.given_up)} days given up")
        if self.accepted:
            said.append(f"{len(self.accepted)} days accepted")
        said += [f"{self.idle} not followed"] if self.idle else []
        return f"{'all is well: ' if self.all_is_well else ''}{', '.join(said)}; {self.disk}"

    @property
    def remedies(self) -> list[str]:
        """What is to be done, each once, in the order of the report."""
        found = [feed.remedy for feed in (*self.late, *self.bad)]
        found += ["`ghtrader-assets repair` lists what is given up, and why"] if self.given_up else []
        found += ["free space under GHTRADER_HOME"] if self.disk_is_low else []
        return [remedy for remedy in dict.fromkeys(found) if remedy]

    def text(self, links: Iterable[str] = ()) -> str:
        """The whole report: one line, and below it what is not well, what is to be done, and the `links`."""
        lines = [self.line]
        if not self.all_is_well:
            lines += _listed(
                [f"{feed.symbol} is {feed.state.value}: {feed.reason}" for feed in (*self.late, *self.bad)]
            )
            lines += _listed([f"given up: {said}" for said in spans_of(self.given_up)])
            lines += [f"→ {remedy}" for remedy in _listed(self.remedies)]
        return "\n".join([*lines, *links])


def last_due(calendar: TradingCalendar, at: time, now: datetime) -> tuple[date, datetime]:
    """The last trading day whose report is due at `now`, and the instant at which it was due, zone-aware."""
    there = now.astimezone(SHANGHAI)
    day = last_trading_day_until(calendar, there.date())
    if datetime.combine(day, at, SHANGHAI) > there:
        day = calendar.previous(day)
    return day, datetime.combine(day, at, SHANGHAI)


def read_evening(
    context: StoreContext,
    symbols: Sequence[Symbol],
    day: date,
    *,
    loads_daily: bool,
    disk: str,
    disk_is_low: bool,
) -> EveningReport:
    """The report of a trading day, from the store; `loads_daily`: the daily schedule is on. Raises `QuestDBError`."""
    feeds = feeds_of(context, symbols, loads_daily=loads_daily, day=day)
    start = context.calendar.days(context.calendar.first, day)[-LOOK_BACK_DAYS:][0]
    begun = begun_spans(context, symbols, followed=loads_daily)
    plan = read_plan(context, symbols, start, day, context.clock.now(), begun=begun, in_bulk=True)
    attempts = manifests_covering(context.database, day, [symbol.text for symbol in symbols])
    return EveningReport(
        day,
        loaded=tuple(feed for feed in feeds if feed.state == FeedState.GOOD),
        bad=tuple(feed for feed in feeds if feed.state in {FeedState.BAD, FeedState.UNJUDGED}),
        late=tuple(feed for feed in feeds if feed.state == FeedState.LATE),
        idle=sum(feed.state in {FeedState.IDLE, FeedState.ENDED} for feed in feeds),
        attempts=len(attempts),
        given_up=plan.given_up,
        accepted=plan.accepted,
        disk=disk,
        disk_is_low=disk_is_low,
    )


def spans_of(repairs: Iterable[Repair]) -> Iterator[str]:
    """Days of a symbol for the same cause, as one sentence each."""

    def key(repair: Repair) -> tuple[str, str]:
        return repair.symbol.text, repair.cause.value

    for (symbol, cause), group in groupby(sorted(repairs, key=key), key=key):
        days = sorted(repair.trading_day for repair in group)
        when = f"{days[0]}" if len(days) == 1 else f"{len(days)} days from {days[0]} to {days[-1]}"
        yield f"{symbol} {when}: {cause}"


def _listed(said: Sequence[str]) -> list[str]:
    more = len(said) - LISTED
    return [*said[:LISTED], *([f"… and {more} more"] if more > 0 else [])]
