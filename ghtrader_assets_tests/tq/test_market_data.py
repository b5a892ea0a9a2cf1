"""Questions about the market, asked of processes that have imported tqsdk: reference data, and lists that are none."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path

import pytest

from ghtrader_assets.errors import BrokenDayError
from ghtrader_assets.market.clock import SHANGHAI
from ghtrader_assets.tq.market_data import (
    fetch_continuous_table,
    fetch_holidays,
    fetch_instruments,
    fetch_table_and_holidays,
)
from ghtrader_assets_tests.tq.conftest import QUICK, Exchange

pytestmark = pytest.mark.usefixtures("tqsdk_once")


def test_reference_data(exchange: Exchange, home: Path) -> None:
    provider = exchange.provider()
    changes = fetch_continuous_table(provider, ["KQ.m@SHFE.cu"], home, QUICK)["KQ.m@SHFE.cu"]
    assert changes == sorted(changes)
    assert all(name.startswith("SHFE.cu") for _, name in changes)
    holidays = fetch_holidays(provider, home, QUICK)
    assert date(2025, 10, 1) in holidays
    assert date(2025, 10, 9) not in holidays
    instruments = fetch_instruments(provider, ["SHFE.cu2603", "CZCE.SR605"], home, QUICK)
    copper = instruments["SHFE.cu2603"]
    assert (copper.price_tick, copper.multiplier) == (10.0, 5)
    assert copper.trading_time["night"] == [["21:00:00", "25:00:00"]]
    assert copper.expire_s is not None
    assert datetime.fromtimestamp(copper.expire_s, tz=SHANGHAI).date() == date(2026, 3, 16)


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("/shinny_chinese_holiday.json", "is empty or no list of days"),
        ("/control/requests", "is empty or no list of days"),  # a list of other things
        ("/control/none", r"answers no JSON \(an error page\?\); check TQ_CHINESE_HOLIDAY_URL"),
    ],
)
def test_what_is_no_holiday_list_is_named_with_its_place(exchange: Exchange, home: Path, place: str, said: str) -> None:
    """tqsdk falls over the first with the words "list index out of range"; main contracts are no worse for it."""
    exchange.fault("holiday")
    provider = exchange.provider(TQ_CHINESE_HOLIDAY_URL=exchange.url + place)
    with pytest.raises(BrokenDayError, match=f"the provider's holiday list at {exchange.url}{place} {said}"):
        fetch_holidays(provider, home, QUICK)
    table, holidays = fetch_table_and_holidays(provider, ["KQ.m@SHFE.cu"], home, QUICK)
    assert table["KQ.m@SHFE.cu"]
    assert isinstance(holidays, BrokenDayError)


def test_a_symbol_that_the_table_lacks_costs_the_others_nothing(exchange: Exchange, home: Path) -> None:
    found = fetch_continuous_table(exchange.provider(), ["KQ.m@SHFE.xx", "KQ.m@SHFE.cu"], home, QUICK)
    assert list(found) == ["KQ.m@SHFE.cu"]
