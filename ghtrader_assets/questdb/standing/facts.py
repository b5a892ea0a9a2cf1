"""What the small tables say of trading days: the statements from whose rows a day's state is derived.

Belongs here: joining coverage rows, verdicts and attempts, one row a symbol-day, in the words of `derivation.FACTS`.
Does not belong here: what follows from the rows (`derivation`).

Digests are compared by the server: 9.3.4 writes broken Parquet ("more than one dictionary") of a VARCHAR column with
more different values than one dictionary holds. An empty digest names no content.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import polars as pl

from ghtrader_assets.questdb.client.connection import Database
from ghtrader_assets.questdb.tables.schema import DAILY_AGG, FIELD_QUALITY, MANIFESTS, VALIDATE_SUMMARY

_STORED: Final = (
    "SELECT a.symbol symbol, a.ts ts, {columns}, true stored, a.partial partial,"
    " s.state coverage, s.reason_code coverage_reason,"
    " s.content_digest = a.digest AND length(a.digest) > 0 coverage_names_content,"
    " q.state quality, q.reason_code quality_reason,"
    " q.content_digest = a.digest AND length(a.digest) > 0 quality_names_content"
    f" FROM (SELECT * FROM {DAILY_AGG} WHERE {{within}}) a"
    f" LEFT JOIN (SELECT * FROM {VALIDATE_SUMMARY} WHERE {{within}}) s ON a.ts = s.ts AND a.symbol = s.symbol"
    f" LEFT JOIN (SELECT * FROM {FIELD_QUALITY} WHERE {{within}}) q ON a.ts = q.ts AND a.symbol = q.symbol"
)
_ATTEMPTED: Final = (
    "SELECT m.symbol, m.ts, m.outcome, m.reason, m.rows, m.contract, m.manifest_id"
    f" FROM (SELECT * FROM {MANIFESTS} WHERE {{within}}) m"
    f" LEFT JOIN (SELECT ts, symbol FROM {DAILY_AGG} WHERE {{within}}) a ON m.ts = a.ts AND m.symbol = a.symbol"
    " WHERE a.ts IS NULL ORDER BY m.started, m.manifest_id"
)
_ATTEMPT: Final = {
    "symbol": pl.String,
    "ts": pl.Datetime("us"),
    "outcome": pl.String,
    "outcome_reason": pl.String,
    "rows": pl.Int64,
    "contract": pl.String,
    "manifest_id": pl.String,
}


def stored_days(within: str, columns: str) -> str:
    """The statement for the stored days of a range, with these columns of `a`, the coverage row, `s` and `q`."""
    return _STORED.format(within=within, columns=columns)


def read_unstored(db: Database, name: str, within: str, values: Sequence[object]) -> pl.DataFrame:
    """The last attempt of each day of a range of which nothing is stored. `values` are those bound in `within`.

    Ask for it before the stored days: a day that is being stored then is in one of the two at least.
    """
    found = db.rows(name, _ATTEMPTED.format(within=within), [*values, *values])
    last: dict[tuple[Any, ...], tuple[Any, ...]] = {(row[0], row[1]): row for row in found}
    return pl.DataFrame(list(last.values()), schema=_ATTEMPT, orient="row").with_columns(stored=False)


def joined(stored: pl.DataFrame, unstored: pl.DataFrame) -> pl.DataFrame:
    """Both kinds of days in one frame; a day of both is a stored one."""
    return pl.concat([stored, unstored.join(stored, on=("symbol", "ts"), how="anti")], how="diagonal_relaxed")
