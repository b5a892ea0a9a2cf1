"""The symbol grammar of the six exchanges, products and their terms."""

from __future__ import annotations

import re
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ghtrader_assets.errors import BadInputError
from ghtrader_assets.market.products import Product, product_of, product_on, products
from ghtrader_assets.market.symbols import (
    Exchange,
    Symbol,
    contract_symbol,
    delivery_month,
    depth,
    parse_symbol,
)


@pytest.mark.parametrize(
    ("text", "expected", "key"),
    [
        ("KQ.m@SHFE.cu", Symbol("KQ.m@SHFE.cu", "main", Exchange.SHFE, "cu"), "KQ_m_SHFE_cu"),
        ("SHFE.cu2602", Symbol("SHFE.cu2602", "contract", Exchange.SHFE, "cu", "2602"), "SHFE_cu2602"),
        ("CZCE.SR609", Symbol("CZCE.SR609", "contract", Exchange.CZCE, "SR", "609"), "CZCE_SR609"),
        ("CFFEX.T2609", Symbol("CFFEX.T2609", "contract", Exchange.CFFEX, "T", "2609"), "CFFEX_T2609"),
        ("INE.sc2703", Symbol("INE.sc2703", "contract", Exchange.INE, "sc", "2703"), "INE_sc2703"),
        ("GFEX.lc2611", Symbol("GFEX.lc2611", "contract", Exchange.GFEX, "lc", "2611"), "GFEX_lc2611"),
        ("DCE.pp2602F", Symbol("DCE.pp2602F", "contract", Exchange.DCE, "pp_f", "2602"), "DCE_pp2602F"),
        ("KQ.m@DCE.l_f", Symbol("KQ.m@DCE.l_f", "main", Exchange.DCE, "l_f"), "KQ_m_DCE_l_f"),
    ],
)
def test_grammar(text: str, expected: Symbol, key: str) -> None:
    symbol = parse_symbol(text)
    assert symbol == expected
    assert symbol.key == key
    assert re.fullmatch(r"[A-Za-z0-9_]+", symbol.key)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no futures symbol"),
        ("cu", "no futures symbol"),
        ("KQ.m@SHFE.cu ", "no futures symbol"),
        ("KQ.m@SHFE.cu'; DROP TABLE t", "no futures symbol"),
        ("KQ.x@SHFE.cu", "no futures symbol"),
        ("SHFE.cu２602", "no futures symbol"),
        ("KQ.m@SSE.cu", "names no exchange"),
        ("KQ.m@SHFE.CU", "SHFE spells the product 'cu'"),
        ("KQ.m@CZCE.sr", "CZCE spells the product 'SR'"),
        ("SHFE.cu602", "SHFE numbers a contract by the year and month"),
        ("CZCE.SR2609", "CZCE numbers a contract by the year's last digit"),
        ("SHFE.cu2613", "SHFE numbers a contract"),
        ("SHFE.cu2600", "SHFE numbers a contract"),
        ("DCE.m2602F", "only DCE has monthly averages, of l, v, pp"),
        ("SHFE.cu2602F", "only DCE has monthly averages"),
        ("KQ.m@DCE.m_f", "only DCE has monthly averages"),
        ("DCE.l2602f", "no futures symbol"),
        ("KQ.i@SHFE.cu", "is an index, which has no ticks of its own"),
        ("KQ.d@SHFE.cu", "is an index"),
    ],
)
def test_anything_else_is_refused(text: str, message: str) -> None:
    with pytest.raises(BadInputError, match=message):
        parse_symbol(text)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("KQ.m@CZCE.sr", "KQ.m@CZCE.SR"),
        ("SHFE.CU2602", "SHFE.cu2602"),
        ("CZCE.SR2609", "CZCE.SR609"),
        ("CZCE.sr2609", "CZCE.SR609"),
        ("SHFE.cu602", "SHFE.cu2602"),
        ("kq.m@shfe.Cu", "KQ.m@SHFE.cu"),
        (" KQ.m@SHFE.cu ", "KQ.m@SHFE.cu"),
        ("KQ.i@SHFE.cu", "KQ.m@SHFE.cu"),
        ("KQ.i@CFFEX.IF", "KQ.m@CFFEX.IF"),
        ("KQ.m@CFFEX.tf", "KQ.m@CFFEX.TF"),
        ("KQ.m@czce.pf", "KQ.m@CZCE.PF"),
        ("KQ.d@CZCE.SR", "KQ.m@CZCE.SR"),
        ("cffex.if2601", "CFFEX.IF2601"),
        ("DCE.l2602f", "DCE.l2602F"),
        ("DCE.L2602_F", "DCE.l2602F"),
    ],
)
def test_the_right_spelling_is_named(text: str, meant: str) -> None:
    with pytest.raises(BadInputError) as refused:
        parse_symbol(text)
    assert refused.value.remedy == f"write {meant}"
    assert parse_symbol(meant).text == meant


@given(
    st.text(max_size=20) | st.from_regex(r"(KQ\.[a-z]@)?[A-Za-z]{3,5}\.[A-Za-z]{1,2}[0-9]{0,4}[Ff]?", fullmatch=True)
)
def test_what_is_named_is_a_symbol(text: str) -> None:
    """Whatever the text: it is a symbol, or the remedy's spelling is one."""
    try:
        parse_symbol(text)
    except BadInputError as refused:
        if refused.remedy.startswith("write ") and " as " not in refused.remedy:
            parse_symbol(refused.remedy.removeprefix("write "))


