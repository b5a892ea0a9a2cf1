"""When a contract ticks on a day, before any tick is made: how many half seconds tick in which part of a session,
what comes after a close, and what is special about the day.

Belongs here: what ids need, cheap enough to be known of every day of a contract's life; model 2's halts and limits.
Does not belong here: prices and open interest (`daily`), the ticks (`model`, `model2`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from typing import Final, Literal
from zlib import crc32

from ghtrader_assets.exchange.contracts import Contract
from ghtrader_assets.exchange.specs import Spec
from ghtrader_assets.market.clock import NS
from ghtrader_assets.market.sessions import SessionWindow

HALF_NS: Final = NS // 2
LIQUID: Final = 0.45
"""From this share of half seconds on, a window ticks at least once in each of its blocks."""
BLOCK_SLOTS: Final = 5
"""Half seconds of a block: no more than four whole seconds then lie between two ticks."""

_LOCKED_SHARE: Final = 0.35
"""What is left of the ticks while the market is pinned at its limit."""
_SHORTEST_HALT_S: Final = 300
_HALTS, _LIMITS_UP, _LIMITS_DOWN = 9, 12, 15
"""Of 1,000 days of a liquid product: up to the first have a halt, up to the second a limit up, then a limit down."""

OccasionKind = Literal["halt", "limit_up", "limit_down"]


@dataclass(frozen=True, slots=True)
class Occasion:
    """What is special about a product's day. It begins in one of the day's windows, at `place` of it (0..1).

    A halt lasts `seconds`, in the main contract alone; a limit pins every contract until the day's close.
    """

    kind: OccasionKind
    draw: int

    @property
    def place(self) -> float:
        return 0.1 + 0.5 * (self.draw // 8 % 997) / 997

    def window(self, windows: int) -> int:
        """Which of a day's windows it begins in, from 0."""
        return self.draw % windows

    def halt_s(self, window: SessionWindow) -> int:
        """How long a halt in that window lasts: 5 to 30 minutes, at most 3 tenths of it."""
        longest = 3 * (window.end_ns - window.start_ns) // NS // 10
        return min(_SHORTEST_HALT_S + self.draw // 8000 % 1500, longest)


@dataclass(frozen=True, slots=True)
class PlannedPart:
    """Half seconds `[first_slot, first_slot + slots)` of a window, of which `count` tick."""

    window: SessionWindow
    first_slot: int
    slots: int
    count: int
    is_locked: bool = False


def occasion(spec: Spec, day: date, seed: int) -> Occasion | None:
    """What is special about a product's day. Only liquid products of model 2 have such days."""
    if spec.model == 1 or spec.fill < LIQUID:
        return None
    kind = _draw(seed, spec.key, day, "occasions") % 1000
    place = _draw(seed, spec.key, day, "place of the occasion")
    if kind < _HALTS:
        return Occasion("halt", place)
    if kind < _LIMITS_UP:
        return Occasion("limit_up", place)
    return Occasion("limit_down", place) if kind < _LIMITS_DOWN else None


def occasion_of(contract: Contract, day: date, seed: int) -> Occasion | None:
    """What is special about a contract's day: as its product's, but only a main contract is halted."""
    found = occasion(contract.spec, day, seed)
    return None if found is not None and found.kind == "halt" and not contract.is_main(day) else found


def tick_count(contract: Contract, day: date, fill: float, seed: int) -> int:
    """How many ticks a contract-day has: one call auction, every part's, and those after a close."""
    if contract.spec.model == 1:
        inside = sum(window_count(window, fill) for window in contract.sessions(day).windows)
        return 1 + inside + sum(stragglers(contract, day, seed))
    prints, late = last_prints(contract, day, seed)
    return 1 + sum(part.count for part in parts_of(contract, day, fill, seed)) + sum(prints) + late


def window_slots(window: SessionWindow) -> int:
    """The half seconds of a window, opening and closing instants included."""
    return 2 * (window.end_ns - window.start_ns) // NS + 1


def window_count(window: SessionWindow, fill: float) -> int:
    """How many of a window's half seconds tick in model 1."""
    return max(1, round(window_slots(window) * fill))


def stragglers(contract: Contract, day: date, seed: int) -> tuple[int, int, int]:
    """Ticks of model 1 after the night's close, right after the day's close, and some minutes later: 0 or 1 each."""
    draw = _draw(seed, contract.text, day, "stragglers")
    night = contract.sessions(day).has_night
    return (int(night and draw % 3 == 0), int(draw // 3 % 2 == 0), int(draw // 6 % 5 == 0))


def parts_of(contract: Contract, day: date, fill: float, seed: int) -> tuple[PlannedPart, ...]:
    """The parts of sessions in which a contract of model 2 trades on a day, in order, halts left out."""
    special = occasion_of(contract, day, seed)
    windows = contract.sessions(day).windows
    begins_in = special.window(len(windows)) if special is not None else -1
    found: list[PlannedPart] = []
    for index, window in enumerate(windows):
        slots = window_slots(window)
        begin = round(special.place * slots) if special is not None and index == begins_in else slots
        locks = special is not None and special.kind != "halt" and index >= begins_in
        if locks and index > begins_in:
            begin = 0
        resumed = begin + 2 * special.halt_s(window) if special is not None and not locks else begin
        for first, end, is_locked in ((0, begin, False), (resumed, slots, locks)):
            if end > first:
                count = _count(contract, day, fill * (_LOCKED_SHARE if is_locked else 1.0), end - first, seed)
                found.append(PlannedPart(window, first, end - first, count, is_locked))
    return tuple(found)


def last_prints(contract: Contract, day: date, seed: int) -> tuple[tuple[int, ...], int]:
    """Ticks of model 2 right after each window's close, 0 or 1 each, and some minutes after the day's last."""
    draw = _draw(seed, contract.text, day, "prints")
    windows = contract.sessions(day).windows
    ends_session = [*(here.session != after.session for here, after in pairwise(windows)), True]
    prints = tuple(int((draw >> 3 * place & 7) < (4 if ends else 2)) for place, ends in enumerate(ends_session))
    return prints, int(draw % 5 == 0)


def _count(contract: Contract, day: date, fill: float, slots: int, seed: int) -> int:
    """How many of `slots` half seconds tick: a fixed share of them in a liquid market, by chance in a thin one."""
    if fill >= LIQUID * _LOCKED_SHARE:
        return max(2, round(slots * fill))
    chance = _draw(seed, contract.text, day, slots) % 1000 / 1000
    return min(slots, max(1, round(slots * fill * (0.5 + chance))))


def _draw(seed: int, *names: object) -> int:
    return crc32(" ".join(str(name) for name in (seed, *names)).encode())
