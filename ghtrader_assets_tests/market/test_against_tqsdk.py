"""Calendar, sessions and terms against the 2,488 expired contracts (2016..2020) that the tqsdk package carries.

Only its data file is read, found without importing the client. TqSdk filled the nights of its older contracts from
the table of a later day; those known false entries are listed here.
"""

from __future__ import annotations

import json
import lzma
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from ghtrader_assets.market.calendar import snapshot_calendar
from ghtrader_assets.market.expiry import last_trading_day
from ghtrader_assets.market.products import product_on
from ghtrader_assets.market.sessions import compare_trading_time
from ghtrader_assets.market.symbols import Exchange, Symbol, delivery_month, parse_symbol

CALENDAR = snapshot_calendar()
CLOSED_AFTERWARDS = {date(2020, 1, 1), date(2020, 1, 31)}
"""Last days that TqSdk computed and that became holidays: 2020-01-31 by the epidemic, 2020-01-01 by its own slip."""

FILLED_NIGHTS = {"rb": date(2016, 5, 3), "hc": date(2016, 5, 3), "bu": date(2016, 5, 3), "fu": date(2018, 7, 16)}
"""Until these days TqSdk shows the later night of 21:00-23:00."""

Contract = tuple[Symbol, date, dict[str, Any]]


@pytest.fixture(scope="module")
def contracts() -> list[Contract]:
    spec = find_spec("tqsdk")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    path = Path(spec.submodule_search_locations[0]) / "expired_quotes.json.lzma"
    quotes: dict[str, dict[str, Any]] = json.loads(lzma.decompress(path.read_bytes()))
    futures = {text: quote for text, quote in quotes.items() if quote.get("ins_class") == "FUTURE"}
    return [
        (parse_symbol(text), (datetime.fromtimestamp(quote["expire_datetime"], UTC) + timedelta(hours=8)).date(), quote)
        for text, quote in futures.items()
    ]


def test_last_trading_days_are_trading_days(contracts: list[Contract]) -> None:
    assert len(contracts) == 2488
    closed = {last for _, last, _ in contracts if not CALENDAR.is_trading_day(last)}
    assert closed == CLOSED_AFTERWARDS


def test_the_last_day_of_every_cffex_contract_follows_by_rule(contracts: list[Contract]) -> None:
    known = {symbol: last for symbol, last, _ in contracts if symbol.exchange is Exchange.CFFEX}
    assert len(known) > 100
    assert {symbol: last_trading_day(symbol, CALENDAR) for symbol in known} == known


def test_every_contract_traded_the_hours_of_our_table(contracts: list[Contract]) -> None:
    differing: Counter[str] = Counter()
    for symbol, last, quote in contracts:
        if last in CLOSED_AFTERWARDS:
            continue
        findings = compare_trading_time(symbol, last, CALENDAR, quote["trading_time"])
        if findings and last > FILLED_NIGHTS.get(symbol.product, date.min):
            raise AssertionError(findings)
        differing.update([symbol.product] if findings else [])
    assert differing == Counter({"fu": 25, "rb": 4, "bu": 4, "hc": 3})


def test_every_contract_had_our_terms(contracts: list[Contract]) -> None:
    differing = {
        symbol.text
        for symbol, last, quote in contracts
        for product in [product_on(symbol, last)]
        if (product.price_tick, product.multiplier) != (quote["price_tick"], quote["volume_multiple"])
    }
    assert differing == {"CZCE.TC601", "CZCE.TC603", "CZCE.TC604"}, "TqSdk gives TC the 100 t of its successor ZC"


def test_delivery_months_of_three_and_four_digits(contracts: list[Contract]) -> None:
    for symbol, last, quote in contracts:
        month = delivery_month(symbol, last)
        assert (month.year, month.month) == (quote["delivery_year"], quote["delivery_month"]), symbol
