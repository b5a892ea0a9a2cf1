"""`Store.bars`: the bars of a symbol, of any length.

Belongs here: this question's arguments. Does not belong here: what a bar says (`bars`), reading them (`reading.bars`),
other questions (`api`).
"""

from __future__ import annotations

from abc import ABC
from collections.abc import Generator, Sequence
from dataclasses import replace
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final, Literal, TypedDict, Unpack, overload

import polars as pl
import pyarrow as pa

from ghtrader_assets.bars.length import Align, Label, bar_length
from ghtrader_assets.reading.bars import TICKS_OF_BARS, BarForm, bars_of_range, require_bar_columns
from ghtrader_assets.reading.handout import States
from ghtrader_assets.store.arguments import Day, OutputFormat, require_format, texts_given
from ghtrader_assets.store.checked import CheckedStore
from ghtrader_assets.store.formats import formatted
from ghtrader_assets.store.questions import question

if TYPE_CHECKING:
    import pandas as pd


WEEKS_OF_MINUTES: Final = 53
WEEKS_OF_TICKS: Final = 4
"""So many weeks of stored minutes, or of ticks, make one table: what is made at once has a bound, and a remote reader
hears of it in time."""


class _WhichOfBars(TypedDict, total=False):
    """Which bars of which days: arguments of every form of `bars`."""

    label: Label
    align: Align
    fill: bool
    columns: Sequence[str] | None
    contracts: Sequence[str] | None
    states: States


class BarQueries(CheckedStore, ABC):
    """What a store answers about bars."""

    @overload
    def bars(
        self,
        symbol: str,
        start: Day,
        end: Day | None = None,
        freq: str = "1m",
        *,
        output_format: Literal["pandas"] = "pandas",
        **which: Unpack[_WhichOfBars],
    ) -> pd.DataFrame: ...

    @overload
    def bars(
        self,
        symbol: str,
        start: Day,
        end: Day | None = None,
        freq: str = "1m",
        *,
        output_format: Literal["arrow"],
        **which: Unpack[_WhichOfBars],
    ) -> pa.Table: ...

    @overload
    def bars(
        self,
        symbol: str,
        start: Day,
        end: Day | None = None,
        freq: str = "1m",
        *,
        output_format: Literal["polars"],
        **which: Unpack[_WhichOfBars],
    ) -> pl.DataFrame: ...

    def bars(
        self,
        symbol: str,
        start: Day,
        end: Day | None = None,
        freq: str = "1m",
        *,
        label: Label = "left",
        align: Align = "clock",
        fill: bool = True,
        columns: Sequence[str] | None = None,
        contracts: Sequence[str] | None = None,
        states: States = "any",
        output_format: OutputFormat = "pandas",
    ) -> Any:
        """The bars of a trading day, or of the stored days from `start` to `end`, both included, in time order.

        `freq` is `1s` to `1h` (a length that divides the hour), `1d`, `1w`, or `tick:N`, `volume:N` (lots), `amount:N`
        (CNY), which begin anew with each trading day. Prices are in the quote unit, volume in lots, amount in CNY, each
        of the bar alone (`bars.ticks` says how each is worked out). A bar is labelled by its beginning and stands by
        the clock, as TqSdk's K-lines; `label="right"`: by its end; `align="session"`: trading minutes are counted from
        each session's opening, breaks skipped. Day bars are labelled midnight of their trading day, night first, weeks
        midnight of Monday; their ends are the close of the last session.

        Parts of the sessions in which nothing traded come with volume 0 and the close before them; `fill=False` leaves
        them out. `columns` (`reading.bars.BAR_COLUMNS`) are all that is read. Days, `contracts`, `states` and warnings
        are as in `ticks`; raises `BadInputError` for what is unknown, and where no day is stored.
        """
        require_format(output_format)
        found = self._bars(symbol, start, end, freq, label, align, fill, columns, contracts, states)
        return formatted(pa.concat_tables([bars for _, bars in found]).unify_dictionaries(), output_format)

    @question
    def _bars(
        self,
        symbol: str,
        start: Day,
        end: Day | None,
        freq: str,
        label: Label,
        align: Align,
        fill: bool,
        columns: Sequence[str] | None,
        contracts: Sequence[str] | None,
        states: States,
    ) -> Generator[tuple[None, pa.Table]]:
        """What `bars` returns, in tables of whole weeks: no bar of the clock is longer."""
        asked = None if columns is None else texts_given("columns", columns)
        form = BarForm(bar_length(freq), label, align, fill, require_bar_columns(asked))
        handout = self._handout(symbol, start, end, TICKS_OF_BARS, contracts, states)
        weeks = WEEKS_OF_MINUTES if form.length.is_of_minutes else WEEKS_OF_TICKS
        for _, days in groupby(handout.days, lambda day: day.trading_day.toordinal() // (7 * weeks)):
            yield None, bars_of_range(replace(handout, days=tuple(days)), form)
