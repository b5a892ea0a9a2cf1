"""A day is judged again when, and only when, something it hangs on has changed: random steps, checked at each."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from typing import Any, NamedTuple

import polars as pl
import pytest
from pydantic import SecretStr

from ghtrader_assets.clock import SYSTEM_CLOCK
from ghtrader_assets.context.load import LoadContext
from ghtrader_assets.loading import frames
from ghtrader_assets.loading import plan as planning
from ghtrader_assets.loading.frames import judge_frame, policy_of
from ghtrader_assets.loading.judgement import judge_days
from ghtrader_assets.loading.outcome import DayOutcome
from ghtrader_assets.loading.plan import DayPlan, plan_day
from ghtrader_assets.market.calendar import TradingCalendar
from ghtrader_assets.market.products import product_on
from ghtrader_assets.market.schedule import ScheduleDay, schedule_hash
from ghtrader_assets.market.session_events import ANY, SessionEvent
from ghtrader_assets.market.symbols import Exchange, parse_symbol
from ghtrader_assets.market.ticks import content_digest
from ghtrader_assets.questdb.client.connection import Database
from ghtrader_assets.questdb.tables.reader import read_gaps
from ghtrader_assets.questdb.tables.records import write_daily_agg, write_schedules, write_verdicts
from ghtrader_assets.questdb.tables.rows import DailyAgg
from ghtrader_assets.questdb.tables.writer import DayLoad, StoredDay
from ghtrader_assets.setting_sources import SourcedValue
from ghtrader_assets.settings import Settings
from ghtrader_assets.tq.provider import Provider
from ghtrader_assets.validation import judge
from ghtrader_assets.validation.evidence import NO_EVIDENCE
from ghtrader_assets.validation.verdicts import DayVerdict, GapRow
from ghtrader_assets_tests.loading.small_days import content_of, small_day
from ghtrader_assets_tests.storing import store_days

SYMBOL = parse_symbol("KQ.m@SHFE.sn")
DAYS = (date(2025, 12, 16), date(2025, 12, 17), date(2025, 12, 18))
STEPS, SOAK_STEPS = 60, 300
GAP_THRESHOLD = "GHTRADER_L5_VALIDATE_GAP_THRESHOLD_S_SN"
HALT = SessionEvent(
    exchanges=frozenset({Exchange.SHFE}),
    products=frozenset({"sn"}),
    contracts=frozenset({ANY}),
    session="day",
    action="halt",
    first_day=DAYS[0],
    last_day=DAYS[1],
    second=10 * 3600 + 1800,
    until=11 * 3600,
    source="a test",
    verified=True,
)


class Grounds(NamedTuple):
    """Everything a verdict hangs on, as the test knows it."""

    content: str
    contract: str
    rule_version: str
    threshold: str
    price_tick: float
    halted: bool


@pytest.fixture
def platform(db: Database, calendar: TradingCalendar, tmp_path: Any) -> LoadContext:
    """A platform on the shared store whose provider is never asked."""
    provider = Provider("nobody", SecretStr("nobody"), name="embedded")
    return LoadContext(
        settings=Settings(home=tmp_path, validate_workers=2), calendar=calendar, database=db, provider=provider
    )


@pytest.fixture(autouse=True)
def unchanged_rules(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The rule version is as before when a test has turned it."""
    for module in (judge, frames):
        monkeypatch.setattr(module, "RULE_VERSION", judge.RULE_VERSION)
    monkeypatch.setattr(planning, "product_on", product_on)
    yield
    monkeypatch.undo()


