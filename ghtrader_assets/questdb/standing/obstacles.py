"""What keeps trading days from being loaded, by the main contracts and first days that the store knows.

Belongs here: gathering them for symbols and a range. Does not belong here: what is an obstacle (`market.lives`), how a
day stands because of one (`derivation`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from types import MappingProxyType
from typing import Final

from ghtrader_assets.market.calendar import TradingCalendar
from ghtrader_assets.market.expiry import StatedDay
from ghtrader_assets.market.lives import FirstDays, Obstacle, obstacle_on
from ghtrader_assets.market.schedule import ScheduleDay
from ghtrader_assets.market.symbols import Symbol
from ghtrader_assets.questdb.client.connection import Database
from ghtrader_assets.questdb.tables.reader import read_contract_lives, read_schedules

Obstacles = Mapping[tuple[str, date], Obstacle]
NO_OBSTACLES: Final[Obstacles] = MappingProxyType({})


def read_obstacles(
    db: Database,
    calendar: TradingCalendar,
    symbols: Sequence[Symbol],
    start: date,
    end: date,
    schedules: Sequence[ScheduleDay] | None = None,
) -> Obstacles:
    """The obstacles of these symbols on the trading days from `start` to `end`, both included.

    `schedules` are theirs, where they have been read.
    """
    days = calendar.days(start, end)
    if schedules is None:
        aliases = [symbol.text for symbol in symbols if not symbol.digits]
        schedules = read_schedules(db, aliases, start, end) if aliases and days else []
    mains = {(row.symbol, row.trading_day): row.contract for row in schedules}
    first_days = read_first_days(db)
    return {
        (symbol.text, day): obstacle
        for symbol in symbols
        for day in days
        if (obstacle := obstacle_on(symbol, day, mains.get((symbol.text, day), ""), calendar, first_days))
    }


def read_first_days(db: Database) -> FirstDays:
    """The first days that the provider was asked for."""
    return {
        (life.contract, life.delivery): StatedDay(life.first_day, life.first_source, verified=True)
        for life in read_contract_lives(db)
        if life.first_day is not None
    }
