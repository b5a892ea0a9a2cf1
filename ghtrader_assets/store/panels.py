"""Many symbols on one clock, as a question to a store.

Belongs here: bars of several symbols next to each other. Does not belong here: what a bar says (`bars`), ticks of two
symbols (`pairs`).
"""

from __future__ import annotations

from abc import ABC
from collections.abc import Iterator, Sequence
from typing import Any, Final, cast

import polars as pl

from ghtrader_assets.bars.length import Align, Label, bar_length
from ghtrader_assets.errors import BadInputError
from ghtrader_assets.grammar import quoted
from ghtrader_assets.reading.handout import States
from ghtrader_assets.store.arguments import Day, OutputFormat, require_format, texts_given
from ghtrader_assets.store.bars import BarQueries
from ghtrader_assets.store.formats import formatted

CLOCK: Final = "datetime"
COUNTED: Final = ("tick", "volume", "amount")
"""Units of bars that stand on no clock."""


class PanelQueries(BarQueries, ABC):
    """What a store answers about the bars of one symbol, and of many."""

    def panel(
        self,
        symbols: Sequence[str],
        start: Day,
        end: Day | None = None,
        freq: str = "1m",
        fields: Sequence[str] = ("close",),
        *,
        label: Label = "left",
        align: Align = "clock",
        states: States = "any",
        output_format: OutputFormat = "pandas",
    ) -> Any:
        """The bars of many symbols, wide: one row for each `datetime` at which any of them has a bar, in order.

        A column is named by its symbol; with several `fields` (columns of `bars`) by both, as `KQ.m@SHFE.cu volume`.
        Where nothing traded a price is the last one known at that instant: within its trading day, as `bars` fills it,
        and never beyond. Outside its own sessions, and on days that are not stored of it, a symbol has nothing: NaN in
        pandas, null elsewhere. `freq` is a time, `1d` or `1w`. One symbol after the other is read: besides the result
        no more than the bars of all are held. Days, `states` and warnings are as in `bars`, of each symbol. Raises
        `BadInputError` for symbols or fields that are none or doubled, and for a symbol of which no day is stored.
        """
        require_format(output_format)
        names, wanted = texts_given("symbols", symbols), texts_given("fields", fields)
        if not names or len(set(names)) < len(names):
            raise BadInputError(f"symbols={quoted(names)}: name at least one, each once")
        if bar_length(freq).unit in COUNTED:
            raise BadInputError(f"bars of {quoted(freq)} stand on no clock", "choose 1s to 1h, 1d or 1w")
        frames: list[pl.DataFrame] = []
        for name in names:
            bars = self.bars(
                name, start, end, freq, label=label, align=align, states=states, columns=[CLOCK, *wanted],
                output_format="arrow",
            )  # fmt: skip
            called = {field: f"{name} {field}" if len(wanted) > 1 else name for field in wanted}
            frames.append(cast("pl.DataFrame", pl.from_arrow(bars)).rename(called))
        return formatted(pl.DataFrame(_on_one_clock(frames)).to_arrow(), output_format)


def _on_one_clock(frames: Sequence[pl.DataFrame]) -> Iterator[pl.Series]:
    """The instants of all frames, and every other column at them."""
    clock = pl.concat([frame.select(CLOCK) for frame in frames]).unique().sort(CLOCK)
    yield clock[CLOCK]
    for frame in frames:
        yield from clock.join(frame, on=CLOCK, how="left", maintain_order="left").drop(CLOCK)
