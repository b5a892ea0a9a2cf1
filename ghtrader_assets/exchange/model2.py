"""Model 2 of a contract's trading day: trades between the snapshots, heavy tails, halts, limits, thin markets.

Belongs here: what model 2 makes otherwise than model 1. Does not belong here: what they share (`model`), and which
half seconds tick on which day (`plans`).

A snapshot shows the last of the trades since the one before. There may be two more at other prices: they move the
day's highest, lowest, volume and amount, and no last price shows them. A day pinned at its limit has no asks (bids)
from then on, and trades at the limit alone. In a halt nothing ticks, and ids go on after it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Final

import numpy as np

from ghtrader_assets.exchange.contracts import Contract
from ghtrader_assets.exchange.daily import Floats, Ints, SimulatedLife, life_of, stream
from ghtrader_assets.exchange.model import (
    AUCTION_LEAD_NS,
    POOL,
    TRADING_SHARE,
    Bools,
    Columns,
    Made,
    book_of,
    forced_slots,
    held_rows,
    interest_of,
    last_trades,
    pace_of,
    prices_of,
    spreads,
    stamped,
    stir,
    tape_of,
    walk,
)
from ghtrader_assets.exchange.plans import HALF_NS, LIQUID, last_prints, occasion_of, parts_of
from ghtrader_assets.market.clock import NS, instant_ns
from ghtrader_assets.market.symbols import depth

_LATE_S: Final = (60, 280)
"""When a tick that trades nothing comes long after the day's last close."""
_KNOT_S: Final = 180
"""The size of trades changes over some minutes, by a factor drawn for every so many seconds."""
_QUEUE: Final = 20
"""How much longer than usual the queue at a limit is."""

_OFFSETS: Final = np.repeat((-2, -1, 1, 2), (4, 18, 18, 4))
_MOVED: Final = len(_OFFSETS)
"""Where another trade of a snapshot was, in price ticks from its last one, by a random byte: mostly nowhere else."""
_EARLIER_SHARES: Final = (0.3, 0.2)
"""What an earlier trade at another price takes of a snapshot's volume: the first one, the second one; a lot at least,
where there are three."""


@dataclass(frozen=True)
class _Clock:
    """A day's ticks: `raw_ns` on the half-second grid, `stamps_ns` as the exchange stamps them, `pace` around 1.

    Nothing trades where it is `quiet`; `locked` ticks come while the market is pinned at its limit.
    """

    raw_ns: Ints
    stamps_ns: Ints
    pace: Floats
    quiet: Bools
    locked: Bools


@dataclass(frozen=True)
class _Tape:
    """What a day trades, drawn before all that only snapshots show: the last price after each tick, its lots, and the
    `earlier` trades of its snapshot, in price ticks. `random` goes on with the day."""

    life: SimulatedLife
    index: int
    limit_at: int
    clock: _Clock
    traded: Bools
    best: tuple[Ints, Ints]
    last: Ints
    lots: Ints
    earlier: list[tuple[Ints, Ints]]
    random: np.random.Generator


def made_day(contract: Contract, day: date, seed: int, *, with_book: bool = True) -> Made:
    """A contract's trading day in model 2."""
    tape = _tape(contract, day, seed)
    life, index, clock, lots, last = tape.life, tape.index, tape.clock, tape.lots, tape.last
    offsets = np.stack([offset for offset, _ in tape.earlier])
    high, low = last + np.maximum(offsets.max(axis=0), 0), last + np.minimum(offsets.min(axis=0), 0)
    terms = contract.terms(day)
    columns: Columns = {
        "datetime_ns": clock.stamps_ns,
        "last_price": prices_of(terms, last),
        **(tape_of(terms, (high, low), lots, _turnover(lots, last, tape.earlier)) if with_book else {}),
        "open_interest": interest_of(life, index, lots, tape.random),
    }
    if with_book:
        columns |= book_of(life, index, terms, tape.best, tape.random)
        stir(columns["ask_volume1" if tape.limit_at < 0 else "bid_volume1"], ~tape.traded & ~clock.quiet)
        if tape.limit_at:
            columns |= _pinned(columns, clock.locked, tape.limit_at, depth(contract.spec.exchange))
    return Made(columns, lots, last + offsets[0], high, low)


