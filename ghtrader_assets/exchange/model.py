"""The ticks of one contract on one trading day: a plausible order book, deterministic by seed. Model 1, and the parts
that both models share.

Belongs here: from the day's figures (`daily`) to every column of every tick, in whole ticks and lots, vectorised.
Does not belong here: what only model 2 does (`model2`), ids across days (`history`), ticks on the wire (`render`).

A tick is what the exchange's snapshot shows: the book after the last half second and what traded in it. Prices move
only with trades, by a bounded random walk that is led to the day's close; trades happen at the best bid or ask.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from ghtrader_assets.exchange.contracts import Contract
from ghtrader_assets.exchange.daily import Floats, Ints, SimulatedLife, life_of, stream
from ghtrader_assets.exchange.plans import BLOCK_SLOTS, HALF_NS, LIQUID, stragglers, window_count, window_slots
from ghtrader_assets.market.clock import NS
from ghtrader_assets.market.products import Product
from ghtrader_assets.market.sessions import SessionWindow
from ghtrader_assets.market.symbols import depth

AUCTION_LEAD_NS: Final = 60 * NS - HALF_NS
"""How long before the opening the call auction's snapshot is stamped."""
TRADING_SHARE: Final = 0.8
"""The share of ticks in which something traded."""

POOL: Final = 4096
Columns = dict[str, npt.NDArray[Any]]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class TickClock:
    """The stamps of a day's ticks (epoch nanoseconds), how busy each is, and where there is no trading."""

    stamps_ns: Ints
    pace: Floats
    quiet: Bools


@dataclass(frozen=True)
class Made:
    """A day's ticks and what traded between each and the one before, by row.

    `columns` has no ids and is in wire order: `datetime_ns` and volumes int64, prices float64. `lots` is what traded;
    `first`, `high` and `low` are the prices of those trades in price ticks and mean nothing where `lots` is 0.
    """

    columns: Columns
    lots: Ints
    first: Ints
    high: Ints
    low: Ints


def made_day(contract: Contract, day: date, seed: int, *, with_book: bool = True) -> Made:
    """A contract's trading day in model 1: all that a snapshot shows traded at its last price.

    The book and the cumulative columns take most of the time, and bars can do without.
    """
    life = life_of(contract, seed)
    index = life.index(day)
    random = stream(seed, contract.text, day)
    clock = _clock(contract, day, float(life.fill[index]), seed, random)
    traded = (random.random(len(clock.stamps_ns), dtype=np.float32) < TRADING_SHARE) & ~clock.quiet
    traded[0] = True
    bid = walk(contract.spec.daily_vol, (int(life.open_ticks[index]), int(life.close_ticks[index])), traded, random)
    held = held_rows(traded)
    spread = spreads(contract.spec.wide_spread, held, random)
    last = last_trades(bid, spread, held, random)
    lots = _lots(life, index, clock, traded, random)
    terms = contract.terms(day)
    columns: Columns = {
        "datetime_ns": clock.stamps_ns,
        "last_price": prices_of(terms, last),
        **(tape_of(terms, (last, last), lots, lots * last) if with_book else {}),
        "open_interest": interest_of(life, index, lots, random),
    }
    if with_book:
        columns |= book_of(life, index, terms, (bid, bid + spread), random)
        stir(columns["bid_volume1"], ~traded & ~clock.quiet)
    return Made(columns, lots, last, last, last)


def _clock(contract: Contract, day: date, fill: float, seed: int, random: np.random.Generator) -> TickClock:
    windows = contract.sessions(day).windows
    after_night, after_day, late = stragglers(contract, day, seed)
    opening = windows[0].start_ns - AUCTION_LEAD_NS
    step = NS if contract.spec.stamps == "second" else HALF_NS
    stamps = [np.array([opening], dtype=np.int64)]
    paces = [np.ones(1)]
    quiet = [np.zeros(1, dtype=bool)]
    for place, window in enumerate(windows):
        inside, pace = _window(window, fill, random)
        is_last = place == len(windows) - 1
        ends_night = window.session == "night" and windows[min(place + 1, len(windows) - 1)].session == "day"
        tail = [window.end_ns + step] * ((after_night and ends_night) or (after_day and is_last))
        if late and is_last:
            tail.append(window.end_ns + int(random.integers(60, 280)) * NS)
        stamps += [inside, np.array(tail, dtype=np.int64)]
        paces += [pace, np.ones(len(tail))]
        quiet += [np.zeros(len(inside), dtype=bool), np.ones(len(tail), dtype=bool)]
    raw = np.concatenate(stamps)
    return TickClock(stamped(contract, raw, random), np.concatenate(paces), np.concatenate(quiet))


