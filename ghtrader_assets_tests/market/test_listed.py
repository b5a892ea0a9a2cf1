"""The contracts that are listed on a day: those of the embedded exchange, and what some products have of their own."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from ghtrader_assets.errors import BadInputError
from ghtrader_assets.exchange.contracts import contracts_of
from ghtrader_assets.exchange.specs import Spec, specs_of
from ghtrader_assets.market.calendar import snapshot_calendar
from ghtrader_assets.market.expiry import StatedDay
from ghtrader_assets.market.listed import ListedContract, contracts_on
from ghtrader_assets.market.products import product_of, products
from ghtrader_assets.market.symbols import Exchange

CALENDAR = snapshot_calendar()
DAY = date(2026, 1, 6)
DAYS = CALENDAR.days(date(2023, 1, 3), date(2026, 11, 27))
SIMPLER_THERE = {"T", "au", "sc"}
"""Of these, and in a product's first year, the embedded exchange lists other months than the rules of the real one."""
SPECS = [spec for spec in specs_of(2).values() if spec.code not in SIMPLER_THERE]


def listed(exchange: Exchange, code: str, day: date = DAY) -> list[ListedContract]:
    return contracts_on(product_of(exchange, code), day, CALENDAR)


def names(exchange: Exchange, code: str, day: date = DAY) -> list[str]:
    return [each.contract.partition(".")[2] for each in listed(exchange, code, day)]


@settings(deadline=None)
@given(st.sampled_from(SPECS), st.sampled_from(DAYS))
def test_they_are_those_of_the_embedded_exchange(spec: Spec, day: date) -> None:
    assume(day > product_of(spec.exchange, spec.code).listed + timedelta(days=366))
    served = [each for each in contracts_of(spec) if each.listed <= day <= each.last_day]
    found = listed(spec.exchange, spec.code, day)
    assert [each.contract for each in found] == [each.text for each in served]
    for ours, theirs in zip(found, served, strict=True):
        terms = theirs.terms(day)
        assert (ours.multiplier, ours.price_tick) == (terms.multiplier, terms.price_tick)
        assert ours.first_day <= day <= ours.last_day


def test_months_in_a_row_and_others_ahead() -> None:
    assert names(Exchange.SHFE, "au") == [
        "au2601",
        "au2602",
        "au2603",
        "au2604",
        "au2606",
        "au2608",
        "au2610",
        "au2612",
    ]
    assert names(Exchange.SHFE, "bu")[:7] == ["bu2601", "bu2602", "bu2603", "bu2604", "bu2605", "bu2606", "bu2609"]
    assert names(Exchange.INE, "sc")[-3:] == ["sc2806", "sc2809", "sc2812"]
    assert names(Exchange.CZCE, "SR") == ["SR601", "SR603", "SR605", "SR607", "SR609", "SR611"]
    assert names(Exchange.CFFEX, "IF") == ["IF2601", "IF2602", "IF2603", "IF2606"]
    assert names(Exchange.DCE, "l_f")[0].endswith("F")


def test_each_has_its_days_terms_and_sources() -> None:
    (first, *_) = listed(Exchange.CZCE, "SR")
    assert (first.contract, first.multiplier, first.price_tick) == ("CZCE.SR601", 10, 1.0)
    assert (first.first_day, first.last_day, first.verified) == (date(2025, 1, 16), date(2026, 1, 16), True)
    assert "" not in {first.first_day_source, first.last_day_source}
    assert not listed(Exchange.SHFE, "cu")[0].verified


def test_a_first_day_that_the_provider_was_asked_for_counts() -> None:
    product = product_of(Exchange.SHFE, "cu")
    asked = {("SHFE.cu2612", date(2026, 12, 1)): StatedDay(date(2026, 1, 7), "the provider", verified=True)}
    before = {each.contract: each for each in contracts_on(product, date(2026, 1, 6), CALENDAR, asked)}
    after = {each.contract: each for each in contracts_on(product, date(2026, 1, 7), CALENDAR, asked)}
    assert "SHFE.cu2612" not in before
    assert after["SHFE.cu2612"].first_day == date(2026, 1, 7)


def test_every_product_has_its_months() -> None:
    for product in products():
        day = CALENDAR.previous(min(product.delisted or DAY, DAY))
        assert contracts_on(product, day, CALENDAR) or product.listed >= day, product


def test_none_before_and_after_a_product() -> None:
    assert listed(Exchange.CZCE, "TC") == listed(Exchange.GFEX, "lc", date(2022, 1, 5)) == []
    with pytest.raises(BadInputError, match="is not a trading day"):
        listed(Exchange.SHFE, "cu", date(2026, 1, 4))
