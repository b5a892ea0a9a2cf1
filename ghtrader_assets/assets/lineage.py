"""Which column is made of which: column-level lineage of a symbol's tables, as Dagster's catalog shows it.

Belongs here: the map of columns, taken from what loading and validation do. Does not belong here: lineage of a single
day (`lineage.day`), and what columns mean (`questdb.tables.columns`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import dagster as dg

from ghtrader_assets.market.symbols import Symbol
from ghtrader_assets.market.ticks import BOOK_COLUMNS
from ghtrader_assets.orchestration.names import FIELD_QUALITY, MAIN_SCHEDULE, MANIFEST, TICKS, VALIDATION_SUMMARY

Source = tuple[str, str]
"""A table and a column of it."""

_DAY: Final = {"symbol": ((TICKS, "symbol"),), "trading_day": ((TICKS, "trading_day"),)}
_CONTENT: Final = tuple((TICKS, name) for name in ("datetime_ns", "tick_id", "seq", "last_price", "volume"))
_SECONDS: Final = ((TICKS, "datetime_ns"),)
_BIDS: Final = tuple((TICKS, f"bid_price{level}") for level in range(1, 6))
_ASKS: Final = tuple((TICKS, f"ask_price{level}") for level in range(1, 6))
_DEEPER: Final = tuple((TICKS, name) for name in BOOK_COLUMNS if not name.endswith("1"))
_OF_SECONDS: Final = (
    "cadence_mode",
    "seconds_with_ticks",
    "seconds_with_two_plus",
    "two_plus_ratio",
    "observed_segments",
    "missing_segments",
    "missing_seconds",
    "missing_seconds_ratio",
    "missing_half_seconds",
    "last_tick_ts",
    "session_end_lag_s",
    "max_gap_s",
    "outside_rows",
    "outside_session_seconds",
    "rows_total",
)

_LINEAGE: Final[Mapping[str, Mapping[str, tuple[Source, ...]]]] = {
    MAIN_SCHEDULE: {},
    TICKS: {
        "symbol": ((MAIN_SCHEDULE, "symbol"),),
        "trading_day": ((MAIN_SCHEDULE, "trading_day"),),
        "underlying_contract": ((MAIN_SCHEDULE, "main_contract"),),
        "segment_id": ((MAIN_SCHEDULE, "segment_id"),),
        "schedule_hash": ((MAIN_SCHEDULE, "schedule_hash"),),
    },
    VALIDATION_SUMMARY: {
        **_DAY,
        **dict.fromkeys(_OF_SECONDS, _SECONDS),
        "contract": ((TICKS, "underlying_contract"),),
        "schedule_hash": ((TICKS, "schedule_hash"),),
        "missing_ids": ((TICKS, "tick_id"),),
        "five_level_rows": _DEEPER,
        "five_level_share": _DEEPER,
        "gap_seconds_limit_locked": (*_SECONDS, _BIDS[0], _ASKS[0]),
        "gap_seconds_halted": (*_SECONDS, (TICKS, "volume")),
        "state": _SECONDS,
        "reason_code": _SECONDS,
        "content_digest": _CONTENT,
    },
    FIELD_QUALITY: {
        **_DAY,
        **{
            f"{name}_null_rate": ((TICKS, name),)
            for name in ("bid_price1", "ask_price1", "last_price", "volume", "open_interest")
        },
        "contract": ((TICKS, "underlying_contract"),),
        "schedule_hash": ((TICKS, "schedule_hash"),),
        "l5_fields_null_rate": _DEEPER,
        "price_jump_outliers": ((TICKS, "last_price"),),
        "volume_spike_outliers": ((TICKS, "volume"),),
        "spread_anomaly_outliers": (_BIDS[0], _ASKS[0]),
        "bid_ask_cross_violations": (_BIDS[0], _ASKS[0]),
        "bid_ask_cross_rate": (_BIDS[0], _ASKS[0]),
        "bid_order_violations": _BIDS,
        "bid_order_rate": _BIDS,
        "ask_order_violations": _ASKS,
        "ask_order_rate": _ASKS,
        "negative_volume_violations": ((TICKS, "volume"),),
        "negative_volume_rate": ((TICKS, "volume"),),
        "negative_price_violations": ((TICKS, "last_price"), *_BIDS, *_ASKS),
        "negative_price_rate": ((TICKS, "last_price"), *_BIDS, *_ASKS),
        "content_digest": _CONTENT,
    },
    MANIFEST: {
        "symbol": ((VALIDATION_SUMMARY, "symbol"),),
        "trading_day": ((VALIDATION_SUMMARY, "trading_day"),),
        "contract": ((VALIDATION_SUMMARY, "contract"),),
        "digest": ((VALIDATION_SUMMARY, "content_digest"), (FIELD_QUALITY, "content_digest")),
        "rows": ((VALIDATION_SUMMARY, "rows_total"),),
        "five_level_rows": ((VALIDATION_SUMMARY, "five_level_rows"),),
        "sessions_fingerprint": ((VALIDATION_SUMMARY, "sessions_fingerprint"),),
        "coverage_fingerprint": ((VALIDATION_SUMMARY, "fingerprint"),),
        "quality_fingerprint": ((FIELD_QUALITY, "fingerprint"),),
    },
}


def column_lineage(symbol: Symbol, table: str) -> dg.TableColumnLineage:
    """Of which columns of the symbol's other tables each column of `table` is made; the provider's are left out."""
    return dg.TableColumnLineage(
        deps_by_column={
            column: [dg.TableColumnDep(dg.AssetKey([symbol.key, source]), name) for source, name in sources]
            for column, sources in _LINEAGE[table].items()
        }
    )
