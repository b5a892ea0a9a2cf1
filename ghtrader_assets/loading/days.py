"""The way of symbols' trading days, in order: plan, fetch, store, read back, judge, record.

Belongs here: each step of a load, what it hands to the next, and the outcome of each symbol's day.
Does not belong here: which days (`plan`), threads and batches (`batches`), judging from the store (`judgement`).
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date
from functools import partial
from typing import Final

from ghtrader_assets.context.load import LoadContext
from ghtrader_assets.context.store import StoreContext
from ghtrader_assets.errors import IngestState
from ghtrader_assets.loading.bars import day_bars
from ghtrader_assets.loading.batches import Batches, Limits
from ghtrader_assets.loading.disk import disk_is_full, full_disk_named, require_free_disk
from ghtrader_assets.loading.empty_days import with_wrong_mains
from ghtrader_assets.loading.frames import baseline_of_frame, judge_frame, policy_of
from ghtrader_assets.loading.judgement import judged_again
from ghtrader_assets.loading.outcome import DayOutcome, Judgement
from ghtrader_assets.loading.plan import DayPlan, plan_days
from ghtrader_assets.loading.record import (
    RecordedDay,
    begin_attempts,
    failed_manifest,
    fetched_manifest,
    record_failed,
    record_stored,
    stored_manifest,
)
from ghtrader_assets.loading.writing import writing
from ghtrader_assets.manifests import Manifest
from ghtrader_assets.market.lives import unknown_main
from ghtrader_assets.market.symbols import Symbol
from ghtrader_assets.questdb.standing.evidence import StoredEvidence, read_evidence, with_bars
from ghtrader_assets.questdb.tables.reader import read_daily_aggs
from ghtrader_assets.questdb.tables.writer import BATCH_ROWS, BATCHES_IN_FLIGHT, DayLoad, StoredDay, store_batch
from ghtrader_assets.settings import Settings
from ghtrader_assets.tq.fetch import FetchedDay, FetchRequest
from ghtrader_assets.tq.pool import FetchPool
from ghtrader_assets.tq.slots import session_slots

BATCH_AGE_S: Final = 1.0
"""A fetched day waits no longer than this for others of its batch."""
CAPACITY_BATCHES: Final = 2
"""The fetch waits while so many batches of days are in memory."""
_TICKS_A_SECOND: Final = 2


@dataclass(frozen=True, slots=True)
class FetchedLoad:
    """A symbol's planned day with the provider's answer, whole or not; `manifest` is the attempt's so far."""

    plan: DayPlan
    manifest: Manifest
    fetched: FetchedDay

    @property
    def is_whole(self) -> bool:
        return self.fetched.state == IngestState.COMPLETE

    @property
    def rows(self) -> int:
        return 0 if self.fetched.frame is None else self.fetched.frame.height

    def ticks(self) -> DayLoad:
        """The ticks of a whole day, with the columns stored with each."""
        assert self.fetched.frame is not None  # noqa: S101 - narrows a type
        return DayLoad(
            symbol=self.plan.symbol.text,
            trading_day=self.plan.trading_day,
            window=self.plan.window,
            contract=self.plan.schedule.contract,
            segment_id=self.plan.schedule.segment_id,
            schedule_hash=self.plan.schedule_hash,
            frame=self.fetched.frame,
        )


@dataclass(frozen=True, slots=True)
class StoredLoad:
    """A symbol's day that was stored and read back."""

    plan: DayPlan
    manifest: Manifest
    fetched: FetchedDay
    stored: StoredDay


@dataclass(frozen=True, slots=True)
class FailedLoad:
    """A symbol's day that was not fetched whole, or not stored: the manifest says why."""

    manifest: Manifest


