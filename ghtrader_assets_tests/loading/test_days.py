"""The steps of a load: a batch's days each end as their own."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import polars as pl
import pytest
from pydantic import SecretStr

from ghtrader_assets.clock import SYSTEM_CLOCK
from ghtrader_assets.context.load import LoadContext
from ghtrader_assets.errors import IngestState
from ghtrader_assets.loading.days import FetchedLoad, judge_and_record, store_and_read_back
from ghtrader_assets.loading.plan import DayPlan, plan_days
from ghtrader_assets.loading.record import begin_attempts, fetched_manifest
from ghtrader_assets.market.calendar import TradingCalendar
from ghtrader_assets.market.symbols import parse_symbol
from ghtrader_assets.questdb.client.connection import Database
from ghtrader_assets.questdb.standing.evidence import StoredEvidence
from ghtrader_assets.questdb.tables.reader import read_daily_agg, read_manifests, read_summary
from ghtrader_assets.settings import Settings
from ghtrader_assets.tq.fetch import FetchedDay, FetchStats
from ghtrader_assets.tq.provider import Provider
from ghtrader_assets_tests.fix_exchange import ExchangeControl
from ghtrader_assets_tests.fix_questdb import random_ticks

SYMBOL = parse_symbol("KQ.m@DCE.m")
DAYS = [date(2026, 3, 9), date(2026, 3, 10), date(2026, 3, 11)]


@pytest.fixture
def platform(db: Database, calendar: TradingCalendar, exchange: ExchangeControl, tmp_path: Path) -> LoadContext:
    provider = Provider("quant", SecretStr("quant"), exchange.environment, "embedded")
    settings = Settings(home=tmp_path, start_date=date(2025, 12, 1), min_free_mb=0)
    return LoadContext(settings=settings, calendar=calendar, database=db, provider=provider)


def fetched(plan: DayPlan, state: IngestState, frame: pl.DataFrame | None) -> FetchedDay:
    now = SYSTEM_CLOCK.now()
    stats = FetchStats(download_s=1.0, attempts=1, bytes=0, reader="tqsdk", started=now, finished=now)
    reason = "" if state == IngestState.COMPLETE else "the ids break off"
    return FetchedDay(plan.request(0), state, reason, frame, stats)


def test_each_day_of_a_batch_ends_as_its_own(platform: LoadContext) -> None:
    plans = plan_days(platform, SYMBOL, DAYS).days
    good, misplaced, short = plans
    answers = [
        fetched(good, IngestState.COMPLETE, random_ticks(good.window, 300)),
        fetched(misplaced, IngestState.COMPLETE, random_ticks(good.window, 20)),
        fetched(short, IngestState.SHORT, random_ticks(short.window, 20)),
    ]
    begun = begin_attempts(platform, plans, "test")
    loads = [
        FetchedLoad(plan, fetched_manifest(manifest, answer), answer)
        for plan, manifest, answer in zip(plans, begun, answers, strict=True)
    ]
    ended = judge_and_record(platform, StoredEvidence(), store_and_read_back(platform, loads[::-1]), must_judge=True)

    outcomes = {outcome.trading_day: outcome for outcome in ended}
    assert [outcomes[day].state for day in DAYS] == [IngestState.COMPLETE, IngestState.FAILED, IngestState.SHORT]
    assert (outcomes[DAYS[0]].failure, outcomes[DAYS[2]].failure) == ("", "short: the ids break off")
    assert "20 of 20 rows lie outside the trading day" in outcomes[DAYS[1]].failure
    recorded = {manifest.trading_day: manifest for manifest in read_manifests(platform.database, SYMBOL.text, DAYS)}
    assert [recorded[day].outcome for day in DAYS] == [outcomes[day].state for day in DAYS]
    assert [row.trading_day for row in read_daily_agg(platform.database, SYMBOL.text, DAYS)] == DAYS[:1]
    assert list(read_summary(platform.database, SYMBOL.text, DAYS)) == DAYS[:1]
