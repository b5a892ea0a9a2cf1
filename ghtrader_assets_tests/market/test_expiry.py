"""Last trading days: against the exchanges' own lists, and what follows for a contract's sessions."""

from __future__ import annotations

import csv
from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ghtrader_assets.errors import NotListedError
from ghtrader_assets.market.calendar import snapshot_calendar
from ghtrader_assets.market.expiry import contract_has_ended, last_trading_day
from ghtrader_assets.market.products import Product, products
from ghtrader_assets.market.sessions import day_sessions
from ghtrader_assets.market.symbols import contract_symbol, parse_symbol

DATA = Path(__file__).parent.parent / "data"
CALENDAR = snapshot_calendar()


def typed_answers() -> list[dict[str, str]]:
    lines = (DATA / "last_day_answers.csv").read_text(encoding="utf-8").splitlines()
    return list(csv.DictReader(line for line in lines if not line.startswith("#")))


@pytest.mark.parametrize("row", typed_answers(), ids=lambda row: row["contract"])
def test_the_exchanges_own_lists(row: dict[str, str]) -> None:
    day = date.fromisoformat(row["last_day"])
    last = last_trading_day(parse_symbol(row["contract"]), CALENDAR, day)
    assert last is not None
    assert last.day == day, row["source"]


@pytest.mark.parametrize(
    ("contract", "day"),
    [
        ("SHFE.cu2402", "2024-02-19"),
        ("SHFE.ag2102", "2021-02-05"),
        ("DCE.m2605", "2026-05-19"),
        ("DCE.jd1702", "2017-02-16"),
        ("DCE.jd1703", "2017-03-28"),
        ("DCE.l2602F", "2026-01-30"),
        ("CZCE.WS305", "2013-05-23"),
        ("CZCE.ZC302", "2023-02-07"),
        ("CFFEX.T2009", "2020-09-11"),
        ("CFFEX.IF1602", "2016-02-19"),
        ("INE.ec2602", "2026-02-09"),
    ],
)
def test_one_contract_of_each_rule(contract: str, day: str) -> None:
    last = last_trading_day(parse_symbol(contract), CALENDAR, date.fromisoformat(day))
    assert last is not None
    assert last.day.isoformat() == day


ANY_PRODUCT = st.sampled_from([product for product in products() if product.code != "GN"])


@given(product=ANY_PRODUCT, delivery=st.dates(date(2005, 1, 1), date(2026, 12, 1)))
@settings(max_examples=300, deadline=None)
def test_a_last_day_trades_and_lies_near_delivery(product: Product, delivery: date) -> None:
    month = delivery.replace(day=1)
    last = last_trading_day(contract_symbol(parse_symbol(product.alias), month), CALENDAR, month)
    assert last is not None, "every product has a rule"
    assert CALENDAR.is_trading_day(last.day)
    assert month - timedelta(days=31) <= last.day < month + timedelta(days=31)
    assert last.source


def test_every_product_but_the_mung_bean_has_a_rule() -> None:
    month = date(2009, 5, 1)
    without = [
        product.code
        for product in products()
        if last_trading_day(contract_symbol(parse_symbol(product.alias), month), CALENDAR, month) is None
    ]
    assert without == ["GN"]


def test_an_alias_and_a_day_that_nobody_knows_yet_have_none() -> None:
    assert last_trading_day(parse_symbol("KQ.m@SHFE.cu"), CALENDAR, date(2026, 1, 5)) is None
    assert last_trading_day(parse_symbol("SHFE.cu2803"), CALENDAR, date(2027, 11, 2)) is None


def test_a_contract_has_no_sessions_after_its_last_day() -> None:
    contract, last = parse_symbol("SHFE.cu2602"), date(2026, 2, 24)
    assert day_sessions(contract, last, CALENDAR).windows
    with pytest.raises(NotListedError, match="cu2602 ended on 2026-02-24; choose a later contract"):
        day_sessions(contract, CALENDAR.next(last), CALENDAR)
    for ancient in ("SHFE.cu0312", "SHFE.cu9912"):
        with pytest.raises(NotListedError, match="ended on"):
            day_sessions(parse_symbol(ancient), date(2026, 1, 5), CALENDAR)
    with pytest.raises(NotListedError, match="SR601 ended on 2026-01-16"):
        day_sessions(parse_symbol("CZCE.SR601"), date(2026, 6, 1), CALENDAR)


def test_an_unverified_last_day_ends_no_contract_within_its_delivery_month() -> None:
    contract = parse_symbol("GFEX.lc2603")
    last = last_trading_day(contract, CALENDAR, date(2026, 3, 2))
    assert last is not None
    assert not last.verified
    assert contract_has_ended(contract, date(2026, 3, 31), CALENDAR) is None
    assert contract_has_ended(contract, date(2026, 4, 1), CALENDAR) == last
