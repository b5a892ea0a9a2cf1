"""The frame of one trading day in memory: its verdict, what it gives to baselines, and the fingerprints of either.

Belongs here: handing a plan, its policy and its evidence to the rules. Does not belong here: the rules and whether a
judgement is out of date (`validation`), reading frames and writing verdicts (`judgement`, `days`).
"""

from __future__ import annotations

import uuid
from datetime import datetime
from time import perf_counter

import polars as pl

from ghtrader_assets.loading.plan import DayPlan
from ghtrader_assets.market.symbols import Symbol
from ghtrader_assets.settings import Settings, sourced_value
from ghtrader_assets.validation.evidence import Evidence
from ghtrader_assets.validation.judge import RULE_VERSION, Provenance, baseline_day, fingerprint, judge_day
from ghtrader_assets.validation.policy import Policy, policy_for
from ghtrader_assets.validation.verdicts import BaselineDay, DayVerdict


def policy_of(settings: Settings, symbol: Symbol) -> Policy:
    """The validation policy of a symbol's product."""
    return policy_for(symbol.product, settings.l5_validate, sourced_value(settings, "quality_sample_above_rows"))


def wanted_fingerprint(plan: DayPlan, digest: str, policy: Policy, evidence: Evidence, used: str) -> str:
    """The fingerprint of a verdict on this content that is in force now, which `used` these values of the evidence."""
    return _fingerprint(plan, digest, policy, evidence.digest(used))


def baseline_fingerprint(plan: DayPlan, digest: str, policy: Policy) -> str:
    """The fingerprint of what this content gives to later baselines: it hangs on no evidence."""
    return _fingerprint(plan, digest, policy, "")


def _fingerprint(plan: DayPlan, digest: str, policy: Policy, evidence_digest: str) -> str:
    contract, price_tick = plan.schedule.contract, plan.product.price_tick
    rests_on = (digest, plan.sessions.fingerprint, contract, price_tick)
    return fingerprint(*rests_on, RULE_VERSION, policy.digest, evidence_digest)


def judge_frame(
    plan: DayPlan,
    frame: pl.DataFrame,
    digest: str,
    manifest_id: str,
    policy: Policy,
    judged_at: datetime,
    evidence: Evidence,
) -> tuple[DayVerdict, float]:
    """Judge the frame of a day; returns the verdict and the seconds it took."""
    started = perf_counter()
    provenance = _provenance(plan, digest, manifest_id, judged_at)
    contract = plan.schedule.contract
    verdict = judge_day(
        frame,
        plan.symbol,
        contract,
        plan.sessions,
        plan.product,
        policy,
        provenance,
        window=plan.window,
        evidence=evidence,
    )
    return verdict, perf_counter() - started


def baseline_of_frame(
    plan: DayPlan, frame: pl.DataFrame, digest: str, manifest_id: str, policy: Policy, now: datetime
) -> BaselineDay:
    """What the frame of a day gives to later baselines."""
    provenance = _provenance(plan, digest, manifest_id, now)
    contract = plan.schedule.contract
    return baseline_day(
        frame, plan.symbol, contract, plan.sessions, plan.product, policy, provenance, window=plan.window
    )


def _provenance(plan: DayPlan, digest: str, manifest_id: str, judged_at: datetime) -> Provenance:
    return Provenance(
        content_digest=digest,
        judged_at=judged_at,
        schedule_hash=plan.schedule_hash,
        judgement_id=uuid.uuid4().hex,
        manifest_id=manifest_id,
    )