def load_days(
    context: LoadContext,
    wanted: Mapping[Symbol, Sequence[date]],
    run_id: str,
    *,
    must_judge: bool,
    on_retry: Callable[[str], None],
    allow_partial: bool = False,
) -> Iterator[DayOutcome]:
    """Load the days of each symbol and yield the outcome of each as it is recorded. Safe to run again after a kill at
    any point.

    A symbol's day that fails is its own outcome. Raises `GhtraderError` only for what stops all of them: a schedule
    can't be had, the store is away. `must_judge` asks for a verdict whatever the settings say.
    Days whose baseline moved while others came are judged again at the end, and their outcomes yielded again.
    With `allow_partial` a day in progress is stored as far as it goes, and not judged.
    """
    require_free_disk(context)
    plans: list[DayPlan] = []
    for symbol, days in wanted.items():
        plan = plan_days(context, symbol, days, allow_partial=allow_partial)
        for day, error in plan.refused.items():
            yield DayOutcome(symbol.text, day, getattr(error, "state", IngestState.MISSING), failure=error.line)
        plans += plan.days
    if not plans:
        return
    plans.sort(key=lambda plan: (plan.trading_day, plan.symbol.text))
    names = sorted({plan.symbol.text for plan in plans})
    evidence = read_evidence(context.database, names, plans[0].trading_day, plans[-1].trading_day)
    with full_disk_named(context), fetch_pool(context, len(plans), on_retry) as pool:
        results = Batches(
            _fetch(context, pool, plans, run_id),
            partial(store_and_read_back, context),
            partial(judge_and_record, context, evidence, must_judge=must_judge),
            _limits(context.settings),
            cancel=pool.close,
            while_storing=partial(writing, context, wanted),
        ).results()
        judged: dict[str, dict[date, Manifest | None]] = {}
        empty: dict[str, list[DayOutcome]] = {symbol.text: [] for symbol in wanted if symbol.kind == "main"}
        for outcome in results:
            if outcome.state == IngestState.PROVIDER_EMPTY and outcome.symbol in empty:
                empty[outcome.symbol].append(outcome)
                continue
            if outcome.judgement:
                judged.setdefault(outcome.symbol, {})[outcome.trading_day] = outcome.manifest
            yield outcome
    for symbol in wanted:
        yield from with_wrong_mains(context, symbol, empty.get(symbol.text, ()))
        own = judged.get(symbol.text, {})
        for outcome in judged_again(context, symbol, sorted(own)):
            yield replace(outcome, manifest=own[outcome.trading_day])


def _limits(settings: Settings) -> Limits[FetchedLoad]:
    """A batch is one transaction: so many days, or the day that brings it to `BATCH_ROWS`."""
    size = settings.ingest_batch_days
    return Limits(
        is_full=lambda loads: len(loads) >= size or sum(load.rows for load in loads) >= BATCH_ROWS,
        age_s=BATCH_AGE_S,
        in_flight=BATCHES_IN_FLIGHT,
        held=max(CAPACITY_BATCHES * size, settings.ingest_workers),
    )


@contextmanager
def fetch_pool(context: LoadContext, days: int, on_retry: Callable[[str], None]) -> Generator[FetchPool]:
    """Worker processes for so many days, as many as the account has free sessions."""
    settings, provider = context.settings, context.provider
    with (
        session_slots(settings.home, provider, settings.ingest_workers, days) as granted,
        FetchPool(
            provider,
            granted,
            settings.home,
            context.clock,
            fast_history=settings.fast_history,
            on_retry=on_retry,
            timing=context.timing,
        ) as pool,
    ):
        yield pool


def _fetch(context: LoadContext, pool: FetchPool, plans: Sequence[DayPlan], run_id: str) -> Generator[FetchedLoad]:
    """Begin the attempts and yield each as its answer comes: the longest first, those of one length by trading day."""
    requests = _requests(context, plans)
    begun = dict(zip(requests, zip(plans, begin_attempts(context, plans, run_id), strict=True), strict=True))
    for fetched in pool.fetch(requests):
        plan, manifest = begun[fetched.request]
        yield FetchedLoad(plan, fetched_manifest(manifest, fetched), fetched)


def _requests(context: StoreContext, plans: Sequence[DayPlan]) -> list[FetchRequest]:
    """What to fetch, each with the ticks to expect: as many as are stored, else two a second of its sessions."""
    names, days = sorted({plan.symbol.text for plan in plans}), [plan.trading_day for plan in plans]
    rows = read_daily_aggs(context.database, names, min(days), max(days))
    stored = {(row.symbol, row.trading_day): row.rows_total for row in rows}
    return [plan.request(stored.get(plan.key) or _TICKS_A_SECOND * plan.sessions.expected_seconds) for plan in plans]


