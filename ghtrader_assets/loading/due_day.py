"""One stored trading day: read from the store, proved, judged, and what it gives to baselines handed on.

Belongs here: the work of one thread. Does not belong here: which days are due, and writing verdicts (`judgement`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import date
from functools import partial

from ghtrader_assets.context.store import StoreContext
from ghtrader_assets.errors import IngestState
from ghtrader_assets.loading.frames import baseline_of_frame, judge_frame
from ghtrader_assets.loading.outcome import DayOutcome, Judgement
from ghtrader_assets.loading.plan import DayPlan
from ghtrader_assets.manifests import Manifest
from ghtrader_assets.market.clock import instant
from ghtrader_assets.questdb.standing.evidence import StoredEvidence, with_bars
from ghtrader_assets.questdb.tables.rows import DailyAgg
from ghtrader_assets.questdb.tables.tick_columns import even_slices, read_ticks
from ghtrader_assets.questdb.tables.writer import require_content
from ghtrader_assets.validation.evidence import Evidence
from ghtrader_assets.validation.policy import Policy
from ghtrader_assets.validation.verdicts import DayVerdict

Judged = tuple[DayVerdict, float]


@dataclass(frozen=True, slots=True)
class DueDay:
    """A stored day with its plan and the manifest of what is stored."""

    plan: DayPlan
    content: DailyAgg
    manifest: Manifest | None

    @property
    def trading_day(self) -> date:
        return self.plan.trading_day

    @property
    def key(self) -> tuple[str, date]:
        return self.plan.key

    def outcome(self, judged: Judged | None = None, failure: str = "") -> DayOutcome:
        state, verdict = IngestState.COMPLETE, judged[0] if judged else None
        if judged is None or verdict is None:
            return DayOutcome(*self.key, state, self.manifest, failure=failure)
        judgement = Judgement(verdict.coverage, verdict.quality, fresh=True, seconds=judged[1])
        return DayOutcome(*self.key, state, self.manifest, judgement, baseline=verdict.baseline)


def linked(
    work: Callable[[Sequence[Future[None]], Future[None]], Judged], link: Future[None], ahead: Sequence[Future[None]]
) -> Judged:
    """Do the work of one of a chain of days. The days after it go on even if it fails."""
    try:
        return work(ahead, link)
    finally:
        if not link.done():
            link.set_result(None)


def _evidence_for(context: StoreContext, day: DueDay, stored: StoredEvidence) -> Evidence:
    return with_bars(context.database, *day.key, stored.of(*day.key))


def judge(
    context: StoreContext,
    day: DueDay,
    policy: Policy,
    evidence: StoredEvidence,
    readers: int,
    ahead: Sequence[Future[None]] = (),
    link: Future[None] | None = None,
) -> Judged:
    """Read a day, prove it and judge it. Workers that have no day of their own take a share of this one.

    Whatever judging said of ticks that turn out not to be the day's content is dropped. Where the baselines of days
    `ahead` are being renewed, this day gives its own before it waits for theirs; pools begin work in order, so they
    have begun.
    """
    plan, content = day.plan, day.content
    open_hours = [(instant(each.start_ns), instant(each.end_ns)) for each in plan.sessions.windows]
    slices = even_slices(open_hours, readers)
    frame = read_ticks(context.database, plan.symbol.text, plan.window, slices)
    proof = partial(require_content, frame, plan.symbol.text, plan.trading_day, content.digest)
    grounds = (plan, frame, content.digest, content.manifest_id, policy, context.clock.now())
    if link is not None and ahead:
        proof()
        evidence.learn([baseline_of_frame(*grounds)])
        link.set_result(None)
        wait(ahead)
        return judge_frame(*grounds, _evidence_for(context, day, evidence))
    if readers == 1:
        proof()
        judged = judge_frame(*grounds, _evidence_for(context, day, evidence))
    else:
        with ThreadPoolExecutor(1, thread_name_prefix="judge") as pool:
            judging = pool.submit(judge_frame, *grounds, _evidence_for(context, day, evidence))
            proof()
        judged = judging.result()
    evidence.learn([judged[0].baseline])
    return judged
