"""Asking the provider for main contracts: once a minute, whatever its holiday list says, which is compared as well."""

from __future__ import annotations

import dataclasses
import logging
import time
from datetime import date
from pathlib import Path

import pytest
from pydantic import SecretStr

from ghtrader_assets.clock import Clock
from ghtrader_assets.context.load import LoadContext
from ghtrader_assets.market.calendar import TradingCalendar
from ghtrader_assets.market.clock import NS
from ghtrader_assets.market.symbols import parse_symbol
from ghtrader_assets.questdb.client.connection import Database
from ghtrader_assets.reference.confirmation import last_confirmation
from ghtrader_assets.reference.main_contracts import KEPT_S, recent_changes
from ghtrader_assets.reference.schedule import refresh_schedule
from ghtrader_assets.settings import Settings
from ghtrader_assets.tq.provider import Provider
from ghtrader_assets_tests.calendars import cut
from ghtrader_assets_tests.fix_exchange import ExchangeControl

CRUDE = parse_symbol("KQ.m@INE.sc")
CHANGED = date(2026, 3, 4)


@pytest.fixture
def platform(db: Database, exchange: ExchangeControl, calendar: TradingCalendar, tmp_path: Path) -> LoadContext:
    """The shared store and exchange, with a home of its own."""
    provider = Provider("quant", SecretStr("quant"), exchange.environment, "embedded")
    settings = Settings(home=tmp_path, start_date=date(2025, 12, 1))
    return LoadContext(settings=settings, calendar=calendar, database=db, provider=provider)


def test_the_provider_is_asked_once_a_minute(platform: LoadContext, exchange: ExchangeControl) -> None:
    start = time.time_ns()

    def asked_by(seconds: float) -> int:
        """How often the provider was asked until so long after the start."""
        now = Clock(lambda: start + round(seconds * NS))
        assert recent_changes(dataclasses.replace(platform, clock=now), [CRUDE])[CRUDE]
        return len(exchange.requests("continuous"))

    once = asked_by(0.0)
    assert once > 0
    assert asked_by(KEPT_S - 1) == once
    assert asked_by(KEPT_S) == 2 * once
    assert asked_by(0.0) == 3 * once, "what is kept of the future is as nothing: the clock was set back"


def test_asking_for_main_contracts_confirms_the_calendar_too(
    platform: LoadContext,
    exchange: ExchangeControl,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
) -> None:
    exchange.faults({"kind": "holiday", "trading_day": str(CHANGED)})
    with caplog.at_level(logging.ERROR, logger="ghtrader_assets"):
        refresh_schedule(platform, CRUDE)
    # tqsdk, once imported, puts a root logger of its own in place: then the line is on stderr.
    assert "holiday list differs" in caplog.text + capsys.readouterr().err
    said = last_confirmation(platform.settings.home, platform.calendar)
    assert said is not None
    assert len(said.differences) == 1
    another = cut(platform.calendar, date(2026, 12, 30))
    assert last_confirmation(platform.settings.home, another) is None, "another calendar was not compared"


def test_main_contracts_come_whatever_the_holiday_list_says(platform: LoadContext, exchange: ExchangeControl) -> None:
    """tqsdk falls over an empty list before it reads the table. A damaged file of kept contracts is as none."""
    exchange.faults({"kind": "holiday"})
    kept = platform.settings.home / "main_contracts" / platform.provider.account_key / "KQ_m_INE_sc.json"
    kept.parent.mkdir(parents=True)
    kept.write_text("[]")
    assert refresh_schedule(platform, CRUDE).rows
    said = last_confirmation(platform.settings.home, platform.calendar)
    assert said is not None
    assert "is empty or no list of days" in said.failure
