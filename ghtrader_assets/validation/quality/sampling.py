"""A sample of a very large day for the rules that look at single ticks.

Belongs here: which ticks are drawn, and what a count in the sample says about the day.
Does not belong here: rules about sequence and coverage, which always see every tick.

The sample is of whole blocks of `BLOCK_ROWS` consecutive ticks, drawn without replacement within each session window
(and among the ticks outside them), in proportion to its blocks and at least two. A count is estimated by
Horvitz-Thompson, the sum over windows of (blocks / blocks drawn) x count in the blocks drawn, which is unbiased for any
ticks. Its error bound is 1.96 standard errors from the variance between blocks, and never less than
3 / ticks drawn, which bounds a rate (95 %) of which the sample shows nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from ghtrader_assets.validation.intake import OUTSIDE, DayTicks, Ints
from ghtrader_assets.validation.quality.rules import Part

BLOCK_ROWS: Final = 1000
TARGET_ROWS: Final = 100_000


@dataclass(frozen=True)
class Stratum:
    """The blocks of one session window: how many there are and which of the sample's blocks are theirs."""

    blocks: int
    drawn: slice


@dataclass(frozen=True)
class Sample:
    """Rows drawn from a day of `total` ticks. `block_of` gives the sample's block of each of `rows`."""

    rows: Ints
    block_of: Ints
    strata: tuple[Stratum, ...]
    total: int

    def estimate(self, part: Part) -> tuple[float, float]:
        """The count in the whole day that a part found in the sample stands for, and its 95 % error bound."""
        blocks = self.strata[-1].drawn.stop
        counts = np.bincount(self.block_of[part.rows], minlength=blocks).astype(np.float64)
        total, variance = 0.0, 0.0
        for stratum in self.strata:
            drawn = counts[stratum.drawn]
            total += stratum.blocks / len(drawn) * float(drawn.sum())
            if 1 < len(drawn) < stratum.blocks:
                share = 1 - len(drawn) / stratum.blocks
                variance += stratum.blocks**2 * share * float(drawn.var(ddof=1)) / len(drawn)
        return total, max(1.96 * variance**0.5, 3 * self.total / len(self.rows))

    def scaled(self, checked: int) -> float:
        """A number of places checked in the sample, for the whole day."""
        return checked * self.total / len(self.rows)


def draw_sample(ticks: DayTicks, seed: str, target_rows: int = TARGET_ROWS) -> Sample:
    """Draw about `target_rows` ticks. The same `seed` (the content digest) draws the same ones again."""
    random = np.random.default_rng(list(seed.encode()) or [0])
    share = min(1.0, target_rows / max(1, ticks.n))
    rows: list[Ints] = []
    strata: list[Stratum] = []
    drawn_before = 0
    for window in range(OUTSIDE, len(ticks.windows)):
        spans = [span for span, found in ticks.window_runs if found == window]
        if not spans:
            continue
        mine = np.concatenate([np.arange(span.start, span.stop, dtype=np.int64) for span in spans])
        blocks = -(-len(mine) // BLOCK_ROWS)
        drawn = min(blocks, max(2, round(share * blocks)))
        chosen = np.sort(random.choice(blocks, drawn, replace=False))
        rows += [mine[block * BLOCK_ROWS : (block + 1) * BLOCK_ROWS] for block in chosen]
        strata.append(Stratum(blocks, slice(drawn_before, drawn_before + drawn)))
        drawn_before += drawn
    block_of = np.repeat(np.arange(drawn_before), [len(each) for each in rows])
    return Sample(np.concatenate(rows), block_of, tuple(strata), ticks.n)
