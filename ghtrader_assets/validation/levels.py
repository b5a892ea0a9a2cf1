"""On what level a session's prices, amounts and open interest are, and whether the days before knew it.

Belongs here: the figures that name a level, and which of them is so far from usual that its unit must be another.
Does not belong here: fields of one day that contradict each other (`quality.pairs`), how much is traded (`shortfall`).

A day whose prices, or amounts, are all ten times what they should be contradicts nothing of itself where the multiplier
is ten: an exchange may leave that out. No market moves so far in twenty days.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final

import numpy as np

from ghtrader_assets.validation.intake import NS, Floats
from ghtrader_assets.validation.traded import Tape

LEVEL: Final = "level"
"""The family of the baseline's values that say whether a figure is on the level of the days before:
`level/day/price/3540`."""
OFF_TIMES: Final = 4
"""A figure is off its level where it is more than so many times the usual one, or less than that part of it."""
PRICE, SCALE, INTEREST = "price", "scale", "interest"
WORDS: Final = {PRICE: "prices", SCALE: "amounts per lot and price", INTEREST: "open interests"}


def levels_of(tape: Tape) -> dict[str, dict[str, float]]:
    """Per session the middle last price and open interest, and what was paid for each lot and unit of price.

    Where the volume of a session falls there is no such sum.
    """
    numbers = tape.ticks.numbers
    found: dict[str, dict[str, float]] = {}
    for session in dict.fromkeys(window.session for window in tape.ticks.windows):
        prices, amounts = (tape.in_session(session, numbers[name]) for name in ("last_price", "amount"))
        interests = tape.in_session(session, numbers["open_interest"])
        volumes = tape.in_session(session, tape.ticks.known_volume)
        with np.errstate(over="ignore", invalid="ignore"):
            lots = np.diff(volumes)
            worth = float((lots * prices[1:]).sum()) if (lots >= 0).all() else 0.0
            paid = float(amounts[-1] - amounts[0]) if len(amounts) else 0.0
        figures = {PRICE: _middle(prices), SCALE: paid / worth if worth > 0 else 0.0, INTEREST: _middle(interests)}
        found[session] = {name: float(f"{value:.3g}") for name, value in figures.items() if 0 < value < math.inf}
    return found


def off_level_of(levels: Mapping[str, Mapping[str, float]], tape: Tape) -> dict[str, tuple[str, ...]]:
    """Per session the figures that are off the level of the days before, where there is a baseline.

    Open interest comes and goes with a contract's life: it is held against a main contract alone, where it is more, and
    where the days before had ticks as a main contract has: those of an ended contract still called main had not.
    """
    if not tape.evidence.baseline_days:
        return {}
    found: dict[str, tuple[str, ...]] = {}
    for session, figures in levels.items():
        held = [name for name in figures if name != INTEREST or (tape.is_main and _is_as_busy(tape, session))]
        off = tuple(
            name for name in held if tape.evidence.baseline_value(f"{LEVEL}/{session}/{name}/{figures[name]:g}") == 0
        )
        if off:
            found[session] = off
    return found


def _is_as_busy(tape: Tape, session: str) -> bool:
    """Whether the days before had so many ticks an hour that theirs and this day's contract may be alike."""
    usual = tape.evidence.baseline_value(f"ticks/{session}")
    windows = [window for window in tape.ticks.windows if window.session == session]
    hours = sum(window.end_ns - window.start_ns for window in windows) / NS / 3600
    return usual is None or len(tape.lots_in(session)) <= OFF_TIMES * usual * hours


def is_on_level(figure: str, value: float, usual: float) -> bool:
    """Whether a value is near enough to the usual one; an open interest may be as little as it likes."""
    return value <= OFF_TIMES * usual and (figure == INTEREST or value * OFF_TIMES >= usual)


def _middle(values: Floats) -> float:
    """The median of a thousand values spread over all, those above 0: a level need be no nearer."""
    some = values[:: max(1, len(values) // 1000)]
    known = some[some > 0]
    with np.errstate(over="ignore"):
        return float(np.median(known)) if len(known) else 0.0
