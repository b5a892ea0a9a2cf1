"""The provider asked again about gaps: what it has and we lost, what it never had, and when it says nothing."""

from __future__ import annotations

import dataclasses
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from pydantic import SecretStr

from ghtrader_assets.clock import SYSTEM_CLOCK
from ghtrader_assets.context.load import LoadContext
from ghtrader_assets.loading.days import load_days
from ghtrader_assets.loading.frames import policy_of
from ghtrader_assets.loading.judgement import judge_days
from ghtrader_assets.loading.probe import HARMLESS, UNANSWERED, probe_gaps, worst_gaps
from ghtrader_assets.market.calendar import TradingCalendar
from ghtrader_assets.market.clock import instant
from ghtrader_assets.market.symbols import parse_symbol
from ghtrader_assets.questdb.client.connection import Database
from ghtrader_assets.questdb.tables.reader import read_gaps, read_summary
from ghtrader_assets.settings import Settings
from ghtrader_assets.tq.pace import Pace
from ghtrader_assets.tq.provider import Provider
from ghtrader_assets.upkeep.causes import Cause
from ghtrader_assets.upkeep.repair import read_plan
from ghtrader_assets.validation.verdicts import Attribution, GapRow, ProbeStatus, midnight_utc
from ghtrader_assets_tests.fix_exchange import ExchangeControl
from ghtrader_assets_tests.fix_platform import CommandLine

SYMBOL = parse_symbol("KQ.m@GFEX.lc")
DAY = date(2025, 12, 24)
CONTRACT = "GFEX.lc2603"
HOLE = {"kind": "hole", "symbol": CONTRACT, "trading_day": DAY.isoformat(), "amount": 200, "fraction": 0.4}


@pytest.fixture
def platform(db: Database, calendar: TradingCalendar, exchange: ExchangeControl, tmp_path: Path) -> LoadContext:
    provider = Provider("quant", SecretStr("quant"), exchange.environment, "embedded")
    home = Settings(home=tmp_path, ingest_workers=1, min_free_mb=0, fast_history="on", start_date=DAY)
    return LoadContext(settings=home, calendar=calendar, database=db, provider=provider)


def load(platform: LoadContext) -> None:
    outcomes = list(load_days(platform, {SYMBOL: [DAY]}, "test", must_judge=True, on_retry=lambda _: None))
    assert [outcome.failure for outcome in outcomes] == [""]


def status(platform: LoadContext) -> list[str]:
    return [gap.tqsdk_status for gap in read_gaps(platform.database, SYMBOL.text, [DAY])]


def repairs(platform: LoadContext) -> list[tuple[date, Cause]]:
    plan = read_plan(platform, [SYMBOL], DAY, DAY, SYSTEM_CLOCK.now())
    return [(item.trading_day, item.cause) for item in (*plan.planned, *plan.waiting)]


def elsewhere(platform: LoadContext) -> LoadContext:
    """The same platform in another home."""
    home = {"home": platform.settings.home / "elsewhere"}
    return dataclasses.replace(platform, settings=platform.settings.model_copy(update=home))


def validated(shared: CommandLine) -> dict[str, Any]:
    words = ("validate", SYMBOL.text, "--from", DAY.isoformat(), "--to", DAY.isoformat(), "--probe", "--json")
    ran = shared.run(*words, GHTRADER_SYMBOLS=SYMBOL.text)
    assert ran.out, ran.err
    return ran.document


def ask(platform: LoadContext) -> list[tuple[int, int, int]]:
    found = probe_gaps(platform, SYMBOL, [DAY], lambda _: None)
    return [(item.provider_has_data, item.provider_missing, item.errors) for item in found]


def test_a_probe_keeps_the_accounts_own_pace(platform: LoadContext, exchange: ExchangeControl) -> None:
    exchange.faults(HOLE)
    load(platform)
    slow = platform.settings.model_copy(update={"sessions_per_minute": 0.2})
    assert ask(dataclasses.replace(platform, settings=slow)) == [(0, 1, 0)]
    pace = Pace(slow.home, platform.provider.account_key, "sessions", 1.0, SYSTEM_CLOCK)
    assert pace.delay() > 60, "the next session may start five minutes after the probe's, not half a second"


