"""Two symbols on one clock, as a question to a store.

Belongs here: the question alone. Does not belong here: the rule (`reading.asof`).
"""

from __future__ import annotations

from abc import ABC
from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa

from ghtrader_assets.errors import BadInputError
from ghtrader_assets.grammar import quoted
from ghtrader_assets.questdb.tables.whole_days import INSTANT, require_columns
from ghtrader_assets.reading.asof import RIGHT, rows_known
from ghtrader_assets.reading.handout import States
from ghtrader_assets.store.arguments import Day, OutputFormat, require_format, texts_given
from ghtrader_assets.store.checked import CheckedStore
from ghtrader_assets.store.formats import formatted

if TYPE_CHECKING:
    import pandas as pd

EXACT: Final = "datetime_ns"


class PairQueries(CheckedStore, ABC):
    """What was known of one symbol at the ticks of another."""

    def asof(
        self,
        left: str,
        right: str,
        start: Day,
        end: Day | None = None,
        *,
        columns: Sequence[str] | None = None,
        tolerance: timedelta | None = None,
        states: States = "any",
        output_format: OutputFormat = "pandas",
    ) -> Any:
        """The ticks of `left`, each with the last tick of `right` that was known at its instant.

        One row for each tick of `left` on the trading day, or on the stored days from `start` to `end`. `columns` are
        those of both sides, `right`'s with `_right` added to their names; `datetime` is always one of them, and
        `datetime_right` says since when that was known. Of `right`:

        - a tick of the very instant is known; of several, the last in stored order;
        - never across a session: the night session's ticks are not known in the day session, nor a trading day's in the
          next one. Breaks within a session don't count;
        - with `tolerance` a tick is known for so long and no longer;
        - where nothing is known, and on days that are not stored of `right`, its columns are missing: NaN, NaT or
          `pandas.NA` of whole numbers in pandas, null elsewhere.

        Read and joined day by day: besides the result, `GHTRADER_READ_WORKERS` and one more days of each side are held.
        Days that are not good are warned of as by `ticks`, of each side. Raises `BadInputError` for a `tolerance` that
        is no length of time, and where no day of one side is stored.
        """
        require_format(output_format)
        tolerance_ns = _nanoseconds(tolerance)
        names = require_columns(None if columns is None else texts_given("columns", columns))
        wanted = (INSTANT, *(name for name in names if name != INSTANT))
        read = (*wanted, *((EXACT,) if EXACT not in wanted else ()))
        left_days = self._whole_days(left, start, end, read, None, states)
        right_days = self._whole_days(right, start, end, read, None, states)
        pairs = list(rows_known(left_days, right_days, tolerance_ns))
        tables = [pa.concat_tables(list(side)).unify_dictionaries().select(wanted) for side in zip(*pairs, strict=True)]
        pairs.clear()
        return _together(tables[0], tables[1].rename_columns([f"{name}{RIGHT}" for name in wanted]), output_format)


def _together(left: pa.Table, right: pa.Table, output_format: OutputFormat) -> Any:
    if output_format != "pandas":
        for name in right.column_names:
            left = left.append_column(name, right[name])
        return formatted(left, output_format)
    import pandas as pd  # noqa: PLC0415 - half a second that commands do not pay

    frames: list[pd.DataFrame] = [formatted(left, "pandas"), formatted(right, "pandas", nullable=True)]
    return pd.concat(frames, axis=1)


def _nanoseconds(tolerance: object) -> int | None:
    if tolerance is None:
        return None
    if not isinstance(tolerance, timedelta) or str(tolerance) == "NaT" or tolerance < timedelta(0):
        raise BadInputError(f"tolerance={quoted(tolerance)} is no length of time", "give a datetime.timedelta")
    return tolerance // timedelta(microseconds=1) * 1000
