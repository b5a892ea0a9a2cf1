"""The attempts of days that were never tried, as the plan reads them."""

from __future__ import annotations

import polars as pl

NO_ATTEMPTS = pl.DataFrame(
    schema={"symbol": pl.String, "trading_day": pl.Date, "outcome": pl.String, "rows": pl.Int64, "seconds": pl.Float64}
)
