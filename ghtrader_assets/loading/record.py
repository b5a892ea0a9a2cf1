"""Recording an attempt: its manifest as row and file, and what the table of stored days says of a stored day.

Belongs here: what is written about a load, and in which order. Does not belong here: the tables (`questdb`).

A manifest is written when the attempt begins, as `running`, and again when it has ended, so that an attempt that was
killed leaves its trace. The stored-day row comes after everything else: where it stands, the day is stored, read back
and recorded.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Generator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime

from ghtrader_assets.context.load import LoadContext
from ghtrader_assets.context.store import StoreContext
from ghtrader_assets.errors import GhtraderError, IngestState
from ghtrader_assets.loading.figures import judgement_metrics, load_metrics, log_judged, log_stored
from ghtrader_assets.loading.plan import DayPlan
from ghtrader_assets.logs import logger
from ghtrader_assets.manifests import Manifest, code_version, digest_of, new_manifest_id, write_manifest_file
from ghtrader_assets.market.symbols import depth
from ghtrader_assets.market.ticks import ROW_HASH_ALGORITHM, SCHEMA_HASH, five_level_rows
from ghtrader_assets.questdb.cache.answers import announce_load
from ghtrader_assets.questdb.tables.bars import DayBars
from ghtrader_assets.questdb.tables.reader import read_open_manifests
from ghtrader_assets.questdb.tables.records import write_manifests, write_stored
from ghtrader_assets.questdb.tables.rows import DailyAgg
from ghtrader_assets.questdb.tables.writer import StoredDay
from ghtrader_assets.redaction import redacted_text
from ghtrader_assets.texts import one_line
from ghtrader_assets.tq.fetch import FetchedDay
from ghtrader_assets.validation.verdicts import BaselineDay, DayVerdict

log = logger(__name__)


def begin_attempts(context: LoadContext, plans: Sequence[DayPlan], run_id: str) -> list[Manifest]:
    """Write and return the manifests of attempts that begin now."""
    started = context.clock.now()
    manifests = [
        Manifest(
            manifest_id=new_manifest_id(started),
            run_id=run_id,
            symbol=plan.symbol.text,
            trading_day=plan.trading_day,
            contract=plan.schedule.contract,
            reason="the load has not ended: a run is at it, or it was killed",
            schema_hash=SCHEMA_HASH,
            row_hash_algorithm=ROW_HASH_ALGORITHM,
            schedule_hash=plan.schedule_hash,
            upstream=plan.upstream,
            code_version=code_version(),
            source=context.provider.name,
            readback=context.settings.readback,
            depth=depth(plan.symbol.exchange),
            started=started,
            partial=plan.is_partial,
            schedule_digest=digest_of(plan.schedule.contract),
            sessions_fingerprint=plan.sessions.fingerprint,
        )
        for plan in plans
    ]
    _write(context, manifests)
    return manifests


def fetched_manifest(begun: Manifest, fetched: FetchedDay) -> Manifest:
    """The manifest with what the fetch says. A day that came whole is under way until it is stored."""
    stats, whole = fetched.stats, fetched.state == IngestState.COMPLETE
    return dataclasses.replace(
        begun,
        outcome=begun.outcome if whole else fetched.state,
        reason=begun.reason if whole else fetched.reason,
        reader=stats.reader,
        attempts=stats.attempts,
        bytes=stats.bytes,
        download_s=stats.download_s,
        started=stats.started,
        finished=None if whole else stats.finished,
    )


def failed_manifest(manifest: Manifest, reason: str, finished: datetime) -> Manifest:
    """The manifest of a day that was fetched and could not be stored."""
    return dataclasses.replace(manifest, outcome=IngestState.FAILED, reason=reason, finished=finished)


def stored_manifest(
    manifest: Manifest,
    fetched: FetchedDay,
    stored: StoredDay,
    verdict: DayVerdict | None,
    judge_s: float,
    finished: datetime,
) -> Manifest:
    """The manifest of a day that was stored and read back, with the fingerprints of the verdicts that its load gave."""
    assert fetched.frame is not None  # noqa: S101 - narrows a type
    return dataclasses.replace(
        manifest,
        outcome=IngestState.PARTIAL if manifest.partial else IngestState.COMPLETE,
        reason="the trading day was in progress; it is loaded again" if manifest.partial else "",
        rows=stored.rows,
        five_level_rows=five_level_rows(fetched.frame),
        same_instant_rows=int((fetched.frame["seq"] > 0).sum()),
        first_tick=stored.first_tick,
        last_tick=stored.last_tick,
        digest=stored.digest,
        replaced=stored.replaced,
        store_s=stored.store_s,
        readback_s=stored.readback_s,
        judge_s=judge_s,
        finished=finished,
        coverage_fingerprint=verdict.coverage.fingerprint if verdict else "",
        quality_fingerprint=verdict.quality.fingerprint if verdict else "",
    )


def record_failed(context: StoreContext, manifests: Sequence[Manifest]) -> None:
    """Record attempts that ended without a stored day."""
    for manifest in manifests:
        log.info(
            "day not stored",
            symbol=manifest.symbol,
            trading_day=manifest.trading_day.isoformat(),
            outcome=manifest.outcome,
            reason=manifest.reason,
            manifest_id=manifest.manifest_id,
        )
    _write(context, manifests)


def runs_with_open_attempts(context: StoreContext) -> set[str]:
    """The ids of the runs of which an attempt has begun and not ended, living or not."""
    return {manifest.run_id for manifest in read_open_manifests(context.database)}


def close_attempts(
    context: StoreContext, run_ids: Collection[str], reason: str, outcome: IngestState = IngestState.MISSING
) -> int:
    """Close what runs that have ended left open; how many attempts. `missing` says nothing of the day, and costs no
    budget."""
    if not run_ids:
        return 0
    finished = context.clock.now()
    closed = [
        dataclasses.replace(manifest, outcome=outcome, reason=reason, finished=finished)
        for manifest in read_open_manifests(context.database)
        if manifest.run_id in run_ids
    ]
    if closed:
        record_failed(context, closed)
    return len(closed)


@contextmanager
def closing_attempts(context: StoreContext, run_id: str) -> Generator[None]:
    """Close what a run has open where the block is cut off: as `missing` where it was cancelled, as `failed` by an
    error. A store that is away keeps it open, for later."""
    try:
        yield
    except BaseException as error:
        failed = isinstance(error, Exception)
        reason = "the run was cancelled; the same command loads the day"
        if failed:
            reason = f"its run ended: {one_line(redacted_text(str(error)))}"
        with suppress(GhtraderError):
            close_attempts(context, {run_id}, reason, IngestState.FAILED if failed else IngestState.MISSING)
        raise


@dataclass(frozen=True, slots=True)
class RecordedDay:
    """What is recorded of a stored day. One that is in progress gives nothing to baselines, and has no stored bars."""

    manifest: Manifest
    verdict: DayVerdict | None
    baseline: BaselineDay | None
    bars: DayBars | None


def record_stored(context: StoreContext, days: Sequence[RecordedDay]) -> None:
    """Record days that are stored: verdicts and metrics, bars, manifests, and last the stored-day rows.

    Kept answers to questions about stored days are old from then on.
    """
    if not days:
        return
    manifests = [day.manifest for day in days]
    for manifest in manifests:
        write_manifest_file(context.settings.home, manifest)
    metrics = [metric for manifest in manifests for metric in load_metrics(manifest)]
    for day in days:
        metrics += judgement_metrics(day.verdict, day.manifest.judge_s) if day.verdict else []
    write_stored(
        context.database,
        [day.verdict for day in days if day.verdict],
        manifests,
        [daily_agg(manifest) for manifest in manifests],
        metrics,
        [day.baseline for day in days if day.baseline and not day.verdict],
        [day.bars for day in days if day.bars],
    )
    announce_load(context.settings, context.database.endpoint)
    for day in days:
        log_stored(day.manifest)
        if day.verdict:
            log_judged(day.verdict, day.manifest.judge_s)


def _write(context: StoreContext, manifests: Sequence[Manifest]) -> None:
    for manifest in manifests:
        write_manifest_file(context.settings.home, manifest)
    write_manifests(context.database, manifests)


def daily_agg(manifest: Manifest) -> DailyAgg:
    """The stored-day row of a day that a load stored."""
    assert manifest.finished is not None  # noqa: S101 - narrows a type
    return DailyAgg(
        symbol=manifest.symbol,
        trading_day=manifest.trading_day,
        rows_total=manifest.rows,
        first_tick=manifest.first_tick,
        last_tick=manifest.last_tick,
        contract=manifest.contract,
        digest=manifest.digest,
        upstream=manifest.upstream,
        partial=manifest.partial,
        manifest_id=manifest.manifest_id,
        updated_at=manifest.finished,
    )