class Bench:
    """The store under test, and what the test knows about it."""

    def __init__(self, platform: LoadContext) -> None:
        self.platform = platform
        self.versions: dict[date, int] = {}
        self.contents: dict[date, DailyAgg] = {}
        self.contracts = dict.fromkeys(DAYS, "SHFE.sn2601")
        self.rule_version, self.threshold, self.price_tick, self.halted = "1", "5", 10.0, False
        self.judged: dict[date, Grounds] = {}
        self.full: dict[tuple[date, Grounds], DayVerdict] = {}
        self.write_schedule()

    def set_threshold(self, seconds: str) -> None:
        self.threshold = seconds
        policy = {GAP_THRESHOLD: SourcedValue(GAP_THRESHOLD, seconds, "a test")}
        settings = self.platform.settings.model_copy(update={"l5_validate": policy})
        self.platform = dataclasses.replace(self.platform, settings=settings)

    def write_schedule(self) -> None:
        rows = [ScheduleDay(SYMBOL.text, day, contract, 0, False, False) for day, contract in self.contracts.items()]
        write_schedules(self.platform.database, {schedule_hash(rows): rows}, SYSTEM_CLOCK.now())

    def plan(self, day: date) -> DayPlan:
        return plan_day(self.platform, SYMBOL, ScheduleDay(SYMBOL.text, day, self.contracts[day], 0, False, False), "")

    def frame(self, day: date) -> pl.DataFrame:
        return small_day(self.platform.calendar, day, self.versions[day])

    def load(self, day: date, version: int, *, judged: bool) -> None:
        self.versions[day] = version
        plan, frame, manifest_id = self.plan(day), self.frame(day), f"{day:%Y%m%d}T000000-{version:08d}"
        load = DayLoad(SYMBOL.text, day, plan.window, plan.schedule.contract, 0, "", frame)
        (stored,) = store_days(self.platform.database, [load], "checksum")
        assert isinstance(stored, StoredDay)
        self.contents[day] = DailyAgg(
            symbol=SYMBOL.text,
            trading_day=day,
            rows_total=stored.rows,
            first_tick=stored.first_tick,
            last_tick=stored.last_tick,
            contract=plan.schedule.contract,
            digest=stored.digest,
            upstream=plan.upstream,
            manifest_id=manifest_id,
            updated_at=datetime.now(UTC),
        )
        write_daily_agg(self.platform.database, [self.contents[day]])
        if judged:
            write_verdicts(self.platform.database, [self.verdict_from_memory(day)])
            self.judged[day] = self.grounds(day)

    def verdict_from_memory(self, day: date) -> DayVerdict:
        row = self.contents[day]
        policy = policy_of(self.platform.settings, SYMBOL)
        now = SYSTEM_CLOCK.now()
        plan, frame = self.plan(day), self.frame(day)
        return judge_frame(plan, frame, row.digest, row.manifest_id, policy, now, NO_EVIDENCE)[0]

    def grounds(self, day: date) -> Grounds:
        halted = self.halted and HALT.applies(SYMBOL, day)
        digest = content_digest(self.frame(day))
        return Grounds(digest, self.contracts[day], self.rule_version, self.threshold, self.price_tick, halted)

    def validate(self, days: Sequence[date]) -> None:
        """Validate, and compare with what had to be judged and with a judgement of every day from scratch."""
        outcomes = list(judge_days(self.platform, SYMBOL, days))
        assert [outcome.trading_day for outcome in outcomes] == sorted(days)
        stored = [outcome for outcome in outcomes if outcome.trading_day in self.versions]
        assert [outcome.trading_day for outcome in outcomes if outcome.failure] == [
            day for day in sorted(days) if day not in self.versions
        ]
        fresh = {outcome.trading_day for outcome in stored if outcome.judgement and outcome.judgement.fresh}
        loaded = [outcome.trading_day for outcome in stored]
        changed = {day for day in loaded if self.judged.get(day) != self.grounds(day)}
        assert fresh == changed
        self.judged |= {day: self.grounds(day) for day in loaded}
        gaps = read_gaps(self.platform.database, SYMBOL.text, loaded)
        for outcome in stored:
            self.compare_with_full(outcome, [gap for gap in gaps if gap.trading_day == outcome.trading_day])

    def compare_with_full(self, outcome: DayOutcome, stored_gaps: Sequence[GapRow]) -> None:
        """With a judgement of the frame in memory, which is that of the stored day (`test_judgement`)."""
        day, known = outcome.trading_day, outcome.judgement
        grounds = day, self.grounds(day)
        if grounds not in self.full:
            self.full[grounds] = self.verdict_from_memory(day)
        full = self.full[grounds]
        assert known is not None
        for mine, theirs in ((known.coverage, full.coverage), (known.quality, full.quality)):
            kept = dataclasses.replace(theirs, schedule_hash=mine.schedule_hash, manifest_id=mine.manifest_id)
            assert content_of(mine) == content_of(kept)
        gaps = [dataclasses.replace(gap, schedule_hash=full.coverage.schedule_hash) for gap in stored_gaps]
        assert [content_of(gap) for gap in gaps] == [content_of(gap) for gap in full.gaps]


class Steps:
    """What may happen to the days of a symbol, in any order. A method's number says how often it comes."""

    def __init__(self, bench: Bench, seed: int) -> None:
        self.bench = bench
        self.random = random.Random(seed)
        self.weights = {
            self.load: 6,
            self.load_the_same_again: 3,
            self.correct: 4,
            self.change_rules: 2,
            self.change_policy: 3,
            self.change_terms: 2,
            self.correct_roll: 3,
            self.change_sessions: 2,
            self.validate_some: 8,
            self.validate_all: 4,
        }

    def take(self, number: int) -> None:
        for step in self.random.choices(list(self.weights), list(self.weights.values()), k=number):
            step()

    def day(self) -> date:
        return self.random.choice(DAYS)

    def load(self) -> None:
        self.bench.load(self.day(), self.random.randrange(30), judged=self.random.random() < 0.5)

    def load_the_same_again(self) -> None:
        day = self.day()
        self.bench.load(day, self.bench.versions.get(day, 0), judged=False)

    def correct(self) -> None:
        day = self.day()
        self.bench.load(day, self.bench.versions.get(day, 0) + 31, judged=False)

    def change_rules(self) -> None:
        self.bench.rule_version = self.random.choice(("1", "2"))
        for module in (judge, frames):
            module.RULE_VERSION = self.bench.rule_version  # type: ignore[misc]

    def change_policy(self) -> None:
        self.bench.set_threshold(self.random.choice(("5", "20", "120")))

    def change_terms(self) -> None:
        self.bench.price_tick = self.random.choice((10.0, 20.0))
        terms = {"price_tick": self.bench.price_tick}
        planning.product_on = lambda symbol, day: dataclasses.replace(product_on(symbol, day), **terms)  # type: ignore[assignment]

    def correct_roll(self) -> None:
        self.bench.contracts[self.day()] = self.random.choice(("SHFE.sn2601", "SHFE.sn2602"))
        self.bench.write_schedule()

    def change_sessions(self) -> None:
        self.bench.halted = not self.bench.halted
        events = (HALT,) if self.bench.halted else ()
        self.bench.platform = dataclasses.replace(self.bench.platform, operator_events=events)

    def validate_some(self) -> None:
        self.bench.validate(self.random.sample(DAYS, self.random.randint(1, 2)))

    def validate_all(self) -> None:
        self.bench.validate(DAYS)


def test_incremental_verdicts_equal_a_full_judgement_after_every_step(platform: LoadContext, seed: int) -> None:
    Steps(Bench(platform), seed).take(STEPS)


@pytest.mark.soak
@pytest.mark.parametrize("number", range(4))
def test_incremental_verdicts_equal_a_full_judgement_on_longer_ways(
    platform: LoadContext, seed: int, number: int
) -> None:
    Steps(Bench(platform), seed * 1000 + number).take(SOAK_STEPS)
