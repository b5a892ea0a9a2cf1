"""The rows of a verdict: what the validation tables store about one symbol's trading day.

Belongs here: the row types, in table column order, with units; the vocabulary of states.
Does not belong here: how a figure is computed (`coverage`, `quality`), when it is bad (`states`), how it is
stored (`questdb` derives its columns from the fields below).

ghTrader's columns come first under their own names; the others are ours. Instants are zone-aware UTC
datetimes, trading days are dates (Asia/Shanghai). Fields that end in `_json` hold one JSON document.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Final

TICKS_KIND: Final = "main_l5"
DATASET_VERSION: Final = "v2"


class State(StrEnum):
    """How a trading day stands. `PARTIAL`: part of the expected sessions has no tick at all."""

    OK = "ok"
    WARN = "warn"
    PARTIAL = "partial"
    ERROR = "error"


class Attribution(StrEnum):
    """What a gap looks like from the ticks around it."""

    PROVIDER_HOLE = "provider_hole"
    LOST = "lost"
    LIMIT_LOCKED = "limit_locked"
    HALTED = "halted"
    QUIET = "quiet"
    UNKNOWN = "unknown"


class ProbeStatus(StrEnum):
    """What the provider said when it was asked again about a gap (`tqsdk_status`)."""

    UNCHECKED = "unchecked"
    PROVIDER_MISSING = "provider_missing"
    PROVIDER_HAS_DATA = "provider_has_data"
    ERROR = "error"


@dataclass(frozen=True, slots=True, kw_only=True)
class CoverageVerdict:
    """`ghtrader_main_l5_validate_summary_v2`: one judged symbol-day.

    Seconds are whole seconds of the day's sessions unless a field says otherwise. A verdict of rules before version 2
    has no `gap_seconds_lost`, one of a store before version 8 no `baseline_days`.
    """

    ts: datetime
    symbol: str
    trading_day: date
    cadence_mode: str
    expected_seconds: int
    expected_seconds_strict: int
    seconds_with_ticks: int
    seconds_with_two_plus: int
    two_plus_ratio: float
    observed_segments: int
    total_segments: int
    missing_day: int
    missing_segments: int
    missing_seconds: int
    missing_seconds_ratio: float
    gap_bucket_2_5: int
    gap_bucket_6_15: int
    gap_bucket_16_30: int
    gap_bucket_gt_30: int
    gap_count_gt_30: int
    missing_half_seconds: int
    last_tick_ts: datetime | None
    session_end_lag_s: int | None
    max_gap_s: int
    gap_threshold_s: float
    schedule_hash: str
    updated_at: datetime

    contract: str
    rows_total: int
    five_level_rows: int
    five_level_share: float
    observed_seconds: int
    boundary_missing: int
    missing_half_ratio: float
    outside_rows: int
    outside_session_seconds: int
    outside_exempt_seconds: int
    outside_window_rows: int
    missing_sessions: int
    missing_ids: int
    adaptive_threshold_day_s: float | None
    adaptive_threshold_night_s: float | None
    adaptive_missing_segments: int
    adaptive_missing_seconds: int
    adaptive_max_gap_s: int
    gap_seconds_provider_hole: int
    gap_seconds_limit_locked: int
    gap_seconds_halted: int
    gap_seconds_quiet: int
    gap_seconds_unknown: int
    sessions_json: str
    engineering_state: str
    source_state: str
    policy_state: str
    fixed_state: str
    adaptive_state: str
    state: str
    reason_code: str
    action_hint: str
    content_digest: str
    sessions_fingerprint: str
    fingerprint: str
    rule_version: str
    policy_digest: str
    policy_json: str
    judgement_id: str
    manifest_id: str
    gap_seconds_lost: int | None
    detail: str
    baseline_days: int | None
    baseline_used: str
    witness: str
    witness_digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GapRow:
    """`ghtrader_main_l5_validate_gaps_v2`: one run of missing seconds inside one session window.

    `start_ts` and `end_ts` are the first and last missing second; `duration_s` = end - start + 1. `lots_across` were
    traded between the ticks around it, over breaks where no tick stands in them; None where that is not known.
    """

    ts: datetime
    symbol: str
    trading_day: date
    session: str
    start_ts: datetime
    end_ts: datetime
    duration_s: int
    tqsdk_status: str
    schedule_hash: str
    updated_at: datetime

    contract: str
    window_index: int
    position: str
    attribution: str
    over_adaptive: bool
    adaptive_threshold_s: float
    judgement_id: str
    lots_across: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class QualityVerdict:
    """`ghtrader_field_quality_v2`: the field quality of one judged symbol-day. Rates are shares in [0, 1]."""

    ts: datetime
    symbol: str
    trading_day: date
    ticks_kind: str
    dataset_version: str
    rows_total: int
    bid_price1_null_rate: float
    ask_price1_null_rate: float
    last_price_null_rate: float
    volume_null_rate: float
    open_interest_null_rate: float
    l5_fields_null_rate: float
    price_jump_outliers: int
    volume_spike_outliers: int
    spread_anomaly_outliers: int
    bid_ask_cross_violations: int
    bid_ask_cross_rate: float
    bid_order_violations: int
    bid_order_rate: float
    ask_order_violations: int
    ask_order_rate: float
    negative_volume_violations: int
    negative_volume_rate: float
    negative_price_violations: int
    negative_price_rate: float
    updated_at: datetime

    contract: str
    schedule_hash: str
    levels_expected: int
    score: float
    rules_failed_error: int
    rules_failed_warn: int
    rules_json: str
    sampled: bool
    sample_rows: int
    rate_error_bound: float
    state: str
    reason_code: str
    action_hint: str
    content_digest: str
    sessions_fingerprint: str
    fingerprint: str
    rule_version: str
    policy_digest: str
    judgement_id: str
    manifest_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BaselineDay:
    """`ghtrader_baselines_v1`: what a symbol-day gives to later baselines.

    Of a day that is not `whole`, `reason` says why: its figures enter none. `fingerprint` names the content, sessions,
    contract, rules and policy that the figures were taken with.
    """

    ts: datetime
    symbol: str
    trading_day: date
    contract: str
    whole: bool
    reason: str
    rows_total: int
    sessions_json: str
    spacings_json: str
    content_digest: str
    fingerprint: str
    manifest_id: str
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class DayVerdict:
    """The whole judgement of one symbol-day: `state` is the worse of coverage and quality.

    `baseline` is what the day gives to later ones, whatever the verdict is.
    """

    coverage: CoverageVerdict
    gaps: tuple[GapRow, ...]
    quality: QualityVerdict
    baseline: BaselineDay
    state: State
    reason_code: str
    action_hint: str


def midnight_utc(trading_day: date) -> datetime:
    """The `ts` under which a symbol-day's row is stored: midnight UTC of the trading day."""
    return datetime(trading_day.year, trading_day.month, trading_day.day, tzinfo=UTC)
