"""The second witness: the provider's own bars of a day, held against its ticks.

Belongs here: which minutes that traded have no tick, what else of the day the bars contradict, when a day is in doubt.
Does not belong here: how bars are had and kept (`tq`, `loading.witness`), states and reasons (`states`), words of them
(`detail`).

Bars can convict a day and never acquit it: they may have lost the same minutes. So only what they have and the ticks
lack is looked at, each minute by itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np

from ghtrader_assets.market.clock import MINUTE_S
from ghtrader_assets.market.products import Liquidity, Product, liquidity_of
from ghtrader_assets.market.session_events import SessionKind
from ghtrader_assets.market.sessions import SessionWindow
from ghtrader_assets.validation.bars import Bars
from ghtrader_assets.validation.coverage import Coverage
from ghtrader_assets.validation.gaps import may_hide_many, runs
from ghtrader_assets.validation.intake import NS, Bools, DayTicks, Ints
from ghtrader_assets.validation.outside import Outside
from ghtrader_assets.validation.traded import lots_of_ticks
from ghtrader_assets.validation.verdicts import Attribution, State


class Word(StrEnum):
    """What a day's verdict says of the second witness.

    `NOT_ASKED`: there are no bars and the day is in no doubt. `UNWITNESSED`: it is in doubt, and nothing was answered.
    `AGREES`: bars and ticks tell the same. `CONVICTS`: ticks are lost. `SILENT`: the bars hold less than the ticks.
    """

    NOT_ASKED = ""
    UNWITNESSED = "unwitnessed"
    AGREES = "agrees"
    CONVICTS = "convicts"
    SILENT = "silent"


@dataclass(frozen=True, slots=True)
class LostMinutes:
    """Minutes of one session that traded `lots` and have no tick, with none between them that has: epoch seconds at
    which the first and the last begin."""

    session: str
    first_s: int
    last_s: int
    minutes: int
    lots: float

    @property
    def span(self) -> tuple[int, int]:
        """The first and the last second."""
        return self.first_s, self.last_s + MINUTE_S - 1


@dataclass(frozen=True)
class Testimony:
    """What the bars say of a day. `lots` and `traded` are those of each session that the ticks lack, and in all.

    `beyond` were traded after the last tick, in no lost minute; `differs` names prices that contradict the ticks'.
    """

    word: Word
    lost: tuple[LostMinutes, ...] = ()
    lots: Mapping[str, float] = field(default_factory=dict[str, float])
    traded: Mapping[str, float] = field(default_factory=dict[str, float])
    beyond: float = 0.0
    differs: tuple[str, ...] = ()

    @property
    def worst_share(self) -> float:
        """The largest share of a session's lots that the ticks lack."""
        return max((lots / self.traded[name] for name, lots in self.lots.items() if lots > 0), default=0.0)


def heard(bars: Bars | None, ticks: DayTicks, outside: Outside, price_tick: float, *, doubt: bool) -> Testimony:
    """What the provider's bars say of the ticks of a day; `doubt` is whether it is in doubt without them."""
    windows = ticks.windows
    if bars is None:
        return Testimony(Word.UNWITNESSED if doubt else Word.NOT_ASKED)
    if not len(bars.minutes) or not windows:
        return Testimony(Word.SILENT)
    begins, ends = _reach(bars, outside)
    stamps = np.sort(ticks.stamps)
    lost = np.searchsorted(stamps, begins) == np.searchsorted(stamps, ends, side="right")
    names = _sessions_of(bars.minutes, windows)
    traded = dict.fromkeys((window.session for window in windows), 0.0)
    lots = dict(traded)
    for name, count, is_lost in zip(names, bars.lots.tolist(), lost.tolist(), strict=True):
        traded[name] += count
        lots[name] += count * is_lost
    shown = _volume_shown(ticks)
    last_ns = int(stamps[-1]) if len(stamps) else -1
    beyond = max(0.0, bars.volume - shown - float(bars.lots[lost & (begins > last_ns)].sum()))
    lots[names[-1]] += beyond
    differs = (*_extremes_beyond(bars, ticks, price_tick), *_edges_missed(bars, ticks, begins, ends, price_tick))
    convicts = bool(lost.any()) or beyond > 0 or bool(differs)
    word = Word.CONVICTS if convicts else Word.SILENT if bars.volume < shown else Word.AGREES
    return Testimony(word, tuple(_stretches(bars, names, lost)), lots, traded, beyond, differs)


