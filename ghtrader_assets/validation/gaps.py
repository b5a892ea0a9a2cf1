"""Silent stretches of a session window, and what they look like from the ticks around them.

Belongs here: finding runs of seconds without ticks, telling a provider's hole from a halt and from a pinned market.
Does not belong here: thresholds (`cadence`, `policy`), asking the provider again.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

import numpy as np

from ghtrader_assets.market.clock import quarter_of
from ghtrader_assets.market.sessions import SessionWindow
from ghtrader_assets.validation.intake import NS, OUTSIDE, Bools, DayTicks, Floats, Ints
from ghtrader_assets.validation.traded import Stretch, Tape
from ghtrader_assets.validation.verdicts import Attribution

Position = Literal["leading", "inner", "tail", "whole"]

LOCKED_RUN: Final = 20
"""Ticks that a one-sided book must last at the day's extreme to count as a market pinned at its limit."""
LOCKED_FEW: Final = 5
LOCKED_S: Final = 300
"""Or so few, where they last so many seconds: a contract that seldom ticks is pinned too."""

UNLIKELY_TICKS: Final = 40
"""A silence in which a contract has so many ticks at the day's own level is not quiet."""
DOUBTFUL_TICKS: Final = 15
"""A silence in which a thin product usually has so many ticks is in doubt: 20, less what the baseline's grid is off."""
TRADED_SHARE: Final = 0.25
"""Nor is one across which this share of the usual volume was traded a halt."""
LEVEL_TICKS: Final = 10
"""So many ticks are added to the usual ones when the level of a day is taken: a few ticks show none."""


@dataclass(frozen=True, slots=True)
class Gap:
    """Seconds without ticks inside one window: `first_s`..`last_s`, epoch seconds, both missing."""

    session: str
    window_index: int
    first_s: int
    last_s: int
    position: Position

    @property
    def duration_s(self) -> int:
        """The number of missing seconds."""
        return self.last_s - self.first_s + 1


@dataclass(frozen=True, slots=True)
class Silence:
    """The silent runs of the strict seconds `first_s`..: starts and lengths, ascending; `spacings` between ticks."""

    starts: Ints
    lengths: Ints
    spacings: Ints
    ticked: int


def silence_of(counts: Ints, first_s: int) -> Silence:
    """The silent runs of one window, from the number of ticks in each of its strict seconds."""
    hit = np.flatnonzero(counts)
    edges = np.concatenate(([-1], hit, [len(counts)]))
    lengths = np.diff(edges) - 1
    silent = np.flatnonzero(lengths > 0)
    return Silence(starts=edges[silent] + 1 + first_s, lengths=lengths[silent], spacings=np.diff(hit), ticked=len(hit))


