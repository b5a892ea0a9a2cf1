"""Whether each session is there: spread over its hours, and not just a tick at its edge.

Belongs here: what is lost of a session, which sessions are lost, whether a main contract has the ticks of one.
Does not belong here: what a single silence is (`gaps`), states and reasons (`states`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from ghtrader_assets.validation.gaps import FoundGap
from ghtrader_assets.validation.traded import Stretch, Tape
from ghtrader_assets.validation.verdicts import Attribution

_LOSSES: Final = frozenset({Attribution.PROVIDER_HOLE, Attribution.LOST, Attribution.UNKNOWN})
PAUSES: Final = frozenset({Attribution.HALTED, Attribution.LIMIT_LOCKED})
PAUSE_S: Final = 300
"""A halt or a pinned market's silence of so many seconds is a pause; hundreds of short ones are thinned ticks."""
PINNED_SHARE: Final = 0.2
"""A market pinned at its limit for this share of the day's ticks has fewer of them, and nothing is said of how many."""


@dataclass(frozen=True, slots=True)
class SessionPresence:
    """One session: its strict seconds, those without a tick, and what is lost.

    `lost_s` of the missing seconds lie in gaps that are lost, holes or unknown, `paused_s` in long ones of a
    halted or pinned market. `lots` were traded in lost gaps as far as is known, `traded` in the session with them.
    """

    strict_s: int
    missing_s: int
    lost_s: int
    paused_s: int
    lots: float
    traded: float

    @property
    def lost_share(self) -> float:
        """The share of its strict seconds that is lost."""
        return self.lost_s / self.strict_s if self.strict_s else 0.0

    @property
    def lots_share(self) -> float:
        """The share of what it traded that was traded in lost gaps."""
        return self.lots / self.traded if self.traded > 0 else 0.0

    @property
    def missing_share(self) -> float:
        """The share of its strict seconds, pauses left out, that has no tick."""
        open_s = self.strict_s - self.paused_s
        return (self.missing_s - self.paused_s) / open_s if open_s > 0 else 0.0


@dataclass(frozen=True, slots=True)
class Presence:
    """Every session of a day, in order; those that are `lost`, those that are `sparse` for a main contract.

    `thin`: the main contract has fewer ticks in all than a main contract of the product has at least.
    """

    sessions: Mapping[str, SessionPresence]
    lost: tuple[str, ...]
    sparse: tuple[str, ...]
    thin: bool


def presence_of(
    tape: Tape,
    gaps: Sequence[FoundGap],
    seconds: Mapping[str, tuple[int, int]],
    explained: Sequence[Stretch],
    *,
    is_main: bool,
    locked_share: float,
) -> Presence:
    """Whether each session is there. `seconds` are the strict ones of each session and those of them without a tick.

    `explained` are silences whose ticks stand elsewhere in the day: nothing is lost there. A session without any tick
    is not lost but absent, unless the whole day is and an auction has traded.
    """
    policy = tape.policy
    mine = [each for each in gaps if each.stretch not in explained]
    lots, traded = _lots(tape, mine)
    sessions = {
        name: SessionPresence(
            *both, _seconds(mine, name, _LOSSES), _seconds(mine, name, PAUSES, PAUSE_S), lots[name], traded[name]
        )
        for name, both in seconds.items()
    }
    observed = {
        window.session for place, window in enumerate(tape.ticks.windows) if (tape.ticks.window_of == place).any()
    }
    there = observed or (set(sessions) if tape.lots.any() else set())
    judged = is_main and bool(observed) and locked_share <= PINNED_SHARE
    thin = judged and tape.ticks.n < policy.value("MAIN_MIN_TICKS")
    return Presence(
        sessions=sessions,
        lost=tuple(
            name
            for name in sessions
            if name in there and sessions[name].lost_share > policy.value("SESSION_LOST_SHARE")
        ),
        sparse=tuple(
            name
            for name in sessions
            if judged and not thin and sessions[name].missing_share > policy.value("MISSING_MAX_SHARE")
        ),
        thin=thin,
    )


def _seconds(gaps: Sequence[FoundGap], session: str, causes: frozenset[Attribution], least: int = 0) -> int:
    lengths = (each.gap.duration_s for each in gaps if each.gap.session == session and each.attribution in causes)
    return sum(length for length in lengths if length >= least)


def _lots(tape: Tape, gaps: Sequence[FoundGap]) -> tuple[dict[str, float], dict[str, float]]:
    """What each session traded in lost gaps, and in all.

    The tick after a silence shows all that was traded in it: it is shared among the sessions by their silent seconds.
    """
    windows = tape.ticks.windows
    lots = dict.fromkeys((window.session for window in windows), 0.0)
    traded = dict(lots)
    for span, place in tape.ticks.window_runs:
        if place >= 0:
            traded[windows[place].session] += float(tape.lots[span].sum())
    for each in gaps:
        stretch = each.stretch
        if each.attribution == Attribution.LOST and stretch.lots is not None:
            share = stretch.lots * each.gap.duration_s / stretch.silent_s
            lots[each.gap.session] += share
            traded[each.gap.session] += share
            place = -1 if stretch.after is None else int(tape.ticks.window_of[stretch.after])
            if place >= 0:
                traded[windows[place].session] -= share
    return lots, traded
