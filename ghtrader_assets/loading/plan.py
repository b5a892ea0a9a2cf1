"""Which trading days a load will ask the provider for, and which end before it.

Belongs here: what is known of a day before a tick of it is fetched.
Does not belong here: fetching, storing, judging.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

from ghtrader_assets.context.load import LoadContext
from ghtrader_assets.context.store import StoreContext
from ghtrader_assets.errors import GhtraderError, UnknownContractError
from ghtrader_assets.market.lives import obstacle_on
from ghtrader_assets.market.products import Product, product_on
from ghtrader_assets.market.schedule import (
    ScheduleDay,
    day_fingerprint,
    is_complete,
    partial_window,
    require_complete,
)
from ghtrader_assets.market.sessions import DaySessions, day_sessions
from ghtrader_assets.market.symbols import Symbol, depth, parse_symbol
from ghtrader_assets.market.ticks import DayWindow
from ghtrader_assets.questdb.standing.obstacles import read_first_days
from ghtrader_assets.reference.schedule import require_listed, schedule_of
from ghtrader_assets.tq.fetch import FetchRequest


@dataclass(frozen=True, slots=True)
class DayPlan:
    """One trading day to be loaded: its contract, sessions and window.

    `readable` is the part of the window that can be read by now of a day in progress; None of a complete day.
    """

    symbol: Symbol
    product: Product
    schedule: ScheduleDay
    schedule_hash: str
    sessions: DaySessions
    window: DayWindow
    readable: DayWindow | None = None

    @property
    def is_partial(self) -> bool:
        return self.readable is not None

    @property
    def trading_day(self) -> date:
        return self.schedule.trading_day

    @property
    def key(self) -> tuple[str, date]:
        return self.symbol.text, self.trading_day

    @property
    def upstream(self) -> str:
        """The fingerprint of what the day is loaded for: contract, sessions and schema."""
        return day_fingerprint(self.schedule.contract, self.sessions)

    def request(self, expected_ticks: int) -> FetchRequest:
        return FetchRequest(
            symbol=self.symbol.text,
            contract=self.schedule.contract,
            window=self.readable or self.window,
            levels=depth(self.symbol.exchange),
            expected_ticks=expected_ticks,
        )


@dataclass(frozen=True, slots=True)
class LoadPlan:
    """The days to load, and the days that end without a fetch, each with its error."""

    days: tuple[DayPlan, ...]
    refused: dict[date, GhtraderError]


def plan_days(context: LoadContext, symbol: Symbol, days: Sequence[date], *, allow_partial: bool = False) -> LoadPlan:
    """Look up contract and sessions of each day. A day that is not complete is refused unless `allow_partial`, and all
    days of a symbol whose product is unknown are.

    Raises `FetchError` or `QuestDBError` if the schedule can't be had: then no day can be planned.
    """
    try:
        schedule = schedule_of(context, symbol, days)
    except UnknownContractError as error:
        return LoadPlan((), dict.fromkeys(days, error))
    first_days = read_first_days(context.database)
    planned: list[DayPlan] = []
    refused: dict[date, GhtraderError] = {}
    for day in days:
        try:
            scheduled = schedule.rows.get(day)
            main = scheduled.contract if scheduled else ""
            if obstacle := obstacle_on(symbol, day, main, context.calendar, first_days):
                raise obstacle.error
            readable = _readable(context, day, allow_partial=allow_partial)
            row = require_listed(context, symbol, day, schedule)
            planned.append(replace(plan_day(context, symbol, row, schedule.hash), readable=readable))
        except GhtraderError as error:
            refused[day] = error
    return LoadPlan(tuple(planned), refused)


def _readable(context: StoreContext, day: date, *, allow_partial: bool) -> DayWindow | None:
    """None for a complete day. Raises `BadInputError` for another one that may not or can't be loaded in part."""
    now_ns = context.clock.now_ns()
    if is_complete(day, now_ns):
        return None
    readable = partial_window(context.calendar.window(day), now_ns) if allow_partial else None
    if readable is None:
        require_complete(day, now_ns)
    return readable


def plan_day(context: StoreContext, symbol: Symbol, row: ScheduleDay, schedule_hash: str) -> DayPlan:
    """The plan of a day whose contract is known: its terms, sessions and window on that very day.

    Raises `ExpiredError` where the contract has ended, `BadInputError` for an unknown product.
    """
    day, calendar, contract = row.trading_day, context.calendar, parse_symbol(row.contract)
    return DayPlan(
        symbol=symbol,
        product=product_on(contract, day),
        schedule=row,
        schedule_hash=schedule_hash,
        sessions=day_sessions(contract, day, calendar, operator_events=context.operator_events),
        window=calendar.window(day),
    )
