"""Judging a range: the same from memory and from the store, few queries, and each bad day stays alone."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import polars as pl
import pytest
from pydantic import SecretStr

from ghtrader_assets.clock import SYSTEM_CLOCK
from ghtrader_assets.context.load import LoadContext
from ghtrader_assets.errors import IngestState, QuestDBError
from ghtrader_assets.loading.days import load_days
from ghtrader_assets.loading.frames import judge_frame, policy_of
from ghtrader_assets.loading.judgement import judge_days
from ghtrader_assets.loading.plan import DayPlan, plan_day
from ghtrader_assets.market.calendar import TradingCalendar, snapshot_calendar
from ghtrader_assets.market.clock import instant
from ghtrader_assets.market.schedule import ScheduleDay, schedule_hash
from ghtrader_assets.market.symbols import Symbol, parse_symbol
from ghtrader_assets.market.ticks import DayWindow, tick_frame
from ghtrader_assets.questdb.client.connection import Database
from ghtrader_assets.questdb.client.credentials import Endpoint
from ghtrader_assets.questdb.client.sql import instant_literal
from ghtrader_assets.questdb.tables.reader import read_daily_agg, read_gaps, read_summary
from ghtrader_assets.questdb.tables.records import write_daily_agg, write_schedules
from ghtrader_assets.settings import Settings
from ghtrader_assets.tq.provider import Provider
from ghtrader_assets.validation.evidence import NO_EVIDENCE
from ghtrader_assets_tests.fix_exchange import ExchangeControl
from ghtrader_assets_tests.loading.small_days import content_of, small_day
from ghtrader_assets_tests.model_days import store_frames
from ghtrader_assets_tests.true_ticks import ticks_of

DAY = date(2025, 12, 16)
BORROWED = {
    "KQ.m@CZCE.CF": ("CZCE.CF605", "CZCE.SR605"),
    "KQ.m@SHFE.pb": ("SHFE.pb2602", "SHFE.cu2602"),
    "KQ.m@DCE.p": ("DCE.p2605", "DCE.m2605"),
    "KQ.m@CFFEX.IH": ("CFFEX.IH2512", "CFFEX.IF2512"),
}
"""Symbols that no other test stores, and the model's contracts whose ticks stand for theirs."""


@pytest.fixture
def queries() -> Counter[str]:
    """How often each query was sent to `platform`."""
    return Counter()


@pytest.fixture
def platform(db: Database, tmp_path: Path, queries: Counter[str]) -> Iterator[LoadContext]:
    """A platform on the shared store whose provider is never asked."""
    provider = Provider("nobody", SecretStr("nobody"), name="embedded")
    with Database(db.endpoint, on_query=lambda name, _: queries.update([name])) as database:
        yield LoadContext(
            settings=Settings(home=tmp_path, validate_workers=3),
            calendar=snapshot_calendar(),
            database=database,
            provider=provider,
        )


def stored(platform: LoadContext, symbol: Symbol, contract: str, frames: dict[date, pl.DataFrame]) -> list[DayPlan]:
    """Store days under a schedule that knows nothing but them."""
    rows = [ScheduleDay(symbol.text, day, contract, 0, is_roll=False, provisional=False) for day in frames]
    write_schedules(platform.database, {schedule_hash(rows): rows}, SYSTEM_CLOCK.now())
    plans = [plan_day(platform, symbol, row, schedule_hash(rows)) for row in rows]
    store_frames(platform, plans, frames)
    return plans


def small_days(platform: LoadContext, name: str, calendar: TradingCalendar, number: int) -> tuple[Symbol, list[date]]:
    symbol = parse_symbol(name)
    days = calendar.days(date(2025, 10, 9), date(2025, 12, 31))[:number]
    frames = {day: small_day(calendar, day, version) for version, day in enumerate(days)}
    stored(platform, symbol, f"SHFE.{symbol.product}2602", frames)
    return symbol, days


