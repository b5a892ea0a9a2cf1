"""The formats in which ticks are handed out: pandas, Arrow and polars.

Belongs here: from an Arrow table to the format that was asked for. Does not belong here: reading
(`questdb.tables.whole_days`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal

import polars as pl
import pyarrow as pa

from ghtrader_assets.errors import BadInputError

if TYPE_CHECKING:
    import pandas as pd

OutputFormat = Literal["pandas", "arrow", "polars"]
OUTPUT_FORMATS: Final = ("pandas", "arrow", "polars")


def require_format(output_format: str) -> None:
    """Raises `BadInputError` for a format that we don't have."""
    if output_format not in OUTPUT_FORMATS:
        raise BadInputError(
            f"there is no output_format={str(output_format)[:80]!r}", f"choose one of {', '.join(OUTPUT_FORMATS)}"
        )


def formatted(ticks: pa.Table, output_format: OutputFormat) -> Any:
    """The table as a pandas or polars frame, or as it is. The table must not be used afterwards.

    In pandas a missing number is NaN, `datetime` a zone-aware `datetime64[ns, Asia/Shanghai]`, `trading_day` a
    `datetime.date`, `symbol` and `contract` are categories; polars has null, Datetime, Date and Categorical.
    """
    if output_format == "arrow":
        return ticks
    if output_format == "polars":
        frame = pl.from_arrow(ticks)
        assert isinstance(frame, pl.DataFrame)
        return frame
    pandas: pd.DataFrame = ticks.to_pandas(split_blocks=True, self_destruct=True)
    return pandas