def day_bar(contract: Contract, day: date, seed: int) -> Columns:
    """The day's bar, in wire order: as it is made of all ticks, without what only their snapshots show.

    The first tick trades, at one price; what does not trade repeats the last price; the day's open interest is known.
    """
    tape = _tape(contract, day, seed)
    beyond = [tape.last[rows] + offset[rows] for offset, volume in tape.earlier for rows in (np.flatnonzero(volume),)]
    ends = np.array([tape.last[0], max(each.max(initial=0) for each in (tape.last, *beyond)), 0, tape.last[-1]])
    ends[2] = min(each.min(initial=ends[1]) for each in (tape.last, *beyond))
    prices = prices_of(contract.terms(day), ends)
    return {
        "datetime_ns": np.array([instant_ns(day, 0)]),
        **{name: prices[place : place + 1] for place, name in enumerate(("open", "high", "low", "close"))},
        "volume": np.array([tape.lots.sum()]),
        "open_oi": tape.life.open_interest_before[tape.index : tape.index + 1],
        "close_oi": tape.life.open_interest[tape.index : tape.index + 1],
    }


def _tape(contract: Contract, day: date, seed: int) -> _Tape:
    life = life_of(contract, seed)
    index = life.index(day)
    special = occasion_of(contract, day, seed)
    random = stream(seed, contract.text, day)
    clock = _clock(contract, day, float(life.fill[index]), seed, random)
    limit_at = 0 if special is None or special.kind == "halt" else 1 if special.kind == "limit_up" else -1
    traded = (random.random(len(clock.raw_ns), dtype=np.float32) < TRADING_SHARE) & ~clock.quiet
    traded[0] = True
    if limit_at:
        traded[np.argmax(clock.locked)] = True
    held = held_rows(traded)
    spread = spreads(contract.spec.wide_spread, held, random)
    bid = _bids(life, index, limit_at, clock, (traded, spread), random)
    last = last_trades(bid, spread, held, random)
    if limit_at:
        last[clock.locked] = int(life.close_ticks[index])
    lots = _lots(life, index, clock, traded, random)
    earlier = _earlier_trades(lots, random)
    if limit_at:
        bound, room = np.minimum if limit_at > 0 else np.maximum, int(life.close_ticks[index]) - last
        earlier = [(np.where(volume > 0, bound(offset, room), 0), volume) for offset, volume in earlier]
    return _Tape(life, index, limit_at, clock, traded, (bid, bid + spread), last, lots, earlier, random)


