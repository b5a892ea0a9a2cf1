"""Judging trading days: from the frame just stored, or from the store, and never twice for the same reason.

Belongs here: finding out whether a day needs judgement, reading it, writing the verdict.
Does not belong here: the rules and the decision whether a judgement is out of date (`validation`).

A range costs five queries, however long it is; each day to be judged costs one more, or a few where workers would
otherwise have nothing to do. Days are judged by threads: most of a day's time is spent in numpy, polars and the store,
which leave the interpreter to others, and a thread starts at once and shares sessions (docs/performance.md has both
measured).
"""

from __future__ import annotations

import dataclasses
import uuid
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date, datetime
from functools import partial
from time import perf_counter
from typing import Final, cast

import polars as pl

from ghtrader_assets.context.store import StoreContext
from ghtrader_assets.errors import IngestState, NotListedError, ReadBackError, ServiceError
from ghtrader_assets.loading.figures import judgement_metrics, log_judged
from ghtrader_assets.loading.outcome import DayOutcome, Judgement
from ghtrader_assets.loading.plan import DayPlan, plan_day
from ghtrader_assets.manifests import Manifest
from ghtrader_assets.market.clock import instant
from ghtrader_assets.market.symbols import Symbol
from ghtrader_assets.questdb.client.connection import answers
from ghtrader_assets.questdb.standing.evidence import NO_STORED_EVIDENCE, StoredEvidence, read_evidence
from ghtrader_assets.questdb.tables.reader import (
    read_daily_agg,
    read_gaps,
    read_manifests,
    read_quality,
    read_standing_coverage,
    read_standing_quality,
    read_summary,
)
from ghtrader_assets.questdb.tables.records import write_verdicts
from ghtrader_assets.questdb.tables.rows import DailyAgg, StandingCoverage, StandingVerdict
from ghtrader_assets.questdb.tables.tick_columns import even_slices, read_ticks
from ghtrader_assets.questdb.tables.writer import require_content
from ghtrader_assets.reference.schedule import Schedule, stored_schedule
from ghtrader_assets.settings import Settings, sourced_value
from ghtrader_assets.validation.evidence import Evidence
from ghtrader_assets.validation.judge import RULE_VERSION, Provenance, fingerprint, judge_day, needs_judgement
from ghtrader_assets.validation.policy import Policy, policy_for
from ghtrader_assets.validation.states import worst
from ghtrader_assets.validation.verdicts import CoverageVerdict, DayVerdict, QualityVerdict, State

BATCH_VERDICTS: Final = 20
"""Verdicts written at once. A batch is written while the next days are judged."""


def policy_of(settings: Settings, symbol: Symbol) -> Policy:
    """The validation policy of a symbol's product."""
    return policy_for(symbol.product, settings.l5_validate, sourced_value(settings, "quality_sample_above_rows"))


def wanted_fingerprint(plan: DayPlan, digest: str, policy: Policy, evidence: Evidence, used: str) -> str:
    """The fingerprint of a verdict on this content that is in force now, given that it `used` this of the evidence."""
    contract, price_tick = plan.schedule.contract, plan.product.price_tick
    rests_on = (digest, plan.sessions.fingerprint, contract, price_tick)
    return fingerprint(*rests_on, RULE_VERSION, policy.digest, evidence.digest(used))


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
    verdict = judge_day(
        frame,
        plan.symbol,
        plan.schedule.contract,
        plan.sessions,
        plan.product,
        policy,
        Provenance(
            content_digest=digest,
            judged_at=judged_at,
            schedule_hash=plan.schedule_hash,
            judgement_id=uuid.uuid4().hex,
            manifest_id=manifest_id,
        ),
        window=plan.window,
        evidence=evidence,
    )
    return verdict, perf_counter() - started


