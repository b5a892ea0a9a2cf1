"""How many ticks a session lacks of those that the days before had.

Belongs here: the share that is missing, by number and by thinning; telling thinned ticks from a thin market.
Does not belong here: what the days before had (`windows`), silences (`gaps`), states and reasons (`states`).

Two figures say what share of a session's ticks is missing. *By number*: 1 - ticks an hour / the baseline's. *By
thinning*: a tick in which nothing traded is rare where ticks were taken out, for the next one shows what both traded.
Where each tick is kept with the chance `k`, the odds of such ticks fall to `k` times what they were, so 1 - odds / the
baseline's are missing. Where every n-th tick is kept, their share `q` falls to its n-th power, so 1 - ln(q of the
baseline) / ln(q) are: the smaller figure. Both hold on quiet and busy days alike.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, Literal

from ghtrader_assets.validation.intake import Bools, Floats
from ghtrader_assets.validation.presence import Presence, SessionPresence
from ghtrader_assets.validation.traded import Tape, still_odds

PINNED_SHARE: Final = 0.05
"""A market pinned at its limit for more than this share of a session's ticks has fewer: their number says nothing."""
LEFT_SHARE: Final = 0.02
LEFT_OF_TICKS: Final = 100
"""Less than this share of at least so many ticks is no session, whatever a contract's life: its last days have 5 %."""
HEAVY_SHARE: Final = 0.2
HEAVY_TICKS: Final = 12
"""Nor is less than this share of them, each of which trades so many times as much as usual, a quiet day's."""
CHANCE: Final = 1e-5
"""Ticks that trade nothing are too few where so few would come by chance at most so often."""
THIN_POWER: Final = 0.75
"""A market is thin where its share of the usual volume is below this power of its share of the usual ticks: 3 % for 1 %
of the ticks, 59 % for a half. Ticks that were taken out leave the volume as it was."""

ShortfallCause = Literal["few", "thinned", "thin"]


@dataclass(frozen=True, slots=True)
class Shortfall:
    """One session that lacks `share` of its ticks. `expected` are the ticks of its baseline, `ticks` those it has.

    `few`: by number; `thinned`: by thinning, `share` at least; `thin`: by number, and what was traded is as little, so
    it is the market that is thin. `blocks` where the share puts the day in error.
    """

    session: str
    cause: ShortfallCause
    share: float
    ticks: int
    expected: float
    blocks: bool


def shortfalls_of(tape: Tape, presence: Presence, locked: Bools) -> tuple[Shortfall, ...]:
    """The sessions that lack ticks, as far as there is a baseline. `locked` are the ticks of a pinned market.

    Under a contract's own symbol, where ticks come and go with its life, their number says nothing but that hardly any
    are left.
    """
    if not tape.evidence.baseline_days:
        return ()
    found = (
        _shortfall(tape, name, session, locked)
        for name, session in presence.sessions.items()
        if name not in presence.lost
    )
    return tuple(each for each in found if each is not None)


def _shortfall(tape: Tape, name: str, session: SessionPresence, locked: Bools) -> Shortfall | None:
    if tape.policy.value("FEW_TICKS_WARN_SHARE") >= 1:
        return None
    usual = tape.evidence.baseline_value(f"ticks/{name}")
    hours = (session.strict_s - session.paused_s) / 3600
    lots = tape.lots_in(name)
    if not usual or hours <= 0 or len(lots) == 0:
        return None
    free = tape.lots_in(name, ~locked) if locked.any() else lots
    value, ticks, expected = tape.policy.value, len(lots), usual * hours
    counts = tape.is_main or _is_hardly_left(tape, name, ticks / expected, expected, session.traded / hours)
    counts = counts and ticks - len(free) <= PINNED_SHARE * ticks
    few = 1 - ticks / expected if counts else 0.0
    thinned, least = _thinned(tape, name, free)
    is_thinned, block = thinned > value("THINNED_WARN_SHARE"), value("FEW_TICKS_BLOCK_SHARE")
    if few > value("FEW_TICKS_WARN_SHARE"):
        thin = not is_thinned and _is_thin(tape, name, session, hours, (ticks / expected) ** THIN_POWER)
        if thin and not tape.is_main:
            return None
        return Shortfall(name, "thin" if thin else "few", few, ticks, expected, blocks=few > block and not thin)
    return Shortfall(name, "thinned", least, ticks, expected, blocks=least > block) if is_thinned else None


def _is_hardly_left(tape: Tape, name: str, share: float, expected: float, lots: float) -> bool:
    """Whether so small a share of the ticks, with so many lots an hour, is none that a contract's life explains."""
    if expected < LEFT_OF_TICKS or share >= HEAVY_SHARE:
        return False
    usual = tape.evidence.baseline_value(f"volume/{name}")
    return share < LEFT_SHARE or (usual is not None and lots > HEAVY_TICKS * share * usual > 0)


def _thinned(tape: Tape, name: str, lots: Floats) -> tuple[float, float]:
    """The share of ticks that is gone if they went at random, and if they went evenly; 0 where chance may explain it.

    So few ticks that trade nothing, of so many, come by chance at most as often as Chernoff's bound says.
    """
    usual = tape.evidence.baseline_value(f"still/{name}")
    if not usual or len(lots) == 0:
        return 0.0, 0.0
    odds = still_odds(lots)
    still, before = odds / (1 + odds), usual / (1 + usual)
    apart = still * math.log(still / before) + (1 - still) * math.log((1 - still) / (1 - before))
    if still >= before or len(lots) * apart < -math.log(CHANCE):
        return 0.0, 0.0
    return 1 - odds / usual, 1 - math.log1p(1 / usual) / math.log1p(1 / odds)


def _is_thin(tape: Tape, name: str, session: SessionPresence, hours: float, share: float) -> bool:
    """Whether less than this share of the baseline's volume was traded."""
    usual = tape.evidence.baseline_value(f"volume/{name}")
    return usual is not None and session.traded < usual * hours * share
