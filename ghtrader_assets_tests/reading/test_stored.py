"""What is stored of a symbol, and under which name: its own, its main symbol's, or one that two contracts have."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import pytest

from ghtrader_assets.errors import BadInputError, DayStateWarning, SameNameWarning
from ghtrader_assets.market.symbols import parse_symbol
from ghtrader_assets.questdb.tables.writer import DayLoad
from ghtrader_assets.reading.overview import summary_of
from ghtrader_assets.reading.stored import require_known
from ghtrader_assets.store import Store
from ghtrader_assets_tests.fix_store import Record

DAY = date(2026, 1, 6)
WEEK = (date(2026, 1, 5), DAY, date(2026, 1, 7), date(2026, 1, 8))
LoadOf = Callable[..., DayLoad]


def test_a_contract_is_read_from_the_days_of_its_main_symbol(
    store: Store, load_of: LoadOf, record: Record, symbol: str
) -> None:
    """The contract is not in the universe and nothing is stored under its name."""
    alias, product = symbol, symbol.removeprefix("KQ.m@")
    contract, later = f"{product}2602", f"{product}2603"
    for day, name in zip(WEEK, (contract, contract, later, later), strict=True):
        record(load_of(day, rows=30, name=alias, contract=name), state="")
    assert [day.trading_day for day in store.days(contract, *WEEK[::3])] == list(WEEK[:2])
    assert {day.symbol for day in store.days(contract, *WEEK[::3])} == {alias}
    with pytest.warns(DayStateWarning, match=f"{contract}: 2 of 2 trading days"):
        assert len(store.ticks(contract, *WEEK[::3])) == 60
    assert summary_of(store.context, parse_symbol(contract)).n_days == 2
    assert store.schedule(contract) == []
    assert store.gaps(contract, DAY) == []
    with pytest.raises(BadInputError, match=f"{alias} 2026-01-06 has not been judged"):
        store.quality(contract, DAY)
    require_known(store.context, parse_symbol(contract))
    with pytest.raises(BadInputError, match=f"{product}2604 is neither in the universe"):
        require_known(store.context, parse_symbol(f"{product}2604"))


def test_a_name_of_two_contracts_says_which_years_are_which(store: Store, load_of: LoadOf, record: Record) -> None:
    name, days = "CZCE.ZZ605", (date(2016, 1, 5), date(2026, 1, 6))
    for day in days:
        record(load_of(day, rows=20, name=name, contract=name))
    told = "2016-01-05 to 2016-01-05 of the one of 2016, 2026-01-06 to 2026-01-06 of the one of 2026"
    with pytest.warns(SameNameWarning, match=told), pytest.warns(DayStateWarning):
        assert len(store.ticks(name, "2016-01-04", "2026-11-27")) == 40
    assert [len(store.ticks(name, day)) for day in days] == [20, 20]
    with pytest.warns(SameNameWarning, match=told):
        assert {day.rows for day in store.days(name, "2016-01-04", "2026-11-27")} == {0, 20}


def test_a_contract_that_is_stored_itself_is_read_itself(
    store: Store, load_of: LoadOf, record: Record, symbol: str
) -> None:
    contract = symbol.removeprefix("KQ.m@") + "2602"
    record(load_of(DAY, rows=30, contract=contract))
    record(load_of(DAY, rows=20, name=contract, contract=contract))
    assert len(store.ticks(contract, DAY)) == 20
    assert [day.symbol for day in store.days(contract, DAY)] == [contract]