def _clock(contract: Contract, day: date, fill: float, seed: int, random: np.random.Generator) -> _Clock:
    windows = contract.sessions(day).windows
    prints, late = last_prints(contract, day, seed)
    parts = [_part(np.array([windows[0].start_ns - AUCTION_LEAD_NS]))]
    planned = parts_of(contract, day, fill, seed)
    for window, has_print in zip(windows, prints, strict=True):
        pace = pace_of(2 * (window.end_ns - window.start_ns) // NS + 1, random)
        inside = [part for part in planned if part.window == window]
        for each in inside:
            here = pace[each.first_slot : each.first_slot + each.slots]
            keys = random.standard_exponential(each.slots, dtype=np.float32) / here
            if fill >= LIQUID:
                keys[[0, -1] if each.is_locked else forced_slots(each.slots, random)] = -1.0
            chosen = np.sort(np.argpartition(keys, each.count - 1)[: each.count])
            stamps = window.start_ns + (each.first_slot + chosen) * HALF_NS
            parts.append(_part(stamps, here[chosen], is_locked=each.is_locked))
        if has_print:
            trades = random.random() < 0.5
            print_ns = window.end_ns + _step_ns(contract, random)
            parts.append(_part(np.array([print_ns]), is_quiet=not trades, is_locked=inside[-1].is_locked))
    if late:
        stamp = windows[-1].end_ns + int(random.integers(*_LATE_S)) * NS
        parts.append(_part(np.array([stamp]), is_quiet=True, is_locked=bool(parts[-1][3][-1])))
    raw, pace, quiet, locked = (np.concatenate(each) for each in zip(*parts, strict=True))
    return _Clock(raw, stamped(contract, raw, random), pace, quiet, locked)


def _part(
    stamps: Ints, pace: Floats | None = None, *, is_quiet: bool = False, is_locked: bool = False
) -> tuple[Ints, Floats, Bools, Bools]:
    count = len(stamps)
    return (stamps, np.ones(count) if pace is None else pace, np.full(count, is_quiet), np.full(count, is_locked))


def _step_ns(contract: Contract, random: np.random.Generator) -> int:
    """How long after a close its last snapshot is stamped: half a second, or, in whole seconds, one or two."""
    return int(random.integers(1, 3)) * NS if contract.spec.stamps == "second" else HALF_NS


def _bids(
    life: SimulatedLife,
    index: int,
    limit_at: int,
    clock: _Clock,
    shape: tuple[Bools, Ints],
    random: np.random.Generator,
) -> Ints:
    """The best bid after each tick in price ticks; where there is none, a spread below the limit."""
    traded, spread = shape
    start, close = int(life.open_ticks[index]), int(life.close_ticks[index])
    daily_vol = life.contract.spec.daily_vol
    if not limit_at:
        return walk(daily_vol, (start, close), traded, random)
    free = int(np.argmax(clock.locked))
    room = 3 if limit_at > 0 else 1
    before = walk(daily_vol, (start, close - limit_at * room), traded[:free], random)
    before = np.minimum(before, close - room) if limit_at > 0 else np.maximum(before, close + room)
    pinned = np.full(len(traded) - free, close) - (0 if limit_at > 0 else spread[free:])
    return np.concatenate((before, pinned))


def _lots(life: SimulatedLife, index: int, clock: _Clock, traded: Bools, random: np.random.Generator) -> Ints:
    """What each tick trades. Of 100 trades one is from a heavy tail; how far that reaches is drawn anew every day."""
    median, is_liquid = float(life.lots[index]), life.fill[index] >= LIQUID
    sizes = np.exp(0.7 * np.clip(random.standard_normal(POOL), -3, 3))
    tail = np.flatnonzero(random.random(POOL) < 0.01)
    reach = random.uniform(8, 18)
    sizes[tail] = 3 * (1 + random.pareto(2, len(tail)))
    drawn = np.minimum(sizes, reach)[random.integers(0, POOL, len(traded))]
    drawn *= np.clip(clock.pace, 0.6, 1.6) * median
    if is_liquid:
        drawn *= _bursts(clock.raw_ns, random)
    lots = np.where(traded, np.maximum(np.rint(drawn), 1), 0).astype(np.int64)
    uncrossed = min(float(np.exp(random.normal(3.0, 0.7))), 60.0, 1 + len(traded) / 10)
    lots[0] = max(1, round(median * uncrossed))
    return lots


def _bursts(raw_ns: Ints, random: np.random.Generator) -> Floats:
    """Larger trades for some minutes now and then: a factor for each tick."""
    knots = np.arange(int(raw_ns[0]), int(raw_ns[-1]) + 2 * _KNOT_S * NS, _KNOT_S * NS)
    factors = np.exp(0.2 * np.clip(random.standard_normal(len(knots)), -2, 2))
    factors *= np.where(random.random(len(knots)) < 0.02, random.uniform(1.5, 4, len(knots)), 1.0)
    return np.interp(raw_ns, knots, factors)


def _earlier_trades(lots: Ints, random: np.random.Generator) -> list[tuple[Ints, Ints]]:
    """The trades of each snapshot at other prices than its last, first ones first: price ticks from it, volumes."""
    found: list[tuple[Ints, Ints]] = []
    for share in _EARLIER_SHARES:
        drawn = random.integers(0, 256, len(lots), dtype=np.uint8)
        rows = np.flatnonzero((drawn < _MOVED) & (lots >= 3))
        rows = rows[rows > 0]
        offsets, volumes = np.zeros(len(lots), dtype=np.int64), np.zeros(len(lots), dtype=np.int64)
        offsets[rows] = _OFFSETS[drawn[rows]]
        volumes[rows] = np.maximum((lots[rows] * share).astype(np.int64), 1)
        found.append((offsets, volumes))
    return found


def _turnover(lots: Ints, last: Ints, earlier: list[tuple[Ints, Ints]]) -> Ints:
    """The lots of each snapshot times their price ticks."""
    return lots * last + sum(volume * offset for offset, volume in earlier)


def _pinned(book: Columns, locked: Bools, limit_at: int, levels: int) -> Columns:
    """What changes in a book that is locked: no asks (bids), and a long queue at the limit."""
    gone, kept = ("ask", "bid") if limit_at > 0 else ("bid", "ask")
    changed: Columns = {f"{kept}_volume1": np.where(locked, _QUEUE, 1) * book[f"{kept}_volume1"]}
    for level in range(1, levels + 1):
        changed[f"{gone}_price{level}"] = np.where(locked, np.nan, book[f"{gone}_price{level}"])
        changed[f"{gone}_volume{level}"] = np.where(locked, 0, book[f"{gone}_volume{level}"])
    return changed
