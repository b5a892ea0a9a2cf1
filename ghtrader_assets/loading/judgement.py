"""Judging trading days: from the frame just stored, or from the store, and never twice for the same reason.

Belongs here: finding out whether a day needs judgement, reading it, writing the verdict.
Does not belong here: the rules and the decision whether a judgement is out of date (`validation`).

A range costs seven queries, however long it is; each day to be judged costs one more, or a few where workers would
otherwise have nothing to do. Days are judged by threads: most of a day's time is spent in numpy, polars and the store,
which leave the interpreter to others, and a thread starts at once and shares sessions (docs/performance.md has both
measured).
"""

from __future__ import annotations

import dataclasses
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import Final, cast

from ghtrader_assets.context.load import LoadContext
from ghtrader_assets.context.store import StoreContext
from ghtrader_assets.errors import IngestState, NotListedError, QuestDBError, ReadBackError, ServiceError
from ghtrader_assets.loading.due_day import DueDay, Judged, judge, linked
from ghtrader_assets.loading.figures import judgement_metrics, log_judged
from ghtrader_assets.loading.frames import baseline_fingerprint, policy_of, wanted_fingerprint
from ghtrader_assets.loading.outcome import DayOutcome, Judgement
from ghtrader_assets.loading.plan import DayPlan, plan_day
from ghtrader_assets.loading.witness import ask_witness
from ghtrader_assets.manifests import Manifest
from ghtrader_assets.market.symbols import Symbol
from ghtrader_assets.questdb.client.connection import answers
from ghtrader_assets.questdb.standing.evidence import StoredEvidence, read_evidence
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
from ghtrader_assets.questdb.tables.rows import DailyAgg, StandingCoverage, StandingVerdict, WitnessAnswer
from ghtrader_assets.reference.schedule import Schedule, stored_schedule
from ghtrader_assets.validation.judge import needs_judgement
from ghtrader_assets.validation.policy import Policy
from ghtrader_assets.validation.states import worse
from ghtrader_assets.validation.verdicts import BaselineDay, CoverageVerdict, DayVerdict, QualityVerdict, State

BATCH_VERDICTS: Final = 20
"""Verdicts written at once. A batch is written while the next days are judged."""


def judge_days(
    context: StoreContext, symbol: Symbol, days: Sequence[date], *, full: bool = False, rows: bool = True
) -> Iterator[DayOutcome]:
    """The verdict on each stored day, by day: the one in force where nothing it hangs on has changed, else a new one.

    What days give to later baselines comes first: where that is missing or of other content, it is taken anew, and the
    other days are held to it. With `full` every day is judged again; a day stored in part is never judged. Without
    `rows` a day whose verdict is in force comes with its state alone: what most of the time of a range goes into.
    A day without stored ticks, or whose stored content is not what was loaded, is a failure of that day. A query that
    fails is an error of the run and never a verdict: where the store still answers, the other days are judged first and
    written, then the error is raised. Raises `QuestDBError`.
    """
    wanted = sorted(set(days))
    policy = policy_of(context.settings, symbol)
    stored = _Stored.read(context, symbol, wanted, rows=rows)
    known: dict[date, DayOutcome] = {}
    stored_days: list[DueDay] = []
    for day in wanted:
        row = stored.contents.get(day)
        if row is None:
            failure = f"no ticks of {symbol.text} are stored for {day}; load the day first"
            known[day] = DayOutcome(symbol.text, day, IngestState.MISSING, failure=failure)
            continue
        if row.partial:
            known[day] = DayOutcome(symbol.text, day, IngestState.PARTIAL, stored.manifests.get(row.manifest_id))
            continue
        scheduled = stored.schedule.rows.get(day)
        if scheduled is None:
            failure = f"the main contract of {symbol.text} on {day} is not stored; `schedule {symbol.text} --refresh`"
            known[day] = DayOutcome(
                symbol.text, day, IngestState.COMPLETE, stored.manifests.get(row.manifest_id), failure=failure
            )
            continue
        try:
            plan = plan_day(context, symbol, scheduled, stored.schedule.hash)
        except NotListedError as error:
            known[day] = DayOutcome(symbol.text, day, IngestState.COMPLETE, failure=error.line)
            continue
        stored_days.append(DueDay(plan, row, stored.manifests.get(row.manifest_id)))
    yield from _in_order(wanted, known, _judged(context, stored, stored_days, policy, known, full=full))


def judge_by_witness(
    context: LoadContext,
    symbol: Symbol,
    days: Sequence[date],
    *,
    every: bool = False,
    also: Sequence[date] = (),
    rows: bool = False,
) -> tuple[list[WitnessAnswer], Iterator[DayOutcome]]:
    """Ask the provider for its bars of days in doubt (see `ask_witness`), and judge those again that it answered.

    Returns its answers, and the outcomes of the days that have one, each judged as it is read. Raises `QuestDBError`.
    """
    answers = ask_witness(context, symbol, days, every=every, also=also)
    answered = [answer.trading_day for answer in answers if answer.digest]
    return answers, judge_days(context, symbol, answered, rows=rows)


def judge_symbols(context: StoreContext, wanted: Mapping[Symbol, Sequence[date]]) -> Iterator[DayOutcome]:
    """The verdicts on the stored days of each symbol, one symbol after the other; see `judge_days`.

    A query that fails leaves the other symbols judged, and is raised at the end. Raises `QuestDBError`.
    """
    errors: list[QuestDBError] = []
    for symbol, days in wanted.items():
        try:
            yield from judge_days(context, symbol, days)
        except QuestDBError as error:
            if not answers(context.database.endpoint):
                raise
            errors.append(error)
    if errors:
        raise errors[0]


