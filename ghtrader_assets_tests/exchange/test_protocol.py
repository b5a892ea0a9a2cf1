"""What the server says on the wire, seen by a bare client."""

from __future__ import annotations

import base64
import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path
from time import monotonic
from typing import Any

import psutil
import pytest
import requests
from websockets.exceptions import ConnectionClosedOK

from ghtrader_assets.exchange.contracts import main_changes
from ghtrader_assets.exchange.instruments import describe, known_symbols
from ghtrader_assets.exchange.quotes import quote_of
from ghtrader_assets.exchange.server import REALM
from ghtrader_assets.market.calendar import snapshot_calendar
from ghtrader_assets.market.clock import SHANGHAI
from ghtrader_assets.market.holidays import compare_holidays
from ghtrader_assets_tests.exchange.diff_client import DiffClient
from ghtrader_assets_tests.fix_exchange import ROOT, ExchangeControl, started_exchange
from ghtrader_assets_tests.true_ticks import MODEL_1, SPECS, ticks_of
from ghtrader_assets_tests.waiting import HANGS_S, await_that

pytestmark = pytest.mark.service  # it starts its own

CONTRACT = "SHFE.cu2602"
DAY = date(2026, 1, 6)
START_NS = snapshot_calendar().window(DAY).start_ns


def chart_request(chart_id: str, **fields: int) -> dict[str, Any]:
    return {"aid": "set_chart", "chart_id": chart_id, "ins_list": CONTRACT, "duration": 0, **fields}


@pytest.fixture
def client(exchange: ExchangeControl) -> Iterator[DiffClient]:
    with DiffClient(exchange) as connected:
        yield connected


def test_it_greets_and_answers_the_first_peek(client: DiffClient) -> None:
    assert client.greeting["aid"] == "rsp_login"
    assert client.peek()["data"] == [{"account_id": "", "ins_list": "", "mdhis_more_data": False}]


def test_nothing_comes_without_a_peek_and_nothing_new_without_a_change(client: DiffClient) -> None:
    client.send(aid="ins_query", query_id="q", query="")
    client.await_pong()
    client.await_pong()  # whatever the request made ready at once is on its way by now
    with pytest.raises(TimeoutError):
        client.receive(timeout=0)
    client.send(aid="subscribe_quote", ins_list=CONTRACT)
    client.peek()
    while "quotes" not in client.data:
        client.peek()
    client.send(aid="peek_message")
    client.send(aid="subscribe_quote", ins_list="SHFE.rb2605")
    (quotes,) = client.receive()["data"]
    assert list(quotes["quotes"]) == ["SHFE.rb2605"], "the peek was answered by the change and by nothing before it"


def test_a_chart_pages_by_time_then_by_id(client: DiffClient) -> None:
    want = ticks_of(CONTRACT, DAY)
    first = int(want["tick_id"][0])
    chart = client.chart("a", CONTRACT, 2000, focus_datetime=START_NS, focus_position=0)
    assert (chart["left_id"], chart["right_id"], chart["ready"]) == (first, first + 1999, True)
    assert sorted(client.ticks(CONTRACT)) == list(range(first, first + 2000))
    chart = client.chart("a", CONTRACT, 2000, left_kline_id=first + 2000)
    assert chart["left_id"] == first + 2000
    assert set(chart["state"]) == {"aid", "chart_id", "ins_list", "duration", "view_width", "left_kline_id"}
    stamps = [tick["datetime"] for tick in client.ticks(CONTRACT).values()]
    assert stamps == want["datetime_ns"][:4000].tolist()
    assert client.data["mdhis_more_data"] is False


def test_keys_dropped_from_a_request_are_sent_as_null(client: DiffClient) -> None:
    client.chart("a", CONTRACT, 10, focus_datetime=START_NS, focus_position=0)
    request = {"aid": "set_chart", "chart_id": "a", "ins_list": CONTRACT, "duration": 0, "view_width": 10}
    client.send(**request, left_kline_id=5)
    state = client.peek()["data"][-1]["charts"]["a"]["state"]
    assert state == {**request, "left_kline_id": 5, "focus_datetime": None, "focus_position": None}


@pytest.mark.parametrize(("where", "left"), [({"left_kline_id": -4}, -4), ({"left_kline_id": 10**9}, 10**9)])
def test_bounds_are_as_asked_beyond_what_exists(client: DiffClient, where: dict[str, int], left: int) -> None:
    chart = client.chart("a", CONTRACT, 8, **where)
    assert (chart["left_id"], chart["right_id"]) == (left, left + 7)
    assert sorted(client.ticks(CONTRACT)) == [key for key in range(left, left + 8) if 0 <= key < 10**9]


