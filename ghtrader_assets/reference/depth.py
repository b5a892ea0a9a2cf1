"""The first trading day with five book levels, found by asking the provider for days.

Belongs here: which days are probed, and what follows from the answers. Does not belong here: fetching (`tq`).

Depth is not assumed to grow only: days on a grid are probed first, then every boundary between two neighbours that
differ is narrowed down to the day. What comes and goes between two days of the grid is not seen; the grid is reported.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from itertools import groupby, pairwise
from pathlib import Path

from ghtrader_assets.clock import Clock
from ghtrader_assets.errors import BadInputError, FetchError, IngestState, UnknownContractError
from ghtrader_assets.market.calendar import TradingCalendar
from ghtrader_assets.market.schedule import build_schedule
from ghtrader_assets.market.symbols import Symbol, depth
from ghtrader_assets.market.ticks import five_level_rows
from ghtrader_assets.setting_sources import START_DATE
from ghtrader_assets.tq.fetch import FetchedDay, FetchRequest
from ghtrader_assets.tq.market_data import fetch_continuous_table
from ghtrader_assets.tq.pool import FetchPool
from ghtrader_assets.tq.provider import Provider
from ghtrader_assets.tq.slots import session_slots
from ghtrader_assets.tq.timing import Timing

Probe = Callable[[Sequence[date]], Mapping[date, bool]]
"""Asks about several days at once: whether it holds of a day, such as that it has a row with five levels."""


@dataclass(frozen=True, slots=True)
class DepthProbe:
    """One answer of the provider. `five_level_rows` is 0 for a day with one level or without ticks."""

    trading_day: date
    contract: str
    state: IngestState
    rows: int
    five_level_rows: int


@dataclass(frozen=True, slots=True)
class FiveLevelStart:
    """Since when a symbol has five levels. `first_day` is None where no probed day has them.

    `may_be_earlier`: it is the first of the days requested. `spans` are the ranges of trading days with
    five levels, as far as the grid of every `step`th day shows; `setting` is the line to put into the environment or
    the settings file.
    """

    symbol: str
    levels: int
    first_day: date | None
    may_be_earlier: bool
    spans: list[tuple[date, date]]
    setting: str
    step: int
    probed: list[DepthProbe]


@dataclass(frozen=True, slots=True)
class DepthSource:
    """Where days are probed: the provider, how many of its sessions at once and how fast, and the home that keeps
    its files."""

    provider: Provider
    home: Path
    workers: int
    timing: Timing
    clock: Clock


def find_five_level_start(
    source: DepthSource, symbol: Symbol, calendar: TradingCalendar, start: date, end: date, step: int
) -> FiveLevelStart:
    """Probe trading days from `start` to `end`, every `step`th first.

    Raises the `FetchError` family if a day can't be read; `BadInputError` for an empty range.
    """
    if depth(symbol.exchange) == 1:
        return FiveLevelStart(symbol.text, 1, None, False, [], "", step, [])
    contracts = _contracts(source, symbol, calendar, start, end)
    probed: dict[date, DepthProbe] = {}
    with asking(source, symbol, contracts, calendar) as ask:

        def probe(days: Sequence[date]) -> dict[date, bool]:
            found = ask(days)
            probed.update(found)
            return {day: answer.five_level_rows > 0 for day, answer in found.items()}

        spans = spans_where(sorted(contracts), probe, step)
    first = spans[0][0] if spans else None
    setting = f"{START_DATE}_{symbol.product.upper()}={first}" if first else ""
    return FiveLevelStart(
        symbol=symbol.text,
        levels=5,
        first_day=first,
        may_be_earlier=first == calendar.days(start, end)[0],
        spans=spans,
        setting=setting,
        step=step,
        probed=[probed[day] for day in sorted(probed)],
    )


@contextmanager
def asking(
    source: DepthSource, symbol: Symbol, contracts: Mapping[date, str], calendar: TradingCalendar
) -> Generator[Callable[[Sequence[date]], dict[date, DepthProbe]]]:
    """A function that asks the provider for several days of `contracts` at once, while the context is open."""
    levels = depth(symbol.exchange)
    with (
        session_slots(source.home, source.provider, source.workers, source.workers) as granted,
        FetchPool(source.provider, granted, source.home, source.clock, timing=source.timing) as pool,
    ):

        def ask(days: Sequence[date]) -> dict[date, DepthProbe]:
            requests = [FetchRequest(symbol.text, contracts[day], calendar.window(day), levels) for day in days]
            found = {probed.trading_day: probed for probed in map(_probed, pool.fetch(requests))}
            return {day: found[day] for day in days}

        yield ask


def spans_where(days: Sequence[date], probe: Probe, step: int) -> list[tuple[date, date]]:
    """The ranges of `days` for which `probe` holds, each boundary exact, as far as every `step`th day shows.

    All boundaries are halved at once, so that the probes of one round can go in parallel.
    """
    known: dict[int, bool] = {}
    wanted = sorted({*range(0, len(days), step), len(days) - 1})
    while wanted:
        answers = probe([days[index] for index in wanted])
        known |= {index: answers[days[index]] for index in wanted}
        wanted = [(a + b) // 2 for a, b in pairwise(sorted(known)) if known[a] != known[b] and b - a > 1]
    runs = [(holds, list(run)) for holds, run in groupby(sorted(known), key=known.__getitem__)]
    return [(days[run[0]], days[run[-1]]) for holds, run in runs if holds]


def _contracts(
    source: DepthSource, symbol: Symbol, calendar: TradingCalendar, start: date, end: date
) -> dict[date, str]:
    if symbol.kind == "contract":
        contracts = dict.fromkeys(calendar.days(start, end), symbol.text)
    else:
        table = fetch_continuous_table(source.provider, [symbol.alias], source.home, source.timing)
        rows = build_schedule(symbol.alias, table.get(symbol.alias, []), calendar, start, end, end)
        contracts = {row.trading_day: row.contract for row in rows}
    if not contracts:
        raise BadInputError(f"no main contract of {symbol.text} is known from {start} to {end}", "choose later days")
    return contracts


def _probed(fetched: FetchedDay) -> DepthProbe:
    """A day without ticks has no five levels; one that can't be read says nothing, and stops the search."""
    request, state = fetched.request, fetched.state
    day = request.window.trading_day
    if state in (IngestState.PROVIDER_EMPTY, IngestState.NOT_LISTED):
        return DepthProbe(day, request.contract, state, 0, 0)
    if state == IngestState.UNKNOWN_CONTRACT:
        raise UnknownContractError(f"{request.contract} {day}: {fetched.reason}", "choose a later --from")
    if state != IngestState.COMPLETE or fetched.frame is None:
        raise FetchError(f"{request.contract} {day} can't be probed: {state.value}: {fetched.reason}", "try again")
    return DepthProbe(day, request.contract, state, fetched.frame.height, five_level_rows(fetched.frame))