def judge_days(
    context: StoreContext, symbol: Symbol, days: Sequence[date], *, full: bool = False, rows: bool = True
) -> Iterator[DayOutcome]:
    """The verdict on each stored day, by day: the one in force where nothing it hangs on has changed, else a new one.

    With `full` every day is judged again; a day stored in part is never judged. Without `rows` a day whose verdict is
    in force comes with its standing alone: what most of the time of a range goes into, when little of it has changed.
    A day without stored ticks, or whose stored content is not what was loaded, is a failure of that day. A query that
    fails is an error of the run and never a verdict: where the store still answers, the other days are judged first and
    written, then the error is raised. Raises `QuestDBError`.
    """
    wanted = sorted(set(days))
    policy = policy_of(context.settings, symbol)
    stored = _Stored.read(context, symbol, wanted, rows=rows)
    known: dict[date, DayOutcome] = {}
    due: list[_Due] = []
    for day in wanted:
        row = stored.contents.get(day)
        if row is None:
            failure = f"no ticks of {symbol.text} are stored for {day}; load the day first"
            known[day] = DayOutcome(day, IngestState.MISSING, failure=failure)
            continue
        if row.partial:
            known[day] = DayOutcome(day, IngestState.PARTIAL, stored.manifests.get(row.manifest_id))
            continue
        scheduled = stored.schedule.rows.get(day)
        if scheduled is None:
            failure = f"the main contract of {symbol.text} on {day} is not stored; `schedule {symbol.text} --refresh`"
            known[day] = DayOutcome(day, IngestState.COMPLETE, stored.manifests.get(row.manifest_id), failure=failure)
            continue
        try:
            plan = plan_day(context, symbol, scheduled, stored.schedule.hash)
        except NotListedError as error:
            known[day] = DayOutcome(day, IngestState.COMPLETE, failure=str(error))
            continue
        evidence = stored.evidence.of(symbol.text, day)
        in_force = None if full else stored.in_force(plan, row.digest, policy, evidence)
        if in_force is None:
            again = stored.is_about(day, row.digest)
            due.append(_Due(plan, row, stored.manifests.get(row.manifest_id), evidence, again))
        else:
            known[day] = _known(day, stored.manifests.get(row.manifest_id), in_force)
    yield from _in_order(wanted, known, _judged(context, due, policy))


Verdicts = tuple[CoverageVerdict, QualityVerdict] | tuple[StandingCoverage, StandingVerdict]
"""A day's two stored verdicts: their whole rows, or how they stand."""


def _known(day: date, manifest: Manifest | None, verdicts: Verdicts) -> DayOutcome:
    coverage, quality = verdicts
    if isinstance(coverage, CoverageVerdict) and isinstance(quality, QualityVerdict):
        judgement = Judgement(coverage, quality, fresh=False, seconds=0.0)
        return DayOutcome(day, IngestState.COMPLETE, manifest, judgement)
    overall = worst((State(coverage.state), State(quality.state)))
    deciding = coverage if coverage.state == overall else quality
    return DayOutcome(day, IngestState.COMPLETE, standing=(overall, deciding.reason_code))


@dataclass(frozen=True, slots=True)
class _Stored:
    """What the small tables say of a symbol's days: read once for all of them."""

    schedule: Schedule
    contents: Mapping[date, DailyAgg]
    manifests: Mapping[str, Manifest]
    coverage: Mapping[date, CoverageVerdict] | Mapping[date, StandingCoverage]
    quality: Mapping[date, QualityVerdict] | Mapping[date, StandingVerdict]
    evidence: StoredEvidence

    @classmethod
    def read(cls, context: StoreContext, symbol: Symbol, days: Sequence[date], *, rows: bool) -> _Stored:
        """Read all tables in parallel, the widest first."""
        db, name = context.database, symbol.text
        with ThreadPoolExecutor(6, thread_name_prefix="stored") as pool:
            coverage = pool.submit(read_summary if rows else read_standing_coverage, db, name, days)
            quality = pool.submit(read_quality if rows else read_standing_quality, db, name, days)
            contents = pool.submit(read_daily_agg, db, name, days)
            schedule = pool.submit(stored_schedule, context, symbol)
            manifests = pool.submit(read_manifests, db, name, days if rows else ())
            evidence = pool.submit(read_evidence, db, [name], min(days), max(days)) if days else None
        return cls(
            schedule=schedule.result(),
            contents={row.trading_day: row for row in contents.result()},
            manifests={row.manifest_id: row for row in manifests.result()},
            coverage=coverage.result(),
            quality=quality.result(),
            evidence=evidence.result() if evidence else NO_STORED_EVIDENCE,
        )

    def is_about(self, day: date, digest: str) -> bool:
        """Whether the stored verdict, in force or not, speaks of this content."""
        return day in self.coverage and self.coverage[day].content_digest == digest

    def in_force(self, plan: DayPlan, digest: str, policy: Policy, evidence: Evidence) -> Verdicts | None:
        """The stored verdicts, if given on this content under the rules, sessions, policy and evidence in force."""
        coverage, quality = self.coverage.get(plan.trading_day), self.quality.get(plan.trading_day)
        if coverage is None or quality is None:
            return None
        wanted = wanted_fingerprint(plan, digest, policy, evidence, coverage.baseline_used)
        if needs_judgement(coverage.fingerprint, wanted) or needs_judgement(quality.fingerprint, wanted):
            return None
        return cast("Verdicts", (coverage, quality))


