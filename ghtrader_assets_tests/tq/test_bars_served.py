"""The provider's 1-minute bars through the real client: whole as served, or the name of what kept them from it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ghtrader_assets.errors import (
    BrokenDayError,
    DeniedError,
    FetchError,
    MaintenanceError,
    ShortDayError,
    TransientFetchError,
    UnknownContractError,
)
from ghtrader_assets.exchange.specs import Model
from ghtrader_assets.market.calendar import snapshot_calendar
from ghtrader_assets.market.clock import NS
from ghtrader_assets.market.ticks import BAR_PRICES
from ghtrader_assets.tq.bars import pages_of, whole_bars
from ghtrader_assets.tq.market_data import fetch_bars
from ghtrader_assets.tq.wire import ReadBars
from ghtrader_assets_tests.fix_exchange import started_exchange
from ghtrader_assets_tests.tq.conftest import CANARY, QUICK, Exchange
from ghtrader_assets_tests.true_ticks import MODEL_2, bars_of

pytestmark = [pytest.mark.joint, pytest.mark.usefixtures("tqsdk_once")]

FIRST, LAST = date(2025, 12, 8), date(2026, 1, 6)
DAYS = snapshot_calendar().days(FIRST, LAST)
CU, CY = "SHFE.cu2602", "CZCE.CY605"


@pytest.fixture(scope="module")
def exchange_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Exchange]:
    home = tmp_path_factory.mktemp("exchange")
    with started_exchange(home, "--user", "trader", "--password", CANARY, model=2) as control:
        yield Exchange(control.url, control.pid, control.home)


def request(contract: str, first: date = FIRST, last: date = LAST, expected: int = 0) -> ReadBars:
    calendar = snapshot_calendar()
    return ReadBars(contract, calendar.window(first).start_ns, calendar.window(last).end_ns, expected)


def made(contract: str, model: Model = MODEL_2) -> dict[str, np.ndarray[Any, Any]]:
    """The bars of the whole range as the exchange's model makes them."""
    days = [bars_of(contract, day, model) for day in DAYS]
    return {name: np.concatenate([day[name] for day in days]) for name in days[0]}


def fetch(exchange: Exchange, home: Path, *requests: ReadBars) -> list[pl.DataFrame | FetchError]:
    return fetch_bars(exchange.provider(), requests, home, msgspec.structs.replace(QUICK, attempts=2))


def test_the_bars_of_twenty_days_come_in_one_session_and_as_many_pages_as_they_fill(
    exchange: Exchange, home: Path
) -> None:
    expected = len(made(CU)["volume"])
    answers = fetch(exchange, home, request(CU, expected=expected), request(CY))
    for contract, answer in zip((CU, CY), answers, strict=True):
        assert isinstance(answer, pl.DataFrame)
        wanted = made(contract)
        np.testing.assert_array_equal(answer["start_ns"], wanted["datetime_ns"])
        for name in (*BAR_PRICES, "volume"):
            np.testing.assert_array_equal(answer[name], wanted[name])
    charts = [item for item in exchange.requests("set_chart") if item["duration"]]
    of_cu = [item for item in charts if item["symbol"] == CU]
    assert len(DAYS) == 20
    assert len(of_cu) == pages_of(request(CU, expected=expected)) == 5
    assert len({item["connection"] for item in charts}) == 1


def test_a_contract_that_the_provider_does_not_know_costs_no_other_its_answer(exchange: Exchange, home: Path) -> None:
    unknown, known, none = fetch(
        exchange, home, request("SHFE.cu9912"), request(CU, LAST, LAST), request(CU, date(2025, 1, 2), date(2025, 1, 3))
    )
    assert isinstance(unknown, UnknownContractError)
    assert isinstance(known, pl.DataFrame)
    assert known.height == len(bars_of(CU, LAST, MODEL_2)["volume"])
    assert isinstance(none, pl.DataFrame)
    assert (none.height, none.columns) == (0, ["start_ns", *BAR_PRICES, "volume"]), "it was not listed yet"


@pytest.mark.parametrize(
    ("rule", "kind"),
    [
        ({"kind": "refuse", "status": 401}, DeniedError),
        ({"kind": "wrong_grant", "features": ["futr"], "times": None}, DeniedError),
        ({"kind": "maintenance", "at": "token", "times": None}, MaintenanceError),
        ({"kind": "refuse", "status": 502, "times": None}, TransientFetchError),
        ({"kind": "garbage", "times": None}, BrokenDayError),
    ],
)
def test_a_refusal_has_its_name_and_no_bar(
    exchange: Exchange, home: Path, rule: dict[str, Any], kind: type[FetchError]
) -> None:
    exchange.faults(rule)
    answers = fetch(exchange, home, request(CU, LAST, LAST), request(CY, LAST, LAST))
    assert [type(answer) for answer in answers] == [kind, kind]
    assert CANARY not in repr(answers)


def test_minutes_that_the_bars_lost_too_trade_nothing(exchange: Exchange, home: Path) -> None:
    hole = {"kind": "hole", "symbol": CU, "trading_day": LAST.isoformat(), "amount": 5000, "bars": True}
    exchange.faults(hole)
    [answer] = fetch(exchange, home, request(CU, LAST, LAST))
    assert isinstance(answer, pl.DataFrame)
    assert 0 < answer["volume"].sum() < bars_of(CU, LAST, MODEL_2)["volume"].sum()


def answered(missing: int = -1, last_id: int = 19) -> tuple[dict[str, Any], dict[str, Any]]:
    """What the client makes of bars 0 to 19, one a second, of which 5 to 14 lie in the range; and what came."""
    ids = [each for each in range(5, 15) if not 5 <= missing <= each]
    columns = {"id": np.array(ids), "datetime": np.array(ids) * NS}
    columns |= {name: np.full(len(ids), 7.0) for name in (*BAR_PRICES, "volume")}
    came = {str(each): {"datetime": each * NS} for each in range(last_id + 1) if each != missing}
    return (columns if ids else {}), {"data": came, "last_id": last_id}


JOB = ReadBars(CU, 5 * NS, 15 * NS, 10)


@given(missing=st.integers(5, 15))
def test_an_answer_that_ends_early_is_none(missing: int) -> None:
    columns, series = answered(missing)
    with pytest.raises(ShortDayError):
        whole_bars(columns, series, JOB)


def test_an_answer_is_whole_where_the_bars_end_with_it() -> None:
    columns, series = answered()
    assert whole_bars(columns, series, JOB).height == 10
    columns, series = answered(last_id=14)
    assert whole_bars(columns, series, JOB).height == 10
    assert whole_bars({}, {"data": {}, "last_id": 3}, JOB).height == 0


@pytest.mark.parametrize(("name", "value"), [("volume", np.nan), ("volume", -1.0), ("close", np.nan)])
def test_a_bar_without_its_numbers_breaks_the_answer(name: str, value: float) -> None:
    columns, series = answered()
    columns[name][3] = value
    with pytest.raises(BrokenDayError):
        whole_bars(columns, series, JOB)
