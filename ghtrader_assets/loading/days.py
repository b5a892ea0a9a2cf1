"""Loading trading days: fetched in parallel, stored in batches while the next are fetched, judged, recorded.

Belongs here: the steps of one symbol's days and the outcome of each.
Does not belong here: which days (`plan`), threads and batches (`pipeline`), judging from the store (`judgement`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Final

from ghtrader_assets.context.load import LoadContext
from ghtrader_assets.context.store import StoreContext
from ghtrader_assets.errors import IngestState
from ghtrader_assets.loading.disk import disk_is_full, full_disk_named, require_room
from ghtrader_assets.loading.judgement import judge_frame, policy_of
from ghtrader_assets.loading.outcome import DayOutcome, Judgement
from ghtrader_assets.loading.pipeline import DayPipeline, FinishedDays
from ghtrader_assets.loading.plan import DayPlan, plan_days
from ghtrader_assets.loading.record import (
    begin_attempts,
    failed_manifest,
    fetched_manifest,
    record_failed,
    record_stored,
    stored_manifest,
)
from ghtrader_assets.manifests import Manifest
from ghtrader_assets.market.clock import NS
from ghtrader_assets.market.symbols import Symbol
from ghtrader_assets.questdb.tables.reader import read_daily_agg
from ghtrader_assets.questdb.tables.writer import DayLoad, Result, StoredDay
from ghtrader_assets.tq.fetch import FetchedDay, FetchRequest
from ghtrader_assets.validation.verdicts import DayVerdict

_TICKS_A_SECOND: Final = 2


@dataclass(slots=True)
class _Attempt:
    """One day's load on its way: the plan, the manifest so far, and what was fetched."""

    plan: DayPlan
    manifest: Manifest
    _fetched: FetchedDay | None = None

    @property
    def fetched(self) -> FetchedDay:
        assert self._fetched is not None
        return self._fetched

    def take(self, fetched: FetchedDay) -> None:
        self._fetched = fetched
        self.manifest = fetched_manifest(self.manifest, fetched)

    def day_load(self) -> DayLoad:
        assert self.fetched.frame is not None
        return DayLoad(
            symbol=self.plan.symbol.text,
            trading_day=self.plan.trading_day,
            window=self.plan.window,
            contract=self.plan.schedule.contract,
            segment_id=self.plan.schedule.segment_id,
            schedule_hash=self.plan.schedule_hash,
            load_id=self.manifest.manifest_id,
            frame=self.fetched.frame,
        )


def load_days(
    context: LoadContext,
    symbol: Symbol,
    days: Sequence[date],
    run_id: str,
    *,
    must_judge: bool,
    on_retry: Callable[[str], None],
    allow_partial: bool = False,
) -> Iterator[DayOutcome]:
    """Load each day and yield its outcome as it is recorded. Safe to run again after a kill at any point.

    One day's failure is that day's outcome. Raises `GhtraderError` only for what stops all of them: the schedule
    can't be had, the store is away. `must_judge` asks for a verdict whatever the settings say.
    With `allow_partial` a day in progress is stored as far as it goes; nobody judges half a day.
    """
    require_room(context)
    plan = plan_days(context, symbol, days, allow_partial=allow_partial)
    for day, error in plan.refused.items():
        yield DayOutcome(day, getattr(error, "state", IngestState.MISSING), failure=str(error))
    if not plan.days:
        return
    requests = _requests(context, symbol, plan.days)
    attempts: dict[date, _Attempt] = {}

    def finish(results: Sequence[Result]) -> list[DayOutcome]:
        return _finished(context, attempts, results, must_judge=must_judge)

    with full_disk_named(context), DayPipeline(context, symbol, requests, finish, on_retry) as pipeline:
        begun = begin_attempts(context, plan.days, run_id)
        attempts |= {one.trading_day: _Attempt(one, manifest) for one, manifest in zip(plan.days, begun, strict=True)}
        for event in pipeline.events():
            if isinstance(event, FinishedDays):
                yield from event.outcomes
                continue
            attempt = attempts[event.request.window.trading_day]
            attempt.take(event)
            if event.state == IngestState.COMPLETE:
                pipeline.store(attempt.day_load())
            else:
                yield _not_fetched(context, attempt)