def test_a_lost_segment_is_found_and_repaired_and_a_missing_one_is_known(
    platform: LoadContext, exchange: ExchangeControl, shared: CommandLine
) -> None:
    exchange.faults(HOLE)
    load(platform)
    assert status(platform) == ["unchecked"]
    assert repairs(platform) == []

    assert ask(platform) == [(0, 1, 0)], "the provider lacks it still"
    assert status(platform) == ["provider_missing"]
    assert ask(platform) == [], "what was answered is not asked again"
    list(judge_days(platform, SYMBOL, [DAY], full=True))
    assert status(platform) == ["provider_missing"], "the same content keeps its answers"
    assert repairs(platform) == []

    exchange.reset()
    exchange.faults({**HOLE, "fraction": 0.7})
    load(platform)
    assert status(platform) == ["unchecked"], "other content, another gap"
    exchange.reset()
    exchange.faults({"kind": "maintenance", "at": "token", "times": None})
    assert ask(elsewhere(platform)) == [(0, 0, 1)], "where maintenance stops no other request of this home"
    assert status(platform) == ["error"]

    exchange.reset()
    before = read_summary(platform.database, SYMBOL.text, [DAY])
    assert before[DAY].state != "ok"
    document = validated(shared)
    assert [item["outcome"] for item in document["witness"]] == ["complete"], "it is in doubt"
    (said,) = document["probed"]
    assert (said["provider_has_data"], said["provider_missing"], said["errors"]) == (1, 0, 0)
    assert status(platform) == ["provider_has_data"]
    assert repairs(platform) == [(DAY, Cause.PROVIDER_HAS_DATA)]
    after = read_summary(platform.database, SYMBOL.text, [DAY])[DAY]
    assert (before[DAY].witness, after.witness) == ("unwitnessed", "convicts")
    assert (after.state, after.reason_code) == (before[DAY].state, before[DAY].reason_code)
    assert validated(shared)["result"] == "noop", "answers about gaps are no verdict"
    load(platform)
    assert status(platform) == []
    assert repairs(platform) == []


def gap(day: date, first_s: int, seconds: int, attribution: Attribution, answer: ProbeStatus) -> GapRow:
    start = int(midnight_utc(day).timestamp()) + first_s
    return GapRow(
        ts=instant(start * 10**9),
        symbol=SYMBOL.text,
        trading_day=day,
        session="day",
        start_ts=instant(start * 10**9),
        end_ts=instant((start + seconds - 1) * 10**9),
        duration_s=seconds,
        tqsdk_status=answer,
        schedule_hash="",
        updated_at=instant(0),
        contract=CONTRACT,
        window_index=0,
        position="inner",
        attribution=attribution,
        over_adaptive=attribution not in HARMLESS,
        adaptive_threshold_s=10.0,
        judgement_id="",
        lots_across=None,
    )


GAPS = st.lists(
    st.builds(
        gap,
        st.dates(date(2025, 12, 1), date(2025, 12, 5)),
        st.integers(0, 10_000),
        st.integers(1, 500),
        st.sampled_from(Attribution),
        st.sampled_from(ProbeStatus),
    ),
    max_size=30,
)


@hypothesis_settings(deadline=None, max_examples=60)
@given(GAPS, st.integers(0, 3), st.integers(0, 4))
def test_the_worst_come_first_within_the_budget(gaps: list[GapRow], days: int, segments: int) -> None:
    chosen = worst_gaps(gaps, days, segments)
    assert len(chosen) <= days
    open_ = [item for item in gaps if item.tqsdk_status in UNANSWERED]
    assert len(chosen) == (min(days, len({item.trading_day for item in open_})) if segments else 0)

    def harmful(day: date) -> int:
        return sum(item.duration_s for item in open_ if item.trading_day == day and item.attribution not in HARMLESS)

    left_out = {item.trading_day for item in open_} - chosen.keys()
    assert all(harmful(day) >= harmful(other) for day in chosen for other in left_out if segments and days)
    for day, asked in chosen.items():
        of_day = [item for item in open_ if item.trading_day == day]
        rank = sorted((item.attribution in HARMLESS, -item.duration_s) for item in of_day)
        assert [(item.attribution in HARMLESS, -item.duration_s) for item in asked] == rank[:segments]


def test_a_budget_makes_no_day_due(monkeypatch: pytest.MonkeyPatch) -> None:
    before = policy_of(Settings(), SYMBOL).digest
    monkeypatch.setenv("GHTRADER_L5_VALIDATE_TQ_CHECK_MAX_DAYS", "7")
    monkeypatch.setenv("GHTRADER_SOURCE_PROBE", "1")
    assert policy_of(Settings(), SYMBOL).digest == before
