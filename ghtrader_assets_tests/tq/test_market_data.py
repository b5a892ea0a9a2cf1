"""Questions about the market, asked of processes that have imported tqsdk: reference data, and lists that are none."""

from __future__ import annotations

import json
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest

from ghtrader_assets.clock import SYSTEM_CLOCK
from ghtrader_assets.errors import BrokenDayError, FetchError, IngestState, UnfitAnswerError
from ghtrader_assets.market.clock import SHANGHAI
from ghtrader_assets.tq.market_data import (
    fetch_continuous_table,
    fetch_holidays,
    fetch_instruments,
    fetch_table_and_holidays,
)
from ghtrader_assets.tq.pool import FetchPool
from ghtrader_assets.tq.reference import instruments
from ghtrader_assets_tests.tq.conftest import QUICK, Exchange, request_of

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


@pytest.mark.parametrize("kind", ["huge", "expanding"])
@pytest.mark.parametrize("place", ["holidays", "continuous"])
def test_an_answer_is_bounded_as_it_expands(exchange: Exchange, home: Path, place: str, kind: str) -> None:
    """100 MB in a worker that has 100 MB: it takes in a sixth, and main contracts are no worse for a bad calendar."""
    exchange.fault(kind, at=place, amount=100, times=None)
    provider = exchange.provider()
    fetch = {
        "holidays": lambda: fetch_holidays(provider, home, QUICK),
        "continuous": lambda: fetch_continuous_table(provider, ["KQ.m@SHFE.cu"], home, QUICK),
    }
    with pytest.raises(UnfitAnswerError, match=r"^oversized: the answer of .*\.json is longer than 16,777,216 bytes"):
        fetch[place]()
    assert len(exchange.requests(place)) == 1
    if place == "holidays":
        table, holidays = fetch_table_and_holidays(provider, ["KQ.m@SHFE.cu"], home, QUICK)
        assert table["KQ.m@SHFE.cu"]
        assert isinstance(holidays, UnfitAnswerError)


def test_a_calendar_of_one_day_is_none(exchange: Exchange, home: Path) -> None:
    exchange.fault("one_day", trading_day="2026-01-01")
    provider = exchange.provider()
    with pytest.raises(UnfitAnswerError, match=r"^implausible: the provider's holiday list covers no year"):
        fetch_holidays(provider, home, QUICK)
    table, holidays = fetch_table_and_holidays(provider, ["KQ.m@SHFE.cu"], home, QUICK)
    assert table["KQ.m@SHFE.cu"]
    assert isinstance(holidays, UnfitAnswerError)


@pytest.mark.parametrize(("place", "said"), [("/control/requests", "another form"), ("/control/none", "no JSON|404")])
def test_what_is_no_table_of_main_contracts_is_named(exchange: Exchange, home: Path, place: str, said: str) -> None:
    provider = exchange.provider(TQ_CONT_TABLE_URL=exchange.url + place)
    with pytest.raises(FetchError, match=said):
        fetch_continuous_table(provider, ["KQ.m@SHFE.cu"], home, QUICK)


def test_an_error_page_in_place_of_the_table_is_asked_for_once(exchange: Exchange, home: Path) -> None:
    exchange.fault("html", at="continuous", times=None)
    with pytest.raises(BrokenDayError, match=r"table of main contracts at .* answers no JSON"):
        fetch_continuous_table(exchange.provider(), ["KQ.m@SHFE.cu"], home, QUICK)
    assert len(exchange.requests("continuous")) == 1


@pytest.mark.parametrize(
    ("rule", "says"),
    [
        ({"kind": "html"}, "the login server answers, but no log-in of TqSdk's"),
        ({"kind": "huge", "amount": 100}, "the login server: oversized: "),
    ],
    ids=["html", "huge"],
)
def test_a_log_in_that_is_none_ends_all_days_at_once(
    exchange: Exchange, home: Path, rule: dict[str, Any], says: str
) -> None:
    exchange.fault(**rule, times=None)
    days = [request_of("SHFE.au2604", date(2025, 4, day)) for day in (21, 22, 23)]
    with FetchPool(exchange.provider(), 1, home, SYSTEM_CLOCK, fast_history="on", timing=QUICK) as pool:
        fetched = list(pool.fetch(days))
    assert [item.state for item in fetched] == [IngestState.FAILED] * 3
    assert all(item.reason.startswith(says) for item in fetched)
    assert len(exchange.requests("token")) == 1


@pytest.mark.parametrize(
    "wrong",
    [
        {"price_tick": float("nan")},
        {"price_tick": float("inf")},
        {"price_tick": -1.0},
        {"volume_multiple": float("nan")},
        {"volume_multiple": 10**30},
        {"trading_time": {"day": [["9:00"]]}},
        {"trading_time": {"day": [["09:00:00", "10:15:00"]] * 100}},
        {"trading_time": {"day": ["09:00:00"]}},
        {"expire_datetime": 1e300},
        {"expire_datetime": "soon"},
    ],
    ids=repr,
)
def test_what_an_instrument_cant_be_is_named(wrong: dict[str, Any]) -> None:
    true = {
        "price_tick": 10.0,
        "volume_multiple": 5,
        "trading_time": {"day": [["09:00:00", "10:15:00"]], "night": []},
        "expire_datetime": float("nan"),
    }
    described = json.loads(instruments(lambda _: true, ["SHFE.cu2603"]))["SHFE.cu2603"]
    assert (described["price_tick"], described["multiplier"], described["expire_s"]) == (10.0, 5, None)
    with pytest.raises(BrokenDayError, match=r"what the provider says of SHFE\.cu2603 can't be: "):
        instruments(lambda _: {**true, **wrong}, ["SHFE.cu2603"])
