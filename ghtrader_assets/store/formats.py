"""The forms in which tables are handed out: Arrow, pandas, polars, with one type for texts and one for days.

Belongs here: types of columns by form. Does not belong here: which columns there are (`questdb.tables.whole_days`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl
import pyarrow as pa

from ghtrader_assets.store.arguments import OutputFormat

if TYPE_CHECKING:
    import pandas as pd


def formatted(table: pa.Table, output_format: OutputFormat, *, nullable: bool = False) -> Any:
    """The table as a pandas or polars frame, or as it is. The table must not be used afterwards.

    In pandas a missing number is NaN, `datetime` a zone-aware `datetime64[ns, Asia/Shanghai]`, `trading_day` a
    midnight without a zone (`datetime64[ms]`: it compares with a text and a Timestamp, not with a `datetime.date`), and
    texts are `str`; polars has null, Datetime, Date and String. Whole numbers are NumPy's, `nullable` pandas' own.
    """
    if output_format == "arrow":
        return table
    table = _with_plain_texts(table)
    if output_format == "polars":
        frame = pl.from_arrow(table)
        assert isinstance(frame, pl.DataFrame)  # noqa: S101 - narrows a type
        return frame
    types = _nullable_types() if nullable else {}
    pandas: pd.DataFrame = table.to_pandas(
        split_blocks=True, self_destruct=True, date_as_object=False, types_mapper=types.get
    )
    return pandas


def _with_plain_texts(table: pa.Table) -> pa.Table:
    """Texts as texts: categories of two frames differ, and what pandas and polars make of both is neither's type."""
    for place, field in enumerate(table.schema):
        if pa.types.is_dictionary(field.type):
            table = table.set_column(place, field.name, table[field.name].cast(pa.string()))
    return table


def _nullable_types() -> dict[pa.DataType, Any]:
    import pandas as pd  # noqa: PLC0415 - half a second that commands do not pay

    return {pa.int64(): pd.Int64Dtype(), pa.int32(): pd.Int32Dtype()}