@dataclass(frozen=True, slots=True)
class _Due:
    """A stored day that has to be judged. `again`: the same content was judged before."""

    plan: DayPlan
    content: DailyAgg
    manifest: Manifest | None
    evidence: Evidence
    again: bool

    def outcome(self, judgement: Judgement | None = None, failure: str = "") -> DayOutcome:
        return DayOutcome(self.plan.trading_day, IngestState.COMPLETE, self.manifest, judgement, failure)


Judged = tuple[DayVerdict, float]


def _in_order(
    days: Sequence[date], known: Mapping[date, DayOutcome], judged: Iterator[DayOutcome]
) -> Iterator[DayOutcome]:
    """Merge outcomes that were known with those being found, by day. A day whose query failed has none."""
    waiting = deque(days)
    for outcome in judged:
        while waiting and waiting[0] != outcome.trading_day:
            day = waiting.popleft()
            if day in known:
                yield known[day]
        waiting.popleft()
        yield outcome
    yield from (known[day] for day in waiting if day in known)


def _judged(context: StoreContext, due: Sequence[_Due], policy: Policy) -> Iterator[DayOutcome]:
    """Judge days in parallel, write verdicts in batches, and yield outcomes in order once they are written."""
    if not due:
        return
    errors: list[BaseException] = []
    workers = context.settings.validate_workers
    with ThreadPoolExecutor(workers, thread_name_prefix="judge") as pool:
        readers = max(1, workers // len(due))
        futures = [pool.submit(_judge, context, day, policy, readers) for day in due]
        try:
            for start in range(0, len(due), BATCH_VERDICTS):
                batch = slice(start, start + BATCH_VERDICTS)
                yield from _write_batch(context, due[batch], futures[batch], errors)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
    if errors:
        raise errors[0]


def _judge(context: StoreContext, due: _Due, policy: Policy, readers: int) -> Judged:
    """Read a day, prove it and judge it. Workers that have no day of their own take a share of this one.

    Whatever judging said of ticks that turn out not to be the day's content is dropped.
    """
    plan, content = due.plan, due.content
    open_hours = [(instant(each.start_ns), instant(each.end_ns)) for each in plan.sessions.windows]
    slices = even_slices(open_hours, readers)
    frame = read_ticks(context.database, plan.symbol.text, plan.window, slices)
    proof = partial(require_content, frame, plan.symbol.text, plan.trading_day, content.digest)
    now = context.clock.now()
    judgement = partial(judge_frame, plan, frame, content.digest, content.manifest_id, policy, now, due.evidence)
    if readers == 1:
        proof()
        return judgement()
    with ThreadPoolExecutor(1, thread_name_prefix="judge") as pool:
        judged = pool.submit(judgement)
        proof()
    return judged.result()


def _with_answers(context: StoreContext, again: Sequence[DayPlan], verdicts: Sequence[DayVerdict]) -> list[DayVerdict]:
    """The verdicts, where the same content is judged `again` with what the provider has answered about its gaps."""
    days = [plan.trading_day for plan in again]
    known = read_gaps(context.database, again[0].symbol.text, days) if again else []
    answers = {(gap.start_ts, gap.end_ts): gap.tqsdk_status for gap in known}
    return [
        dataclasses.replace(
            verdict,
            gaps=tuple(
                dataclasses.replace(gap, tqsdk_status=answers.get((gap.start_ts, gap.end_ts), gap.tqsdk_status))
                for gap in verdict.gaps
            ),
        )
        for verdict in verdicts
    ]


def _write_batch(
    context: StoreContext, due: Sequence[_Due], futures: Sequence[Future[Judged]], errors: list[BaseException]
) -> Iterator[DayOutcome]:
    """Await, write and yield one batch; an error is kept for the end unless the store is away."""
    outcomes: list[DayOutcome] = []
    judged: list[Judged] = []
    for day, future in zip(due, futures, strict=True):
        error = future.exception()
        if error is None:
            verdict, seconds = future.result()
            judged.append((verdict, seconds))
            outcomes.append(day.outcome(Judgement(verdict.coverage, verdict.quality, fresh=True, seconds=seconds)))
        elif isinstance(error, ReadBackError):
            outcomes.append(day.outcome(failure=str(error)))
        elif isinstance(error, ServiceError) and not answers(context.database.endpoint):
            raise error
        else:
            errors.append(error)
    write_verdicts(
        context.database,
        _with_answers(context, [day.plan for day in due if day.again], [verdict for verdict, _ in judged]),
        [metric for verdict, seconds in judged for metric in judgement_metrics(verdict, seconds)],
    )
    for verdict, seconds in judged:
        log_judged(verdict, seconds)
    yield from outcomes
