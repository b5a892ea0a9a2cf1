"""How work on many trading days is cut into Dagster runs: one rule for every way of launching them.

Belongs here: the rule and its bounds, as values in and values out. Does not belong here: which days need work
(`upkeep`), launching a run (`daemon`, and `assets` for this process).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from ghtrader_assets.market.symbols import Symbol
from ghtrader_assets.orchestration.names import ALL_TABLES, FROM_STORE
from ghtrader_assets.upkeep.due import Need
from ghtrader_assets.upkeep.repair import Repair

DAYS_PER_RUN: Final = 20
SYMBOL_DAYS_PER_RUN: Final = 120
"""A minute or two of work: long against the seconds that a run costs, short enough to share with other runs."""

Needs = Mapping[Symbol, Mapping[date, Need]]
"""What each symbol's trading days need."""


@dataclass(frozen=True, slots=True)
class Run:
    """Neighbouring trading days of symbols that need the same work on each of these days."""

    need: Need
    symbols: tuple[Symbol, ...]
    days: tuple[date, ...]


def cut_into_runs(needs: Needs, partitions: Sequence[date]) -> list[Run]:
    """Runs that hold each day in need exactly once, by first day. Days that are no partition are left out.

    A run's days are neighbouring partitions, because Dagster names them by the first and the last, and at most
    `DAYS_PER_RUN`. Symbols that need the same days share a run, as `in_groups` has it. `partitions` are all partitions
    in order.
    """
    places = {day: place for place, day in enumerate(partitions)}
    sharing: dict[tuple[Need, tuple[date, ...]], list[Symbol]] = {}
    for symbol, need, wanted in days_by_need(needs):
        for days in _neighbours((day for day in wanted if day in places), places):
            sharing.setdefault((need, days), []).append(symbol)
    return [
        Run(need, group, days)
        for (need, days), symbols in sorted(sharing.items(), key=lambda item: item[0][1])
        for group in in_groups(symbols, len(days))
    ]


def in_groups(symbols: Sequence[Symbol], days: int) -> list[tuple[Symbol, ...]]:
    """Symbols that need the same `days` trading days in groups, so that no run has more than `SYMBOL_DAYS_PER_RUN`."""
    size = SYMBOL_DAYS_PER_RUN // min(days, DAYS_PER_RUN)
    return [tuple(symbols[start : start + size]) for start in range(0, len(symbols), size)]


def days_by_need(needs: Needs) -> Iterator[tuple[Symbol, Need, tuple[date, ...]]]:
    """Each symbol's days to load and its days to judge, in order, where it has any."""
    for symbol, by_day in needs.items():
        for need in (Need.LOAD, Need.JUDGEMENT):
            if days := tuple(sorted(day for day, found in by_day.items() if found == need)):
                yield symbol, need, days


def needs_in(repairs: Iterable[Repair]) -> dict[Symbol, dict[date, Need]]:
    """What the days of a repair plan need."""
    needs: dict[Symbol, dict[date, Need]] = {}
    for repair in repairs:
        needs.setdefault(repair.symbol, {})[repair.trading_day] = repair.need
    return needs


def tables_for(need: Need, tables: Sequence[str] = ALL_TABLES) -> tuple[str, ...]:
    """Those of the tables that a run materializes for a need."""
    return tuple(table for table in tables if need == Need.LOAD or table in FROM_STORE)


def _neighbours(days: Iterable[date], places: Mapping[date, int]) -> Iterator[tuple[date, ...]]:
    """Sorted days, parted where one is missing in between and after `DAYS_PER_RUN`."""
    run: list[date] = []
    for day in days:
        if run and (places[day] != places[run[-1]] + 1 or len(run) == DAYS_PER_RUN):
            yield tuple(run)
            run = []
        run.append(day)
    if run:
        yield tuple(run)