def store_and_read_back(context: StoreContext, loads: Sequence[FetchedLoad]) -> list[StoredLoad | FailedLoad]:
    """Store the whole days in one transaction, by trading day: they share fewer partitions with other batches."""
    ended: list[StoredLoad | FailedLoad] = [_not_fetched(load) for load in loads if not load.is_whole]
    whole = sorted((load for load in loads if load.is_whole), key=lambda load: load.plan.trading_day)
    if not whole:
        return ended
    require_free_disk(context)
    results = store_batch(context.database, [load.ticks() for load in whole], context.settings.readback)
    for load, result in zip(whole, results, strict=True):
        if isinstance(result, StoredDay):
            ended.append(StoredLoad(load.plan, load.manifest, load.fetched, result))
        elif disk_is_full(context):
            raise result.error
        else:
            ended.append(FailedLoad(failed_manifest(load.manifest, str(result.error), context.clock.now())))
    return ended


def _not_fetched(load: FetchedLoad) -> FailedLoad:
    manifest, sessions = load.manifest, load.plan.sessions
    if manifest.outcome == IngestState.PROVIDER_EMPTY and not sessions.windows:
        manifest = replace(manifest, reason=f"{manifest.reason}; no session was held: {sessions.sources[-1]}")
    if manifest.wrong_main is not None:
        manifest = replace(manifest, reason=unknown_main(load.plan.symbol, manifest.contract).reason)
    return FailedLoad(manifest)


def judge_and_record(
    context: StoreContext, evidence: StoredEvidence, loads: Sequence[StoredLoad | FailedLoad], *, must_judge: bool
) -> list[DayOutcome]:
    """Judge a batch's days, make their bars and record them together; from then on their frames are not needed.

    What each gives to later baselines joins the evidence, judged or not.
    """
    failed = [load.manifest for load in loads if isinstance(load, FailedLoad)]
    judged = [_judged(context, load, evidence, must_judge=must_judge) for load in loads if isinstance(load, StoredLoad)]
    if failed:
        record_failed(context, failed)
    record_stored(context, judged)
    return [*map(_failure, failed), *map(_outcome, judged)]


def _judged(context: StoreContext, load: StoredLoad, evidence: StoredEvidence, *, must_judge: bool) -> RecordedDay:
    plan, verdict, baseline, bars, seconds = load.plan, None, None, None, 0.0
    if not plan.is_partial:
        policy, now = policy_of(context.settings, plan.symbol), context.clock.now()
        grounds = (plan, load.stored.load.frame, load.stored.digest, load.manifest.manifest_id, policy, now)
        if must_judge or _judged_after_ingest(context, load.fetched):
            verdict, seconds = judge_frame(*grounds, with_bars(context.database, *plan.key, evidence.of(*plan.key)))
        baseline = verdict.baseline if verdict else baseline_of_frame(*grounds)
        evidence.learn([baseline])
        bars = day_bars(
            plan.symbol.text, plan.schedule.contract, plan.sessions, plan.window, load.stored.load.frame,
            load.stored.digest, load.manifest.manifest_id, now,
        )  # fmt: skip
    manifest = stored_manifest(load.manifest, load.fetched, load.stored, verdict, seconds, context.clock.now())
    return RecordedDay(manifest, verdict, baseline, bars)


def _judged_after_ingest(context: StoreContext, fetched: FetchedDay) -> bool:
    """`on-error` judges the days whose load met trouble: those that needed more than one attempt."""
    when = context.settings.validate_after_ingest
    return when == "always" or (when == "on-error" and fetched.stats.attempts > 1)


def _failure(manifest: Manifest) -> DayOutcome:
    return DayOutcome(manifest.symbol, manifest.trading_day, manifest.outcome, manifest, failure=manifest.failure)


def _outcome(day: RecordedDay) -> DayOutcome:
    manifest, verdict = day.manifest, day.verdict
    judgement = Judgement(verdict.coverage, verdict.quality, fresh=True, seconds=manifest.judge_s) if verdict else None
    return DayOutcome(
        manifest.symbol,
        manifest.trading_day,
        manifest.outcome,
        manifest,
        judgement,
        baseline=day.baseline,
        bars=day.bars.row if day.bars else None,
    )