def test_focus_position_moves_the_view_and_no_place_means_the_end(client: DiffClient) -> None:
    first = int(ticks_of(CONTRACT, DAY)["tick_id"][0])
    assert client.chart("a", CONTRACT, 8, focus_datetime=START_NS, focus_position=3)["left_id"] == first - 3
    chart = client.chart("b", CONTRACT, 8)
    assert chart["right_id"] == client.data["ticks"][CONTRACT]["last_id"]


def test_two_wide_charts_at_once(client: DiffClient) -> None:
    requests_ = [
        chart_request(name, view_width=10_000, left_kline_id=at) for name, at in (("a", 500_000), ("b", 510_000))
    ]
    for request in requests_:
        client.send(**request)
    for request in requests_:
        client.wait_chart(request["chart_id"], request)
    assert sorted(client.ticks(CONTRACT)) == list(range(500_000, 520_000))


def test_a_newer_request_of_one_chart_replaces_the_older(exchange: ExchangeControl) -> None:
    """The older page would be ready first: both take as long. A machine too busy to ask twice meanwhile tries again."""
    for seconds in (0.4, 4.0, 40.0):
        exchange.reset()
        exchange.faults({"kind": "slow", "seconds": seconds, "times": 2})
        with DiffClient(exchange) as client:
            client.send(**chart_request("a", view_width=5, left_kline_id=100))
            await_that("the older request is under way", lambda: exchange.requests("set_chart"))
            newer = chart_request("a", view_width=5, left_kline_id=200)
            client.send(**newer)
            chart = client.wait_chart("a", newer)
        first, second = (item["time"] for item in exchange.requests("set_chart"))
        if second < first + seconds:
            break
    assert chart["left_id"] == 200
    assert sorted(client.ticks(CONTRACT)) == list(range(200, 205))


def test_a_closed_chart_becomes_null(client: DiffClient) -> None:
    client.chart("a", CONTRACT, 5, left_kline_id=1)
    client.send(aid="set_chart", chart_id="a", ins_list="", duration=0, view_width=5)
    assert client.peek()["data"] == [{"charts": {"a": None}}]


@pytest.mark.parametrize("symbol", ["SHFE.zz9999", "KQ.m@SHFE.zn"])
def test_an_unknown_symbol_has_no_ticks(client: DiffClient, symbol: str) -> None:
    chart = client.chart("a", symbol, 5, focus_datetime=START_NS, focus_position=0)
    assert (chart["left_id"], chart["right_id"], chart["ready"]) == (-1, -1, True)
    assert client.data["ticks"][symbol]["last_id"] == -1


def test_time_after_the_end_shows_nothing(client: DiffClient) -> None:
    later = snapshot_calendar().window(date(2026, 6, 1)).start_ns
    chart = client.chart("a", CONTRACT, 5, focus_datetime=later, focus_position=0)
    assert chart["left_id"] == client.data["ticks"][CONTRACT]["last_id"] + 1
    assert client.ticks(CONTRACT) == {}


def test_time_before_the_beginning_shows_the_first_tick(client: DiffClient) -> None:
    chart = client.chart("a", CONTRACT, 5, focus_datetime=0, focus_position=0)
    assert chart["left_id"] == 0
    assert sorted(client.ticks(CONTRACT)) == [0, 1, 2, 3, 4]


def test_history_ends_with_the_last_completed_day(tmp_path: Path) -> None:
    """On a Wednesday afternoon before the close that is Tuesday."""
    at = datetime(2026, 1, 14, 14, 0, tzinfo=SHANGHAI)
    with started_exchange(tmp_path, at=at) as control, DiffClient(control) as client:
        client.chart("a", "KQ.m@SHFE.au", 1)
        (last,) = client.ticks("KQ.m@SHFE.au").values()
    assert snapshot_calendar().trading_day_of(last["datetime"]) == date(2026, 1, 13)


def test_an_instrument_query_and_its_release(client: DiffClient) -> None:
    symbols = '["SHFE.cu2602", "SHFE.zz9999"]'
    query = f"query {{ multi_symbol_info(instrument_id: {symbols}) {{ ... on basic {{ instrument_id price_tick }} }} }}"
    client.send(aid="ins_query", query_id="q", query=query)
    while "symbols" not in client.data:
        client.peek()
    found = client.data["symbols"]["q"]["result"]["multi_symbol_info"]
    assert found == [{"instrument_id": "SHFE.cu2602", "price_tick": 10}]
    client.send(aid="ins_query", query_id="q", query="")
    assert client.peek()["data"] == [{"symbols": {"q": None}}]


