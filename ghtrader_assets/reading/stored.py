"""What is stored of a symbol, and under which name: a contract's days may be its main symbol's.

Belongs here: that one rule, for every reading command and the Python API. Does not belong here: the queries
(`questdb.tables`), what a day's state is (`overview`).

A symbol of the universe stands for itself. Another contract's days are those stored under its own name and, for reading
them (`own_and_main`), the others on which its main symbol stood for it; where one name is needed, its own if any day is
stored under it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from typing import TypeVar

from ghtrader_assets.context.store import StoreContext
from ghtrader_assets.context.universe import in_our_tables
from ghtrader_assets.errors import BadInputError, SameNameWarning
from ghtrader_assets.market.products import product_of
from ghtrader_assets.market.schedule import ScheduleDay
from ghtrader_assets.market.symbols import Symbol, delivery_month, parse_symbol
from ghtrader_assets.questdb.standing.day_states import read_day_states
from ghtrader_assets.questdb.standing.obstacles import read_obstacles
from ghtrader_assets.questdb.tables.reader import FIRST_DAY, LAST_DAY, read_daily_aggs, read_schedule
from ghtrader_assets.questdb.tables.rows import DailyAgg, DayState
from ghtrader_assets.reading.telling import tell

Row = TypeVar("Row", DailyAgg, DayState)


def require_known(context: StoreContext, symbol: Symbol) -> None:
    """Raise `BadInputError` for a symbol that is neither in the universe nor stored."""
    universe = context.settings.symbols
    if symbol.text not in universe and not read_stored(context, symbol, FIRST_DAY, LAST_DAY)[1]:
        raise BadInputError(
            f"{symbol.text} is neither in the universe ({', '.join(universe)}) nor stored",
            f"load it with `ghtrader-assets backfill {symbol.text}`" if symbol.digits else "add it to GHTRADER_SYMBOLS",
        )


def require_product(context: StoreContext, symbol: Symbol) -> None:
    """Raise `BadInputError`, naming those of its exchange, for a product that we don't know.

    Nothing is said of a symbol of the universe, nor of one that is stored.
    """
    known = in_our_tables(symbol) or symbol.text in context.settings.symbols
    if not known and not read_stored(context, symbol, FIRST_DAY, LAST_DAY)[1]:
        product_of(symbol.exchange, symbol.product)


def read_stored(context: StoreContext, symbol: Symbol, start: date, end: date) -> tuple[Symbol, list[DailyAgg]]:
    """The symbol under whose name the days are stored, and their stored-day rows."""
    return own_or_main(symbol, read_daily_aggs(context.database, names_of(context, symbol), start, end))


def own_or_main(symbol: Symbol, rows: Sequence[Row]) -> tuple[Symbol, list[Row]]:
    """The symbol under whose name stored days are its own, and those days."""
    own = [row for row in rows if row.symbol == symbol.text]
    as_main = [row for row in rows if row.contract == symbol.text]
    return (parse_symbol(symbol.alias), as_main) if as_main and not own else (symbol, own)


def own_and_main(symbol: Symbol, rows: Sequence[Row]) -> tuple[Symbol, list[Row]]:
    """A symbol's stored days: its own, and on others those on which its main symbol stood for it, by day.

    The symbol is the main one where days are its: what is expected of the range follows from that one's schedule.
    """
    by_day = {row.trading_day: row for row in rows if row.symbol != symbol.text and row.contract == symbol.text}
    stored_as = parse_symbol(symbol.alias) if by_day else symbol
    by_day |= {row.trading_day: row for row in rows if row.symbol == symbol.text}
    return stored_as, [by_day[day] for day in sorted(by_day)]


def stored_symbol(context: StoreContext, symbol: Symbol, start: date, end: date) -> Symbol:
    """The symbol under whose name the days are stored; asks the store about contracts only."""
    return symbol if len(names_of(context, symbol)) == 1 else read_stored(context, symbol, start, end)[0]


def days_stored_as(context: StoreContext, symbol: Symbol, days: Sequence[date]) -> tuple[Symbol, Sequence[date]]:
    """The symbol under whose name the days are stored, and those of them that are the symbol's."""
    if len(names_of(context, symbol)) == 1 or not days:
        return symbol, days
    stored_as, stored = read_stored(context, symbol, days[0], days[-1])
    own = {row.trading_day for row in stored}
    return stored_as, [day for day in days if day in own]


def warn_of_namesakes(days: Iterable[tuple[str, date]]) -> None:
    """Warn where one name stands for two contracts on these days, which are in order: which years are which."""
    found: dict[str, dict[int, list[date]]] = {}
    for contract, day in days:
        found.setdefault(contract, {}).setdefault(delivery_month(parse_symbol(contract), day).year, []).append(day)
    for contract, by_year in found.items():
        if len(by_year) > 1:
            told = ", ".join(f"{days[0]} to {days[-1]} of the one of {year}" for year, days in by_year.items())
            tell(SameNameWarning(f"{contract} is the name of {len(by_year)} contracts: {told}"))


def scheduled_days(
    context: StoreContext, symbol: Symbol, start: date = FIRST_DAY, end: date = LAST_DAY
) -> list[ScheduleDay]:
    """The main contract of each trading day; of a contract the days on which it was the main one."""
    stored_as = stored_symbol(context, symbol, start, end)
    rows = read_schedule(context.database, stored_as.text, start, end)
    return rows if stored_as == symbol else [row for row in rows if row.contract == symbol.text]


def wrong_mains(context: StoreContext, rows: Sequence[ScheduleDay]) -> dict[date, str]:
    """Why the main contract of a day can't be it, of a symbol's schedule rows those that are wrong.

    By the contract's life, or because a load found that the provider does not know it.
    """
    if not rows:
        return {}
    symbol, days = parse_symbol(rows[0].symbol), [row.trading_day for row in rows]
    span = (min(days), max(days))
    obstacles = read_obstacles(context.database, context.calendar, [symbol], *span, rows)
    states = read_day_states(context.database, [symbol.text], *span, context.clock.now(), obstacles)
    by_life = {day: each.reason for (_, day), each in obstacles.items() if each.wrong_main}
    named = {(row.trading_day, row.contract) for row in rows}
    met = {
        each.trading_day: each.reason
        for each in states
        if each.wrong_main and (each.trading_day, each.contract) in named
    }
    return met | by_life


def names_of(context: StoreContext, symbol: Symbol) -> list[str]:
    """The names under which days of the symbol may be stored."""
    borrows = symbol.kind == "contract" and symbol.text not in context.settings.symbols
    return [symbol.text, symbol.alias] if borrows else [symbol.text]