def judged_again(context: StoreContext, symbol: Symbol, days: Sequence[date]) -> Iterator[DayOutcome]:
    """The new verdicts on those of a load's days whose baseline has moved since they were judged, as others came.

    Raises `QuestDBError`.
    """
    if len(days) > 1:
        yield from (each for each in judge_days(context, symbol, days, rows=False) if each.judgement is not None)


Verdicts = tuple[CoverageVerdict, QualityVerdict] | tuple[StandingCoverage, StandingVerdict]
"""A day's two stored verdicts: their whole rows, or how they stand."""


def _known(day: DueDay, verdicts: Verdicts, baseline: BaselineDay | None) -> DayOutcome:
    coverage, quality = verdicts
    if isinstance(coverage, CoverageVerdict) and isinstance(quality, QualityVerdict):
        judgement = Judgement(coverage, quality, fresh=False, seconds=0.0)
        return DayOutcome(*day.key, IngestState.COMPLETE, day.manifest, judgement, baseline=baseline)
    deciding = worse(coverage, quality)
    return DayOutcome(*day.key, IngestState.COMPLETE, in_force=(State(deciding.state), deciding.reason_code))


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
            evidence=evidence.result() if evidence else StoredEvidence(),
        )

    def is_about(self, day: date, digest: str) -> bool:
        """Whether the stored verdict, in force or not, speaks of this content."""
        return day in self.coverage and self.coverage[day].content_digest == digest

    def has_baseline(self, day: DueDay, policy: Policy) -> bool:
        """Whether what the day gives to baselines is taken from its content under the rules and policy in force."""
        given = self.evidence.given(*day.key)
        return given is not None and given.fingerprint == baseline_fingerprint(day.plan, day.content.digest, policy)

    def in_force(self, day: DueDay, policy: Policy) -> Verdicts | None:
        """The stored verdicts, if given on this content under the rules, sessions, policy and evidence in force."""
        coverage, quality = self.coverage.get(day.trading_day), self.quality.get(day.trading_day)
        if coverage is None or quality is None:
            return None
        evidence = self.evidence.of(*day.key)
        wanted = wanted_fingerprint(day.plan, day.content.digest, policy, evidence, coverage.baseline_used)
        if needs_judgement(coverage.fingerprint, wanted) or needs_judgement(quality.fingerprint, wanted):
            return None
        return cast("Verdicts", (coverage, quality))


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


def _judged(
    context: StoreContext,
    stored: _Stored,
    days: Sequence[DueDay],
    policy: Policy,
    known: dict[date, DayOutcome],
    *,
    full: bool,
) -> Iterator[DayOutcome]:
    """Judge the days that are due in parallel, write verdicts in batches, and yield outcomes in order once written.

    Those whose verdict is in force are added to `known`. Days whose baseline is not that of their content are due by
    that; what they give decides which others are.
    """
    renewed = [day for day in days if not stored.has_baseline(day, policy)]
    errors: list[BaseException] = []
    workers = context.settings.validate_workers
    with ThreadPoolExecutor(workers, thread_name_prefix="judge") as pool:
        futures: dict[date, Future[Judged]] = {}
        links: list[Future[None]] = []
        for day in renewed:
            link = Future[None]()
            work = partial(judge, context, day, policy, stored.evidence, max(1, workers // len(renewed)))
            futures[day.trading_day] = pool.submit(linked, work, link, tuple(links))
            links.append(link)
        wait(links)
        others = [day for day in days if day.trading_day not in futures]
        due: list[DueDay] = []
        for day in others:
            in_force = None if full else stored.in_force(day, policy)
            if in_force is None:
                due.append(day)
            else:
                known[day.trading_day] = _known(day, in_force, stored.evidence.given(*day.key))
        readers = max(1, workers // max(1, len(due) + len(renewed)))
        for day in due:
            futures[day.trading_day] = pool.submit(judge, context, day, policy, stored.evidence, readers)
        judged = [day for day in days if day.trading_day in futures]
        try:
            for start in range(0, len(judged), BATCH_VERDICTS):
                yield from _write_batch(context, stored, judged[start : start + BATCH_VERDICTS], futures, errors)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
    if errors:
        raise errors[0]


def _with_answers(context: StoreContext, again: Sequence[DayPlan], verdicts: Sequence[DayVerdict]) -> list[DayVerdict]:
    """The verdicts. Where a content is judged `again`, its gaps carry the provider's stored answers."""
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
    context: StoreContext,
    stored: _Stored,
    days: Sequence[DueDay],
    futures: Mapping[date, Future[Judged]],
    errors: list[BaseException],
) -> Iterator[DayOutcome]:
    """Await, write and yield one batch; an error is kept for the end unless the store is away."""
    outcomes: list[DayOutcome] = []
    judged: list[Judged] = []
    for day in days:
        future = futures[day.trading_day]
        error = future.exception()
        if error is None:
            judged.append(future.result())
            outcomes.append(day.outcome(future.result()))
        elif isinstance(error, ReadBackError):
            outcomes.append(day.outcome(failure=error.line))
        elif isinstance(error, ServiceError) and not answers(context.database.endpoint):
            raise error
        else:
            errors.append(error)
    again = [day.plan for day in days if stored.is_about(day.trading_day, day.content.digest)]
    write_verdicts(
        context.database,
        _with_answers(context, again, [verdict for verdict, _ in judged]),
        [metric for verdict, seconds in judged for metric in judgement_metrics(verdict, seconds)],
    )
    for verdict, seconds in judged:
        log_judged(verdict, seconds)
    yield from outcomes