def in_doubt(coverage: Coverage, state: State, product: Product, *, has_baseline: bool) -> bool:
    """Whether the ticks of a day leave open what became of it, so that the provider's bars are to be asked for.

    Its coverage is in a `state` other than `ok`, or it ends with a gap, after which no tick says what was traded, or it
    trades nothing, or a pinned market is silent for a minute, or it is of a thin product, and there is no baseline to
    hold it against or a silence that may hide many ticks.
    """
    thin = liquidity_of(product.code) != Liquidity.LIQUID
    tail = any(each.stretch.after is None for each in coverage.gaps)
    pinned = any(
        each.attribution == Attribution.LIMIT_LOCKED and each.stretch.silent_s >= MINUTE_S for each in coverage.gaps
    )
    hides = thin and (not has_baseline or may_hide_many(coverage.gaps, coverage.tape))
    return state != State.OK or tail or pinned or not coverage.tape.lots.any() or hides


def _sessions_of(minutes: Ints, windows: Sequence[SessionWindow]) -> list[SessionKind]:
    """The session of each minute; of one outside the sessions that before it."""
    opens = np.array([window.start_ns // NS for window in windows])
    places = np.maximum(np.searchsorted(opens, minutes, side="right") - 1, 0)
    return [windows[int(place)].session for place in places]


def _reach(bars: Bars, outside: Outside) -> tuple[Ints, Ints]:
    """Between which instants (epoch ns, both included) a tick stands for each minute.

    From its beginning, of a session's first minute from that of the call auction, to the first snapshot after it.
    """
    begins = bars.minutes * NS
    for opening in outside.openings:
        begins[bars.minutes == opening] = (opening - int(outside.lead_s)) * NS
    return begins, (bars.minutes + MINUTE_S) * NS + int(outside.last_print_s * NS)


def _volume_shown(ticks: DayTicks) -> float:
    """The lots of the day as the ticks show them; infinite where they have no volume, which contradicts no bar."""
    missing = ticks.missing("volume")
    if missing is not None and missing.all():
        return np.inf
    return float(ticks.known_volume.max(initial=0.0))


def _stretches(bars: Bars, names: Sequence[str], lost: Bools) -> Iterator[LostMinutes]:
    for name in dict.fromkeys(names):
        mine = np.array([each == name for each in names])
        rows = np.flatnonzero(mine)
        for start, length in zip(*runs(lost[rows]), strict=True):
            found = rows[start : start + length]
            minutes = bars.minutes[found]
            yield LostMinutes(name, int(minutes[0]), int(minutes[-1]), int(length), float(bars.lots[found].sum()))


def _extremes_beyond(bars: Bars, ticks: DayTicks, price_tick: float) -> Iterator[str]:
    """The day's extremes that the bars have and the ticks lack, of which `highest` and `lowest` hold what was traded
    between two snapshots too."""
    highest, lowest = ticks.numbers["highest"], ticks.numbers["lowest"]
    slack = price_tick / 2
    if (highest > 0).any() and bars.high > np.nanmax(highest) + slack:
        yield "high"
    if (lowest > 0).any() and bars.low < np.nanmin(lowest[lowest > 0]) - slack:
        yield "low"


def _edges_missed(bars: Bars, ticks: DayTicks, begins: Ints, ends: Ints, price_tick: float) -> Iterator[str]:
    """Whether the day's open and close are none of the ticks', where the first and the last tick that trade stand for
    the bars' first and last minute. A first snapshot may hold several trades, of which the bars know the first."""
    trading = np.flatnonzero(lots_of_ticks(ticks) > 0)
    if not len(trading):
        return
    numbers, slack = ticks.numbers, price_tick / 2
    first, last = int(trading[0]), int(trading[-1])
    low, high = numbers["lowest"][first] - slack, numbers["highest"][first] + slack
    if begins[0] <= ticks.stamps[first] <= ends[0] and (bars.open < low or bars.open > high):
        yield "open"
    if begins[-1] <= ticks.stamps[last] <= ends[-1] and abs(bars.close - numbers["last_price"][last]) > slack:
        yield "close"
