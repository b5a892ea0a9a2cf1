"""Loading trading days: fetched in parallel, stored in batches while the next are fetched, judged, recorded.

Belongs here: the pipeline of one symbol's days and the outcome of each.
Does not belong here: which days (`plan`), judging from the store (`judgement`).
"""

from __future__ import annotations

import fcntl
import queue
import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from time import perf_counter
from typing import Final

from ghtrader_assets.errors import IngestState
from ghtrader_assets.loading.judgement import judge_frame, policy_of
from ghtrader_assets.loading.outcome import DayOutcome, Judgement
from ghtrader_assets.loading.plan import DayPlan, plan_days
from ghtrader_assets.loading.platform import Platform
from ghtrader_assets.loading.record import (
    begin_attempts,
    failed_manifest,
    fetched_manifest,
    record_failed,
    record_stored,
    stored_manifest,
)
from ghtrader_assets.loading.room import disk_is_full, full_disk_named, require_room
from ghtrader_assets.manifests import Manifest
from ghtrader_assets.market.symbols import Symbol
from ghtrader_assets.questdb.writer import DayLoad, StoredDay, StoreFailure, store_days
from ghtrader_assets.tq.fetch import FetchedDay
from ghtrader_assets.tq.pool import FetchPool
from ghtrader_assets.tq.slots import SessionSlots
from ghtrader_assets.validation.verdicts import DayVerdict

BATCH_AGE_S: Final = 1.0
"""A fetched day waits no longer than this for others of its batch."""


@dataclass(slots=True)
class _Feed:
    """Fetched days on their way from the pool's thread to the storing one."""

    ready: queue.Queue[FetchedDay | BaseException | None] = field(default_factory=queue.Queue)

    def batches(self, size: int) -> Iterator[list[FetchedDay]]:
        """Batches of at most `size` days, each sent on when full, or `BATCH_AGE_S` after its first day."""
        while True:
            batch, ended = self._next_batch(size)
            if batch:
                yield batch
            if ended:
                return

    def _next_batch(self, size: int) -> tuple[list[FetchedDay], bool]:
        batch: list[FetchedDay] = []
        deadline: float | None = None
        while len(batch) < size:
            wait = None if deadline is None else max(0.0, deadline - perf_counter())
            try:
                item = self.ready.get(timeout=wait)
            except queue.Empty:
                return batch, False
            if isinstance(item, BaseException):
                raise item
            if item is None:
                return batch, True
            batch.append(item)
            deadline = deadline or perf_counter() + BATCH_AGE_S
        return batch, False


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
    platform: Platform,
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
    require_room(platform)
    plan = plan_days(platform, symbol, days, allow_partial=allow_partial)
    for day, error in plan.refused.items():
        yield DayOutcome(day, getattr(error, "state", IngestState.MISSING), failure=str(error))
    if not plan.days:
        return
    begun = begin_attempts(platform, plan.days, run_id)
    attempts = {one.trading_day: _Attempt(one, manifest) for one, manifest in zip(plan.days, begun, strict=True)}
    with full_disk_named(platform), _fetching(platform, plan.days, on_retry) as feed:
        for batch in feed.batches(platform.settings.ingest_batch_days):
            require_room(platform)
            for fetched in batch:
                attempts[fetched.request.window.trading_day].take(fetched)
            taken = [attempts[fetched.request.window.trading_day] for fetched in batch]
            yield from _fetch_failures(platform, taken)
            yield from _store(platform, taken, must_judge=must_judge)


def _fetch_failures(platform: Platform, attempts: Sequence[_Attempt]) -> Iterator[DayOutcome]:
    failed = [attempt for attempt in attempts if attempt.fetched.state != IngestState.COMPLETE]
    record_failed(platform, [attempt.manifest for attempt in failed])
    for attempt in failed:
        yield DayOutcome(
            attempt.plan.trading_day,
            attempt.fetched.state,
            attempt.manifest,
            failure=f"{attempt.fetched.state.value}: {attempt.fetched.reason}",
        )


def _store(platform: Platform, attempts: Sequence[_Attempt], *, must_judge: bool) -> Iterator[DayOutcome]:
    whole = {attempt.plan.trading_day: attempt for attempt in attempts if attempt.fetched.state == IngestState.COMPLETE}
    loads = [attempt.day_load() for attempt in whole.values()]
    with _only_writer(platform, attempts):
        for result in store_days(platform.database, loads, platform.settings.readback):
            attempt = whole[result.load.trading_day]
            if isinstance(result, StoreFailure):
                if disk_is_full(platform):
                    raise result.error
                manifest = failed_manifest(attempt.manifest, str(result.error))
                record_failed(platform, [manifest])
                yield DayOutcome(manifest.trading_day, manifest.outcome, manifest, failure=manifest.reason)
            else:
                yield _judge_and_record(platform, attempt, result, must_judge=must_judge)


@contextmanager
def _only_writer(platform: Platform, attempts: Sequence[_Attempt]) -> Generator[None]:
    """One run of this host at a time stores a symbol's days: two replacements of one day would mix."""
    folder = platform.settings.home / "writing"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f"{attempts[0].plan.symbol.key}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _judge_and_record(platform: Platform, attempt: _Attempt, stored: StoredDay, *, must_judge: bool) -> DayOutcome:
    assert attempt.fetched.frame is not None
    judgement: Judgement | None = None
    verdict: DayVerdict | None = None
    if not attempt.plan.is_partial and (must_judge or _judged_after_ingest(platform, attempt)):
        policy = policy_of(attempt.plan.symbol)
        verdict, seconds = judge_frame(
            attempt.plan, attempt.fetched.frame, stored.digest, attempt.manifest.manifest_id, policy
        )
        judgement = Judgement(verdict.coverage, verdict.quality, fresh=True, seconds=seconds)
    manifest = stored_manifest(attempt.manifest, attempt.fetched, stored, judgement.seconds if judgement else 0.0)
    record_stored(platform, manifest, verdict)
    return DayOutcome(manifest.trading_day, manifest.outcome, manifest, judgement)


def _judged_after_ingest(platform: Platform, attempt: _Attempt) -> bool:
    """`on-error` judges the days whose load met trouble: those that needed more than one attempt."""
    when = platform.settings.validate_after_ingest
    return when == "always" or (when == "on-error" and attempt.fetched.stats.attempts > 1)


@contextmanager
def _fetching(platform: Platform, plans: Sequence[DayPlan], on_retry: Callable[[str], None]) -> Generator[_Feed]:
    """Fetch in a thread of its own, so that the next days arrive while the last are stored."""
    settings = platform.settings
    feed = _Feed()
    with SessionSlots(settings.home, platform.provider, settings.ingest_workers).held(len(plans)) as granted:
        pool = FetchPool(
            platform.provider, granted, settings.home, fast_history=settings.fast_history, on_retry=on_retry
        )

        def pump() -> None:
            try:
                for fetched in pool.fetch([plan.request() for plan in plans]):
                    feed.ready.put(fetched)
            except BaseException as error:  # noqa: BLE001 - handed to the storing thread, which raises it
                feed.ready.put(error)
            else:
                feed.ready.put(None)

        thread = threading.Thread(target=pump, name="fetch", daemon=True)
        thread.start()
        try:
            yield feed
        finally:
            pool.close()
            thread.join()
