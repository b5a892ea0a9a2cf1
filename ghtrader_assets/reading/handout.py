"""Which stored days of a range a reader is handed, how each stands, and what the reader is told of the others.

Belongs here: that choice, for the Python API and for exports alike. Does not belong here: what a day's state is
(`questdb.standing`), files (`export`), and how a reader is told (`store`, `cli`).
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from typing import Final, Literal, cast, get_args

import pyarrow as pa

from ghtrader_assets.context.store import StoreContext
from ghtrader_assets.context.universe import unknown_in_universe
from ghtrader_assets.errors import BadInputError, DayReplacedError, IngestState, NoDayError
from ghtrader_assets.grammar import quoted
from ghtrader_assets.market.schedule import last_completed_day
from ghtrader_assets.market.symbols import Symbol
from ghtrader_assets.questdb.standing.day_states import read_attempted_states, read_stored_states
from ghtrader_assets.questdb.standing.derivation import GOOD, NOT_TRADED
from ghtrader_assets.questdb.standing.obstacles import read_obstacles
from ghtrader_assets.questdb.tables.codec import values_of
from ghtrader_assets.questdb.tables.reader import read_schedule
from ghtrader_assets.questdb.tables.rows import Acceptance, DailyAgg, DayState
from ghtrader_assets.questdb.tables.whole_days import read_whole_days, require_columns
from ghtrader_assets.reading.overview import untouched_day
from ghtrader_assets.reading.stored import names_of, own_and_main, warn_of_namesakes
from ghtrader_assets.settings import start_date_of

States = Literal["any", "judged", "good"]
"""Which days are handed out: all that are stored; complete ones that both verdicts speak of; of those, ok and warn."""

NAMED: Final = 5
"""So many days are named where a reader is told of them; the others are counted."""


def as_states(text: object) -> States:
    """The text as what it names. Raises `BadInputError` where it names none."""
    if not isinstance(text, str) or text not in get_args(States):
        raise BadInputError(f"there is no states={quoted(text)}", f"choose one of {', '.join(get_args(States))}")
    return cast("States", text)


@dataclass(frozen=True, slots=True, kw_only=True)
class HandedDay(DailyAgg):
    """A stored-day row, with the state of its very content, the reason, and who accepted it as it is."""

    state: str
    reason: str
    accepted: Acceptance | None


@dataclass(frozen=True, slots=True)
class Handout:
    """The days of a range: those that are handed out, and those that are not good, handed out or not.

    `expected` counts the trading days of the range that should be stored by now, `to_come` those that are not over.
    """

    context: StoreContext
    symbol: Symbol
    columns: tuple[str, ...]
    states: States
    days: tuple[DayState, ...]
    not_good: tuple[DayState, ...]
    expected: int
    to_come: int

    @property
    def all_good(self) -> bool:
        """Whether every trading day of the range is handed out, and good. An accepted day is not."""
        return not self.not_good and not self.to_come

    @property
    def told(self) -> tuple[DayState, ...]:
        """The days that a reader should know of: missing, partial, in error or unjudged, and not accepted as such."""
        return tuple(day for day in self.not_good if day.accepted is None)

    @property
    def warning(self) -> str:
        """What a reader is told, in one line; empty where all days are good or accepted."""
        told = self.told
        if not told:
            return ""
        first, last = told[0].trading_day, told[-1].trading_day
        return (
            f"{self.symbol.text}: {len(told)} of {self.expected} trading days are missing, partial, in error or"
            f" unjudged: {_named(told)}; `ghtrader-assets days {self.symbol.text} --from {first} --to {last}` says why"
        )

    def read(self) -> Generator[tuple[HandedDay, pa.Table]]:
        """The days that are handed out, each whole and with its state, in time order.

        Raises `DayReplacedError` where a day was loaded again meanwhile and is no longer among those asked for.
        """
        for symbol, stored in groupby(self.days, key=lambda day: day.symbol):
            states = {day.trading_day: day for day in stored}
            days = read_whole_days(
                self.context.database,
                symbol,
                [self.context.calendar.window(day) for day in states],
                self.columns,
                workers=self.context.settings.read_workers,
            )
            for day in days:
                yield self._stated(day.agg, states[day.agg.trading_day]), day.ticks

    def _stated(self, agg: DailyAgg, state: DayState) -> HandedDay:
        """The row with the state of its content, which may be newer than the one whose state was read first."""
        if not _speaks_of(state, agg):
            day = agg.trading_day
            (state,) = read_stored_states(self.context.database, [agg.symbol], day, day, self.context.clock.now())
        if not (_speaks_of(state, agg) and _is_among(state, self.states)):
            raise DayReplacedError(f"{agg.symbol} {agg.trading_day} was loaded again while it was read")
        return HandedDay(**values_of(agg), state=state.state, reason=state.reason, accepted=state.accepted)


def handout_of(
    context: StoreContext,
    symbol: Symbol,
    start: date,
    end: date,
    columns: Sequence[str] | None = None,
    *,
    states: States = "any",
    contracts: Sequence[Symbol] | None = None,
) -> Handout:
    """What is handed out of the trading days from `start` to `end`, both included; of `contracts` only, if given.

    One query where every trading day is stored, four otherwise; no more for a contract that is read from its main
    symbol's days. Raises `BadInputError` for an unknown column and where no day can be handed out, and warns of days of
    two contracts with one name.
    """
    as_states(states)
    wanted = require_columns(columns)
    now = context.clock.now()
    rows = read_stored_states(context.database, names_of(context, symbol), start, end, now)
    stored_as, found = own_and_main(symbol, rows)
    among = _contracts(symbol, stored_as, contracts)
    stored = {day.trading_day: day for day in found if among is None or day.contract in among}
    if not stored:
        what = f"{start}" if start == end else f"{start} to {end}"
        raise NoDayError(
            f"no whole day of {symbol.text} is stored for {what}", "load it with `ghtrader-assets backfill`"
        )
    lacking = set(context.calendar.days(start, end)) - {day.trading_day for day in found}
    unstored = _unstored(context, stored_as, sorted(lacking), among)
    completed = last_completed_day(context.calendar, context.clock.now_ns())
    missing = [day for day in unstored if day.trading_day <= completed]
    not_good = [day for day in (*stored.values(), *missing) if day.state not in GOOD]
    days = tuple(day for day in stored.values() if _is_among(day, states))
    if not days:
        raise NoDayError(f"no stored day of {symbol.text} is {states}: {_named(not_good)}", 'ask for states="any"')
    if symbol.digits or among is not None:
        warn_of_namesakes((day.contract, day.trading_day) for day in days)
    return Handout(
        context,
        symbol,
        wanted,
        states,
        days,
        tuple(sorted(not_good, key=lambda day: day.trading_day)),
        expected=len(stored) + len(missing),
        to_come=len(unstored) - len(missing),
    )


def _contracts(symbol: Symbol, stored_as: Symbol, contracts: Sequence[Symbol] | None) -> set[str] | None:
    """The contracts whose days are the symbol's; None for all."""
    among = None if contracts is None else {contract.text for contract in contracts}
    if stored_as == symbol:
        return among
    return {symbol.text} if among is None else {symbol.text} & among


