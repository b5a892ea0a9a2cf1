"""Changes out of all proportion to what is usual around them: jumps, spikes, wide spreads.

Belongs here: what is usual, and what exceeds it. Does not belong here: values that can't be at all (`values`).

What is usual is robust and local: the 95th percentile of blocks of `BLOCK` evaluated ticks, the largest of a tick's own
block and its two neighbours. Changes over a session break, a gap or a lost id and in the warm-up after an opening are
neither evaluated nor do they shape what is usual. Fewer than `LEAST` evaluated ticks tell nothing.
"""

from __future__ import annotations

from functools import partial
from typing import Final

import numpy as np

from ghtrader_assets.validation.intake import Bools, Floats, Ints
from ghtrader_assets.validation.quality.rules import Part, Parts, QualityDay, Rule, nothing_checked

BLOCK: Final = 512
LEAST: Final = 50
QUANTILE: Final = 0.95
_NONE: Final[Ints] = np.empty(0, dtype=np.int64)


def price_jumps(day: QualityDay) -> Parts:
    """Last prices further from the one before than the factor times the usual change, at least a price tick."""
    changes = np.diff(day.column("last_price"))
    allowed = _evaluated(day, "last_price", changes, day.steady)
    factor, evaluated = day.policy.value("PRICE_JUMP_FACTOR"), int(np.count_nonzero(allowed))
    if evaluated < LEAST or not day.price_tick > 0:
        return nothing_checked()
    if max(_largest(changes, allowed), _largest(-changes, allowed)) <= factor * day.price_tick + _slack(day):
        return _part(_NONE, evaluated)
    rows = np.flatnonzero(allowed)
    jumps, _ = _beyond(np.abs(changes[rows]), factor, day.price_tick, _slack(day))
    return _part(_without_returns(rows[jumps], changes), evaluated)


def volume_spikes(day: QualityDay) -> Parts:
    """Ticks that traded more than the factor times the usual volume of a tick."""
    traded = np.diff(day.column("volume"))
    falls = np.flatnonzero(traded < 0)
    allowed = day.steady.copy()
    for neighbour in (falls - 1, falls, falls + 1):
        allowed[neighbour[(neighbour >= 0) & (neighbour < len(allowed))]] = False
    allowed = _evaluated(day, "volume", traded, allowed)
    least, evaluated = day.policy.value("VOLUME_SPIKE_MIN_LOTS"), int(np.count_nonzero(allowed))
    if evaluated < LEAST:
        return nothing_checked()
    if _largest(traded, allowed) <= least:
        return _part(_NONE, evaluated)
    sizes = traded[allowed]
    factor = day.policy.value("VOLUME_SPIKE_FACTOR")
    spikes, usual = _beyond(sizes, factor, least / factor if factor else 0.0, 0.0)
    if len(spikes):
        spikes = spikes[sizes[spikes] > np.maximum(least, factor * _median_trade(sizes, usual))]
    return _part(np.flatnonzero(allowed)[spikes] if len(spikes) else _NONE, evaluated)


def wide_spreads(day: QualityDay) -> Parts:
    """Ticks whose spread exceeds the factor times the usual spread, at least a price tick."""
    bid, ask = day.column("bid_price1"), day.column("ask_price1")
    spread, allowed = ask - bid, day.warm & day.two_sided
    factor, evaluated = day.policy.value("SPREAD_FACTOR"), int(np.count_nonzero(allowed))
    if evaluated < LEAST or not day.price_tick > 0:
        return nothing_checked()
    if _largest(spread, allowed) <= factor * day.price_tick + _slack(day):
        return {"": Part(_NONE, evaluated)}
    rows = np.flatnonzero(allowed)
    wide, _ = _beyond(spread[rows], factor, day.price_tick, _slack(day))
    return {"": Part(rows[wide], evaluated)}


def interest_jumps(day: QualityDay) -> Parts:
    """Ticks at which open interest changes by more than the ratio of what it was, and not by a few lots only.

    Over a break by more, too, than was traded from its last tick to its first: no trade changes it by more than a lot.
    """
    interest = day.column("open_interest")
    ratio, least = day.policy.value("OI_JUMP_RATIO"), day.policy.value("OI_JUMP_MIN_LOTS")
    changes = np.diff(interest)
    allowed = _evaluated(day, "open_interest", changes, day.same_window)
    large = np.flatnonzero(np.abs(changes) > least)
    large = large[allowed[large]]
    jumps = large[np.abs(changes[large]) > ratio * np.abs(interest[large])]
    last, first = _over_breaks(day)
    moved = np.abs(interest[first] - interest[last])
    bound = np.maximum(least, ratio * np.abs(interest[last]))
    traded = day.ticks.known_volume[first] - day.ticks.known_volume[last]
    jumps = np.union1d(jumps, first[moved > np.maximum(bound, traded)] - 1)
    return _part(_without_returns(jumps, changes), int(np.count_nonzero(allowed)) + len(first))