def stamped(contract: Contract, raw: Ints, random: np.random.Generator) -> Ints:
    if contract.spec.stamps == "second":
        return raw // NS * NS
    if contract.spec.stamps == "milli":
        return raw + random.integers(0, 480, len(raw)) * 1_000_000
    return raw


def _window(window: SessionWindow, fill: float, random: np.random.Generator) -> tuple[Ints, Floats]:
    """The stamps of one window's ticks on the half-second grid, and how busy each moment is (around 1)."""
    slots = window_slots(window)
    count = window_count(window, fill)
    pace = pace_of(slots, random)
    keys = random.standard_exponential(slots, dtype=np.float32) / pace
    if fill >= LIQUID:
        keys[forced_slots(slots, random)] = -1.0
    chosen = np.sort(np.argpartition(keys, count - 1)[:count])
    return window.start_ns + chosen * HALF_NS, pace[chosen]


def forced_slots(slots: int, random: np.random.Generator) -> Ints:
    blocks = (slots - 2) // BLOCK_SLOTS
    inner = 1 + BLOCK_SLOTS * np.arange(blocks) + random.integers(0, BLOCK_SLOTS, blocks)
    return np.concatenate(([0], inner, [slots - 1]))


def pace_of(slots: int, random: np.random.Generator) -> Floats:
    """Busy at the opening and the close, with waves of some minutes in between."""
    place, smile = _smile(slots)
    knots = np.linspace(0.0, 1.0, max(4, slots // 500))
    waves = np.interp(place, knots, np.exp(0.25 * np.clip(random.standard_normal(len(knots)), -2, 2)))
    return smile * waves


@lru_cache(maxsize=64)
def _smile(slots: int) -> tuple[Floats, Floats]:
    """Where in its window each slot lies (0..1), and how busy it is there. Windows have few lengths."""
    place = np.linspace(0.0, 1.0, slots)
    return place, 0.8 + 0.9 * (2 * place - 1) ** 4


def walk(daily_vol: float, ends: tuple[int, int], traded: Bools, random: np.random.Generator) -> Ints:
    """The best bid after each tick, in price ticks, from the first of `ends` to the second."""
    start, target = ends
    trades = int(traded.sum())
    sigma = 0.85 * daily_vol * start / np.sqrt(trades)
    steps = _steps(trades, float(sigma), random)
    steps[0] = 0
    steps = _led(steps, target - start - int(steps.sum()), random)
    moves = np.zeros(len(traded), dtype=np.int64)
    moves[traded] = steps
    return start + np.cumsum(moves)


def _steps(count: int, sigma: float, random: np.random.Generator) -> Ints:
    if sigma < 0.75:
        draws = random.random(count, dtype=np.float32)
        share = sigma * sigma / 2
        return (draws < share).astype(np.int64) - (draws > 1 - share)
    return np.rint(np.clip(random.standard_normal(count, dtype=np.float32), -2, 2) * sigma).astype(np.int64)


def _led(steps: Ints, missing: int, random: np.random.Generator) -> Ints:
    """`steps` with `missing` more of them in sum: where nothing moved first, elsewhere spread evenly."""
    if missing == 0:
        return steps
    still = 1 + np.flatnonzero(steps[1:] == 0)
    if len(still) >= 2 * abs(missing):
        steps[random.choice(still, abs(missing), replace=False)] = np.sign(missing)
        return steps
    along = np.rint(missing * np.arange(len(steps)) / max(len(steps) - 1, 1)).astype(np.int64)
    return steps + np.diff(along, prepend=0)


def spreads(wide: float, held: Ints, random: np.random.Generator) -> Ints:
    """The spread after each tick in price ticks: 1, in a share `wide` of the trades 2 or 3, until the next trade.

    `held` is the row of the last trade at each tick.
    """
    draws = random.random(len(held), dtype=np.float32)
    fresh = 1 + (draws < wide).astype(np.int64) + (draws < wide / 5)
    return fresh[held]


def held_rows(changes: Bools) -> Ints:
    """For each row the row of the last change: a value drawn per row becomes one that persists."""
    return np.maximum.accumulate(np.where(changes, np.arange(len(changes)), 0))


def last_trades(bid: Ints, spread: Ints, held: Ints, random: np.random.Generator) -> Ints:
    """The last price after each tick in price ticks: of a trade at the best bid or ask, or as it was."""
    side = random.integers(0, 2, len(bid))
    at = bid + np.where(spread == 3, 1, side)
    return at[held]


def _lots(life: SimulatedLife, index: int, clock: TickClock, traded: Bools, random: np.random.Generator) -> Ints:
    median = float(life.lots[index])
    sizes = np.exp(0.55 * np.clip(random.standard_normal(POOL), -2.2, 2.2))
    drawn = sizes[random.integers(0, POOL, len(traded))] * np.clip(clock.pace, 0.6, 1.6) * median
    lots = np.where(traded, np.maximum(np.rint(drawn), 1), 0).astype(np.int64)
    lots[0] = max(1, round(median * random.uniform(15, 40)))
    return lots


def tape_of(terms: Product, extremes: tuple[Ints, Ints], lots: Ints, turnover: Ints) -> Columns:
    """The cumulative columns: `extremes` are each row's highest and lowest trade, `turnover` its lots times their price
    ticks."""
    volume = np.cumsum(lots)
    amount = np.cumsum(turnover) * round(terms.price_tick * terms.multiplier)
    return {
        "highest": prices_of(terms, np.maximum.accumulate(extremes[0])),
        "lowest": prices_of(terms, np.minimum.accumulate(extremes[1])),
        "average": np.round(amount / volume / terms.multiplier, 4),
        "volume": volume,
        "amount": amount.astype(np.float64),
    }


def interest_of(life: SimulatedLife, index: int, lots: Ints, random: np.random.Generator) -> Ints:
    """Open interest after each tick: it never changes by more than what traded."""
    before, after = int(life.open_interest_before[index]), int(life.open_interest[index])
    free = np.rint((random.random(len(lots), dtype=np.float32) - 0.5) * 0.6 * lots).astype(np.int64)
    volume = np.cumsum(lots)
    missing = after - before - int(free.sum())
    led = np.rint(missing * (volume / volume[-1])).astype(np.int64)
    return np.maximum(before + np.cumsum(free) + led, 0)


def book_of(
    life: SimulatedLife, index: int, terms: Product, best: tuple[Ints, Ints], random: np.random.Generator
) -> Columns:
    """Prices and volumes of all levels around the `best` bid and ask, in price ticks."""
    count, levels = len(best[0]), depth(life.contract.spec.exchange)
    typical = max(2.0, 4 * float(life.lots[index]))
    pool = np.maximum(np.rint(typical * np.exp(0.6 * np.clip(random.standard_normal(POOL), -2.5, 2.5))), 1)
    sizes = pool.astype(np.int64)
    columns: Columns = {}
    sides: dict[str, Ints] = {"bid": best[0], "ask": best[1]}
    for level in range(1, levels + 1):
        for side, sign in (("bid", -1), ("ask", 1)):
            if level > 1:
                sides[side] = sides[side] + sign * _distance(count, random)
            held = held_rows(random.random(count, dtype=np.float32) < (0.7 if level == 1 else 0.35))
            columns[f"{side}_price{level}"] = prices_of(terms, sides[side])
            columns[f"{side}_volume{level}"] = sizes[random.integers(0, POOL, count)][held]
    return columns


def stir(volumes: Ints, unmoved: Bools) -> None:
    """Change a volume in place where nothing traded: the exchange sends no snapshot in which nothing is new."""
    same = np.concatenate(([False], volumes[1:] == volumes[:-1])) & unmoved
    while same.any():
        volumes[same] += 1
        same = np.concatenate(([False], volumes[1:] == volumes[:-1])) & unmoved


def _distance(count: int, random: np.random.Generator) -> Ints:
    """Price ticks from one level to the next: mostly one, at times a hole that stays for a while."""
    draws = random.random(count, dtype=np.float32)
    held = held_rows(draws < 0.02)
    return 1 + (draws[held] < 0.0015).astype(np.int64) + (draws[held] < 0.0004)


def prices_of(terms: Product, ticks: Ints) -> Floats:
    """Whole price ticks as prices, rounded to the shortest decimals."""
    tick = terms.price_tick
    return (ticks * tick if tick >= 1 else np.round(ticks * tick, 4)).astype(np.float64, copy=False)
