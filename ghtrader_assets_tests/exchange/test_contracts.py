"""Contracts list, roll and expire by rule; open interest and ids follow."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ghtrader_assets.errors import BadInputError
from ghtrader_assets.exchange.contracts import contract_named, contracts_of, main_changes, main_contract
from ghtrader_assets.exchange.daily import DEFAULT_SEED, life_of
from ghtrader_assets.exchange.history import series_of
from ghtrader_assets.exchange.specs import Spec
from ghtrader_assets.market.calendar import snapshot_calendar
from ghtrader_assets.market.symbols import Exchange
from ghtrader_assets.settings import EMBEDDED_FIRST_DAY
from ghtrader_assets_tests.true_ticks import MODEL_1, SPECS

UNTIL = date(2026, 10, 30)
NOTHING = frozenset()
specs = st.sampled_from(list(SPECS.values()))
days = st.sampled_from(snapshot_calendar().days(EMBEDDED_FIRST_DAY, UNTIL))


def test_the_demo_range_holds_a_roll_and_begins_after_new_year() -> None:
    calendar = snapshot_calendar()
    week = calendar.days(date(2026, 1, 5), date(2026, 1, 9))
    mains = [main_contract(SPECS["SHFE.cu"], day).text for day in week]
    assert mains == ["SHFE.cu2602"] * 2 + ["SHFE.cu2603"] * 3
    assert [main_contract(SPECS["SHFE.cu"], day).sessions(day).has_night for day in week] == [False] + [True] * 4
    assert {main_contract(SPECS["SHFE.au"], day).text for day in week} == {"SHFE.au2602"}
    assert {main_contract(SPECS["SHFE.ag"], day).text for day in week} == {"SHFE.ag2602"}


@pytest.mark.parametrize(
    ("name", "listed", "last_day"),
    [
        ("SHFE.cu2602", date(2025, 2, 18), date(2026, 2, 24)),
        ("SHFE.cu2603", date(2025, 3, 18), date(2026, 3, 16)),
        ("CZCE.SR605", date(2025, 5, 20), date(2026, 5, 19)),
        ("CFFEX.IF2602", date(2025, 12, 22), date(2026, 2, 24)),
        ("INE.sc2603", date(2025, 3, 3), date(2026, 2, 27)),
    ],
)
def test_listing_and_expiry(name: str, listed: date, last_day: date) -> None:
    contract = contract_named(name, 1)
    assert contract is not None
    assert (contract.listed, contract.last_day) == (listed, last_day)


@given(spec=specs, day=days)
@settings(max_examples=150, deadline=None)
def test_every_day_has_one_main_contract_that_trades_on_it(spec: Spec, day: date) -> None:
    if day < spec.product.listed:
        with pytest.raises(BadInputError):
            main_contract(spec, day)
        return
    contract = main_contract(spec, day)
    assert contract.listed <= day <= contract.last_day
    assert contract.delivery.month in spec.main_months


@given(spec=specs, day=days)
@settings(max_examples=60, deadline=None)
def test_the_main_contract_held_the_most_open_interest_when_the_day_before_closed(spec: Spec, day: date) -> None:
    calendar = snapshot_calendar()
    before = calendar.previous(day)
    if before < max(EMBEDDED_FIRST_DAY, spec.product.listed):
        return
    held: dict[str, int] = {}
    for contract in contracts_of(spec):
        if contract.first_served <= before <= contract.last_day and contract.last_day >= day:
            life = life_of(contract, DEFAULT_SEED)
            held[contract.text] = int(life.open_interest[life.index(before)])
    assert main_contract(spec, day).text == max(held, key=lambda name: held[name])


@pytest.mark.parametrize("spec", list(SPECS.values()), ids=list(SPECS))
def test_mains_follow_one_another_in_order_of_delivery(spec: Spec) -> None:
    changes = main_changes(spec, UNTIL)
    assert [day for day, _ in changes] == sorted({day for day, _ in changes})
    deliveries = [contract.delivery for _, contract in changes]
    assert deliveries == sorted(set(deliveries))
    assert changes[0][0] == max(EMBEDDED_FIRST_DAY, spec.product.listed)


@given(spec=specs, data=st.data())
@settings(max_examples=40, deadline=None)
def test_ids_are_contiguous_over_a_contracts_life(spec: Spec, data: st.DataObject) -> None:
    contract = data.draw(st.sampled_from([item for item in contracts_of(spec) if item.first_served <= UNTIL]))
    series = series_of(contract.text, UNTIL, NOTHING, MODEL_1)
    assert series is not None
    assert [day.first_id for day in series.days] == [0, *(day.end_id for day in series.days[:-1])]
    assert series.last_id == series.days[-1].end_id - 1
    assert all(day.count > 0 for day in series.days)
    assert [day.day for day in series.days] == contract.days(UNTIL)


def test_a_main_symbol_is_made_of_its_contracts_days() -> None:
    series = series_of("KQ.m@SHFE.cu", UNTIL, NOTHING, MODEL_1)
    assert series is not None
    assert [day.day for day in series.days] == snapshot_calendar().days(EMBEDDED_FIRST_DAY, UNTIL)
    assert all(main_contract(SPECS["SHFE.cu"], day.day) is day.contract for day in series.days[::50])


@pytest.mark.parametrize("symbol", ["SHFE.cu1909", "SHFE.zz2602", "KQ.i@SHFE.cu", "KQ.m@DCE.jd", "nonsense", ""])
def test_unknown_symbols_have_no_series(symbol: str) -> None:
    assert series_of(symbol, UNTIL, NOTHING, MODEL_1) is None


@given(spec=specs, data=st.data())
@settings(max_examples=40, deadline=None)
def test_closes_go_on_at_the_next_opening(spec: Spec, data: st.DataObject) -> None:
    contract = data.draw(st.sampled_from([item for item in contracts_of(spec) if item.first_served <= UNTIL]))
    life = life_of(contract, DEFAULT_SEED)
    gaps = np.abs(np.log(life.open_ticks / life.previous_close_ticks))
    moves = np.abs(np.log(life.close_ticks / life.previous_close_ticks))
    assert gaps.max() < 0.5 * spec.daily_vol + 0.01
    assert moves.max() < 0.08, "a day would reach its price limit"


def test_nothing_depends_on_the_time_of_asking() -> None:
    early = series_of("SHFE.cu2602", date(2025, 6, 30), NOTHING, MODEL_1)
    late = series_of("SHFE.cu2602", UNTIL, NOTHING, MODEL_1)
    assert early is not None
    assert late is not None
    assert late.days[: len(early.days)] == early.days


def test_expiry_is_a_trading_day_also_beyond_the_calendar() -> None:
    horizon = snapshot_calendar().horizon
    beyond = [item for spec in SPECS.values() for item in contracts_of(spec) if item.last_day > horizon]
    assert beyond
    assert all(item.last_day.weekday() < 5 and item.last_day < horizon + timedelta(days=420) for item in beyond)
    assert {item.spec.exchange for item in beyond} == set(Exchange)
