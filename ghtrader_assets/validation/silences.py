"""What was traded while no tick stood, against what ticks carry: ticks that are gone in many short runs.

Belongs here: the share of a session's volume that its silences swallowed. Does not belong here: single silences
(`gaps`), ticks that are gone evenly (`shortfall`), states and reasons (`states`).

A silence is two neighbouring ticks of one window more than `PAIR_S` apart. The book stood still in it, so the tick
after it shows what any tick shows: on clean days a little less than one that follows at once, for trades come in
bursts. Ticks that were taken out between the two leave their volume to it. The day itself is the measure, no history
is needed, and each run may be far shorter than a gap.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from ghtrader_assets.validation.gaps import FoundGap
from ghtrader_assets.validation.intake import Floats
from ghtrader_assets.validation.presence import Presence
from ghtrader_assets.validation.traded import ENOUGH_PAIRS, Tape
from ghtrader_assets.validation.verdicts import Attribution

ENOUGH_SILENCES: Final = 20
SURE: Final = 4
"""The means must be so many standard errors apart: one large trade makes no day of lost ticks."""


@dataclass(frozen=True, slots=True)
class SilentVolume:
    """One session whose silences show more volume than ticks carry.

    `lots` of its `silences` are beyond that, which is `share` of what the session traded; a tick after one shows
    `times` as much as a tick that follows at once. `blocks` where the share puts the day in error.
    """

    session: str
    silences: int
    times: float
    lots: float
    share: float
    blocks: bool


def silent_volumes(tape: Tape, presence: Presence, gaps: Sequence[FoundGap]) -> tuple[SilentVolume, ...]:
    """The sessions that are there and whose silences show too much volume, those left out that are lost `gaps`.

    No other is left out, however much it shows: what the days before allow one snapshot to carry is no loss by itself,
    and a hundred such silences are.
    """
    value, lots, (pairs, after) = tape.policy.value, tape.lots[1:], tape.neighbours
    silences = after.copy()
    told = {each.stretch.after for each in gaps if each.attribution == Attribution.LOST}
    silences[[row - 1 for row in told if row]] = False
    found: list[SilentVolume] = []
    for name, session in presence.sessions.items():
        places = [place for place, window in enumerate(tape.ticks.windows) if window.session == name]
        mine = np.isin(tape.ticks.window_of[1:], places)
        beyond, times = _beyond(lots[pairs & mine], lots[silences & mine])
        share = beyond / session.traded if session.traded > 0 else 0.0
        if share > value("SILENT_VOLUME_WARN_SHARE") and name not in presence.lost:
            number = int(np.count_nonzero(silences & mine))
            blocks = share > value("SILENT_VOLUME_BLOCK_SHARE")
            found.append(SilentVolume(name, number, times, beyond, share, blocks))
    return tuple(found)


def _beyond(following: Floats, after: Floats) -> tuple[float, float]:
    """The lots at ticks `after` silences beyond what as many ticks `following` at once show, and how many times as much
    one shows; 0 where there are few, or chance may explain it."""
    if len(following) < ENOUGH_PAIRS or len(after) < ENOUGH_SILENCES:
        return 0.0, 0.0
    usual, shown = float(following.mean()), float(after.mean())
    error = math.sqrt(float(following.var()) / len(following) + float(after.var()) / len(after))
    if usual <= 0 or shown - usual <= SURE * error:
        return 0.0, 0.0
    return (shown - usual) * len(after), shown / usual