@given(st.sampled_from(products()), st.dates(date(2005, 1, 1), date(2035, 12, 1)), st.integers(0, 30))
def test_alias_to_contract_and_back(product: Product, delivery: date, months_before: int) -> None:
    alias = parse_symbol(product.alias)
    contract = contract_symbol(alias, delivery)
    assert parse_symbol(contract.text) == contract
    assert contract.alias == alias.text
    ordinal = delivery.year * 12 + delivery.month - 1 - months_before
    near = date(ordinal // 12, ordinal % 12 + 1, 1)
    assert delivery_month(contract, near) == delivery.replace(day=1)


def test_three_digit_months_find_their_decade() -> None:
    contract = parse_symbol("CZCE.SR001")
    assert delivery_month(contract, date(2019, 12, 31)) == date(2020, 1, 1)
    assert delivery_month(contract, date(2020, 1, 14)) == date(2020, 1, 1)
    assert delivery_month(contract, date(2020, 2, 1)) == date(2020, 1, 1), "it has ended: none lists ten years ahead"
    assert delivery_month(contract, date(2029, 3, 1)) == date(2030, 1, 1)
    assert delivery_month(contract, date(2009, 3, 2)) == date(2010, 1, 1)
    with pytest.raises(BadInputError, match="no single contract"):
        delivery_month(parse_symbol("KQ.m@CZCE.SR"), date(2020, 1, 1))


def test_five_levels_on_shfe_only() -> None:
    assert {exchange for exchange in Exchange if depth(exchange) == 5} == {Exchange.SHFE}
    assert {depth(exchange) for exchange in Exchange} == {1, 5}


def test_every_product_parses_and_has_positive_terms() -> None:
    for product in products():
        symbol = parse_symbol(product.alias)
        assert (symbol.exchange, symbol.product) == (product.exchange, product.code)
        assert product.price_tick > 0
        assert product.multiplier > 0
        assert product.name_zh
        assert product.source
    assert len({product.alias for product in products()}) == len(products())


def test_an_unknown_product_is_refused_with_those_known() -> None:
    with pytest.raises(BadInputError, match="known are sc nr lu bc ec"):
        product_of(Exchange.INE, "cu")


@pytest.mark.parametrize(
    ("symbol", "day", "price_tick", "multiplier"),
    [
        ("SHFE.au1912", date(2019, 12, 9), 0.05, 1000),
        ("SHFE.au1912", date(2019, 12, 10), 0.02, 1000),
        ("KQ.m@SHFE.au", date(2019, 12, 9), 0.05, 1000),
        ("DCE.fb1911", date(2019, 11, 1), 0.05, 500),
        ("DCE.fb1912", date(2019, 11, 1), 0.5, 10),
        ("CFFEX.TS2312", date(2023, 11, 6), 0.005, 20_000),
        ("CFFEX.TS2312", date(2023, 11, 7), 0.002, 20_000),
        ("GFEX.lc2505", date(2024, 12, 17), 50, 1),
        ("GFEX.lc2505", date(2024, 12, 18), 20, 1),
        ("SHFE.cu2505", date(2010, 1, 4), 10, 5),
        ("SHFE.au1312", date(2013, 6, 24), 0.01, 1000),
        ("SHFE.au1312", date(2013, 6, 25), 0.05, 1000),
        ("SHFE.fu1201", date(2011, 6, 1), 1, 10),
        ("SHFE.fu1203", date(2011, 6, 1), 1, 50),
        ("SHFE.fu1812", date(2018, 3, 1), 1, 50),
        ("SHFE.fu1901", date(2018, 8, 1), 1, 10),
        ("SHFE.ru1205", date(2011, 12, 1), 5, 5),
        ("SHFE.ru1209", date(2011, 12, 1), 5, 10),
        ("SHFE.pb1312", date(2013, 8, 30), 5, 25),
        ("SHFE.pb1312", date(2013, 9, 2), 5, 5),
        ("SHFE.bu2206", date(2022, 3, 15), 2, 10),
        ("SHFE.bu2206", date(2022, 3, 16), 1, 10),
        ("DCE.l2201", date(2021, 10, 29), 5, 5),
        ("DCE.l2201", date(2021, 11, 1), 1, 5),
        ("DCE.i1509", date(2015, 4, 17), 1, 100),
        ("DCE.i1509", date(2015, 4, 20), 0.5, 100),
        ("CZCE.OI809", date(2018, 5, 15), 2, 10),
        ("CZCE.OI809", date(2018, 5, 16), 1, 10),
        ("CFFEX.TF1506", date(2015, 3, 16), 0.002, 10_000),
        ("CFFEX.TF1506", date(2015, 3, 17), 0.005, 10_000),
        ("INE.ec2608", date(2026, 5, 8), 0.1, 50),
        ("INE.ec2608", date(2026, 5, 11), 0.5, 50),
    ],
)
def test_terms_by_day_and_contract(symbol: str, day: date, price_tick: float, multiplier: int) -> None:
    product = product_on(parse_symbol(symbol), day)
    assert (product.price_tick, product.multiplier) == (price_tick, multiplier)
