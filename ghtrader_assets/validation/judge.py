"""Judge one trading day: from its tick frame to the rows of its verdict, and whether that has to be done at all.

Belongs here: the one way to a verdict, and the one decision whether a stored verdict still holds.
Does not belong here: reading ticks and writing rows (`questdb`), ranges of days (`loading`).
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final

import polars as pl

from ghtrader_assets.market.clock import instant
from ghtrader_assets.market.products import Product
from ghtrader_assets.market.sessions import DaySessions
from ghtrader_assets.market.symbols import Exchange, Symbol, depth
from ghtrader_assets.market.ticks import DayWindow, five_level_rows
from ghtrader_assets.validation.baseline import Given, given_by
from ghtrader_assets.validation.coverage import BLOCKING_GAP_S, Coverage, FoundGap, measure_coverage
from ghtrader_assets.validation.detail import detail_of
from ghtrader_assets.validation.evidence import NO_EVIDENCE, Evidence
from ghtrader_assets.validation.intake import NS, DayTicks, ticks_of_frame
from ghtrader_assets.validation.policy import SAMPLE_ABOVE_ROWS, Policy
from ghtrader_assets.validation.quality.measure import SCORED, Quality, measure_quality
from ghtrader_assets.validation.quality.rules import QualityDay
from ghtrader_assets.validation.states import (
    CoverageStates,
    Standing,
    coverage_states,
    quality_standing,
    with_testimony,
    worse,
)
from ghtrader_assets.validation.verdicts import (
    DATASET_VERSION,
    TICKS_KIND,
    Attribution,
    BaselineDay,
    CoverageVerdict,
    DayVerdict,
    GapRow,
    ProbeStatus,
    QualityVerdict,
    midnight_utc,
)
from ghtrader_assets.validation.witness import Testimony, heard, in_doubt

RULE_VERSION: Final = "3"
"""Changes whenever a rule, a formula or a state would judge the same ticks differently."""


@dataclass(frozen=True, kw_only=True)
class Provenance:
    """Where a judged day comes from and who judged it when. `judged_at` is zone-aware."""

    content_digest: str
    judged_at: datetime
    schedule_hash: str = ""
    judgement_id: str = ""
    manifest_id: str = ""


def fingerprint(
    content_digest: str,
    sessions_fingerprint: str,
    contract: str,
    price_tick: float,
    rule_version: str,
    policy_digest: str,
    evidence_digest: str,
) -> str:
    """32 hex digits that name everything a verdict depends on.

    What else of product and exchange enters one (book levels, whole seconds) hangs on the contract's exchange alone.
    `evidence_digest` is that of the evidence of now, under the names that the verdict used (`Evidence.digest`).
    """
    parts = (
        content_digest, sessions_fingerprint, contract, price_tick, rule_version, policy_digest, evidence_digest,
    )  # fmt: skip
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]


def needs_judgement(stored: str | None, current: str) -> bool:
    """Whether a day has to be judged: it never was, or its fingerprint changed since. The only such decision."""
    return stored != current


def judge_day(
    frame: pl.DataFrame,
    symbol: Symbol,
    contract: str,
    sessions: DaySessions,
    product: Product,
    policy: Policy,
    provenance: Provenance,
    *,
    window: DayWindow | None = None,
    limits: tuple[float, float] | None = None,
    evidence: Evidence = NO_EVIDENCE,
) -> DayVerdict:
    """Judge one symbol-day from its tick frame. Never raises for what is in the frame: that becomes the verdict.

    `window` is the trading day's window: rows outside it are counted and left out. `limits` are the day's lowest and
    highest legal price where they were recorded. What the rules used of `evidence` stands in the
    verdict. Above the policy's `SAMPLE_ABOVE_ROWS` ticks (0: never) rules about single ticks see a sample.
    """
    evidence = evidence.unused()
    ticks = ticks_of_frame(frame, sessions.windows, window)
    coverage = measure_coverage(ticks, symbol, policy, limits, evidence)
    quality = measure_quality(
        quality_day(ticks, symbol.exchange, product, policy, coverage, limits),
        int(policy.value(SAMPLE_ABOVE_ROWS)),
        provenance.content_digest,
    )
    case = _Case(symbol.text, contract, product.price_tick, sessions, policy, provenance, evidence)
    states, standing = coverage_states(coverage, ticks, policy), quality_standing(quality)
    doubt = in_doubt(coverage, states.overall.state, product, has_baseline=evidence.baseline_days > 0)
    testimony = heard(evidence.bars_of(contract), ticks, coverage.outside, product.price_tick, doubt=doubt)
    states = with_testimony(states, testimony, policy)
    return DayVerdict(
        coverage=case.coverage_row(coverage, ticks, states, testimony),
        gaps=case.gap_rows(coverage),
        quality=case.quality_row(quality, standing, depth(symbol.exchange)),
        baseline=case.baseline_row(given_by(coverage), ticks.n),
        **asdict(worse(states.overall, standing)),
    )


def baseline_day(
    frame: pl.DataFrame,
    symbol: Symbol,
    contract: str,
    sessions: DaySessions,
    product: Product,
    policy: Policy,
    provenance: Provenance,
    *,
    window: DayWindow | None = None,
) -> BaselineDay:
    """What a symbol-day gives to later baselines, without a verdict on it: the same as a verdict's `baseline`."""
    ticks = ticks_of_frame(frame, sessions.windows, window)
    case = _Case(symbol.text, contract, product.price_tick, sessions, policy, provenance, NO_EVIDENCE)
    return case.baseline_row(given_by(measure_coverage(ticks, symbol, policy)), ticks.n)


