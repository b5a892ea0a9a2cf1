"""The ticks of one contract on one trading day: a plausible order book, deterministic by seed.

Belongs here: from the day's figures (`daily`) to every column of every tick, in whole ticks and lots, vectorised.
Does not belong here: ids across days (`history`), how ticks look on the wire (`render`).

A tick is what the exchange's snapshot shows: the book after the last half second and what traded in it. Prices move
only with trades, by a bounded random walk that is led to the day's close; trades happen at the best bid or ask.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from ghtrader_assets.exchange.contracts import Contract
from ghtrader_assets.exchange.daily import (
    BLOCK_SLOTS,
    LIQUID,
    Floats,
    Ints,
    Life,
    life_of,
    stragglers,
    stream,
    window_count,
    window_slots,
)
from ghtrader_assets.market.clock import NS
from ghtrader_assets.market.products import Product
from ghtrader_assets.market.sessions import SessionWindow
from ghtrader_assets.market.symbols import depth

HALF_NS: Final = NS // 2
_AUCTION_LEAD_NS: Final = 60 * NS
_TRADING_SHARE: Final = 0.8
"""The share of ticks in which something traded."""

_POOL: Final = 4096
Columns = dict[str, npt.NDArray[Any]]


@dataclass(frozen=True)
class Clock:
    """The stamps of a day's ticks (epoch nanoseconds), how busy each is, and where there is no trading."""

    stamps_ns: Ints
    pace: Floats
    quiet: npt.NDArray[np.bool_]


def day_columns(contract: Contract, day: date, seed: int) -> Columns:
    """The columns of a day without ids, in wire order: `datetime_ns` and volumes int64, prices float64."""
    life = life_of(contract, seed)
    index = life.index(day)
    random = stream(seed, contract.text, day)
    clock = _clock(contract, day, float(life.fill[index]), seed, random)
    traded = (random.random(len(clock.stamps_ns), dtype=np.float32) < _TRADING_SHARE) & ~clock.quiet
    traded[0] = True
    bid = _walk(life, index, traded, random)
    spread = _spread(contract, len(bid), traded, random)
    last = _last(bid, spread, traded, random)
    lots = _lots(life, index, clock, traded, random)
    terms = contract.terms(day)
    tape = _tape(terms, last, lots)
    interest = _interest(life, index, lots, random)
    book = _book(life, index, terms, (bid, bid + spread), random)
    _stir(book["bid_volume1"], ~traded & ~clock.quiet)
    return {"datetime_ns": clock.stamps_ns, **tape, "open_interest": interest, **book}


def _clock(contract: Contract, day: date, fill: float, seed: int, random: np.random.Generator) -> Clock:
    windows = contract.sessions(day).windows
    after_night, after_day, late = stragglers(contract, day, seed)
    opening = windows[0].start_ns - _AUCTION_LEAD_NS + HALF_NS
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
    return Clock(_stamped(contract, raw, random), np.concatenate(paces), np.concatenate(quiet))


def _stamped(contract: Contract, raw: Ints, random: np.random.Generator) -> Ints:
    if contract.spec.stamps == "second":
        return raw // NS * NS
    if contract.spec.stamps == "milli":
        return raw + random.integers(0, 480, len(raw)) * 1_000_000
    return raw


def _window(window: SessionWindow, fill: float, random: np.random.Generator) -> tuple[Ints, Floats]:
    """The stamps of one window's ticks on the half-second grid, and how busy each moment is (around 1)."""
    slots = window_slots(window)
    count = window_count(window, fill)
    pace = _pace(slots, random)
    keys = random.standard_exponential(slots, dtype=np.float32) / pace
    if fill >= LIQUID:
        keys[_forced(slots, random)] = -1.0
    chosen = np.sort(np.argpartition(keys, count - 1)[:count])
    return window.start_ns + chosen * HALF_NS, pace[chosen]


def _forced(slots: int, random: np.random.Generator) -> Ints:
    blocks = (slots - 2) // BLOCK_SLOTS
    inner = 1 + BLOCK_SLOTS * np.arange(blocks) + random.integers(0, BLOCK_SLOTS, blocks)
    return np.concatenate(([0], inner, [slots - 1]))


