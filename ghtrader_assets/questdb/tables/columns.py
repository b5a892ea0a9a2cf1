"""What columns mean: a type of QuestDB for each field of a row's dataclass, and a sentence for each column.

Belongs here: the vocabulary of all tables. Dagster's catalog and docs/tables.md show these sentences.
Does not belong here: which table has which columns (`schema`).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any, Final, get_args, get_type_hints


@dataclass(frozen=True, slots=True)
class Column:
    """A column: `type` as QuestDB names it, `capacity` the expected number of distinct values of a symbol."""

    name: str
    type: str
    capacity: int | None = None

    @property
    def ddl(self) -> str:
        capacity = "" if self.capacity is None else f" CAPACITY {self.capacity}"
        return f"{self.name} {self.type}{capacity}"


TEXT: Final = frozenset(
    {
        "action_hint", "code_version", "content_digest", "coverage_fingerprint", "digest", "fingerprint",
        "judgement_id", "load_id", "manifest_id", "policy_digest", "quality_fingerprint", "reason", "run_id",
        "schedule_digest", "sessions_fingerprint", "upstream",
    }
)  # fmt: skip
"""Text that takes another value on most rows: VARCHAR. Other text is SYMBOL."""

CAPACITIES: Final = {"symbol": 1024, "trading_day": 4096, "contract": 4096, "underlying_contract": 4096}

_BOOK: Final = {
    f"{side}_{kind}{level}": meaning.format(level=level)
    for level in range(1, 6)
    for side, kind, meaning in (
        ("bid", "price", "Bid price of level {level} (1 is the best), in the quote unit; null where there is none"),
        ("bid", "volume", "Lots bid at level {level}; null where the source has none"),
        ("ask", "price", "Ask price of level {level} (1 is the best), in the quote unit; null where there is none"),
        ("ask", "volume", "Lots asked at level {level}; null where the source has none"),
    )
}

_NULL_RATES: Final = {
    f"{name}_null_rate": f"Ticks without {name}, as a share of the day's ticks, 0 to 1"
    for name in ("bid_price1", "ask_price1", "last_price", "volume", "open_interest")
}

_GAP_BUCKETS: Final = {
    f"gap_bucket_{name}": f"Gaps of at least the fixed threshold that last {seconds} s"
    for name, seconds in (("2_5", "2 to 5"), ("6_15", "6 to 15"), ("16_30", "16 to 30"), ("gt_30", "31 or more"))
}

_ATTRIBUTED_SECONDS: Final = {
    f"gap_seconds_{name}": f"Seconds in gaps that look like {meaning}"
    for name, meaning in (
        ("provider_hole", "lost ticks: ids jump, or volume was traded meanwhile"),
        ("limit_locked", "a market pinned at its price limit"),
        ("halted", "a trading halt: ids are consecutive and nothing happened"),
        ("quiet", "the symbol's usual silence: shorter than the adaptive threshold"),
        ("unknown", "none of the other causes"),
    )
}

DESCRIPTIONS: Final = {
    **_BOOK,
    **_NULL_RATES,
    **_GAP_BUCKETS,
    **_ATTRIBUTED_SECONDS,
    "ts": "Designated timestamp: midnight UTC of the trading day's date",
    "symbol": "TqSdk's name, such as KQ.m@SHFE.cu",
    "trading_day": "The exchange's trading day, YYYY-MM-DD; a night session belongs to the next trading day",
    "datetime_ns": "The exchange's instant, epoch nanoseconds UTC",
    "row_hash": "ghTrader's fnv1a64_v1 over datetime_ns and the 27 numbers, missing as 0.0",
    "tick_id": "TqSdk's serial number of the tick within its contract",
    "seq": "Ordinal from 0 among the rows of one symbol and ts, in source order",
    "live": "False where a later load or judgement of the day no longer has this row; the view hides it",
    "last_price": "Last traded price, in the contract's quote unit; null before the first trade",
    "average": "Volume-weighted average price of the trading day so far, in the quote unit",
    "highest": "Highest price of the trading day so far, in the quote unit",
    "lowest": "Lowest price of the trading day so far, in the quote unit",
    "volume": "Lots traded in the trading day so far",
    "amount": "Turnover of the trading day so far, CNY",
    "open_interest": "Open interest, lots",
    "dataset_version": "ghTrader's data set version, v2",
    "ticks_kind": "ghTrader's kind of ticks, main_l5",
    "underlying_contract": "The contract that the main-contract symbol stood for, such as SHFE.cu2602",
    "contract": "The contract that the symbol stood for on the trading day, such as SHFE.cu2602",
    "main_contract": "The main contract of the trading day, such as SHFE.cu2602; its night session included",
    "segment_id": "Counts the symbol's main contracts from 0, plus one at each roll",
    "schedule_hash": "ghTrader's hash of the symbol's whole schedule when the row was written, 16 hex digits",
    "schema_hash": "ghTrader's hash of the tick columns, 16 hex digits",
    "exchange": "SHFE, INE, DCE, CZCE, CFFEX or GFEX",
    "variety": "Product code in lower case",
    "is_roll": "Whether this is the first trading day of a segment after the first",
    "provisional": "Whether the trading day was not complete yet when the schedule was fetched, so that it may change",
    "updated_at": "When the row was written, UTC",
    "rows": "Ticks that were stored and read back",
    "first_datetime_ns": "Instant of the day's first tick, epoch nanoseconds UTC; null for a day without a tick",
    "last_datetime_ns": "Instant of the day's last tick, epoch nanoseconds UTC; null for a day without a tick",
    "first_tick": "Instant of the day's first tick, UTC; null for a day without a tick",
    "last_tick": "Instant of the day's last tick, UTC; null for a day without a tick",
    "digest": "blake2b of the stored content, every number of every tick in stored order, 32 hex digits",
    "content_digest": "Digest of the ticks that were judged, 32 hex digits",
    "fingerprint": "Content, sessions, contract, rules and policy of the verdict, 32 hex digits; another one makes the "
    "day due",
    "upstream": "Fingerprint of what the day was loaded for: contract, sessions, tick columns",
    "schedule_digest": "Digest of the contract that the day was loaded for: the data version of main_schedule",
    "sessions_fingerprint": "Fingerprint of the day's session windows",
    "coverage_fingerprint": "Fingerprint of the coverage verdict that the load gave; empty where it gave none",
    "quality_fingerprint": "Fingerprint of the field-quality verdict that the load gave; empty where it gave none",
    "load_id": "manifest_id of the load that stored the content",
    "manifest_id": "Id of the attempt; sorts by time",
    "judgement_id": "Id of the judgement that wrote the row; the gaps of a verdict have the same one",
    "run_id": "The Dagster run or the command that the attempt belongs to",
    "outcome": "How the attempt ended, running until it has; complete only when fetched whole and read back",
    "reason": "Why the attempt did not end as complete; empty where it did",
    "five_level_rows": "Ticks with a price or volume in any of the levels 2 to 5",
    "five_level_share": "five_level_rows as a share of the day's ticks, 0 to 1",
    "same_instant_rows": "Ticks that share their microsecond with an earlier one: rows with seq above 0",
    "replaced": "What the load did to the stored day: new, changed or unchanged; empty where nothing was stored",
    "row_hash_algorithm": "Name of the algorithm of row_hash, fnv1a64_v1",
    "code_version": "Version of the package and 8 hex digits of its sources",
    "source": "Who delivered the ticks: tqsdk or the embedded exchange",
    "reader": "How the ticks were read: the tqsdk client or the lean reader",
    "readback": "How the stored day was compared: full (every column) or checksum",
    "depth": "Book levels that the exchange's history has: 5 for SHFE, else 1",
    "attempts": "How often the provider was asked for the day",
    "bytes": "Size of the tick columns delivered, 8 bytes a number",
    "download_s": "Seconds of the fetch that delivered the day, or of the last one",
    "store_s": "Seconds from sending to visible",
    "readback_s": "Seconds of reading back and comparing",
    "judge_s": "Seconds of judging",
    "started": "When the attempt began, UTC",
    "finished": "When the attempt ended, UTC; null while it runs, and if it was killed",
    "partial": "Whether the trading day was in progress when it was loaded: it is loaded again once it is complete",
    "cadence_mode": "fixed_0p5s where the share two_plus_ratio reaches STRICT_RATIO, else event",
    "expected_seconds": "Seconds of the day's sessions, opening and closing second included",
    "expected_seconds_strict": "Seconds of the day's sessions without each window's opening and closing second",
    "seconds_with_ticks": "Seconds of the trading day, in session or not, with at least one tick",
    "seconds_with_two_plus": "Seconds of the trading day, in session or not, with at least two ticks",
    "two_plus_ratio": "seconds_with_two_plus as a share of seconds_with_ticks, 0 to 1",
    "observed_segments": "Stretches of ticks between gaps: for each window with ticks, 1 plus its inner gaps",
    "total_segments": "observed_segments plus missing_segments",
    "missing_day": "1 where no second of any session has a tick, else 0",
    "missing_segments": "Gaps of at least the fixed threshold",
    "missing_seconds": "Strict seconds without a tick, in gaps or not",
    "missing_seconds_ratio": "missing_seconds as a share of expected_seconds_strict, 0 to 1",
    "gap_count_gt_30": "Gaps of more than 30 s",
    "missing_half_seconds": "Fixed cadence: strict seconds with fewer than two ticks; event cadence: 0",
    "missing_half_ratio": "missing_half_seconds as a share of expected_seconds_strict, 0 to 1",
    "last_tick_ts": "The last second with a tick in a session, UTC; null where there is none",
    "session_end_lag_s": "Seconds from last_tick_ts to the day's last closing second; null where no session has a tick",
    "max_gap_s": "Seconds of the longest run without a tick in a session window, shorter than the threshold or not",
    "gap_threshold_s": "The fixed gap threshold of the policy, seconds",
    "observed_seconds": "Seconds of the day's sessions with at least one tick",
    "boundary_missing": "Opening and closing seconds of the day's windows without a tick",
    "outside_rows": "Ticks outside the sessions, inside the trading day's window",
    "outside_session_seconds": "Seconds outside the sessions with a tick",
    "outside_exempt_seconds": "Of outside_session_seconds, those of a call auction or shortly after a close",
    "outside_window_rows": "Rows outside the trading day's window (18:00 to 18:00, Asia/Shanghai); in no other figure",
    "missing_sessions": "Sessions (day, night) without any tick",
    "missing_ids": "TqSdk ids absent between the day's first and last tick",
    "adaptive_threshold_day_s": "Adaptive gap threshold of the day session, seconds; null where there is none",
    "adaptive_threshold_night_s": "Adaptive gap threshold of the night session, seconds; null where there is none",
    "adaptive_missing_segments": "Gaps of at least the adaptive threshold of their session",
    "adaptive_missing_seconds": "Seconds in the gaps of at least the adaptive threshold",
    "adaptive_max_gap_s": "Seconds of the longest gap of at least the adaptive threshold; 0 where there is none",
    "sessions_json": "Object of the figures of each session (day, night): seconds, rows, gaps, thresholds and windows",
    "engineering_state": "What we did wrong: ok, warn, partial or error",
    "source_state": "What the provider lacks: ok, warn, partial or error",
    "policy_state": "What the policy's thresholds do not allow: ok, warn, partial or error",
    "fixed_state": "State of the gaps by the fixed threshold: ok, warn, partial or error",
    "adaptive_state": "State of the gaps by the adaptive threshold: ok, warn, partial or error",
    "state": "The verdict: ok, warn, partial or error",
    "action_hint": "What to do about it",
    "rule_version": "Version of the rules of the verdict",
    "policy_digest": "Digest of the values of the policy",
    "policy_json": "Object of each threshold of the policy: its value and the setting it comes from",
    "session": "day or night",
    "start_ts": "First second without a tick, UTC",
    "end_ts": "Last second without a tick, UTC",
    "duration_s": "Seconds without a tick: end_ts - start_ts + 1",
    "tqsdk_status": "The provider's answer when asked again: unchecked, provider_missing, provider_has_data or error",
    "window_index": "Ordinal from 0 of the gap's session window within the trading day, in order of time",
    "position": "Where in its window the gap lies: leading, inner, tail or whole",
    "attribution": "What the gap looks like: provider_hole, limit_locked, halted, quiet or unknown",
    "over_adaptive": "Whether the gap lasts at least the adaptive threshold",
    "adaptive_threshold_s": "Adaptive gap threshold of the gap's session, seconds",
    "l5_fields_null_rate": "Missing book values, as a share of those of the expected levels, 0 to 1",
    "price_jump_outliers": "Changes of the last price far above the usual change (rule price_jump)",
    "volume_spike_outliers": "Ticks that traded far more than the usual volume (rule volume_spike)",
    "spread_anomaly_outliers": "Ticks with a spread far above the usual one (rule spread_anomaly)",
    "bid_ask_cross_violations": "Ticks with best bid above best ask, in session or not",
    "bid_ask_cross_rate": "bid_ask_cross_violations as a share of the ticks with both sides quoted, 0 to 1",
    "bid_order_violations": "Ticks with a bid below that of the next level",
    "bid_order_rate": "bid_order_violations as a share of the ticks with two levels of bids, 0 to 1",
    "ask_order_violations": "Ticks with an ask above that of the next level",
    "ask_order_rate": "ask_order_violations as a share of the ticks with two levels of asks, 0 to 1",
    "negative_volume_violations": "Values below 0 of volume and of the book's volumes",
    "negative_volume_rate": "negative_volume_violations as a share of those values, 0 to 1",
    "negative_price_violations": "Values below 0 of last_price and of the book's prices",
    "negative_price_rate": "negative_price_violations as a share of those values, 0 to 1",
    "levels_expected": "Book levels that the exchange's history has: 5 for SHFE, else 1",
    "score": "1 minus the mean null rate of best bid, best ask, last price, volume and open interest, 0 to 1",
    "rules_failed_error": "Broken rules of severity error",
    "rules_failed_warn": "Broken rules of severity warn",
    "rules_json": "Object of every rule's severity, count, rate, limit, thresholds and example tick ids",
    "sampled": "Whether rules about single ticks saw a sample",
    "sample_rows": "Ticks that rules about single ticks saw",
    "rate_error_bound": "Largest 95 % error bound of a sampled rate; 0 for a day seen whole",
    "first_day": "First trading day of the whole manifest's range, YYYY-MM-DD",
    "last_day": "Last trading day of the whole manifest's range, YYYY-MM-DD",
    "expected_days": "Trading days of the part",
    "n_days": "Trading days of the part that are stored",
    "gaps": "Gaps of the judged days of the part",
    "gap_seconds": "Seconds in those gaps",
    "days_json": "Array of an object for each trading day: contract, rows, digest, load, code, schema, source, gaps, "
    "states",
    "name": "What was measured, such as ingest_rows or query.coverage",
    "value": "The measured value, in unit",
    "unit": "Unit of the value, such as s, rows or rows/s; 1 for a bare number",
    "version": "Version of the tables that the store was brought to; the largest one is the store's",
    "tick_count_actual": "Seconds with ticks (not ticks): seconds_with_ticks of the verdict",
    "tick_count_expected_min": "Expected seconds less the missing ones (not ticks)",
    "tick_count_expected_max": "Expected seconds (not ticks): expected_seconds of the verdict",
    "median_interval_ms": "Always null, as in ghTrader",
    "p95_interval_ms": "Always null, as in ghTrader",
    "p99_interval_ms": "Always null, as in ghTrader",
    "max_interval_ms": "The verdict's max_gap_s in milliseconds",
    "abnormal_gaps_count": "Gaps of up to 30 s",
    "critical_gaps_count": "Gaps of 31 s or more",
    "largest_gap_duration_ms": "The verdict's max_gap_s in milliseconds",
}
"""What a column of this name means in every table that has it, unless `IN_TABLE` says otherwise."""

IN_TABLE: Final[Mapping[str, Mapping[str, str]]] = {
    "ghtrader_ticks_main_l5_v2": {
        "ts": "Designated timestamp: the exchange's instant, UTC, cut to microseconds",
    },
    "ghtrader_main_l5_validate_summary_v2": {
        "reason_code": "The first reason that has the day's state; docs/validation.md lists them",
        "rows_total": "Ticks of the trading day's window that were judged",
        "updated_at": "When the day was judged, UTC",
    },
    "ghtrader_main_l5_validate_gaps_v2": {
        "ts": "Designated timestamp: first second without a tick, UTC",
        "updated_at": "When the day was judged, UTC",
    },
    "ghtrader_field_quality_v2": {
        "reason_code": "The first broken rule, errors first; quality_ok where none is broken",
        "rows_total": "Ticks of the trading day's window that were judged",
        "updated_at": "When the day was judged, UTC",
    },
    "ghtrader_main_l5_daily_agg_v2": {
        "rows_total": "Ticks of the trading day that were stored and read back",
        "updated_at": "When the load ended, UTC",
    },
    "ghtrader_manifests_v1": {
        "digest": "blake2b of the content that was stored and read back, 32 hex digits; empty where nothing was",
    },
    "ghtrader_aggregated_manifests_v1": {
        "trading_day": "First trading day of the part, YYYY-MM-DD",
        "manifest_id": "Id of the aggregated manifest: agg- and the digest of its document",
        "rows": "Ticks of the stored days of the part",
        "digest": "Digest over symbol, trading day and content digest of each stored day of the part, 32 hex digits",
    },
    "ghtrader_metrics_v1": {
        "ts": "Designated timestamp: when the value was measured, UTC",
        "symbol": "TqSdk's name, such as KQ.m@SHFE.cu; empty where the value belongs to no symbol",
        "trading_day": "The trading day that the value belongs to, YYYY-MM-DD; null where it belongs to none",
    },
}
"""What a column means in one table, where that is more or other than its name says everywhere."""


def description_of(table: str, column: str) -> str:
    """What a column of a table means; empty where that is not written yet, which a test refuses."""
    return IN_TABLE.get(table, {}).get(column) or DESCRIPTIONS.get(column, "")


def columns_of_row(kind: type[Any], *, without: frozenset[str] = frozenset()) -> tuple[Column, ...]:
    """The columns of a row's dataclass, in field order."""
    hints = get_type_hints(kind)
    return tuple(
        column(field.name, _type(field.name, hints[field.name]))
        for field in dataclasses.fields(kind)
        if field.name not in without
    )


def column(name: str, kind: str) -> Column:
    """A column by name and type, with its capacity."""
    return Column(name, kind, CAPACITIES.get(name) if kind == "SYMBOL" else None)


def _type(name: str, hint: Any) -> str:
    kinds = [kind for kind in get_args(hint) if kind is not type(None)] or [hint]
    kind = kinds[0]
    if isinstance(kind, type) and issubclass(kind, (str, StrEnum)):
        return "VARCHAR" if name in TEXT or name.endswith("_json") else "SYMBOL"
    return {datetime: "TIMESTAMP", date: "SYMBOL", bool: "BOOLEAN", int: "LONG", float: "DOUBLE"}[kind]
