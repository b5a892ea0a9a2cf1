"""Judging trading days: from the frame just stored, or from the store, and never twice for the same reason.

Belongs here: finding out whether a day needs judgement, reading it, writing the verdict.
Does not belong here: the rules and the decision whether a judgement is out of date (`validation`).
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from datetime import date
from time import perf_counter

import polars as pl

from ghtrader_assets.errors import IngestState, ReadBackError
from ghtrader_assets.loading.outcome import DayOutcome, Judgement
from ghtrader_assets.loading.plan import DayPlan, plan_day
from ghtrader_assets.loading.platform import Platform, utc_now
from ghtrader_assets.loading.schedule import schedule_of
from ghtrader_assets.market.symbols import Symbol
from ghtrader_assets.questdb.reader import (
    read_daily_agg,
    read_manifest,
    read_quality,
    read_summary,
)
from ghtrader_assets.questdb.records import write_verdicts
from ghtrader_assets.questdb.rows import DailyAgg
from ghtrader_assets.questdb.writer import verify_day
from ghtrader_assets.settings import L5_VALIDATE_PREFIX, suffixed_values
from ghtrader_assets.validation.judge import RULE_VERSION, Provenance, fingerprint, judge_day, needs_judgement
from ghtrader_assets.validation.policy import Policy, policy_for
from ghtrader_assets.validation.verdicts import DayVerdict


def policy_of(symbol: Symbol) -> Policy:
    """The validation policy of a symbol's product, as the settings stand now."""
    return policy_for(symbol.product, suffixed_values(L5_VALIDATE_PREFIX))


def wanted_fingerprint(plan: DayPlan, digest: str) -> str:
    """The fingerprint of a verdict on this content that is in force now."""
    policy = policy_of(plan.symbol)
    return fingerprint(digest, plan.sessions.fingerprint, plan.schedule.contract, RULE_VERSION, policy.digest)


def judge_frame(
    platform: Platform, plan: DayPlan, frame: pl.DataFrame, digest: str, load_id: str
) -> tuple[DayVerdict, float]:
    """Judge the frame of a day; returns the verdict and the seconds it took."""
    started = perf_counter()
    verdict = judge_day(
        frame,
        plan.symbol,
        plan.schedule.contract,
        plan.sessions,
        plan.product,
        policy_of(plan.symbol),
        Provenance(
            content_digest=digest,
            judged_at=utc_now(),
            schedule_hash=plan.schedule_hash,
            judgement_id=uuid.uuid4().hex,
            load_id=load_id,
        ),
        window=plan.window,
        sample_above_rows=platform.settings.quality_sample_above_rows,
    )
    return verdict, perf_counter() - started


def judge_days(platform: Platform, symbol: Symbol, days: Sequence[date], *, full: bool = False) -> Iterator[DayOutcome]:
    """The verdict on each stored day: the one in force where nothing it hangs on has changed, else a new one.

    A day without stored ticks, or whose stored content is not what was loaded, is a failure of that day. With `full`
    every day is judged again. Raises `QuestDBError` when the store is away.
    """
    stored = {row.trading_day: row for row in read_daily_agg(platform.database, symbol.text, days)}
    schedule = schedule_of(platform, symbol, days)
    for day in days:
        row = stored.get(day)
        if row is None:
            failure = f"no ticks of {symbol.text} are stored for {day}; load the day first"
            yield DayOutcome(day, IngestState.MISSING, failure=failure)
            continue
        plan = plan_day(platform, symbol, schedule.rows[day], schedule.hash)
        yield _judge_stored(platform, plan, row, full=full)


def stored_judgement(platform: Platform, plan: DayPlan, digest: str) -> Judgement | None:
    """The stored verdict, if it was given on this content under the rules, sessions and policy in force."""
    symbol, day = plan.symbol.text, plan.trading_day
    coverage = read_summary(platform.database, symbol, [day]).get(day)
    quality = read_quality(platform.database, symbol, [day]).get(day)
    if coverage is None or quality is None:
        return None
    wanted = wanted_fingerprint(plan, digest)
    if needs_judgement(coverage.fingerprint, wanted) or needs_judgement(quality.fingerprint, wanted):
        return None
    return Judgement(coverage, quality, fresh=False, seconds=0.0)


def _judge_stored(platform: Platform, plan: DayPlan, row: DailyAgg, *, full: bool) -> DayOutcome:
    manifest = read_manifest(platform.database, row.load_id)
    in_force = None if full else stored_judgement(platform, plan, row.digest)
    if in_force is not None:
        return DayOutcome(plan.trading_day, IngestState.COMPLETE, manifest, in_force)
    try:
        frame = verify_day(platform.database, plan.symbol.text, plan.window, row.digest)
    except ReadBackError as error:
        return DayOutcome(plan.trading_day, IngestState.COMPLETE, manifest, failure=str(error))
    verdict, seconds = judge_frame(platform, plan, frame, row.digest, row.load_id)
    write_verdicts(platform.database, [verdict])
    judgement = Judgement(verdict.coverage, verdict.quality, fresh=True, seconds=seconds)
    return DayOutcome(plan.trading_day, IngestState.COMPLETE, manifest, judgement)
