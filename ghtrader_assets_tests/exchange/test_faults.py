"""Every fault does on the wire what it says, as often as it says."""

from __future__ import annotations

import json
from datetime import date
from time import monotonic
from typing import Any

import pytest
import requests
from websockets.exceptions import ConnectionClosed, InvalidStatus

from ghtrader_assets.errors import BadInputError
from ghtrader_assets.exchange.faults import MAINTENANCE_TEXT, parse_rules
from ghtrader_assets.exchange.server import FEATURES, REALM
from ghtrader_assets_tests.exchange.diff_client import DiffClient
from ghtrader_assets_tests.fix_exchange import ExchangeControl
from ghtrader_assets_tests.true_ticks import ticks_of
from ghtrader_assets_tests.waiting import HANGS_S, await_that

CONTRACT = "SHFE.cu2602"
DAY = date(2026, 1, 6)
FIRST = int(ticks_of(CONTRACT, DAY)["tick_id"][0])


def log_in(exchange: ExchangeControl) -> requests.Response:
    form = {"username": "u", "password": "p", "grant_type": "password"}
    return requests.post(f"{exchange.url}{REALM}/protocol/openid-connect/token", data=form, timeout=HANGS_S)


@pytest.mark.parametrize("status", [401, 429, 503])
def test_a_handshake_is_refused_so_often(exchange: ExchangeControl, status: int) -> None:
    exchange.faults({"kind": "refuse", "status": status, "times": 2})
    for _ in range(2):
        with pytest.raises(InvalidStatus) as refused, DiffClient(exchange):
            pytest.fail("the handshake was accepted")
        assert refused.value.response.status_code == status
    with DiffClient(exchange) as client:
        assert client.greeting["aid"] == "rsp_login"
    assert exchange.rules()[0]["hits"] == 2


def test_a_token_is_refused(exchange: ExchangeControl) -> None:
    exchange.faults({"kind": "refuse", "at": "token", "status": 401, "message": "no"})
    assert log_in(exchange).status_code == 401
    assert log_in(exchange).status_code == 200


def test_maintenance_at_log_in_says_so(exchange: ExchangeControl) -> None:
    exchange.faults({"kind": "maintenance", "at": "token"})
    answer = log_in(exchange)
    assert answer.status_code == 503
    assert answer.json()["error_description"] == MAINTENANCE_TEXT


def test_a_grant_can_be_wrong(exchange: ExchangeControl) -> None:
    exchange.faults({"kind": "wrong_grant", "features": ["futr"]})
    lengths = [len(log_in(exchange).json()["access_token"]) for _ in range(2)]
    assert lengths[0] < lengths[1]
    assert "tq_dl" in FEATURES


def test_a_drop_cuts_the_connection_in_the_middle_of_a_message(exchange: ExchangeControl) -> None:
    exchange.faults({"kind": "drop", "symbol": CONTRACT, "page": 1})
    with DiffClient(exchange) as client:
        client.chart("a", CONTRACT, 10, left_kline_id=FIRST)
        with pytest.raises(ConnectionClosed) as closed:
            client.chart("a", CONTRACT, 10, left_kline_id=FIRST + 10)
        assert closed.value.rcvd is None, "there was no closing handshake"
    with DiffClient(exchange) as client:
        client.chart("a", CONTRACT, 10, left_kline_id=FIRST)
        client.chart("a", CONTRACT, 10, left_kline_id=FIRST + 10)


def test_maintenance_in_the_middle_announces_itself(exchange: ExchangeControl) -> None:
    exchange.faults({"kind": "maintenance"})
    with DiffClient(exchange) as client:
        client.peek()
        client.send(aid="set_chart", chart_id="a", ins_list=CONTRACT, duration=0, view_width=10, left_kline_id=FIRST)
        assert client.receive()["data"][0]["notify"]["maintenance"]["content"] == MAINTENANCE_TEXT
        with pytest.raises(ConnectionClosed):
            client.receive()


def test_a_stall_is_silence(exchange: ExchangeControl) -> None:
    exchange.faults({"kind": "stall"})
    with DiffClient(exchange) as client:
        client.peek()
        client.send(aid="set_chart", chart_id="a", ins_list=CONTRACT, duration=0, view_width=10, left_kline_id=FIRST)
        client.send(aid="peek_message")
        await_that("the page is stalled", lambda: exchange.rules()[0]["hits"])
        client.send(aid="ins_query", query_id="what is answered at once", query="")
        client.await_pong()
        with pytest.raises(TimeoutError):
            client.receive(timeout=0.5)