def _requests(context: StoreContext, symbol: Symbol, plans: Sequence[DayPlan]) -> list[FetchRequest]:
    """What to fetch, each with the ticks to expect: as many as are stored, else two a second of its sessions."""
    rows = read_daily_agg(context.database, symbol.text, [plan.trading_day for plan in plans])
    stored = {row.trading_day: row.rows_total for row in rows}
    return [
        replace(plan.request(), expected_ticks=stored.get(plan.trading_day) or _TICKS_A_SECOND * _session_seconds(plan))
        for plan in plans
    ]


def _session_seconds(plan: DayPlan) -> int:
    return sum(window.end_ns - window.start_ns for window in plan.sessions.windows) // NS


def _not_fetched(context: StoreContext, attempt: _Attempt) -> DayOutcome:
    state, sessions = attempt.fetched.state, attempt.plan.sessions
    manifest = attempt.manifest
    if state == IngestState.PROVIDER_EMPTY and not sessions.windows:
        manifest = replace(manifest, reason=f"{manifest.reason}; no session was held: {sessions.sources[-1]}")
    record_failed(context, [manifest])
    return DayOutcome(manifest.trading_day, state, manifest, failure=f"{state.value}: {manifest.reason}")


def _finished(
    context: StoreContext, attempts: dict[date, _Attempt], results: Sequence[Result], *, must_judge: bool
) -> list[DayOutcome]:
    """Judge and record the days of one transaction together; from then on their frames are not needed."""
    outcomes: list[DayOutcome] = []
    judged: list[tuple[Manifest, DayVerdict | None, Judgement | None]] = []
    for result in results:
        attempt = attempts.pop(result.load.trading_day)
        if isinstance(result, StoredDay):
            judged.append(_judged(context, attempt, result, must_judge=must_judge))
            continue
        if disk_is_full(context):
            raise result.error
        manifest = failed_manifest(attempt.manifest, str(result.error), context.clock.now())
        record_failed(context, [manifest])
        outcomes.append(DayOutcome(manifest.trading_day, manifest.outcome, manifest, failure=manifest.reason))
    record_stored(context, [(manifest, verdict) for manifest, verdict, _ in judged])
    return outcomes + [
        DayOutcome(manifest.trading_day, manifest.outcome, manifest, judgement) for manifest, _, judgement in judged
    ]


def _judged(
    context: StoreContext, attempt: _Attempt, stored: StoredDay, *, must_judge: bool
) -> tuple[Manifest, DayVerdict | None, Judgement | None]:
    assert attempt.fetched.frame is not None
    judgement: Judgement | None = None
    verdict: DayVerdict | None = None
    if not attempt.plan.is_partial and (must_judge or _judged_after_ingest(context, attempt)):
        policy = policy_of(context.settings, attempt.plan.symbol)
        verdict, seconds = judge_frame(
            attempt.plan,
            attempt.fetched.frame,
            stored.digest,
            attempt.manifest.manifest_id,
            policy,
            context.clock.now(),
        )
        judgement = Judgement(verdict.coverage, verdict.quality, fresh=True, seconds=seconds)
    judge_s = judgement.seconds if judgement else 0.0
    manifest = stored_manifest(attempt.manifest, attempt.fetched, stored, judge_s, context.clock.now())
    return manifest, verdict, judgement


def _judged_after_ingest(context: StoreContext, attempt: _Attempt) -> bool:
    """`on-error` judges the days whose load met trouble: those that needed more than one attempt."""
    when = context.settings.validate_after_ingest
    return when == "always" or (when == "on-error" and attempt.fetched.stats.attempts > 1)
