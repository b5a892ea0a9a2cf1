"""The figures of a verdict's rows under their columns' names: from what was measured to what is stored.

Belongs here: ghTrader's columns and ours. Does not belong here: how a figure is computed (`coverage`, `quality`), the
rest of a row (`judge`).
"""

from __future__ import annotations

import json
from typing import Any

from ghtrader_assets.market.clock import instant
from ghtrader_assets.market.ticks import five_level_rows
from ghtrader_assets.validation.coverage import BLOCKING_GAP_S, Coverage
from ghtrader_assets.validation.intake import NS, DayTicks
from ghtrader_assets.validation.policy import Policy
from ghtrader_assets.validation.quality.measure import Quality
from ghtrader_assets.validation.verdicts import Attribution


def ghtrader_figures(coverage: Coverage, policy: Policy) -> dict[str, Any]:
    """ghTrader's columns of the coverage row."""
    buckets, strict = coverage.buckets(), coverage.total("strict")
    observed, missing = coverage.total("observed_segments"), coverage.total("missing")
    last = coverage.last_in_session_s
    return {
        "cadence_mode": coverage.cadence.mode,
        "expected_seconds": coverage.total("expected"),
        "expected_seconds_strict": strict,
        "seconds_with_ticks": coverage.cadence.seconds_with_ticks,
        "seconds_with_two_plus": coverage.cadence.seconds_with_two_plus,
        "two_plus_ratio": coverage.cadence.ratio,
        "observed_segments": observed,
        "total_segments": observed + len(coverage.gaps),
        "missing_day": int(coverage.missing_day),
        "missing_segments": len(coverage.gaps),
        "missing_seconds": missing,
        "missing_seconds_ratio": missing / strict if strict else 0.0,
        **{f"gap_bucket_{name}": count for name, count in buckets.items()},
        "gap_count_gt_30": sum(each.gap.duration_s > BLOCKING_GAP_S for each in coverage.gaps),
        "missing_half_seconds": coverage.total("missing_half_seconds"),
        "last_tick_ts": None if last is None else instant(last * NS),
        "session_end_lag_s": coverage.end_lag_s,
        "max_gap_s": max((each.max_gap_s for each in coverage.windows), default=0),
        "gap_threshold_s": policy.gap_threshold_s(),
    }


def our_figures(coverage: Coverage, ticks: DayTicks) -> dict[str, Any]:
    """Our own columns of the coverage row."""
    deep = five_level_rows(ticks.numbers)
    unusual = [each.gap.duration_s for each in coverage.gaps if each.over_adaptive]
    return {
        "rows_total": ticks.n,
        "five_level_rows": deep,
        "five_level_share": deep / ticks.n if ticks.n else 0.0,
        "observed_seconds": coverage.total("observed_seconds"),
        "boundary_missing": coverage.total("boundary_missing"),
        "missing_half_ratio": coverage.missing_half_ratio,
        "outside_rows": len(coverage.outside.rows),
        "outside_session_seconds": coverage.outside.exempt_seconds + coverage.outside.stray_seconds,
        "outside_exempt_seconds": coverage.outside.exempt_seconds,
        "outside_window_rows": ticks.outside_window_rows,
        "missing_sessions": len({*coverage.absent_sessions, *coverage.presence.lost}),
        "missing_ids": coverage.missing_ids,
        "adaptive_threshold_day_s": coverage.adaptive.get("day"),
        "adaptive_threshold_night_s": coverage.adaptive.get("night"),
        "adaptive_missing_segments": len(unusual),
        "adaptive_missing_seconds": sum(unusual),
        "adaptive_max_gap_s": max(unusual, default=0),
        **{f"gap_seconds_{cause}": _seconds_of(coverage, cause) for cause in Attribution},
        "sessions_json": json.dumps(coverage.sessions_figures()),
    }


def _seconds_of(coverage: Coverage, cause: Attribution) -> int:
    return sum(each.gap.duration_s for each in coverage.gaps if each.attribution == cause)


def violations(quality: Quality, levels: int) -> dict[str, Any]:
    """ghTrader's violation figures. Its negative cells are those of the book and of one column of the tape."""
    figures: dict[str, Any] = {
        "bid_ask_cross_violations": quality.crossed,
        "bid_ask_cross_rate": quality.crossed_rate,
        "price_jump_outliers": quality.finding("price_jump").count,
        "volume_spike_outliers": quality.finding("volume_spike").count,
        "spread_anomaly_outliers": quality.finding("spread_anomaly").count,
    }
    for side in ("bid", "ask"):
        found = quality.finding(f"{side}_order")
        figures |= {f"{side}_order_violations": found.count, f"{side}_order_rate": found.rate}
    for kind, tape in (("volume", "volume"), ("price", "last_price")):
        parts = quality.finding(f"negative_{kind}").parts
        count = sum(broken for name, broken in parts.items() if name == tape or name.startswith(("bid_", "ask_")))
        cells = quality.rows * (2 * levels + 1)
        figures |= {f"negative_{kind}_violations": count, f"negative_{kind}_rate": count / cells if cells else 0.0}
    return figures
