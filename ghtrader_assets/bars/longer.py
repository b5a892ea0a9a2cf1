"""Longer bars of 1-minute bars, and the volume-weighted price of any bar.

Belongs here: joining bars, of a day or of a range. Does not belong here: bars of ticks (`ticks`).

A bar of minutes says what the same bar of ticks says: volumes, amounts, ticks and seconds add up, mean spreads weigh by
their snapshots, prices are those of the minutes that traded.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import polars as pl

from ghtrader_assets.bars.frame import FIGURES, Ints

NEEDED: Final[Mapping[str, tuple[str, ...]]] = {
    **dict.fromkeys(("open", "high", "low"), ("close", "volume")),
    "mean_spread": ("spread_ticks",),
}
"""The figures that a longer bar's figure is made of, next to the same one of the shorter bars."""


def joined(bars: pl.DataFrame, place: Ints) -> pl.DataFrame:
    """`place` and the figures of the bars that stand at each place; both ascend.

    `bars` has any of `FIGURES`, each with those that are `NEEDED` for it. Where none of them traded, prices repeat the
    last close that one of them knows.
    """
    of = pl.col
    traded = of("volume") > 0
    close, spreads = of("close").drop_nulls().last(), of("spread_ticks").sum()
    wide = (of("mean_spread") * of("spread_ticks")).sum()
    rules = {
        "open": pl.when(traded.any()).then(of("open").filter(traded).drop_nulls().first()).otherwise(close),
        "high": pl.when(traded.any()).then(of("high").filter(traded).max()).otherwise(close),
        "low": pl.when(traded.any()).then(of("low").filter(traded).min()).otherwise(close),
        "close": close,
        "open_interest": of("open_interest").drop_nulls().last(),
        "mean_spread": pl.when(spreads > 0).then(wide / spreads),
    }
    names = [name for name in FIGURES if name in bars.columns]
    grouped = bars.with_columns(place=pl.Series(place)).group_by("place", maintain_order=True)
    found = grouped.agg(rules.get(name, of(name).sum()).alias(name) for name in names)
    return found.cast(pl.Schema({"place": pl.Int64, **{name: FIGURES[name] for name in names}}))


def vwap(multiplier: pl.Expr, *, may_leave_multiplier_out: pl.Expr) -> pl.Expr:
    """The volume-weighted average price of a bar, in the quote unit: amount / (volume x multiplier); null without
    volume.

    Where an exchange's amounts may be lots times prices alone, as CZCE's by CTP are, the multiplier is left out where
    that brings the price nearer to the close.
    """
    paid = pl.col("amount") / pl.when(pl.col("volume") > 0).then(pl.col("volume"))
    off = (paid / pl.col("close")).log().abs() < (paid / multiplier / pl.col("close")).log().abs()
    return pl.when(may_leave_multiplier_out & off).then(paid).otherwise(paid / multiplier)