def _unstored(context: StoreContext, symbol: Symbol, days: Sequence[date], among: set[str] | None) -> list[DayState]:
    """How the days stand that are not stored, but for those on which the symbol did not trade."""
    if not days:
        return []
    database, name, now = context.database, symbol.text, context.clock.now()
    wanted = set(days)
    rows = read_schedule(database, name, days[0], days[-1]) if among is not None or not symbol.digits else []
    schedule = {row.trading_day: row for row in rows}
    obstacles = {
        key: obstacle
        for key, obstacle in read_obstacles(database, context.calendar, [symbol], days[0], days[-1], rows).items()
        if key[1] in wanted
    }
    attempted = read_attempted_states(database, [name], days[0], days[-1], now, obstacles)
    known = {day.trading_day: day for day in attempted}
    listed_from = start_date_of(context.settings, symbol.product)
    unknown = unknown_in_universe(context.settings, symbol) is not None
    states = [
        known.get(day) or untouched_day(name, day, schedule.get(day), listed_from, unknown=unknown) for day in days
    ]
    expected = [state for state in states if state.ingest_state not in NOT_TRADED]
    return [state for state in expected if among is None or (state.contract in among and state.wrong_main is None)]


def _speaks_of(state: DayState, agg: DailyAgg) -> bool:
    return (state.digest, state.ingest_state == IngestState.PARTIAL) == (agg.digest, agg.partial)


def _is_among(day: DayState, states: States) -> bool:
    if states == "good":
        return day.state in GOOD
    return states == "any" or bool(day.coverage_state and day.quality_state)


def _named(days: Sequence[DayState]) -> str:
    named = ", ".join(f"{day.trading_day} {day.state}" for day in days[:NAMED])
    return named if len(days) <= NAMED else f"{named} and {len(days) - NAMED} more"
