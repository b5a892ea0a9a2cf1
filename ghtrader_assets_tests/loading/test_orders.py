"""Verdicts do not hang on the order in which days were loaded, and an old day makes due what it moved, no more."""

from __future__ import annotations

import dataclasses
import json
import random
from collections.abc import Sequence
from datetime import date
from typing import Any

import polars as pl
import pytest
from pydantic import SecretStr

from ghtrader_assets.clock import SYSTEM_CLOCK
from ghtrader_assets.context.load import LoadContext
from ghtrader_assets.loading.judgement import judge_days
from ghtrader_assets.loading.plan import plan_day
from ghtrader_assets.market.calendar import TradingCalendar
from ghtrader_assets.market.schedule import ScheduleDay, schedule_hash
from ghtrader_assets.market.symbols import Symbol, parse_symbol
from ghtrader_assets.questdb.client.connection import Database
from ghtrader_assets.questdb.standing.evidence import read_evidence
from ghtrader_assets.questdb.tables.reader import read_gaps, read_summary
from ghtrader_assets.questdb.tables.records import write_schedules
from ghtrader_assets.settings import Settings
from ghtrader_assets.tq.provider import Provider
from ghtrader_assets_tests.loading.small_days import small_day
from ghtrader_assets_tests.model_days import store_frames

pytestmark = pytest.mark.joint

PRODUCTS = ("ni", "pb", "sn")
"""Of the same hours and the same policy: one for each order, all with the same ticks."""
NUMBER = 30
OF_THE_ORDER = (
    "ts",
    "symbol",
    "contract",
    "fingerprint",
    "sessions_fingerprint",
    "schedule_hash",
    "updated_at",
    "judgement_id",
    "manifest_id",
)


@pytest.fixture
def platform(db: Database, calendar: TradingCalendar, tmp_path: Any) -> LoadContext:
    provider = Provider("nobody", SecretStr("nobody"), name="embedded")
    return LoadContext(
        settings=Settings(home=tmp_path, validate_workers=2), calendar=calendar, database=db, provider=provider
    )


def store(platform: LoadContext, symbol: Symbol, frames: dict[date, pl.DataFrame]) -> None:
    contract = f"SHFE.{symbol.product}2603"
    rows = [ScheduleDay(symbol.text, day, contract, 0, is_roll=False, provisional=False) for day in frames]
    write_schedules(platform.database, {schedule_hash(rows): rows}, SYSTEM_CLOCK.now())
    store_frames(platform, [plan_day(platform, symbol, row, "") for row in rows], frames)


def fresh_days(platform: LoadContext, symbol: Symbol, days: Sequence[date]) -> set[date]:
    outcomes = list(judge_days(platform, symbol, days, rows=False))
    assert [outcome.trading_day for outcome in outcomes] == sorted(days)
    assert not any(outcome.failure for outcome in outcomes)
    return {outcome.trading_day for outcome in outcomes if outcome.judgement}


def verdicts(platform: LoadContext, symbol: Symbol, days: Sequence[date]) -> list[dict[str, str]]:
    rows = [
        *read_summary(platform.database, symbol.text, days).values(),
        *read_gaps(platform.database, symbol.text, days),
    ]
    plain = [{name: str(value) for name, value in dataclasses.asdict(row).items()} for row in rows]
    return [{name: value for name, value in row.items() if name not in OF_THE_ORDER} for row in plain]


def test_three_orders_of_loading_come_to_the_same_verdicts(
    platform: LoadContext, calendar: TradingCalendar, seed: int
) -> None:
    days = calendar.days(date(2025, 10, 9), date(2025, 12, 31))[:NUMBER]
    shuffled = random.Random(seed).sample(days, len(days))
    found = []
    for product, order in zip(PRODUCTS, (days, days[::-1], shuffled), strict=True):
        symbol = parse_symbol(f"KQ.m@SHFE.{product}")
        for start in range(0, len(order), 7):
            part = order[start : start + 7]
            store(platform, symbol, {day: small_day(calendar, day, days.index(day)) for day in part})
            assert fresh_days(platform, symbol, part) == set(part)
        fresh_days(platform, symbol, days)
        assert fresh_days(platform, symbol, days) == set()
        found.append(verdicts(platform, symbol, days))
    assert found[0] == found[1] == found[2]
    assert {row.get("baseline_days") for row in found[0]} >= {"0", "5"}


@pytest.mark.parametrize("place", [2, 12])
def test_an_old_day_corrected_makes_due_exactly_the_days_whose_used_baseline_moved(
    platform: LoadContext, calendar: TradingCalendar, place: int
) -> None:
    symbol = parse_symbol(f"KQ.m@SHFE.{('al', 'zn')[place == 2]}")
    days = calendar.days(date(2025, 10, 9), date(2025, 12, 31))[:NUMBER]
    store(platform, symbol, {day: small_day(calendar, day, number) for number, day in enumerate(days)})
    assert fresh_days(platform, symbol, days) == set(days)
    assert fresh_days(platform, symbol, days) == set()
    before = read_summary(platform.database, symbol.text, days)
    store(platform, symbol, {days[place]: small_day(calendar, days[place], 999)})
    fresh = fresh_days(platform, symbol, days)
    now = read_evidence(platform.database, [symbol.text], days[0], days[-1])
    moved = {
        day
        for day in days
        for used in [before[day].baseline_used]
        if now.of(symbol.text, day).baseline_days != before[day].baseline_days
        or any(now.of(symbol.text, day).baseline_value(name) != value for name, value in json.loads(used).items())
    }
    assert fresh == moved | {days[place]}
    assert moved
    assert not moved & set(days[: place + 1])
    assert fresh_days(platform, symbol, days) == set()
