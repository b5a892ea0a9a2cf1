"""Contracts next to the main one: which are listed, and their days, wherever these are stored."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

import pandas as pd
import pytest

from ghtrader_assets.errors import BadInputError
from ghtrader_assets.questdb.client.connection import Database
from ghtrader_assets.questdb.tables.records import write_contract_lives
from ghtrader_assets.questdb.tables.rows import ContractLife
from ghtrader_assets.questdb.tables.writer import DayLoad
from ghtrader_assets.store import Store
from ghtrader_assets_tests.fix_store import Record

DAY = date(2026, 1, 6)
WEEK = (date(2026, 1, 5), DAY, date(2026, 1, 7), date(2026, 1, 8))
LoadOf = Callable[..., DayLoad]


def test_a_products_contracts_by_any_of_its_names(store: Store) -> None:
    found = store.contracts("SHFE.cu", DAY)
    for name in ("KQ.m@SHFE.cu", "SHFE.cu2602", "SHFE.cu9912"):
        assert store.contracts(name, "2026-01-06") == found
    frame = pd.DataFrame(found)
    assert list(frame["contract"]) == [f"SHFE.cu{month}" for month in range(2601, 2613)]
    assert set(frame["multiplier"]) == {5}
    assert set(frame["price_tick"]) == {10.0}
    with pytest.raises(BadInputError, match=r"DCE has no product 'zz' that we know; known are .*jd"):
        store.contracts("DCE.zz", DAY)
    with pytest.raises(BadInputError, match="is an instant, not a day"):
        store.contracts("SHFE.cu", pd.Timestamp("2026-01-05 21:00", tz="Asia/Shanghai"))
    assert store.contracts("DCE.l_f", DAY)[0].contract.endswith("F")


def test_what_the_provider_was_asked_counts(store: Store, db: Database) -> None:
    assert "SHFE.sn2612" in {each.contract for each in store.contracts("SHFE.sn", DAY)}
    life = ContractLife(
        contract="SHFE.sn2612", delivery=date(2026, 12, 1), first_day=WEEK[2], first_source="the provider",
        last_day=date(2026, 12, 15), last_source="", updated_at=datetime.now(UTC),
    )  # fmt: skip
    write_contract_lives(db, [life])
    assert "SHFE.sn2612" not in {each.contract for each in store.contracts("SHFE.sn", DAY)}
    (found,) = [each for each in store.contracts("SHFE.sn", WEEK[2]) if each.contract == "SHFE.sn2612"]
    assert (found.first_day, found.first_day_source) == (WEEK[2], "the provider")


def test_a_contracts_days_are_its_own_and_those_of_its_main_symbol(
    store: Store, load_of: LoadOf, record: Record, symbol: str
) -> None:
    """A day of the contract alone, as the day before a roll is, hides none of the days on which it was the main one."""
    contract = f"{symbol.removeprefix('KQ.m@')}2602"
    loads = [
        load_of(day, rows=rows, name=contract, contract=contract) for day, rows in zip(WEEK[:2], (10, 11), strict=True)
    ]
    own = [record(load) for load in loads]
    main = [record(load_of(day, rows=20, contract=contract)) for day in WEEK[1:3]]
    record(load_of(WEEK[3], rows=30, contract=f"{contract[:-1]}3"))
    wanted: dict[date, Any] = {WEEK[0]: own[0], WEEK[1]: own[1], WEEK[2]: main[1]}
    listed = {day.trading_day: day.manifest_id for day in store.days(contract, WEEK[0], WEEK[-1])}
    assert listed == {day: manifest.manifest_id for day, manifest in wanted.items()}
    ticks = store.ticks(contract, WEEK[0], WEEK[-1])
    assert ticks.groupby("trading_day").size().to_list() == [10, 11, 20]
    assert list(ticks["symbol"].unique()) == [contract, symbol]
    assert list(ticks["contract"].unique()) == [contract]
    assert [day.manifest_id for day, _ in store.stream_ticks(contract, WEEK[0], WEEK[-1])] == list(listed.values())


@pytest.mark.filterwarnings("ignore::ghtrader_assets.errors.DayStateWarning")
def test_bars_of_a_contract_have_the_name_that_each_day_is_stored_under(
    store: Store, load_of: LoadOf, record: Record
) -> None:
    main, contract = "KQ.m@INE.ec", "INE.ec2602"
    record(load_of(WEEK[0], rows=50, name=contract, contract=contract))
    record(load_of(WEEK[1], rows=60, name=main, contract=contract))
    bars = store.bars(contract, WEEK[0], WEEK[1], "1d")
    assert (list(bars["symbol"]), list(bars["contract"])) == ([contract, main], [contract, contract])
    assert list(bars["ticks"]) == [50, 60]
