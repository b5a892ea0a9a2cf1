"""Blocks of ticks that stand where they don't belong, and what tells where they do.

Belongs here: what such a block is, and rounding. Does not belong here: which there are (`misplaced`, `moved`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from ghtrader_assets.validation.traded import Stretch

NEAR_S: Final = 5
"""A block that begins so soon after a close, or ends so soon before an opening, is the session's own."""
LONGER: Final = 0.5
"""A hole is longer than the block that left it by the silence before its first and after its last tick: at most by so
much of the block's length."""
PLACED_TICKS: Final = 50
"""Fewer ticks fit into many silences of a thin market: where they belong is not said."""
ROUND_S: Final = (86_400, 3_600, 60, 1)
"""Stamps are moved by whole days, hours or minutes: the largest of these that fits is named."""


@dataclass(frozen=True, slots=True)
class Block:
    """Ticks that trade in one place outside the sessions: epoch seconds of the first and the last, both included.

    `rows` ticks stand between them and trade `lots`. `place` counts the windows that open before it. `hole` is the
    silence that it left `moved_s` seconds earlier, in the seconds `left`, where one fits.
    """

    first_s: int
    last_s: int
    rows: int
    lots: float
    place: int
    hole: Stretch | None = None
    left: tuple[int, int] = (0, 0)
    moved_s: int = 0


def rounded(low: int, high: int) -> int:
    """The roundest number of seconds from `low` to `high`; the middle one where none is whole minutes."""
    for unit in ROUND_S[:-1]:
        number = -(-low // unit) * unit
        if number <= high:
            return number
    return (low + high) // 2
