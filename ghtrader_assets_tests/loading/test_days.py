"""The steps of a load: each symbol's day ends as its own, whatever shares its transaction; the order on the wire."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from functools import partial
from itertools import count, product
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from ghtrader_assets.clock import SYSTEM_CLOCK
from ghtrader_assets.context.load import LoadContext
from ghtrader_assets.errors import IngestState
from ghtrader_assets.loading.batches import Batches, Limits
from ghtrader_assets.loading.days import FetchedLoad, judge_and_record, load_days, store_and_read_back
from ghtrader_assets.loading.plan import DayPlan, plan_days
from ghtrader_assets.loading.record import begin_attempts, fetched_manifest
from ghtrader_assets.manifests import Manifest
from ghtrader_assets.market.calendar import TradingCalendar
from ghtrader_assets.market.symbols import Symbol, parse_symbol
from ghtrader_assets.market.ticks import content_digest
from ghtrader_assets.questdb.client.connection import Database
from ghtrader_assets.questdb.standing.evidence import StoredEvidence
from ghtrader_assets.questdb.tables.reader import read_daily_agg, read_manifests, read_summary
from ghtrader_assets.questdb.tables.tick_columns import read_ticks
from ghtrader_assets.settings import Settings
from ghtrader_assets.tq.fetch import FetchedDay, FetchStats
from ghtrader_assets.tq.provider import Provider
from ghtrader_assets_tests.fix_exchange import ExchangeControl
from ghtrader_assets_tests.fix_questdb import random_ticks, refused_ticks

SYMBOL = parse_symbol("KQ.m@DCE.m")
SYMBOLS = [SYMBOL, parse_symbol("KQ.m@SHFE.au"), parse_symbol("KQ.m@CFFEX.IF")]
DAYS = [date(2026, 3, 9), date(2026, 3, 10), date(2026, 3, 11)]


@pytest.fixture
def platform(db: Database, calendar: TradingCalendar, exchange: ExchangeControl, tmp_path: Path) -> LoadContext:
    provider = Provider("quant", SecretStr("quant"), exchange.environment, "embedded")
    settings = Settings(home=tmp_path, start_date=date(2025, 12, 1), min_free_mb=0, fast_history="on")
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


KINDS = {
    "whole": (IngestState.COMPLETE, ""),
    "misplaced": (IngestState.FAILED, "rows lie outside the trading day"),
    "refused": (IngestState.FAILED, "is negative"),
    "short": (IngestState.SHORT, "the ids break off"),
    "empty": (IngestState.PROVIDER_EMPTY, "the ids break off"),
}
RUNS = count()
a_mix = st.lists(
    st.tuples(st.sampled_from([*product(SYMBOLS, DAYS)]), st.sampled_from([*KINDS])),
    min_size=1, unique_by=lambda item: item[0],
)  # fmt: skip


def answered(plan: DayPlan, manifest: Manifest, kind: str, seed: int) -> FetchedLoad:
    """What came of a planned day, of a kind of `KINDS`."""
    state = KINDS[kind][0]
    if kind in ("short", "empty"):
        answer = fetched(plan, state, None)
    else:
        window, frame = refused_ticks(plan.window, 50)
        if kind == "refused":
            plan = replace(plan, window=window)
        answer = fetched(plan, IngestState.COMPLETE, random_ticks(plan.window, 50, seed) if kind == "whole" else frame)
    return FetchedLoad(plan, fetched_manifest(manifest, answer), answer)


@given(a_mix, st.integers(1, 6), st.integers(1, 3))
@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_mix_of_symbols_days_and_failures_ends_each_once_and_none_takes_another_along(
    platform: LoadContext, mix: list[tuple[tuple[Symbol, date], str]], size: int, in_flight: int
) -> None:
    run = f"run-{next(RUNS)}"
    planned = {(symbol.text, day): plan_days(platform, symbol, [day]).days[0] for (symbol, day), _ in mix}
    kinds = {(symbol.text, day): kind for (symbol, day), kind in mix}
    begun = begin_attempts(platform, list(planned.values()), run)
    loads = [
        answered(plan, manifest, kinds[plan.key], int(run[4:]))
        for plan, manifest in zip(planned.values(), begun, strict=True)
    ]
    limits: Limits[FetchedLoad] = Limits(lambda batch: len(batch) >= size, age_s=1.0, in_flight=in_flight, held=100)
    store, record = partial(store_and_read_back, platform), partial(judge_and_record, platform, StoredEvidence())
    outcomes = list(Batches((load for load in loads), store, partial(record, must_judge=False), limits).results())

    assert sorted((outcome.symbol, outcome.trading_day) for outcome in outcomes) == sorted(planned)
    for outcome in outcomes:
        kind = kinds[outcome.symbol, outcome.trading_day]
        assert (outcome.state, bool(outcome.failure)) == (KINDS[kind][0], kind != "whole")
        assert KINDS[kind][1] in outcome.failure
    for symbol in SYMBOLS:
        recorded = [row for row in read_manifests(platform.database, symbol.text, DAYS) if row.run_id == run]
        assert {row.trading_day: row.outcome for row in recorded} == {
            day: KINDS[kind][0] for (name, day), kind in kinds.items() if name == symbol.text
        }
        stored = {row.manifest_id: row for row in read_daily_agg(platform.database, symbol.text, DAYS)}
        for row in recorded:
            whole = kinds[symbol.text, row.trading_day] == "whole"
            assert (row.manifest_id in stored) == whole
            if whole:
                kept = read_ticks(platform.database, symbol.text, planned[symbol.text, row.trading_day].window)
                assert content_digest(kept) == row.digest == stored[row.manifest_id].digest


def test_symbols_share_a_session_and_go_out_longest_first_then_by_trading_day(
    platform: LoadContext, exchange: ExchangeControl
) -> None:
    one = platform.settings.model_copy(update={"ingest_workers": 1})
    loading, days = replace(platform, settings=one), DAYS[:2]
    for _ in load_days(loading, dict.fromkeys(SYMBOLS, days), "plan", must_judge=False, on_retry=lambda _: None):
        pass
    exchange.reset()
    outcomes = list(load_days(loading, dict.fromkeys(SYMBOLS, days), "again", must_judge=True, on_retry=lambda _: None))
    assert [outcome.failure for outcome in outcomes] == [""] * 6
    assert len(exchange.requests("token")) == 1
    attempts = [outcome.manifest for outcome in outcomes if outcome.manifest]
    sent = sorted(attempts, key=lambda manifest: manifest.started)
    assert sent == sorted(sent, key=lambda row: (-row.rows.bit_length(), row.trading_day, row.symbol))
    assert len({row.rows.bit_length() for row in sent}) > 1
