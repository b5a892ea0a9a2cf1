"""The forms in which ticks are handed out: pandas, Arrow and polars.

Belongs here: from an Arrow table to what was asked for. Does not belong here: reading (`questdb.tables.whole_days`).
"""

from __future__ import annotations

from typing import Any, Final, Literal

import pandas as pd
import polars as pl

from ghtrader_assets.errors import BadInputError
from ghtrader_assets.questdb.client.arrow import ArrowTable

Form = Literal["pandas", "arrow", "polars"]
FORMS: Final = ("pandas", "arrow", "polars")


def require_form(form: str) -> None:
    """Raises `BadInputError` for a form that we don't have."""
    if form not in FORMS:
        raise BadInputError(f"to={str(form)[:80]!r} is no form of ticks", f"choose one of {', '.join(FORMS)}")


def in_form(ticks: ArrowTable, form: Form) -> Any:
    """The table as a pandas or polars frame, or as it is. The table must not be used afterwards.

    In pandas a missing number is NaN, `datetime` a zone-aware `datetime64[ns, Asia/Shanghai]`, `trading_day` a
    `datetime.date`, `symbol` and `contract` are categories; polars has null, Datetime, Date and Categorical.
    """
    if form == "arrow":
        return ticks
    if form == "polars":
        frame = pl.from_arrow(ticks)
        assert isinstance(frame, pl.DataFrame)
        return frame
    pandas: pd.DataFrame = ticks.to_pandas(split_blocks=True, self_destruct=True)
    return pandas