@pytest.mark.parametrize("name", BORROWED)
def test_the_frame_in_memory_is_judged_like_the_stored_day(platform: LoadContext, name: str) -> None:
    symbol, (contract, model) = parse_symbol(name), BORROWED[name]
    columns: dict[str, Any] = {name: values.copy() for name, values in ticks_of(model, DAY).items()}
    kept = np.ones(len(columns["tick_id"]), dtype=np.bool_)
    kept[8_000:8_400] = False
    columns = {name: values[kept] for name, values in columns.items()}
    columns["bid_price1"][2_000] *= 2
    columns["open_interest"][3_000:3_200] = np.nan
    frame = tick_frame(columns)
    (plan,) = stored(platform, symbol, contract, {DAY: frame})
    (content,) = read_daily_agg(platform.database, name, [DAY])
    policy = policy_of(platform.settings, symbol)
    memory, _ = judge_frame(plan, frame, content.digest, content.manifest_id, policy, SYSTEM_CLOCK.now(), NO_EVIDENCE)
    (outcome,) = judge_days(platform, symbol, [DAY])
    assert outcome.judgement is not None
    assert outcome.judgement.fresh
    assert outcome.judgement.coverage.state == "error"
    assert content_of(outcome.judgement.coverage) == content_of(memory.coverage)
    assert content_of(outcome.judgement.quality) == content_of(memory.quality)
    assert [content_of(gap) for gap in read_gaps(platform.database, name, [DAY])] == [
        content_of(g) for g in memory.gaps
    ]
    (again,) = judge_days(platform, symbol, [DAY])
    assert again.judgement is not None
    assert not again.judgement.fresh
    assert content_of(again.judgement.coverage) == content_of(memory.coverage)


def test_a_range_with_nothing_to_do_costs_seven_queries(
    platform: LoadContext, calendar: TradingCalendar, queries: Counter[str]
) -> None:
    symbol, days = small_days(platform, "KQ.m@SHFE.zn", calendar, 45)
    list(judge_days(platform, symbol, days))
    queries.clear()
    outcomes = list(judge_days(platform, symbol, days))
    assert not any(outcome.judgement is None or outcome.judgement.fresh for outcome in outcomes)
    assert queries == Counter(
        ["daily_agg", "manifests", "summary", "quality", "schedule", "baselines", "witness_digests"]
    )
    queries.clear()
    in_force = list(judge_days(platform, symbol, days, rows=False))
    assert queries == Counter(
        ["daily_agg", "coverage_standing", "quality_decision", "schedule", "baselines", "witness_digests"]
    )
    assert [item.in_force for item in in_force] == [
        (outcome.judgement.deciding.state, outcome.judgement.deciding.reason_code)
        for outcome in outcomes
        if outcome.judgement
    ]
    queries.clear()
    frame = small_day(calendar, days[20], 20).with_columns(pl.col("open_interest") + 1)
    stored(platform, symbol, "SHFE.zn2602", {days[20]: frame})
    queries.clear()
    outcomes = list(judge_days(platform, symbol, days, rows=False))
    assert [outcome.trading_day for outcome in outcomes if outcome.judgement and outcome.judgement.fresh] == [days[20]]
    assert queries.pop("wal_state") > 0
    assert queries.pop("ticks_of_day") == platform.settings.validate_workers
    expected = [
        "daily_agg",
        "coverage_standing",
        "quality_decision",
        "schedule",
        "baselines",
        "witness_digests",
        "gap_keys",
    ]
    assert queries == Counter(expected)


@pytest.mark.parametrize("workers", [1, 4])
def test_a_tampered_and_a_missing_day_are_theirs_alone(
    platform: LoadContext, calendar: TradingCalendar, workers: int
) -> None:
    name = {1: "KQ.m@SHFE.al", 4: "KQ.m@SHFE.ni"}[workers]
    symbol, days = small_days(platform, name, calendar, 25)
    (row,) = read_daily_agg(platform.database, name, [days[3]])
    write_daily_agg(platform.database, [dataclasses.replace(row, digest="0" * 32)])
    settings = platform.settings.model_copy(update={"validate_workers": workers})
    outcomes = list(judge_days(dataclasses.replace(platform, settings=settings), symbol, [date(2025, 9, 30), *days]))
    assert [outcome.trading_day for outcome in outcomes] == [date(2025, 9, 30), *days]
    assert outcomes[0].state == IngestState.MISSING
    assert "have digest" in outcomes[4].failure
    assert outcomes[4].judgement is None
    judged = set(days) - {days[3]}
    assert {outcome.trading_day for outcome in outcomes if outcome.judgement} == judged
    assert set(read_summary(platform.database, name, days)) == judged