def _pace(slots: int, random: np.random.Generator) -> Floats:
    """Busy at the opening and the close, with waves of some minutes in between."""
    place = np.linspace(0.0, 1.0, slots)
    smile = 0.8 + 0.9 * (2 * place - 1) ** 4
    knots = np.linspace(0.0, 1.0, max(4, slots // 500))
    waves = np.interp(place, knots, np.exp(0.25 * np.clip(random.standard_normal(len(knots)), -2, 2)))
    return smile * waves


def _walk(life: Life, index: int, traded: npt.NDArray[np.bool_], random: np.random.Generator) -> Ints:
    """The best bid after each tick, in price ticks, from the day's opening to its close."""
    spec = life.contract.spec
    start, target = int(life.open_ticks[index]), int(life.close_ticks[index])
    trades = int(traded.sum())
    sigma = 0.85 * spec.daily_vol * start / np.sqrt(trades)
    steps = _steps(trades, float(sigma), random)
    steps[0] = 0
    steps = _led(steps, target - start - int(steps.sum()), random)
    walk = np.zeros(len(traded), dtype=np.int64)
    walk[traded] = steps
    return start + np.cumsum(walk)


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


def _spread(contract: Contract, count: int, traded: npt.NDArray[np.bool_], random: np.random.Generator) -> Ints:
    draws = random.random(count, dtype=np.float32)
    wide = contract.spec.wide_spread
    fresh = 1 + (draws < wide).astype(np.int64) + (draws < wide / 5)
    return fresh[_held(traded, count)]


def _held(changes: npt.NDArray[np.bool_], count: int) -> Ints:
    """For each row the row of the last change: a value drawn per row becomes one that persists."""
    return np.maximum.accumulate(np.where(changes, np.arange(count), 0))


def _last(bid: Ints, spread: Ints, traded: npt.NDArray[np.bool_], random: np.random.Generator) -> Ints:
    side = random.integers(0, 2, len(bid))
    at = bid + np.where(spread == 3, 1, side)
    return at[_held(traded, len(bid))]


def _lots(life: Life, index: int, clock: Clock, traded: npt.NDArray[np.bool_], random: np.random.Generator) -> Ints:
    median = life.contract.spec.lots * (0.3 + 0.7 * float(life.activity[index]))
    sizes = np.exp(0.55 * np.clip(random.standard_normal(_POOL), -2.2, 2.2))
    drawn = sizes[random.integers(0, _POOL, len(traded))] * np.clip(clock.pace, 0.6, 1.6) * median
    lots = np.where(traded, np.maximum(np.rint(drawn), 1), 0).astype(np.int64)
    lots[0] = max(1, round(median * random.uniform(15, 40)))
    return lots


def _tape(terms: Product, last: Ints, lots: Ints) -> Columns:
    volume = np.cumsum(lots)
    amount = np.cumsum(lots * last) * round(terms.price_tick * terms.multiplier)
    return {
        "last_price": _price(terms, last),
        "highest": _price(terms, np.maximum.accumulate(last)),
        "lowest": _price(terms, np.minimum.accumulate(last)),
        "average": np.round(amount / volume / terms.multiplier, 4),
        "volume": volume,
        "amount": amount.astype(np.float64),
    }


def _interest(life: Life, index: int, lots: Ints, random: np.random.Generator) -> Ints:
    """Open interest after each tick: it never changes by more than what traded."""
    before, after = int(life.open_interest_before[index]), int(life.open_interest[index])
    free = np.rint((random.random(len(lots), dtype=np.float32) - 0.5) * 0.6 * lots).astype(np.int64)
    volume = np.cumsum(lots)
    missing = after - before - int(free.sum())
    led = np.rint(missing * (volume / volume[-1])).astype(np.int64)
    return np.maximum(before + np.cumsum(free) + led, 0)


def _book(life: Life, index: int, terms: Product, best: tuple[Ints, Ints], random: np.random.Generator) -> Columns:
    """Prices and volumes of all levels around the `best` bid and ask, in price ticks."""
    spec = life.contract.spec
    count, levels = len(best[0]), depth(spec.exchange)
    typical = max(2.0, 4 * spec.lots * (0.3 + 0.7 * float(life.activity[index])))
    pool = np.maximum(np.rint(typical * np.exp(0.6 * np.clip(random.standard_normal(_POOL), -2.5, 2.5))), 1)
    sizes = pool.astype(np.int64)
    columns: Columns = {}
    sides: dict[str, Ints] = {"bid": best[0], "ask": best[1]}
    for level in range(1, levels + 1):
        for side, sign in (("bid", -1), ("ask", 1)):
            if level > 1:
                sides[side] = sides[side] + sign * _distance(count, random)
            held = _held(random.random(count, dtype=np.float32) < (0.7 if level == 1 else 0.35), count)
            columns[f"{side}_price{level}"] = _price(terms, sides[side])
            columns[f"{side}_volume{level}"] = sizes[random.integers(0, _POOL, count)][held]
    return columns


def _stir(volumes: Ints, unmoved: npt.NDArray[np.bool_]) -> None:
    """Change a volume in place where nothing traded: the exchange sends no snapshot in which nothing is new."""
    same = np.concatenate(([False], volumes[1:] == volumes[:-1])) & unmoved
    while same.any():
        volumes[same] += 1
        same = np.concatenate(([False], volumes[1:] == volumes[:-1])) & unmoved


def _distance(count: int, random: np.random.Generator) -> Ints:
    """Price ticks from one level to the next: mostly one, at times a hole that stays for a while."""
    draws = random.random(count, dtype=np.float32)
    held = _held(draws < 0.02, count)
    return 1 + (draws[held] < 0.0015).astype(np.int64) + (draws[held] < 0.0004)


def _price(terms: Product, ticks: Ints) -> Floats:
    """Whole price ticks as prices, rounded to the shortest decimals."""
    tick = terms.price_tick
    return (ticks * tick if tick >= 1 else np.round(ticks * tick, 4)).astype(np.float64, copy=False)
