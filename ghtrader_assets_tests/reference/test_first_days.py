"""The first day of a contract is asked for once, found to the day, and kept; a main contract that a person names."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from pydantic import SecretStr

from ghtrader_assets.context.load import LoadContext
from ghtrader_assets.errors import BadInputError
from ghtrader_assets.exchange.contracts import contract_named
from ghtrader_assets.exchange.specs import DEFAULT_MODEL
from ghtrader_assets.market.calendar import snapshot_calendar
from ghtrader_assets.market.lives import lives_of
from ghtrader_assets.market.symbols import Symbol, parse_symbol
from ghtrader_assets.questdb.client.connection import Database
from ghtrader_assets.questdb.standing.obstacles import read_first_days
from ghtrader_assets.questdb.tables.reader import read_contract_lives, read_main_overrides
from ghtrader_assets.reference.first_days import learn_first_days
from ghtrader_assets.reference.overrides import override_main
from ghtrader_assets.reference.schedule import refresh_schedule
from ghtrader_assets.settings import Settings
from ghtrader_assets.tq.provider import Provider
from ghtrader_assets_tests.fix_exchange import ExchangeControl

CALENDAR = snapshot_calendar()
SUGAR = parse_symbol("KQ.m@CZCE.SR")


@pytest.fixture
def platform(db: Database, exchange: ExchangeControl, tmp_path: Path) -> LoadContext:
    """The shared store and exchange, with a home of its own."""
    provider = Provider("quant", SecretStr("quant"), exchange.environment, "embedded")
    settings = Settings(home=tmp_path, start_date=date(2021, 1, 4), ingest_workers=2, min_free_mb=0, fast_history="on")
    return LoadContext(settings=settings, calendar=CALENDAR, database=db, provider=provider)


def first_day(platform: LoadContext, contract: Symbol, delivery: date) -> date | None:
    known = read_first_days(platform.database).get((contract.text, delivery))
    return known.day if known else None


@pytest.mark.parametrize("name", ["SHFE.hc2605", "SHFE.rb2606", pytest.param("SHFE.au2606", marks=pytest.mark.joint)])
def test_a_first_day_is_asked_for_once(platform: LoadContext, exchange: ExchangeControl, name: str) -> None:
    """By an unverified rule that is right, and by halving where it is another; of no product that is not served."""
    contract, served = parse_symbol(name), contract_named(name, DEFAULT_MODEL)
    (life,) = lives_of(contract, date(2026, 1, 5), CALENDAR)
    learn_first_days(platform, [contract, SUGAR])
    assert first_day(platform, contract, life.delivery) == (served.listed if served else None)
    asked = [row for row in read_contract_lives(platform.database) if row.contract == name]
    exchange.reset()
    learn_first_days(platform, [contract])
    assert exchange.requests() == [] or not served
    assert [row for row in read_contract_lives(platform.database) if row.contract == name] == asked


def test_a_verified_rule_asks_nothing_and_a_schedule_ends_with_its_contract(
    platform: LoadContext, exchange: ExchangeControl
) -> None:
    rows = refresh_schedule(platform, parse_symbol("CZCE.SR603")).rows
    assert exchange.requests() == []
    assert (min(rows), max(rows)) == (date(2025, 3, 17), date(2026, 3, 13))


@pytest.fixture
def wrong(platform: LoadContext, exchange: ExchangeControl) -> Iterator[LoadContext]:
    """The provider moves the roll of 2025-12-02 to the day after the 20th of January; in the end all is as before."""
    platform = dataclasses.replace(
        platform, settings=platform.settings.model_copy(update={"start_date": date(2025, 12, 1)})
    )
    exchange.faults({"kind": "moved_roll", "symbol": SUGAR.text, "trading_day": "2025-12-02", "amount": 34})
    yield platform
    exchange.reset()
    override_main(
        platform, SUGAR, None, date(2025, 12, 1), date(2026, 12, 31), who="operator", reason="the test is over"
    )


def test_a_main_contract_is_overridden_listed_and_given_back(wrong: LoadContext, exchange: ExchangeControl) -> None:
    theirs = {day: row.contract for day, row in refresh_schedule(wrong, SUGAR, force_refresh=True).rows.items()}
    days = CALENDAR.days(date(2026, 1, 19), date(2026, 1, 20))
    assert [theirs[day] for day in days] == ["CZCE.SR601", "CZCE.SR601"]
    ours = parse_symbol("CZCE.SR605")

    changed = override_main(
        wrong, SUGAR, ours, date(2026, 1, 17), date(2026, 1, 20), who="operator", reason="ended on 2026-01-16"
    )
    assert [(day.trading_day, day.before, day.after) for day in changed] == [
        (day, "CZCE.SR601", "CZCE.SR605") for day in days
    ]
    again = {day: row.contract for day, row in refresh_schedule(wrong, SUGAR, force_refresh=True).rows.items()}
    assert again == theirs | dict.fromkeys(days, "CZCE.SR605"), "a new table leaves it as it is"

    given_back = override_main(wrong, SUGAR, None, days[0], days[0], who="operator", reason="")
    assert [(day.trading_day, day.after) for day in given_back] == [(days[0], "CZCE.SR601")]
    said = read_main_overrides(wrong.database, [SUGAR.text])[-2:]
    assert [(row.first_day, row.last_day, row.contract, row.reason) for row in said] == [
        (*days, "CZCE.SR605", "ended on 2026-01-16"),
        (days[0], days[0], "", ""),
    ]
    assert all(row.who for row in said)


@pytest.mark.parametrize(
    ("symbol", "contract", "start", "end", "word"),
    [
        ("KQ.m@CZCE.SR", "CZCE.SR601", date(2026, 1, 16), date(2026, 1, 19), "ended on 2026-01-16"),
        ("KQ.m@CZCE.SR", "CZCE.SR605", date(2025, 1, 6), date(2025, 1, 6), "not listed before"),
        ("KQ.m@CZCE.SR", "SHFE.cu2602", date(2026, 1, 16), date(2026, 1, 16), "no contract of KQ.m@CZCE.SR"),
        ("KQ.m@CZCE.SR", "KQ.m@CZCE.SR", date(2026, 1, 16), date(2026, 1, 16), "no contract of KQ.m@CZCE.SR"),
        ("CZCE.SR601", "CZCE.SR601", date(2026, 1, 16), date(2026, 1, 16), "has no main contract"),
        ("KQ.m@CZCE.SR", "CZCE.SR605", date(2026, 1, 17), date(2026, 1, 18), "no trading day"),
    ],
)
def test_an_override_that_cant_be_is_refused(
    platform: LoadContext, symbol: str, contract: str, start: date, end: date, word: str
) -> None:
    before = read_main_overrides(platform.database)
    with pytest.raises(BadInputError, match=word):
        override_main(platform, parse_symbol(symbol), parse_symbol(contract), start, end, who="operator", reason="why")
    assert read_main_overrides(platform.database) == before
