"""When contracts trade: listing rules, names that are used again, and main contracts that can't be main."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ghtrader_assets.errors import ExpiredError, IngestState, NotListedError, WrongMainError
from ghtrader_assets.exchange.contracts import contracts_of
from ghtrader_assets.exchange.specs import DEFAULT_MODEL, specs_of
from ghtrader_assets.market.calendar import snapshot_calendar
from ghtrader_assets.market.expiry import StatedDay, contract_has_ended
from ghtrader_assets.market.lives import WrongMain, life_on, lives_of, obstacle_on, wrong_main_of
from ghtrader_assets.market.products import products
from ghtrader_assets.market.schedule import build_schedule, overridden
from ghtrader_assets.market.symbols import parse_symbol

CALENDAR = snapshot_calendar()
DAYS = CALENDAR.days(date(2015, 1, 5), CALENDAR.horizon)
NOT_LISTED, EXPIRED = IngestState.NOT_LISTED, IngestState.EXPIRED


@pytest.mark.parametrize(
    ("contract", "first"),
    [
        ("CZCE.SR201", "2021-01-18"),
        ("CZCE.SR203", "2021-03-15"),
        ("CZCE.SR205", "2021-05-20"),
        ("CZCE.SR207", "2021-07-15"),
        ("CZCE.SR209", "2021-09-15"),
        ("CZCE.SR211", "2021-11-15"),
        ("CFFEX.IF2012", "2020-04-20"),
        ("CFFEX.IH2102", "2020-12-21"),
        ("CFFEX.IC2310", "2023-08-21"),
        ("CFFEX.IF2404", "2024-02-20"),
        ("CFFEX.IM2408", "2024-06-24"),
        ("CFFEX.IF2504", "2025-02-24"),
    ],
)
def test_the_exchanges_own_words_on_first_days(contract: str, first: str) -> None:
    """From the notices and the table that first_trading_days.csv names."""
    day = date.fromisoformat(first)
    life = life_on(parse_symbol(contract), day, CALENDAR)
    assert life.first is not None
    assert (life.first.day, life.first.verified, life.known) == (day, True, True)


@pytest.mark.parametrize(
    ("symbol", "day", "state"),
    [
        ("CZCE.SR609", "2021-01-04", NOT_LISTED),
        ("CZCE.SR609", "2021-03-01", NOT_LISTED),
        ("CZCE.SR609", "2025-09-12", NOT_LISTED),
        ("CZCE.SR609", "2025-09-15", None),
        ("CZCE.SR609", "2026-09-14", None),
        ("CZCE.SR609", "2026-09-15", EXPIRED),
        ("CZCE.SR609", "2026-11-27", EXPIRED),
        ("CZCE.SR605", "2016-01-04", None),
        ("CZCE.SR605", "2016-05-16", None),
        ("CZCE.SR605", "2016-05-17", NOT_LISTED),
        ("SHFE.cu2602", "2021-01-04", NOT_LISTED),
        ("SHFE.cu2602", "2026-02-25", EXPIRED),
        ("DCE.m2605", "2021-01-04", NOT_LISTED),
        ("CFFEX.IF2601", "2025-11-21", NOT_LISTED),
        ("CFFEX.IF2601", "2025-11-24", None),
        ("SHFE.cu2802", "2026-11-27", NOT_LISTED),
        ("GFEX.lc2401", "2023-07-20", NOT_LISTED),
        ("CZCE.CJ801", "2023-01-03", NOT_LISTED),
        ("KQ.m@GFEX.lc", "2021-01-04", NOT_LISTED),
        ("KQ.m@CZCE.ME", "2016-01-04", EXPIRED),
        ("KQ.m@SHFE.zz", "2016-01-04", None),
    ],
)
def test_on_which_days_a_symbol_trades(symbol: str, day: str, state: IngestState | None) -> None:
    found = obstacle_on(parse_symbol(symbol), date.fromisoformat(day), "", CALENDAR)
    assert (found.state if found else None) == state
    if found:
        assert isinstance(found.error, ExpiredError if state == EXPIRED else NotListedError)
        assert found.error.state == state
        assert found.wrong_main is None


def test_a_name_that_is_used_again_says_which_years_are_which() -> None:
    found = obstacle_on(parse_symbol("CZCE.SR609"), date(2021, 3, 1), "", CALENDAR)
    assert found is not None
    for word in ("2025-09-15", "the contract of 2026", "the contract of 2016 has the same name (to 2016-09-14)"):
        assert word in str(found.error)
    assert "choose days from 2025-09-15 to 2026-09-14" in str(found.error)


def test_a_contract_that_would_have_ended_before_its_product_was_listed_never_was() -> None:
    """Cotton yarn was listed in 2017, and CZCE.CY601 delivers in 2026."""
    found = obstacle_on(parse_symbol("CZCE.CY601"), date(2026, 1, 20), "", CALENDAR)
    assert found is not None
    assert "CZCE.CY601 ended on 2026-01-16" in str(found.error)
    assert "the same name" not in str(found.error)


@settings(deadline=None, max_examples=200)
@given(st.sampled_from(sorted({product.exchange for product in products()})), st.data())
def test_a_contract_symbol_trades_from_one_day_to_another_and_never_else(exchange: str, data: st.DataObject) -> None:
    """Whatever is known of it: outside the life that a day means it is not listed or expired, and inside neither."""
    own = [product for product in products() if product.exchange == exchange and not product.code.endswith("_f")]
    product = data.draw(st.sampled_from(own))
    year, month = data.draw(st.integers(2016, 2027)), data.draw(st.integers(1, 12))
    digits = f"{year % 10}{month:02d}" if exchange == "CZCE" else f"{year % 100:02d}{month:02d}"
    contract, day = parse_symbol(f"{exchange}.{product.code}{digits}"), data.draw(st.sampled_from(DAYS))
    lives = lives_of(contract, day, CALENDAR)
    assert len(lives) == 1 or all(life.first is None or life.first.day <= life.last.day for life in lives)
    inside = [life for life in lives if life.first and life.first.day <= day <= life.last.day]
    found = obstacle_on(contract, day, "", CALENDAR)
    assert (found is None) == bool(inside)
    if found:
        assert found.state == (EXPIRED if life_on(contract, day, CALENDAR).last.day < day else NOT_LISTED)
    assert contract_has_ended(contract, day, CALENDAR) is None or not inside


def test_what_a_provider_was_asked_for_goes_before_rules() -> None:
    contract, delivery = parse_symbol("SHFE.cu2602"), date(2026, 2, 1)
    asked = {(contract.text, delivery): StatedDay(date(2025, 2, 20), "tqsdk", verified=True)}
    assert obstacle_on(contract, date(2025, 2, 18), "", CALENDAR) is None
    found = obstacle_on(contract, date(2025, 2, 18), "", CALENDAR, asked)
    assert found is not None
    assert "2025-02-20" in found.reason
    assert obstacle_on(contract, date(2025, 2, 20), "", CALENDAR, asked) is None


def test_the_embedded_exchange_lists_by_the_rules_where_one_is_verified() -> None:
    for spec in specs_of(DEFAULT_MODEL).values():
        for contract in contracts_of(spec):
            life = life_on(contract.symbol, contract.delivery, CALENDAR)
            if life.known and life.first and life.first.verified:
                assert contract.listed == life.first.day, contract.text


@pytest.mark.parametrize(
    ("main", "day", "code", "words"),
    [
        ("CZCE.SR601", "2026-01-16", None, ()),
        ("CZCE.SR601", "2026-01-19", WrongMain.EXPIRED, ("CZCE.SR601", "2026-01-16", "--from 2026-01-19")),
        ("CZCE.SR609", "2026-11-27", WrongMain.EXPIRED, ("CZCE.SR609", "2026-09-14", "--from 2026-09-15")),
        ("CZCE.SR605", "2025-02-07", WrongMain.UNLISTED, ("CZCE.SR605", "2025-05-20")),
        ("CZCE.SR605", "2025-12-02", None, ()),
    ],
)
def test_a_main_contract_that_cant_be_main(main: str, day: str, code: WrongMain | None, words: tuple[str, ...]) -> None:
    found = obstacle_on(parse_symbol("KQ.m@CZCE.SR"), date.fromisoformat(day), main, CALENDAR)
    assert (found.wrong_main if found else None) == code
    if found:
        assert (found.state, found.contract) == (IngestState.MISSING, main)
        assert isinstance(found.error, WrongMainError)
        commands = ("the provider", "`ghtrader-assets schedule KQ.m@CZCE.SR --refresh`", "override KQ.m@CZCE.SR")
        assert all(word in found.reason for word in (*words, *commands))


@pytest.mark.parametrize(
    "main",
    ["CZCE.SR613", "CZCE.SR2605", "CZCE.sr605", "CZCE.CF605", "DCE.m2605", "KQ.m@CZCE.SR", "SR605", "x", " ", "白糖"],
)
def test_a_main_contract_that_is_no_contract_of_the_product_is_unknown(main: str) -> None:
    found = obstacle_on(parse_symbol("KQ.m@CZCE.SR"), date(2025, 12, 2), main, CALENDAR)
    assert found is not None
    assert (found.wrong_main, found.state, found.contract) == (WrongMain.UNKNOWN, IngestState.MISSING, main)
    for word in (f"{main!r} is no contract of KQ.m@CZCE.SR", "provider_main_unknown", "override KQ.m@CZCE.SR"):
        assert word in found.reason


@pytest.mark.parametrize(
    ("symbol", "outcome", "code"),
    [
        ("KQ.m@CZCE.SR", IngestState.UNKNOWN_CONTRACT, WrongMain.UNKNOWN),
        ("KQ.m@CZCE.SR", IngestState.PROVIDER_EMPTY, None),
        ("CZCE.SR605", IngestState.UNKNOWN_CONTRACT, None),
        ("KQ.m@CZCE.ZZ", IngestState.UNKNOWN_CONTRACT, None),
    ],
)
def test_a_main_contract_that_the_provider_does_not_know(
    symbol: str, outcome: IngestState, code: WrongMain | None
) -> None:
    assert wrong_main_of(symbol, outcome) == code


def test_an_unverified_listing_rule_makes_no_main_contract_wrong() -> None:
    assert obstacle_on(parse_symbol("KQ.m@SHFE.cu"), date(2024, 1, 8), "SHFE.cu2602", CALENDAR) is None


CONTRACTS = ("SHFE.cu2601", "SHFE.cu2602", "SHFE.cu2603")
SOME_DAYS = CALENDAR.days(date(2025, 12, 1), date(2026, 1, 30))
ON_A_DAY = st.tuples(st.sampled_from(SOME_DAYS), st.sampled_from(CONTRACTS))


@settings(deadline=None, max_examples=100)
@given(st.lists(ON_A_DAY, max_size=4), st.dictionaries(st.sampled_from(SOME_DAYS), st.sampled_from(CONTRACTS)))
def test_overridden_days_have_their_contract_and_all_others_the_providers(
    changes: list[tuple[date, str]], said: dict[date, str]
) -> None:
    def mains(of: list[tuple[date, str]]) -> dict[date, str]:
        rows = build_schedule("KQ.m@SHFE.cu", of, CALENDAR, SOME_DAYS[0], SOME_DAYS[-1], SOME_DAYS[-1])
        return {row.trading_day: row.contract for row in rows}

    once = list(dict(changes).items())
    assert mains(overridden(once, said, CALENDAR)) == mains(once) | said
    assert mains(overridden(once, {}, CALENDAR)) == mains(once)
