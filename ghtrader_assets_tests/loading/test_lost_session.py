"""A session that the provider has lost, but for its last tick, on its way through a load: named, asked for again."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pytest
from pydantic import SecretStr

from ghtrader_assets.clock import SYSTEM_CLOCK
from ghtrader_assets.context.load import LoadContext
from ghtrader_assets.loading.days import load_days
from ghtrader_assets.market.calendar import TradingCalendar
from ghtrader_assets.market.sessions import day_sessions
from ghtrader_assets.market.symbols import parse_symbol
from ghtrader_assets.questdb.client.connection import Database
from ghtrader_assets.questdb.standing.day_states import read_day_states
from ghtrader_assets.questdb.tables.reader import read_gaps, read_summary
from ghtrader_assets.questdb.tables.tick_columns import read_ticks
from ghtrader_assets.settings import Settings
from ghtrader_assets.tq.provider import Provider
from ghtrader_assets.upkeep.causes import Cause
from ghtrader_assets.upkeep.repair import read_plan
from ghtrader_assets.validation.verdicts import CoverageVerdict
from ghtrader_assets_tests.fix_exchange import ExchangeControl

pytestmark = pytest.mark.joint

SYMBOL = parse_symbol("KQ.m@INE.sc")
DAY = date(2025, 11, 19)


@pytest.fixture
def platform(db: Database, calendar: TradingCalendar, exchange: ExchangeControl, tmp_path: Path) -> LoadContext:
    provider = Provider("quant", SecretStr("quant"), exchange.environment, "embedded")
    home = Settings(home=tmp_path, ingest_workers=1, min_free_mb=0, fast_history="on", start_date=DAY)
    return LoadContext(settings=home, calendar=calendar, database=db, provider=provider)


def loaded(platform: LoadContext) -> CoverageVerdict:
    outcomes = list(load_days(platform, {SYMBOL: [DAY]}, "test", must_judge=True, on_retry=lambda _: None))
    assert [outcome.failure for outcome in outcomes] == [""]
    return read_summary(platform.database, SYMBOL.text, [DAY])[DAY]


def repairs(platform: LoadContext, *, in_bulk: bool) -> list[tuple[date, Cause]]:
    plan = read_plan(platform, [SYMBOL], DAY, DAY, SYSTEM_CLOCK.now(), in_bulk=in_bulk)
    return [(item.trading_day, item.cause) for item in (*plan.planned, *plan.waiting)]


def test_a_lost_session_is_named_and_asked_for_again(platform: LoadContext, exchange: ExchangeControl) -> None:
    clean = loaded(platform)
    assert (clean.state, clean.detail) == ("ok", "")
    night = day_sessions(SYMBOL, DAY, platform.calendar).windows[0]
    stamps = read_ticks(platform.database, SYMBOL.text, platform.calendar.window(DAY))["datetime_ns"].to_numpy()
    kept = int(np.count_nonzero(stamps <= night.end_ns + 10**9))
    hole = {"amount": len(stamps) - kept - 1, "fraction": kept / (len(stamps) - 1)}
    exchange.faults({"kind": "hole", "symbol": clean.contract, "trading_day": DAY.isoformat(), **hole})

    lost = loaded(platform)
    assert lost.rows_total == kept + 1
    assert (lost.state, lost.reason_code, lost.missing_sessions) == ("error", "session_lost", 1)
    (told,) = read_day_states(platform.database, [SYMBOL.text], DAY, DAY, platform.clock.now())
    assert told.reason.startswith("session_lost: the day session (09:00-15:00) is lost: ")
    gaps = read_gaps(platform.database, SYMBOL.text, [DAY])
    assert {(gap.session, gap.attribution) for gap in gaps} == {("day", "lost")}
    assert len({gap.lots_across for gap in gaps}) == 1, "three windows without a tick between them are one stretch"
    for in_bulk in (False, True):
        assert repairs(platform, in_bulk=in_bulk) == [(DAY, Cause.PARTIAL)]

    exchange.reset()
    assert loaded(platform).state == "ok"
    assert repairs(platform, in_bulk=False) == []
