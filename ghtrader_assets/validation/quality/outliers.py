"""Changes out of all proportion to what is usual around them: jumps, spikes, wide spreads.

What is usual is robust and local: the 95th percentile of blocks of `BLOCK` evaluated ticks, the largest of a tick's own
block and its two neighbours. Changes over a session break, a gap or a lost id and in the warm-up after an opening are
neither evaluated nor do they shape what is usual. Fewer than `LEAST` evaluated ticks tell nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np

from ghtrader_assets.validation.intake import Bools, Floats, Ints
from ghtrader_assets.validation.quality.rules import Part, QualityDay, Rule, nothing_checked

BLOCK: Final = 512
LEAST: Final = 50
QUANTILE: Final = 0.95


def price_jumps(day: QualityDay) -> Mapping[str, Part]:
    """Last prices further from the one before than the factor times the usual change, at least a price tick."""
    changes = np.abs(np.diff(day.column("last_price")))
    rows = _evaluated(changes, day.steady)
    if len(rows) < LEAST or not day.price_tick > 0:
        return nothing_checked()
    usual = np.maximum(usual_size(changes[rows]), day.price_tick)
    limit = day.policy.value("PRICE_JUMP_FACTOR") * usual + _slack(day)
    signed = np.diff(day.column("last_price"))
    return _part(_without_returns(rows[changes[rows] > limit], signed), len(rows))


def volume_spikes(day: QualityDay) -> Mapping[str, Part]:
    """Ticks that traded more than the factor times the usual volume of a tick."""
    traded = np.diff(day.column("volume"))
    falls = traded < 0
    beside = falls.copy()
    beside[1:] |= falls[:-1]
    beside[:-1] |= falls[1:]
    rows = _evaluated(traded, day.steady & ~beside)
    if len(rows) < LEAST:
        return nothing_checked()
    usual = usual_size(traded[rows])
    if usual.min() <= 0:
        usual = np.maximum(usual, _median_trade(traded[rows]))
    least = day.policy.value("VOLUME_SPIKE_MIN_LOTS")
    limit = np.maximum(day.policy.value("VOLUME_SPIKE_FACTOR") * usual, least)
    return _part(rows[traded[rows] > limit], len(rows))


def wide_spreads(day: QualityDay) -> Mapping[str, Part]:
    """Ticks whose spread exceeds the factor times the usual spread, at least a price tick."""
    bid, ask = day.column("bid_price1"), day.column("ask_price1")
    spread = ask - bid
    rows = np.flatnonzero(day.warm & (bid > 0) & (ask > 0))
    if len(rows) < LEAST or not day.price_tick > 0:
        return nothing_checked()
    usual = np.maximum(usual_size(spread[rows]), day.price_tick)
    limit = day.policy.value("SPREAD_FACTOR") * usual + _slack(day)
    return {"": Part(rows[spread[rows] > limit], len(rows))}


def interest_jumps(day: QualityDay) -> Mapping[str, Part]:
    """Ticks at which open interest changes by more than the ratio of what it was, and not by a few lots only."""
    interest = day.column("open_interest")
    changes = np.diff(interest)
    rows = _evaluated(changes, day.same_window)
    limit = np.maximum(day.policy.value("OI_JUMP_RATIO") * np.abs(interest[rows]), day.policy.value("OI_JUMP_MIN_LOTS"))
    return _part(_without_returns(rows[np.abs(changes[rows]) > limit], changes), len(rows))


def usual_size(sizes: Floats) -> Floats:
    """For each size the 95th percentile around it: the largest of its block's and the two neighbouring blocks'."""
    blocks = max(1, len(sizes) // BLOCK)
    if blocks == 1:
        return np.full(len(sizes), _percentile(sizes[np.newaxis, :])[0])
    body = _percentile(sizes[: blocks * BLOCK].reshape(blocks, BLOCK))
    padded = np.concatenate((body[:1], body, body[-1:]))
    widest = np.maximum(np.maximum(padded[:-2], padded[1:-1]), padded[2:])
    return np.append(np.repeat(widest, BLOCK), np.full(len(sizes) - blocks * BLOCK, widest[-1]))


def _percentile(blocks: Floats) -> Floats:
    rank = int(QUANTILE * (blocks.shape[1] - 1))
    return np.sort(blocks, axis=1)[:, rank]


def _evaluated(changes: Floats, allowed: Bools) -> Ints:
    return np.flatnonzero(allowed & ~np.isnan(changes))


def _median_trade(traded: Floats) -> float:
    positive = traded[traded > 0]
    return float(np.median(positive)) if len(positive) else 0.0


def _without_returns(jumps: Ints, changes: Floats) -> Ints:
    """Drop the way back: a jump that follows directly on a jump in the other direction is the end of one spike."""
    if len(jumps) < 2:
        return jumps
    back = (np.diff(jumps) == 1) & (np.sign(changes[jumps[1:]]) != np.sign(changes[jumps[:-1]]))
    return jumps[np.concatenate(([True], ~back))]


def _part(changes: Ints, checked: int) -> Mapping[str, Part]:
    return {"": Part(changes + 1, checked)}


def _slack(day: QualityDay) -> float:
    return day.policy.value("OFF_GRID_TOLERANCE_TICKS") * day.price_tick


RULES: Final = (
    Rule(
        "oi_jump",
        "outliers",
        "warn",
        "open interest jumps",
        interest_jumps,
        limit="OUTLIER_MAX_RATE",
        needs_sequence=True,
        sources=("OI_JUMP_RATIO", "OI_JUMP_MIN_LOTS"),
    ),
    Rule(
        "price_jump",
        "outliers",
        "warn",
        "last price jumps",
        price_jumps,
        limit="OUTLIER_MAX_RATE",
        needs_sequence=True,
        sources=("PRICE_JUMP_FACTOR", "WARMUP_S"),
    ),
    Rule(
        "volume_spike",
        "outliers",
        "warn",
        "traded volume spikes",
        volume_spikes,
        limit="OUTLIER_MAX_RATE",
        needs_sequence=True,
        sources=("VOLUME_SPIKE_FACTOR", "VOLUME_SPIKE_MIN_LOTS", "WARMUP_S"),
    ),
    Rule(
        "spread_anomaly",
        "outliers",
        "warn",
        "spread out of proportion",
        wide_spreads,
        limit="OUTLIER_MAX_RATE",
        needs_sequence=True,
        sources=("SPREAD_FACTOR", "WARMUP_S"),
    ),
)