def _over_breaks(day: QualityDay) -> tuple[Ints, Ints]:
    """The last tick of each window, and the first of the window after it."""
    inside = np.flatnonzero(day.in_session)
    windows = day.ticks.window_of[inside]
    ends = np.flatnonzero(windows[1:] != windows[:-1])
    return inside[ends], inside[ends + 1]


def _beyond(sizes: Floats, factor: float, least: float, slack: float) -> tuple[Ints, Floats]:
    """Which sizes exceed `factor` x max(the usual size around them, `least`) + `slack`, and what is usual there.

    Sorting blocks is what costs: where every block has enough sizes that the largest of all is within bounds of its
    percentile there is nothing to find, and else only blocks with a size beyond the bounds of `least` are sorted.
    """
    if _all_usual(sizes, (float(sizes.max()) - slack) / factor if factor else np.inf):
        return _NONE, np.empty(0)
    large = np.flatnonzero(sizes > factor * least + slack)
    usual = usual_around(sizes, large)
    beyond = sizes[large] > factor * usual + slack
    return large[beyond], usual[beyond]


def _all_usual(sizes: Floats, bound: float) -> bool:
    """Whether the percentile of every block is at least `bound`."""
    blocks = max(1, len(sizes) // BLOCK)
    body = sizes[np.newaxis, :] if blocks == 1 else sizes[: blocks * BLOCK].reshape(blocks, BLOCK)
    above = np.count_nonzero(body >= bound, axis=1)
    return bool((above >= body.shape[1] - int(QUANTILE * (body.shape[1] - 1))).all())


def usual_around(sizes: Floats, places: Ints) -> Floats:
    """The 95th percentile around each place: the largest of its block's and of the two neighbouring blocks'."""
    blocks = max(1, len(sizes) // BLOCK)
    if blocks == 1:
        return np.full(len(places), _percentile(sizes[np.newaxis, :])[0])
    mine = np.minimum(places // BLOCK, blocks - 1)
    wanted = np.unique(np.concatenate((mine - 1, mine, mine + 1)))
    wanted = wanted[(wanted >= 0) & (wanted < blocks)]
    known = np.full(blocks + 2, -np.inf)
    known[wanted + 1] = _percentile(sizes[: blocks * BLOCK].reshape(blocks, BLOCK)[wanted])
    return np.maximum(np.maximum(known[mine], known[mine + 1]), known[mine + 2])


def _percentile(blocks: Floats) -> Floats:
    rank = int(QUANTILE * (blocks.shape[1] - 1))
    return np.sort(blocks, axis=1)[:, rank]


def _evaluated(day: QualityDay, name: str, changes: Floats, allowed: Bools) -> Bools:
    return allowed if day.ticks.missing(name) is None else allowed & ~np.isnan(changes)


def _largest(values: Floats, allowed: Bools) -> float:
    return float(np.max(values, where=allowed, initial=-np.inf))


def _median_trade(traded: Floats, usual: Floats) -> Floats:
    """The median tick that traded for each spike around which the usual volume is 0; else 0."""
    if (usual > 0).all():
        return np.zeros(len(usual))
    return np.where(usual > 0, 0.0, float(np.median(traded[traded > 0])))


def _without_returns(jumps: Ints, changes: Floats) -> Ints:
    """Drop the way back: a jump that follows directly on a jump in the other direction is the end of one spike."""
    if len(jumps) < 2:
        return jumps
    back = (np.diff(jumps) == 1) & (np.sign(changes[jumps[1:]]) != np.sign(changes[jumps[:-1]]))
    return jumps[np.concatenate(([True], ~back))]


def _part(changes: Ints, checked: int) -> Parts:
    return {"": Part(changes + 1, checked)}


def _slack(day: QualityDay) -> float:
    return day.policy.value("OFF_GRID_TOLERANCE_TICKS") * day.price_tick


_rule: Final = partial(Rule, severity="warn", family="outliers", limit="OUTLIER_MAX_RATE", needs_sequence=True)
RULES: Final = (
    _rule("oi_jump", says="open interest jumps", check=interest_jumps, sources=("OI_JUMP_RATIO", "OI_JUMP_MIN_LOTS")),
    _rule("price_jump", says="last price jumps", check=price_jumps, sources=("PRICE_JUMP_FACTOR", "WARMUP_S")),
    _rule(
        "volume_spike",
        says="traded volume spikes",
        check=volume_spikes,
        sources=("VOLUME_SPIKE_FACTOR", "VOLUME_SPIKE_MIN_LOTS", "WARMUP_S"),
    ),
    _rule("spread_anomaly", says="spread out of proportion", check=wide_spreads, sources=("SPREAD_FACTOR", "WARMUP_S")),
)
