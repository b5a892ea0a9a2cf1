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
from ghtrader_assets.market.symbols import Symbol, delivery_month, parse_symbol

CALENDAR = snapshot_calendar()
CLOSED_AFTERWARDS = {date(2020, 1, 1), date(2020, 1, 31)}
"""Last days that TqSdk computed and that became holidays: 2020-01-31 by the epidemic, 2020-01-01 by its own slip."""

MOVED_BY_NOTICE = {
    *(f"SHFE.{code}1802" for code in ["cu", "al", "zn", "pb", "ni", "sn", "au", "ag", "rb", "wr", "hc", "bu"]),
    *("SHFE.fu1902", "SHFE.fu1910", "SHFE.fu2001", "SHFE.fu2002"),
    *("INE.sc1810", "INE.sc1902", "INE.sc1910", "INE.sc2001", "INE.sc2002"),
}
"""Contracts whose last day the exchange moved (`last_day_adjustments.csv`): TqSdk kept the plain rule's."""

A_DAY_LATE = {f"INE.sc{month}" for month in (1809, *range(1811, 1813), 1901, *range(1903, 1910), 1911, 1912)}
"""TqSdk has them end on the first trading day of their delivery month; INE's list of 2019-01-23 on the one before."""

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


def test_the_last_day_of_every_contract_follows_by_rule_or_notice(contracts: list[Contract]) -> None:
    ours = {symbol.text: last_trading_day(symbol, CALENDAR, last) for symbol, last, _ in contracts}
    assert None not in ours.values()
    differing = {symbol.text for symbol, last, _ in contracts if (known := ours[symbol.text]) and known.day != last}
    assert differing == MOVED_BY_NOTICE | A_DAY_LATE


def test_every_contract_traded_the_hours_of_our_table(contracts: list[Contract]) -> None:
    differing: Counter[str] = Counter()
    for symbol, last, quote in contracts:
        known = last_trading_day(symbol, CALENDAR, last)
        assert known is not None
        day = min(last, known.day)
        findings = compare_trading_time(symbol, day, CALENDAR, quote["trading_time"])
        if findings and day > FILLED_NIGHTS.get(symbol.product, date.min):
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
    present = {name for name in differing if name.startswith(("CZCE.TC", "CZCE.OI", "SHFE.fu"))}
    assert differing == present, "TqSdk fills these with their present terms"
    assert {name for name in differing if "TC" in name} == {"CZCE.TC601", "CZCE.TC603", "CZCE.TC604"}
    assert all("CZCE.OI601" <= name <= "CZCE.OI805" for name in differing if "OI" in name)
    assert all("SHFE.fu1603" <= name <= "SHFE.fu1812" for name in differing if "fu" in name)


def test_delivery_months_of_three_and_four_digits(contracts: list[Contract]) -> None:
    for symbol, last, quote in contracts:
        month = delivery_month(symbol, last)
        assert (month.year, month.month) == (quote["delivery_year"], quote["delivery_month"]), symbol
