"""What the repair plan makes of a trading day's past: an answer for each, and what the store itself says."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from ghtrader_assets.clock import SYSTEM_CLOCK
from ghtrader_assets.context.load import LoadContext
from ghtrader_assets.errors import IngestState
from ghtrader_assets.loading.frames import judge_frame, policy_of
from ghtrader_assets.loading.plan import plan_day
from ghtrader_assets.market.calendar import TradingCalendar
from ghtrader_assets.market.schedule import ScheduleDay, schedule_hash
from ghtrader_assets.market.symbols import parse_symbol
from ghtrader_assets.questdb.client.connection import Database
from ghtrader_assets.questdb.standing.histories import Attempt, BulkVerdict, Content, Histories
from ghtrader_assets.questdb.tables.reader import read_daily_agg
from ghtrader_assets.questdb.tables.records import write_manifests, write_schedules, write_verdicts
from ghtrader_assets.reference.schedule import schedule_of
from ghtrader_assets.settings import Settings
from ghtrader_assets.tq.provider import Provider
from ghtrader_assets.upkeep.causes import CURABLE, Cause
from ghtrader_assets.upkeep.due import Need
from ghtrader_assets.upkeep.repair import Repair, find_repairs, plan_of, read_plan
from ghtrader_assets.upkeep.wanted import Wanted
from ghtrader_assets.validation.evidence import NO_EVIDENCE
from ghtrader_assets.validation.verdicts import ProbeStatus
from ghtrader_assets_tests.fix_questdb import random_ticks
from ghtrader_assets_tests.model_days import store_frames
from ghtrader_assets_tests.pasts import NO_ATTEMPTS

SYMBOL = parse_symbol("KQ.m@SHFE.ni")
DAY = date(2025, 12, 16)
KEY = (SYMBOL.text, DAY)
NOW = datetime(2025, 12, 17, 4, 0, tzinfo=UTC)
WANTED = Wanted(True, "SHFE.ni2601", 10.0, "wanted", "sessions", "policy")
BUDGET = 4
DIGEST = "d" * 32


def attempt(outcome: IngestState, *, hours_ago: float = 12.0, reason: str = "", **other: Any) -> Attempt:
    ended = NOW - timedelta(hours=hours_ago)
    digest = DIGEST if outcome == IngestState.COMPLETE else ""
    made = Attempt(
        outcome, "wanted", False, digest, reason, "run", 100, 2.0, started=ended - timedelta(seconds=9), finished=ended
    )
    return dataclasses.replace(made, **other)


def standing(
    attempts: Sequence[Attempt] = (),
    content: Content | None = None,
    coverage: BulkVerdict | None = None,
    holes: int = 0,
    *,
    accepted: bool = False,
) -> Histories:
    quality = None if coverage is None else coverage._replace(state="ok", reason_code="quality_ok")
    rows = [
        {"symbol": SYMBOL.text, "trading_day": DAY, "manifest_id": str(nth), **dataclasses.asdict(item)}
        for nth, item in enumerate(attempts)
    ]
    return Histories(
        scheduled_to={SYMBOL.text: DAY},
        contracts={KEY: WANTED.contract},
        contents={} if content is None else {KEY: content},
        coverage={} if coverage is None else {KEY: coverage},
        quality={} if quality is None else {KEY: quality},
        holes={KEY: holes} if holes else {},
        _attempts=pl.DataFrame(rows) if rows else NO_ATTEMPTS,
        accepted={KEY} if accepted else set(),
    )


def repaired(stands: Histories, running: Sequence[str] = ()) -> Repair | None:
    found = find_repairs({KEY: (SYMBOL, WANTED)}, stands, running)
    return found[0] if found else None


GOOD = Content("SHFE.ni2601", DIGEST, "wanted", 100, partial=False)
IN_FORCE = BulkVerdict(WANTED.verdict_on(DIGEST, NO_EVIDENCE.digest("")), "ok", "quality_ok", DIGEST)
COMPLETE = attempt(IngestState.COMPLETE)
BEGUN = attempt(IngestState.RUNNING, finished=None)
EMPTY = attempt(IngestState.PROVIDER_EMPTY, reason="no tick")

ANSWERS: dict[str, tuple[Histories, Cause | None, Need, int]] = {
    "never loaded": (standing(), Cause.MISSING, Need.LOAD, 0),
    "a session lost": (
        standing([COMPLETE], GOOD, IN_FORCE._replace(state="error", reason_code="session_lost")),
        Cause.PARTIAL, Need.LOAD, 1,
    ),
    "an error that no load mends": (
        standing([COMPLETE], GOOD, IN_FORCE._replace(state="error", reason_code="gap_gt30_block")),
        None, Need.NOTHING, 0,
    ),
    "good": (standing([COMPLETE], GOOD, IN_FORCE), None, Need.NOTHING, 0),
    "failed once": (standing([attempt(IngestState.SHORT, reason="ids")]), Cause.FAILED, Need.LOAD, 1),
    "provider empty twice": (standing([EMPTY, EMPTY]), Cause.PROVIDER_EMPTY, Need.LOAD, 2),
    "maintenance costs nothing": (standing([EMPTY, attempt(IngestState.MAINTENANCE)]), Cause.MAINTENANCE, Need.LOAD, 1),
    "denied costs nothing": (standing([attempt(IngestState.DENIED)] * 9), Cause.DENIED, Need.LOAD, 0),
    "a main contract that the provider does not know": (
        standing([attempt(IngestState.UNKNOWN_CONTRACT, reason="whatever it says")]),
        Cause.PROVIDER_MAIN_UNKNOWN, Need.LOAD, 1,
    ),
    "a text that begins like a wrong main contract's": (
        standing([attempt(IngestState.BROKEN, reason="provider_main_expired: so they say")]),
        Cause.FAILED, Need.LOAD, 1,
    ),
    "killed costs nothing": (standing([EMPTY, *[BEGUN] * 9]), Cause.INTERRUPTED, Need.LOAD, 1),
    "cancelled costs nothing": (standing([attempt(IngestState.MISSING)] * 9), Cause.INTERRUPTED, Need.LOAD, 0),
    "killed before its stored-day row": (standing([COMPLETE]), Cause.INTERRUPTED, Need.LOAD, 0),
    "in progress and another contract now": (
        standing([], GOOD._replace(partial=True, upstream="before"), IN_FORCE), Cause.STALE, Need.LOAD, 0,
    ),
    "what was tried of a day in progress": (
        standing([dataclasses.replace(EMPTY, partial=True)] * 9), Cause.PROVIDER_EMPTY, Need.LOAD, 0,
    ),
    "another contract is another effort": (
        standing([dataclasses.replace(EMPTY, upstream="before")] * 9), Cause.PROVIDER_EMPTY, Need.LOAD, 0,
    ),
    "another main contract than the one that it did not know": (
        standing([attempt(IngestState.UNKNOWN_CONTRACT, upstream="before")]), Cause.STALE, Need.LOAD, 0,
    ),
    "contract changed": (
        standing([dataclasses.replace(COMPLETE, upstream="before")], GOOD._replace(upstream="before"), IN_FORCE),
        Cause.STALE, Need.LOAD, 0,
    ),
    "loaded while in progress": (
        standing(
            [dataclasses.replace(COMPLETE, outcome=IngestState.PARTIAL, partial=True)],
            GOOD._replace(partial=True),
            IN_FORCE,
        ),
        Cause.PARTIAL,
        Need.LOAD,
        0,
    ),
    "contract changed and its load failed": (
        standing([dataclasses.replace(COMPLETE, upstream="before"), EMPTY], GOOD._replace(upstream="before"), IN_FORCE),
        Cause.STALE, Need.LOAD, 1,
    ),
    "never judged": (standing([COMPLETE], GOOD), Cause.UNJUDGED, Need.JUDGEMENT, 0),
    "verdict under old rules": (
        standing([COMPLETE], GOOD, IN_FORCE._replace(fingerprint="old")), Cause.STALE, Need.JUDGEMENT, 0,
    ),
    "a session is missing": (
        standing([COMPLETE], GOOD, IN_FORCE._replace(state="partial")), Cause.PARTIAL, Need.LOAD, 1,
    ),
    "the same came again": (
        standing([COMPLETE, COMPLETE, COMPLETE], GOOD, IN_FORCE._replace(state="partial")), Cause.PARTIAL, Need.LOAD, 3,
    ),
    "other content came": (
        standing([dataclasses.replace(COMPLETE, digest="x"), COMPLETE], GOOD, IN_FORCE._replace(state="partial")),
        Cause.PARTIAL, Need.LOAD, 1,
    ),
    "the provider has the gaps": (
        standing([COMPLETE], GOOD, IN_FORCE, holes=3), Cause.PROVIDER_HAS_DATA, Need.LOAD, 1,
    ),
    "a later load failed, the content is good": (standing([COMPLETE, EMPTY], GOOD, IN_FORCE), None, Need.NOTHING, 0),
    "judged and bad is a finding, not a repair": (
        standing([COMPLETE], GOOD, IN_FORCE._replace(state="error")), None, Need.NOTHING, 0,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", ANSWERS)
def test_each_past_has_its_answer(name: str) -> None:
    stands, cause, need, tries = ANSWERS[name]
    found = repaired(stands)
    if cause is None:
        assert found is None
    else:
        assert found is not None
        assert (found.cause, found.need, found.tries) == (cause, need, tries)
        assert found.reason


def part_of(stands: Histories, now: datetime = NOW, running: Sequence[str] = ()) -> str:
    plan = plan_of(find_repairs({KEY: (SYMBOL, WANTED)}, stands, running), stands, BUDGET, now)
    parts = ("planned", "waiting", "given_up", "running", "accepted")
    return next(part for part in parts if getattr(plan, part))


def test_the_first_repair_comes_at_once_and_later_ones_wait_longer_each_time() -> None:
    failed = attempt(IngestState.FAILED, hours_ago=0)
    assert part_of(standing([failed])) == "planned"
    slow = attempt(IngestState.PROVIDER_EMPTY, hours_ago=0)
    for attempts, wait in (
        ([failed] * 2, timedelta(hours=1)),
        ([failed] * 3, timedelta(hours=4)),
        ([slow] * 2, timedelta(days=1)),
        ([slow] * 3, timedelta(days=4)),
    ):
        assert part_of(standing(attempts), NOW + wait - timedelta(seconds=1)) == "waiting"
        assert part_of(standing(attempts), NOW + wait) == "planned"
    assert part_of(standing([failed] * 4), NOW + timedelta(days=400)) == "given_up"


def test_a_day_in_the_hands_of_a_run_is_left_to_it() -> None:
    assert part_of(standing([BEGUN]), running=["run"]) == "running"
    assert part_of(standing([BEGUN]), running=["another"]) == "planned"


def test_an_accepted_day_is_left_alone_unless_something_else_is_due() -> None:
    missing_session = IN_FORCE._replace(state="partial")
    for closed in (
        standing([EMPTY] * 9, accepted=True),
        standing([attempt(IngestState.SHORT)], accepted=True),
        standing([COMPLETE], GOOD, missing_session, accepted=True),
        standing([COMPLETE], GOOD, IN_FORCE, holes=3, accepted=True),
    ):
        assert part_of(closed) == "accepted"
    for due in (
        standing([dataclasses.replace(EMPTY, upstream="before")], accepted=True),
        standing([COMPLETE], GOOD._replace(upstream="before"), missing_session, accepted=True),
        standing([COMPLETE], GOOD, missing_session._replace(fingerprint="old"), accepted=True),
    ):
        assert part_of(due) == "planned"
    assert plan_of(
        find_repairs({KEY: (SYMBOL, WANTED)}, standing([EMPTY], accepted=True), ()), standing(), 4, NOW
    ).empty


@pytest.mark.parametrize(
    ("ended", "ready"),
    [
        (datetime(2025, 12, 17, 11, 5, tzinfo=UTC), datetime(2025, 12, 17, 11, 35, tzinfo=UTC)),
        (datetime(2025, 12, 17, 2, 0, tzinfo=UTC), datetime(2025, 12, 17, 2, 40, tzinfo=UTC)),
    ],
)
def test_maintenance_is_waited_out(ended: datetime, ready: datetime) -> None:
    stands = standing([dataclasses.replace(attempt(IngestState.MAINTENANCE), finished=ended)])
    assert part_of(stands, ready - timedelta(seconds=1)) == "waiting"
    assert part_of(stands, ready) == "planned"


OUTCOMES = st.sampled_from(
    sorted(set(IngestState) - {IngestState.COMPLETE, IngestState.NOT_LISTED, IngestState.EXPIRED})
)


@settings(deadline=None, max_examples=60)
@given(st.lists(OUTCOMES, max_size=8))
def test_repairing_ends(outcomes: list[IngestState]) -> None:
    """However a day fails, after as many counted attempts as the budget allows there is no further one."""
    attempts: list[Attempt] = []
    now = NOW
    for outcome in outcomes:
        part = part_of(standing(attempts), now)
        refused = {IngestState.MAINTENANCE, IngestState.DENIED}
        free = refused | {IngestState.RUNNING, IngestState.MISSING}
        counted = [item for item in attempts if item.outcome not in free]
        ends_free = bool(attempts) and attempts[-1].outcome in refused
        assert (part == "given_up") == (len(counted) >= BUDGET and not ends_free)
        now += timedelta(days=30)
        attempts.append(dataclasses.replace(attempt(outcome), started=now, finished=now))


def test_what_needs_a_person_is_not_the_sensors() -> None:
    assert not {Cause.MISSING, Cause.DENIED, Cause.UNKNOWN_CONTRACT} & CURABLE


DAYS = [date(2025, 12, day) for day in (15, 16, 17, 18, 19)]


@pytest.fixture
def platform(db: Database, calendar: TradingCalendar, tmp_path: Path) -> LoadContext:
    provider = Provider("nobody", SecretStr("nobody"), name="embedded")
    return LoadContext(
        settings=Settings(home=tmp_path, start_date=DAYS[0]), calendar=calendar, database=db, provider=provider
    )


def test_the_plan_is_read_from_the_tables(platform: LoadContext, db: Database) -> None:
    """Stored and judged, stored with a hole the provider could fill, stored for another contract, empty, missing."""
    name = SYMBOL.text
    rows = [ScheduleDay(name, day, "SHFE.ni2601", 0, False, False) for day in DAYS]
    write_schedules(db, {schedule_hash(rows): rows}, SYSTEM_CLOCK.now())
    schedule = schedule_of(platform, SYMBOL, DAYS)
    plans = {day: plan_day(platform, SYMBOL, schedule.rows[day], schedule.hash) for day in DAYS}
    frames = {day: random_ticks(plans[day].window, 300, day.day) for day in DAYS[:3]}
    store_frames(platform, [plans[day] for day in DAYS[:3]], frames)
    verdicts, policy = [], policy_of(platform.settings, SYMBOL)
    for content in read_daily_agg(db, name, DAYS[:3]):
        day = content.trading_day
        verdict, _ = judge_frame(
            plans[day], frames[day], content.digest, content.manifest_id, policy, SYSTEM_CLOCK.now(), NO_EVIDENCE
        )
        gaps = verdict.gaps
        if day == DAYS[1]:
            gaps = (dataclasses.replace(gaps[0], tqsdk_status=ProbeStatus.PROVIDER_HAS_DATA), *gaps[1:])
        ok = dataclasses.replace(verdict.coverage, state="ok", reason_code="quality_ok")
        verdicts.append(dataclasses.replace(verdict, gaps=gaps, coverage=ok))
    write_verdicts(db, verdicts)
    moved = [dataclasses.replace(rows[2], contract="SHFE.ni2602")]
    write_schedules(db, {schedule_hash(moved): moved}, SYSTEM_CLOCK.now())
    (loaded,) = [item for item in _attempts(db, name) if item.trading_day == DAYS[2]]
    empty = dataclasses.replace(
        loaded, manifest_id="20251218T000000-00000000", trading_day=DAYS[3], outcome=IngestState.PROVIDER_EMPTY,
        reason="no tick", digest="", upstream=plans[DAYS[3]].upstream,
    )  # fmt: skip
    write_manifests(db, [empty])
    now = datetime(2026, 1, 5, tzinfo=UTC)
    plan = read_plan(platform, [SYMBOL], None, DAYS[-1], now)
    causes = [Cause.PROVIDER_HAS_DATA, Cause.STALE, Cause.PROVIDER_EMPTY, Cause.MISSING]
    assert [(item.trading_day, item.cause) for item in plan.planned] == list(zip(DAYS[1:], causes, strict=True))
    assert "SHFE.ni2602" in plan.planned[1].reason
    assert (plan.work.loads, plan.work.judgements) == (4, 0)
    assert plan.work.rows == 4 * 300
    in_bulk = read_plan(platform, [SYMBOL], None, DAYS[-1], now, in_bulk=True)
    assert in_bulk == plan, "days that need no closer look are none that the plan names"
    later = read_plan(platform, [SYMBOL], DAYS[-1], DAYS[-1], now, begun={})
    assert later.empty, "a history that no load began stays so"


def _attempts(db: Database, name: str) -> list[Any]:
    from ghtrader_assets.questdb.tables.reader import read_manifests

    return read_manifests(db, name, DAYS)