def test_garbage_is_no_json(exchange: ExchangeControl) -> None:
    exchange.faults({"kind": "garbage"})
    with DiffClient(exchange) as client:
        client.peek()
        with pytest.raises(json.JSONDecodeError):
            client.chart("a", CONTRACT, 10, left_kline_id=FIRST)


def test_a_slow_page_takes_its_time(exchange: ExchangeControl) -> None:
    exchange.faults({"kind": "slow", "seconds": 0.6})
    with DiffClient(exchange) as client:
        started = monotonic()
        client.chart("a", CONTRACT, 10, left_kline_id=FIRST)
        assert monotonic() - started >= 0.6


def test_a_page_comes_twice(exchange: ExchangeControl) -> None:
    exchange.faults({"kind": "duplicate_page"})
    with DiffClient(exchange) as client:
        client.peek()
        client.chart("a", CONTRACT, 10, left_kline_id=FIRST)
        again = client.peek()
        ids = again["data"][0]["ticks"][CONTRACT]["data"]
        assert list(ids) == [str(number) for number in range(FIRST, FIRST + 10)]


def test_a_stale_page_repeats_the_ids_before(exchange: ExchangeControl) -> None:
    exchange.faults({"kind": "stale_page", "page": 1})
    with DiffClient(exchange) as client:
        client.chart("a", CONTRACT, 10, left_kline_id=FIRST)
        assert client.chart("a", CONTRACT, 10, left_kline_id=FIRST + 10)["left_id"] == FIRST
        assert client.chart("a", CONTRACT, 11, left_kline_id=FIRST + 10)["left_id"] == FIRST + 10


def test_a_rule_for_a_day_meets_pages_with_that_day_only(exchange: ExchangeControl) -> None:
    exchange.faults({"kind": "garbage", "trading_day": "2026-01-06"})
    with DiffClient(exchange) as client:
        client.chart("a", CONTRACT, 10, left_kline_id=FIRST - 10)
        assert exchange.rules()[0]["hits"] == 0
        with pytest.raises(json.JSONDecodeError):
            client.chart("a", CONTRACT, 10, left_kline_id=FIRST - 9)


def test_a_truncated_day_is_whole_for_the_next_chart(exchange: ExchangeControl) -> None:
    exchange.faults({"kind": "truncated", "symbol": CONTRACT, "trading_day": "2026-01-06", "times": 1})
    with DiffClient(exchange) as client:
        client.chart("a", CONTRACT, 10, left_kline_id=FIRST)
        short = client.data["ticks"][CONTRACT]["last_id"]
        client.chart("a", CONTRACT, 10, left_kline_id=FIRST + 10)
        assert client.data["ticks"][CONTRACT]["last_id"] == short
        client.chart("b", CONTRACT, 10, left_kline_id=FIRST)
        assert client.data["ticks"][CONTRACT]["last_id"] > short


def test_reset_forgets_rules_and_content(exchange: ExchangeControl) -> None:
    exchange.faults({"kind": "no_data", "symbol": CONTRACT})
    with DiffClient(exchange) as client:
        assert client.chart("a", CONTRACT, 10, left_kline_id=FIRST)["left_id"] == -1
        exchange.reset()
        assert client.chart("b", CONTRACT, 10, left_kline_id=FIRST)["left_id"] == FIRST
    assert exchange.rules() == []


@pytest.mark.parametrize(
    ("document", "says"),
    [
        ({"kind": "drop"}, "array"),
        ([{"kind": "explode"}], "kind"),
        ([{"kind": "drop", "often": 3}], "often"),
        ([{"kind": "drop", "times": "3"}], "times"),
        ([{"kind": "drop", "at": "token"}], "token"),
        ([{"kind": "truncated"}], "trading_day"),
        ([{"kind": "fewer", "trading_day": "2026-1-6"}], "trading_day"),
        ([{"kind": "wrong_main", "trading_day": "2025-12-02"}], "contract"),
        ([{"kind": "moved_roll", "trading_day": "2025-12-02", "contract": "CZCE.SR604"}], "contract"),
    ],
)
def test_an_illegal_rule_is_named(exchange: ExchangeControl, document: Any, says: str) -> None:
    with pytest.raises(BadInputError, match=says):
        parse_rules(json.dumps(document).encode())
    answer = requests.post(f"{exchange.url}/control/faults", json=document, timeout=HANGS_S)
    assert answer.status_code == 400
    assert says in answer.json()["error"]
    assert exchange.rules() == []