def gaps_of(silence: Silence, threshold_s: float, window: SessionWindow, window_index: int) -> list[Gap]:
    """The silent runs of a window that last at least `threshold_s` seconds."""
    strict = (window.start_ns // NS + 1, window.end_ns // NS - 1)
    found: list[Gap] = []
    for index in np.flatnonzero(silence.lengths >= threshold_s):
        start = int(silence.starts[index])
        end = start + int(silence.lengths[index]) - 1
        found.append(Gap(window.session, window_index, start, end, _position(start, end, *strict)))
    return found


@dataclass(frozen=True, slots=True)
class FoundGap:
    """A gap of at least the fixed threshold, the stretch it belongs to, its cause as far as the data tells."""

    gap: Gap
    stretch: Stretch
    attribution: Attribution
    adaptive_threshold_s: float

    @property
    def over_adaptive(self) -> bool:
        """Whether the silence, over breaks, is unusual even for this symbol in this session."""
        return self.stretch.silent_s >= self.adaptive_threshold_s


def found_gaps(gaps: Sequence[Gap], tape: Tape, locked: Bools, adaptive_s: Mapping[str, float]) -> tuple[FoundGap, ...]:
    """The gaps, in order of time, with what each looks like. `locked` are the ticks of a market pinned at its limit.

    On a day that lost ticks elsewhere, a silence after which no tick says what was traded is not taken for quiet.
    """
    if not gaps:
        return ()
    ends = np.array([(gap.first_s, gap.last_s) for gap in gaps], dtype=np.int64)
    stretches = tape.stretches(ends[:, 0], ends[:, 1])
    unlikely = _unlikely(gaps, stretches, tape)
    stretches = [unlikely.get(id(stretch), stretch) for stretch in stretches]
    suspect = any(stretch.lost for stretch in stretches)
    found: list[FoundGap] = []
    for gap, stretch in zip(gaps, stretches, strict=True):
        threshold = _threshold_s(gap, stretch, tape, adaptive_s[gap.session])
        threshold = min(threshold, stretch.silent_s) if stretch in unlikely.values() else threshold
        quiet = stretch.silent_s < threshold and not (suspect and stretch.lots is None)
        found.append(FoundGap(gap, stretch, _attribution(stretch, tape.ticks, locked, quiet=quiet), threshold))
    return tuple(found)


def _unlikely(gaps: Sequence[Gap], stretches: Sequence[Stretch], tape: Tape) -> dict[int, Stretch]:
    """The stretches in which a day like this one has many ticks, by the id of each.

    Of a main contract's those alone whose bound counts an unseen auction, and across which more was traded than without
    one: the others are held to the day's own snapshots as they are. Many are `UNLIKELY_TICKS` of the baseline's, at the
    day's own level: the ticks that it has elsewhere as a share of those that the baseline has there, which follow the
    contract's life. Then a part of the usual volume is enough to prove a loss, where one snapshot does not carry it:
    the product's floor and an unseen auction allow for no more.
    """
    if not tape.evidence.baseline_days:
        return {}
    if tape.is_main:
        doubtful = [(gap, each) for gap, each in zip(gaps, stretches, strict=True) if _hides_in_auction(each)]
        gaps, stretches = [gap for gap, _ in doubtful], [each for _, each in doubtful]
    if not gaps:
        return {}
    ticks = _usually("ticks", gaps, stretches, tape)
    every = sum(hours * (tape.evidence.baseline_value(f"ticks/{name}") or 0.0) for name, hours in _hours(tape).items())
    seen = int(np.count_nonzero(tape.ticks.window_of != OUTSIDE))
    levels = {key: min(1.0, seen / (every - usual + LEVEL_TICKS)) for key, usual in ticks.items()}
    found = [each for each in stretches if ticks[id(each)] * levels[id(each)] >= UNLIKELY_TICKS]
    lots = _usually("volume", gaps, stretches, tape) if found else {}
    return {
        id(each): replace(each, bound=max(each.bare, min(each.bound, TRADED_SHARE * lots[id(each)] * levels[id(each)])))
        for each in {id(each): each for each in found}.values()
    }


def may_hide_many(found: Sequence[FoundGap], tape: Tape) -> bool:
    """Whether some silence hides `DOUBTFUL_TICKS` usual ones, in which as much was traded as a snapshot of the day
    carries, or it is not known how much: the bounds of one snapshot allow it, and its bars alone decide."""
    if not tape.evidence.baseline_days or not found:
        return False
    largest, _ = tape.largest_snapshot(0)
    gaps, stretches = [each.gap for each in found], [each.stretch for each in found]
    ticks = _usually("ticks", gaps, stretches, tape)
    return any(ticks[id(each)] >= DOUBTFUL_TICKS and (each.lots is None or each.lots >= largest) for each in stretches)


def _hides_in_auction(stretch: Stretch) -> bool:
    return stretch.lots is not None and stretch.bare < stretch.lots <= stretch.bound


def _usually(figure: str, gaps: Sequence[Gap], stretches: Sequence[Stretch], tape: Tape) -> dict[int, float]:
    """What the days before had in the silent seconds of each stretch, by its id."""
    found = {id(stretch): 0.0 for stretch in stretches}
    hourly = {name: tape.evidence.baseline_value(f"{figure}/{name}") or 0.0 for name in {gap.session for gap in gaps}}
    for gap, stretch in zip(gaps, stretches, strict=True):
        found[id(stretch)] += hourly[gap.session] * gap.duration_s / 3600
    return found


def _hours(tape: Tape) -> dict[str, float]:
    hours = dict.fromkeys((window.session for window in tape.ticks.windows), 0.0)
    for window in tape.ticks.windows:
        hours[window.session] += (window.end_ns - window.start_ns) / NS / 3600
    return hours


def _threshold_s(gap: Gap, stretch: Stretch, tape: Tape, own: float) -> float:
    """From which silence on a gap is unusual: the day's `own` threshold, as far as the days before allow it.

    It may be `SPACING_MAX_RATIO` times what their usual spacing makes it at that time of the day, and a silence within
    the day's own usual spacing is never unusual. The baseline is looked at where it decides.
    """
    factor, least = tape.policy.value("ADAPTIVE_FACTOR"), tape.policy.gap_threshold_s(gap.session)
    usual = max(least, own / factor) if factor else least
    if not tape.is_main or not usual <= stretch.silent_s < own:
        return own
    spacing = tape.evidence.baseline_value(f"spacing/{gap.session}/{quarter_of(gap.first_s)}")
    if spacing is None:
        return own
    return min(own, max(usual, tape.policy.value("SPACING_MAX_RATIO") * factor * spacing))


def _attribution(stretch: Stretch, ticks: DayTicks, locked: Bools, *, quiet: bool) -> Attribution:
    """What a silence looks like. Ids and volume prove a loss; the rest is circumstance, in this order."""
    before, after = stretch.before, stretch.after
    if before is not None and after is not None and _ids_jump(ticks, before, after):
        return Attribution.PROVIDER_HOLE
    if stretch.lost:
        return Attribution.LOST
    if any(row is not None and bool(locked[row]) for row in (before, after)) and (quiet or after is not None):
        return Attribution.LIMIT_LOCKED
    if quiet:
        return Attribution.QUIET
    if before is None or stretch.lots is None or not ticks.has_ids:
        return Attribution.UNKNOWN
    return Attribution.HALTED


def named_after(
    gaps: Sequence[FoundGap], lost_sessions: Collection[str], lost_spans: Sequence[tuple[int, int]]
) -> tuple[FoundGap, ...]:
    """The gaps by what was found of the day: none is quiet where ticks are lost.

    A quiet one of a session that is lost is unknown, but between two ticks of one window. A quiet, halted or pinned one
    is lost where the provider's bars traded in it, between the first and the last second of one of `lost_spans`.
    """

    def named(each: FoundGap) -> FoundGap:
        quiet = each.attribution == Attribution.QUIET
        traded = any(first <= each.gap.last_s and each.gap.first_s <= last for first, last in lost_spans)
        if traded and (quiet or each.attribution in (Attribution.HALTED, Attribution.LIMIT_LOCKED)):
            return replace(each, attribution=Attribution.LOST)
        unknown = quiet and each.gap.position != "inner" and each.gap.session in lost_sessions
        return replace(each, attribution=Attribution.UNKNOWN) if unknown else each

    return tuple(named(each) for each in gaps)


def _ids_jump(ticks: DayTicks, before: int, after: int) -> bool:
    """Whether an id is absent between two rows; ticks of other places may stand between them."""
    return ticks.has_ids and abs(int(ticks.ids[after]) - int(ticks.ids[before])) > abs(after - before)


def locked_rows(ticks: DayTicks, limits: tuple[float, float] | None) -> Bools:
    """Which ticks show a one-sided book whose remaining side and last price stand at the day's extreme.

    Only a run of at least `LOCKED_RUN` such ticks, or of `LOCKED_FEW` that last long, makes a limit: a missing value at
    the day's high is none. Once one has, every such tick of the day counts: the market opens for a moment and is pinned
    again.
    """
    bid, ask = ticks.numbers["bid_price1"], ticks.numbers["ask_price1"]
    no_bid, no_ask = _absent(bid, ticks.numbers["bid_volume1"]), _absent(ask, ticks.numbers["ask_volume1"])
    if not (no_bid.any() or no_ask.any()):
        return np.zeros(ticks.n, dtype=np.bool_)
    low, high = limits or (
        _extreme(ticks.numbers["lowest"], largest=False),
        _extreme(ticks.numbers["highest"], largest=True),
    )
    last = ticks.numbers["last_price"]
    pinned_high = no_ask & ~no_bid & (bid == high) & (last == high)
    pinned_low = no_bid & ~no_ask & (ask == low) & (last == low)
    return _from_a_limit(pinned_high, ticks.seconds) | _from_a_limit(pinned_low, ticks.seconds)


def _from_a_limit(pinned: Bools, seconds: Ints) -> Bools:
    """These rows; none of them where they make no run long enough to be a limit."""
    starts, lengths = runs(pinned)
    lasted = seconds[starts + lengths - 1] - seconds[starts]
    is_limit = (lengths >= LOCKED_RUN) | ((lengths >= LOCKED_FEW) & (lasted >= LOCKED_S))
    return pinned & bool(is_limit.any())


def runs(mask: Bools) -> tuple[Ints, Ints]:
    """Starts and lengths of the runs of true values."""
    padded = np.concatenate(([False], mask, [False]))
    changes = np.flatnonzero(padded[1:] != padded[:-1])
    return changes[::2], changes[1::2] - changes[::2]


def _position(start: int, end: int, first_s: int, last_s: int) -> Position:
    if start == first_s:
        return "whole" if end == last_s else "leading"
    return "tail" if end == last_s else "inner"


def _absent(price: Floats, volume: Floats) -> Bools:
    return ~(price > 0) & ~(volume > 0)


def _extreme(values: Floats, *, largest: bool) -> float:
    known = values[values > 0]
    if len(known) == 0:
        return np.nan
    return float(known.max() if largest else known.min())