def test_a_contract_of_tqsdks_packaged_file_is_an_error(client: DiffClient) -> None:
    query = "query($instrument_id:[String]) { multi_symbol_info(instrument_id: $instrument_id) { instrument_id } }"
    client.send(aid="ins_query", query_id="q", query=query, variables={"instrument_id": ["SHFE.cu1909"]})
    while "symbols" not in client.data:
        client.peek()
    answer = client.data["symbols"]["q"]
    assert answer["error"]
    assert answer["variables"] == {"instrument_id": ["SHFE.cu1909"]}


def test_a_contract_is_unknown_before_its_listing() -> None:
    assert describe("SHFE.cu2603", date(2025, 3, 17), 1) is None
    assert describe("SHFE.cu2603", date(2025, 3, 18), 1) is not None
    assert describe("KQ.m@GFEX.lc", date(2023, 7, 20), 1) is None
    assert "SHFE.cu2603" not in known_symbols(date(2025, 3, 17), 1)
    listing = date(2025, 3, 18)
    before = quote_of("SHFE.cu2603", date(2025, 3, 17), listing, MODEL_1)
    assert before is not None
    assert before["last_price"] == "-", "listed today, not traded yet"


def test_an_open_connection_does_not_hold_up_the_end(tmp_path: Path) -> None:
    """aiohttp itself would wait for the client and then drop the connection without a word."""
    with started_exchange(tmp_path) as control, DiffClient(control) as client:
        client.chart("a", CONTRACT, 10, left_kline_id=0)
        psutil.Process(control.pid).terminate()
        with pytest.raises(ConnectionClosedOK):
            client.receive()


def test_holidays_and_continuous_table(exchange: ExchangeControl) -> None:
    closed = requests.get(exchange.environment["TQ_CHINESE_HOLIDAY_URL"], timeout=HANGS_S).json()
    assert compare_holidays(snapshot_calendar(), closed) == []
    table = requests.get(exchange.environment["TQ_CONT_TABLE_URL"], timeout=HANGS_S).json()
    assert set(table) == set(SPECS)
    until = snapshot_calendar().trading_day_of(snapshot_calendar().window(date(2026, 1, 9)).start_ns)
    changes = [[f"{day:%Y%m%d}", contract.text] for day, contract in main_changes(SPECS["SHFE.cu"], until)]
    assert table["SHFE.cu"][: len(changes)] == changes
    assert table["SHFE.cu"][0][0] == "20210104"


def test_a_token_carries_the_grants(exchange: ExchangeControl) -> None:
    url = f"{exchange.url}{REALM}/protocol/openid-connect/token"
    answer = requests.post(
        url, data={"username": "u", "password": "p", "grant_type": "password"}, timeout=HANGS_S
    ).json()
    payload = answer["access_token"].split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    assert {"futr", "tq_dl"} <= set(claims["grants"]["features"])
    assert claims["sub"]


def test_only_the_given_user_is_let_in(tmp_path: Path) -> None:
    with started_exchange(tmp_path, "--user", "trader", "--password", "secret") as control:
        url = f"{control.url}{REALM}/protocol/openid-connect/token"
        codes = [
            requests.post(url, data={"username": user, "password": password}, timeout=HANGS_S).status_code
            for user, password in (("trader", "secret"), ("trader", "wrong"), ("other", "secret"))
        ]
    assert codes == [200, 401, 401]


def test_requests_are_recorded(exchange: ExchangeControl) -> None:
    with DiffClient(exchange) as client:
        client.chart("a", CONTRACT, 5, left_kline_id=7)
    (asked,) = exchange.requests("set_chart")
    assert (asked["symbol"], asked["left_id"], asked["right_id"], asked["page"]) == (CONTRACT, 7, 11, 0)
    assert len(exchange.requests("handshake")) == 1


def test_a_taken_port_ends_it_with_one_line(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        command = [sys.executable, "-m", "ghtrader_assets.exchange", "--port", str(port), "--home", str(tmp_path)]
        ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=HANGS_S, check=False)
    assert ended.returncode == 3
    assert str(port) in ended.stderr
    assert len(ended.stderr.splitlines()) == 1


def test_latency_is_added_to_a_page(tmp_path: Path) -> None:
    with started_exchange(tmp_path, "--latency-ms", "300") as control, DiffClient(control) as client:
        asked = monotonic()
        client.chart("a", CONTRACT, 5, left_kline_id=0)
        assert monotonic() - asked >= 0.3


def test_pages_of_two_charts_overlap(exchange: ExchangeControl, client: DiffClient) -> None:
    exchange.faults({"kind": "slow", "seconds": 3600})
    client.send(**chart_request("a", view_width=5, left_kline_id=9))
    await_that("the slow page is under way", lambda: exchange.requests("set_chart"))
    assert client.chart("b", CONTRACT, 5, left_kline_id=9)["left_id"] == 9
    assert "a" not in client.data["charts"]