def test_a_tampered_day_says_so_even_where_the_rules_choke_on_it(
    platform: LoadContext, calendar: TradingCalendar, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A day alone is judged while it is proved: the proof's word counts before the judgement's."""

    def choke(*_: object) -> NoReturn:
        raise ArithmeticError("no rule was made for this")

    symbol, (day,) = small_days(platform, "KQ.m@SHFE.sp", calendar, 1)
    (row,) = read_daily_agg(platform.database, symbol.text, [day])
    write_daily_agg(platform.database, [dataclasses.replace(row, digest="0" * 32)])
    monkeypatch.setattr("ghtrader_assets.loading.due_day.judge_frame", choke)
    (outcome,) = judge_days(platform, symbol, [day])
    assert "have digest" in outcome.failure
    assert outcome.judgement is None


class OneDayUnreadable(Database):
    """A real store in which the ticks of one day can't be read."""

    def __init__(self, endpoint: Endpoint, window: DayWindow) -> None:
        super().__init__(endpoint)
        self._broken = f"ts >= {instant_literal(instant(window.start_ns))}"

    def export(self, name: str, statement: str) -> pl.DataFrame:
        if self._broken in statement:
            return super().export(name, statement.replace("seq", "no_such_column"))
        return super().export(name, statement)


def test_a_failed_query_is_an_error_of_the_run_and_no_verdict(platform: LoadContext, calendar: TradingCalendar) -> None:
    symbol, days = small_days(platform, "KQ.m@SHFE.bu", calendar, 6)
    with OneDayUnreadable(platform.database.endpoint, calendar.window(days[2])) as database:
        seen: list[date] = []
        with pytest.raises(QuestDBError, match="no_such_column"):
            seen.extend(
                outcome.trading_day
                for outcome in judge_days(dataclasses.replace(platform, database=database), symbol, days)
            )
    assert set(read_summary(platform.database, symbol.text, days)) == set(days) - {days[2]}
    outcomes = list(judge_days(platform, symbol, days))
    assert [outcome.trading_day for outcome in outcomes if outcome.judgement and outcome.judgement.fresh] == [days[2]]


def test_judging_leaves_metrics(platform: LoadContext, calendar: TradingCalendar) -> None:
    symbol, days = small_days(platform, "KQ.m@SHFE.fu", calendar, 2)
    outcomes = list(judge_days(platform, symbol, days))
    platform.database.await_applied("ghtrader_metrics_v1")
    found = platform.database.rows(
        "metrics",
        "SELECT name, trading_day, value FROM ghtrader_metrics_v1 WHERE symbol = %s AND ts > %s",
        [symbol.text, outcomes[0].judgement.coverage.updated_at - timedelta(hours=1)] if outcomes[0].judgement else [],
    )
    values = {(name, day): value for name, day, value in found}
    assert len(found) == 8
    for outcome in outcomes:
        judgement, day = outcome.judgement, outcome.trading_day.isoformat()
        assert judgement is not None
        assert values["validation_seconds", day] == judgement.seconds
        assert values["gap_count", day] == judgement.coverage.missing_segments
        assert values["gap_seconds", day] == judgement.coverage.missing_seconds
        assert values["quality_score", day] == judgement.quality.score


def test_when_days_are_judged_after_ingest(
    platform: LoadContext, exchange: ExchangeControl, calendar: TradingCalendar
) -> None:
    symbol = parse_symbol("KQ.m@GFEX.lc")
    days = calendar.days(date(2026, 2, 3), date(2026, 2, 4))
    provider = Provider("quant", SecretStr("quant"), exchange.environment, "embedded")

    def judged_after_ingest(when: str) -> dict[date, bool]:
        update = {
            "validate_after_ingest": when,
            "fast_history": "on",
            "start_date": days[0],
            "ingest_workers": 1,
            "min_free_mb": 0,
        }
        settings = platform.settings.model_copy(update=update)
        opened = dataclasses.replace(platform, settings=settings, provider=provider)
        outcomes = list(load_days(opened, {symbol: days}, "test", must_judge=False, on_retry=lambda _: None))
        assert [outcome.failure for outcome in outcomes] == ["", ""]
        return {outcome.trading_day: outcome.judgement is not None for outcome in outcomes}

    assert judged_after_ingest("never") == {days[0]: False, days[1]: False}
    assert read_summary(platform.database, symbol.text, days) == {}
    exchange.faults({"kind": "refuse", "status": 503, "message": "busy"})
    assert judged_after_ingest("on-error") == {days[0]: True, days[1]: False}
    assert set(read_summary(platform.database, symbol.text, days)) == {days[0]}
    assert judged_after_ingest("always") == {days[0]: True, days[1]: True}
    outcomes = list(judge_days(platform, symbol, days))
    assert not any(outcome.judgement is None or outcome.judgement.fresh for outcome in outcomes)