def quality_day(
    ticks: DayTicks,
    exchange: Exchange,
    product: Product,
    policy: Policy,
    coverage: Coverage,
    limits: tuple[float, float] | None,
) -> QualityDay:
    """The ticks of a day as field quality sees them, with what their coverage says of pauses."""
    pauses = coverage.fixed if coverage.cadence.mode == "fixed_0p5s" else coverage.adaptive
    return QualityDay(
        ticks=ticks,
        policy=policy,
        levels=depth(exchange),
        price_tick=product.price_tick,
        limits=limits,
        repeats_seconds=exchange == Exchange.CZCE,
        pause_limit_s=tuple(pauses[each.session] for each in ticks.windows),
    )


@dataclass(frozen=True)
class _Case:
    """What every row of one verdict repeats."""

    symbol: str
    contract: str
    price_tick: float
    sessions: DaySessions
    policy: Policy
    provenance: Provenance
    evidence: Evidence

    def common(self) -> dict[str, Any]:
        day = self.sessions.trading_day
        return {
            "symbol": self.symbol,
            "trading_day": day,
            "contract": self.contract,
            "schedule_hash": self.provenance.schedule_hash,
            "updated_at": self.provenance.judged_at,
            "judgement_id": self.provenance.judgement_id,
        }

    def identity(self) -> dict[str, Any]:
        digest, sessions = self.provenance.content_digest, self.sessions.fingerprint
        return {
            "ts": midnight_utc(self.sessions.trading_day),
            "content_digest": digest,
            "sessions_fingerprint": sessions,
            "fingerprint": self._fingerprint(self.evidence.digest(self.evidence.used)),
            "rule_version": RULE_VERSION,
            "policy_digest": self.policy.digest,
            "manifest_id": self.provenance.manifest_id,
        }

    def _fingerprint(self, evidence_digest: str) -> str:
        digest, sessions, policy = self.provenance.content_digest, self.sessions.fingerprint, self.policy.digest
        return fingerprint(digest, sessions, self.contract, self.price_tick, RULE_VERSION, policy, evidence_digest)

    def baseline_row(self, given: Given, rows: int) -> BaselineDay:
        """It hangs on no evidence: its fingerprint is that of a verdict which has none."""
        return BaselineDay(
            ts=midnight_utc(self.sessions.trading_day),
            symbol=self.symbol,
            trading_day=self.sessions.trading_day,
            contract=self.contract,
            whole=not given.reason,
            reason=given.reason,
            rows_total=rows,
            sessions_json=given.as_json,
            content_digest=self.provenance.content_digest,
            fingerprint=self._fingerprint(""),
            manifest_id=self.provenance.manifest_id,
            updated_at=self.provenance.judged_at,
        )

    def coverage_row(
        self, coverage: Coverage, ticks: DayTicks, states: CoverageStates, testimony: Testimony
    ) -> CoverageVerdict:
        return CoverageVerdict(
            **self.common(),
            **self.identity(),
            **_ghtrader_figures(coverage, self.policy),
            **_our_figures(coverage, ticks),
            policy_json=self.policy.as_json(),
            detail=detail_of(coverage, ticks, self.policy, testimony),
            engineering_state=states.engineering,
            source_state=states.source,
            policy_state=states.policy,
            fixed_state=states.fixed,
            adaptive_state=states.adaptive,
            baseline_days=self.evidence.baseline_days,
            baseline_used=self.evidence.used,
            witness=testimony.word,
            witness_digest=self.evidence.witness_digest,
            **asdict(states.overall),
        )

    def gap_rows(self, coverage: Coverage) -> tuple[GapRow, ...]:
        """The longest gaps up to the policy's number, in order of time."""
        most = int(self.policy.value("MAX_SEGMENTS_PER_DAY"))
        longest = sorted(coverage.gaps, key=lambda each: -each.gap.duration_s)[:most]
        return tuple(self._gap_row(each) for each in sorted(longest, key=lambda each: each.gap.first_s))

    def _gap_row(self, found: FoundGap) -> GapRow:
        gap = found.gap
        return GapRow(
            **self.common(),
            ts=instant(gap.first_s * NS),
            session=gap.session,
            start_ts=instant(gap.first_s * NS),
            end_ts=instant(gap.last_s * NS),
            duration_s=gap.duration_s,
            tqsdk_status=ProbeStatus.UNCHECKED,
            window_index=gap.window_index,
            position=gap.position,
            attribution=found.attribution,
            over_adaptive=found.over_adaptive,
            adaptive_threshold_s=found.adaptive_threshold_s,
            lots_across=found.stretch.lots,
        )

    def quality_row(self, quality: Quality, standing: Standing, levels: int) -> QualityVerdict:
        return QualityVerdict(
            **self.common(),
            **self.identity(),
            **{f"{name}_null_rate": quality.null_rates[name] for name in SCORED},
            **_violations(quality, levels),
            ticks_kind=TICKS_KIND,
            dataset_version=DATASET_VERSION,
            rows_total=quality.rows,
            l5_fields_null_rate=quality.book_null_rate,
            levels_expected=levels,
            score=quality.score,
            rules_failed_error=len(quality.failed("error")),
            rules_failed_warn=len(quality.failed("warn")),
            rules_json=quality.as_json(self.policy),
            sampled=quality.sampled,
            sample_rows=quality.sample_rows,
            rate_error_bound=quality.rate_error_bound,
            **asdict(standing),
        )


def _ghtrader_figures(coverage: Coverage, policy: Policy) -> dict[str, Any]:
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


def _our_figures(coverage: Coverage, ticks: DayTicks) -> dict[str, Any]:
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


def _violations(quality: Quality, levels: int) -> dict[str, Any]:
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
