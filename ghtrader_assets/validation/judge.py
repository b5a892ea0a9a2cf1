"""Judge one trading day: from its tick frame to the rows of its verdict, and whether that has to be done at all.

Belongs here: the one way to a verdict, and the one decision whether a stored verdict still holds.
Does not belong here: reading ticks and writing rows (`questdb`), ranges of days (`loading`).
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any, Final

import polars as pl

from ghtrader_assets.market.clock import instant
from ghtrader_assets.market.products import Product
from ghtrader_assets.market.sessions import DaySessions
from ghtrader_assets.market.symbols import Exchange, Symbol, depth
from ghtrader_assets.market.ticks import DayWindow
from ghtrader_assets.validation.baseline import Given, given_by
from ghtrader_assets.validation.coverage import Coverage, FoundGap, measure_coverage
from ghtrader_assets.validation.detail import detail_of
from ghtrader_assets.validation.evidence import NO_EVIDENCE, Evidence
from ghtrader_assets.validation.gaps import named_after
from ghtrader_assets.validation.intake import NS, DayTicks, ticks_of_frame
from ghtrader_assets.validation.policy import SAMPLE_ABOVE_ROWS, Policy
from ghtrader_assets.validation.quality.measure import SCORED, Quality, measure_quality
from ghtrader_assets.validation.quality.rules import QualityDay
from ghtrader_assets.validation.row_figures import ghtrader_figures, our_figures, violations
from ghtrader_assets.validation.states import (
    CoverageStates,
    Decision,
    coverage_states,
    quality_decision,
    with_testimony,
    worse,
)
from ghtrader_assets.validation.verdicts import (
    DATASET_VERSION,
    TICKS_KIND,
    BaselineDay,
    CoverageVerdict,
    DayVerdict,
    GapRow,
    ProbeStatus,
    QualityVerdict,
    midnight_utc,
)
from ghtrader_assets.validation.witness import Testimony, heard, in_doubt

RULE_VERSION: Final = "9"
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
    """Whether a day has to be judged: it never was, or its fingerprint changed. None else compares them."""
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
    highest legal price where they were recorded. What the rules used of `evidence` stands in the verdict.
    Above the policy's `SAMPLE_ABOVE_ROWS` ticks (0: never) rules about single ticks see a sample.
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
    states, decision = coverage_states(coverage, ticks, policy), quality_decision(quality)
    doubt = in_doubt(coverage, states.overall.state, product, has_baseline=evidence.baseline_days > 0)
    testimony = heard(evidence.bars_of(contract), ticks, coverage.outside, product.price_tick, doubt=doubt)
    states = with_testimony(states, testimony, policy)
    lost = {*coverage.absent_sessions, *coverage.presence.lost}
    told = replace(coverage, gaps=named_after(coverage.gaps, lost, [each.span for each in testimony.lost]))
    detail = detail_of(coverage, ticks, policy, testimony)
    return DayVerdict(
        coverage=case.coverage_row(told, ticks, states, testimony, detail),
        gaps=case.gap_rows(told),
        quality=case.quality_row(quality, decision, depth(symbol.exchange)),
        baseline=case.baseline_row(given_by(coverage), ticks.n),
        **asdict(worse(states.overall, decision)),
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
    """What a symbol-day gives to later baselines: equal to a verdict's `baseline`, without the verdict."""
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
        multiplier=product.multiplier,
        limits=limits,
        repeats_seconds=exchange == Exchange.CZCE,
        pause_limit_s=tuple(pauses[each.session] for each in ticks.windows),
        may_leave_multiplier_out=exchange == Exchange.CZCE,
        is_main=coverage.tape.is_main,
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
            sessions_json=json.dumps(given.sessions),
            spacings_json=json.dumps(given.spacings),
            content_digest=self.provenance.content_digest,
            fingerprint=self._fingerprint(""),
            manifest_id=self.provenance.manifest_id,
            updated_at=self.provenance.judged_at,
        )

    def coverage_row(
        self, coverage: Coverage, ticks: DayTicks, states: CoverageStates, testimony: Testimony, detail: str
    ) -> CoverageVerdict:
        return CoverageVerdict(
            **self.common(),
            **self.identity(),
            **ghtrader_figures(coverage, self.policy),
            **our_figures(coverage, ticks),
            policy_json=self.policy.as_json(),
            detail=detail,
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

    def quality_row(self, quality: Quality, decision: Decision, levels: int) -> QualityVerdict:
        return QualityVerdict(
            **self.common(),
            **self.identity(),
            **{f"{name}_null_rate": quality.null_rates[name] for name in SCORED},
            **violations(quality, levels),
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
            **asdict(decision),
        )
