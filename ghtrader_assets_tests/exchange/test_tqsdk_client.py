"""The real tqsdk client against the embedded exchange, each script in a process of its own."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import date, datetime
from subprocess import CompletedProcess
from typing import Any

import pytest

from ghtrader_assets.market.clock import SHANGHAI
from ghtrader_assets_tests.fix_exchange import ExchangeControl, run_in_client
from ghtrader_assets_tests.true_ticks import ticks_of

RunClient = Callable[..., CompletedProcess[str]]

WHOLE_DAYS = """
import numpy as np
from ghtrader_assets_tests.true_ticks import ticks_of
api = TqApi(auth=TqAuth("user", "password"), disable_print=True)
verdicts = {}
for contract, day in DAYS:
    day = date.fromisoformat(day)
    got, want = api.get_tick_data_series(contract, day, day), ticks_of(contract, day)
    names = {"id": "tick_id", "datetime": "datetime_ns"}
    columns = [name for name in got.columns if name not in ("symbol", "duration")]
    same = {names.get(name, name) for name in columns} == set(want) and len(got) == len(want["tick_id"])
    same = same and all(np.array_equal(got[name].to_numpy(), want[names.get(name, name)]) for name in columns)
    verdicts[contract] = [bool(same), len(got), len(columns)]
api.close()
print(json.dumps(verdicts))
"""

REFERENCE = """
api = TqApi(auth=TqAuth("user", "password"), disable_print=True)
conts = api.query_his_cont_quotes(["KQ.m@SHFE.cu", "KQ.m@GFEX.lc"], n=1400)
conts = conts.set_index("date").loc["2026-01-05":"2026-01-09", "KQ.m@SHFE.cu"]
calendar = api.get_trading_calendar(date(2026, 1, 1), date(2026, 1, 9))
quote, main, sugar = (api.get_quote(name) for name in ("SHFE.cu2603", "KQ.m@SHFE.cu", "CZCE.SR605"))
print(json.dumps({
    "conts": conts.tolist(),
    "trading": calendar.trading.tolist(),
    "cont_quotes": api.query_cont_quotes(exchange_id="SHFE"),
    "no_night": api.query_cont_quotes(has_night=False),
    "alive": api.query_quotes(ins_class="FUTURE", exchange_id="SHFE", product_id="cu", expired=False),
    "mains": api.query_quotes(ins_class="CONT", exchange_id="DCE"),
    "quote": [quote.price_tick, quote.volume_multiple, quote.expire_datetime, quote.expired, quote.ins_class],
    "night": quote.trading_time["night"],
    "underlying": main.underlying_symbol,
    "sugar_delivers": [sugar.delivery_year, sugar.delivery_month],
}))
api.close()
"""

SCENARIOS = """
import requests, tempfile
import tqsdk.data_series

def outcome():
    tqsdk.data_series.CACHE_DIR = tempfile.mkdtemp(dir=".")
    try:
        api = TqApi(auth=TqAuth("user", "password"), disable_print=True)
    except Exception as error:
        return {"error": repr(error)}
    try:
        frame = api.get_tick_data_series(CONTRACT, date(2026, 1, 6), date(2026, 1, 6))
        return {"rows": len(frame), "nulls": int(frame["ask_price1"].isna().sum()) if len(frame) else 0}
    except Exception as error:
        return {"error": repr(error)}
    finally:
        api.close()

outcomes = {}
for name, rules in SCENARIOS.items():
    requests.post(URL + "/control/reset", json={})
    requests.post(URL + "/control/faults", json=rules).raise_for_status()
    outcomes[name] = outcome()
print(json.dumps(outcomes))
"""

CONTRACT = "CFFEX.IF2602"
ROWS = len(ticks_of(CONTRACT, date(2026, 1, 6))["tick_id"])
ON_THE_DAY = {"symbol": CONTRACT, "trading_day": "2026-01-06"}
ODD_CONTENT: dict[str, tuple[list[dict[str, Any]], int, int]] = {
    "plain": ([], ROWS, 0),
    "patches": ([{"kind": "patches"}], ROWS, 0),
    "repeated pages": ([{"kind": "duplicate_page", "page": 0}, {"kind": "stale_page", "page": 1}], ROWS, 0),
    "odd numbers": ([{"kind": "quoted"}, {"kind": "extra_keys"}], ROWS, len(range(3, ROWS, 7))),
    "missing id": ([{"kind": "missing_id", "fraction": 0.25, **ON_THE_DAY}], round(0.25 * (ROWS - 1)), 0),
    "truncated": ([{"kind": "truncated", "fraction": 0.75, **ON_THE_DAY}], round(0.75 * (ROWS - 1)), 0),
    "fewer": ([{"kind": "fewer", "amount": 11, **ON_THE_DAY}], ROWS - 11, 0),
    "empty day": ([{"kind": "no_data", **ON_THE_DAY}], 0, 0),
    "empty contract": ([{"kind": "no_data", "symbol": CONTRACT}], 0, 0),
}
"""Name → rules, rows the client delivers, rows without an ask price."""
ERRORS: dict[str, tuple[dict[str, Any], str]] = {
    "refused": ({"kind": "refuse", "at": "token", "status": 401}, "用户权限认证失败 (401"),
    "maintenance": ({"kind": "maintenance", "at": "token"}, "维护"),
    "no tq_dl": ({"kind": "wrong_grant", "features": ["futr"]}, "专业版"),
    "no futr": ({"kind": "wrong_grant", "features": ["tq_dl"]}, "不支持查看"),
    "garbage": ({"kind": "garbage", "page": 1}, "JSONDecodeError"),
}


def answer_of(ended: CompletedProcess[str]) -> Any:
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout.splitlines()[-1])


def test_whole_days_come_column_for_column(exchange: ExchangeControl, run_client: RunClient) -> None:
    """Of contracts on their way to be the main one: a few pages each."""
    days = [["SHFE.rb2605", "2025-11-26"], ["CZCE.SR605", "2025-11-24"], ["CFFEX.IF2602", "2026-01-06"]]
    verdicts = answer_of(run_client(exchange, f"DAYS = {days!r}\n" + WHOLE_DAYS))
    assert {contract: (same, columns) for contract, (same, _, columns) in verdicts.items()} == {
        "SHFE.rb2605": (True, 29),
        "CZCE.SR605": (True, 13),
        "CFFEX.IF2602": (True, 13),
    }
    widths = {item["view_width"] for item in exchange.requests("set_chart")}
    assert widths == {2000}


def test_reference_data(exchange: ExchangeControl, run_client: RunClient) -> None:
    found = answer_of(run_client(exchange, REFERENCE))
    assert found["conts"] == ["SHFE.cu2602"] * 2 + ["SHFE.cu2603"] * 3
    assert found["trading"] == [False] * 4 + [True] * 5
    assert [name[:7] for name in found["cont_quotes"]] == ["SHFE.cu", "SHFE.au", "SHFE.ag", "SHFE.rb"]
    assert {name[:8] for name in found["no_night"]} == {"CFFEX.IF", "GFEX.lc2"}
    assert len(found["alive"]) == 12
    assert found["mains"] == ["KQ.m@DCE.m"]
    assert found["quote"] == [10, 5, 1773644400.0, True, "FUTURE"]
    assert found["night"] == [["21:00:00", "25:00:00"]]
    assert found["underlying"] == found["cont_quotes"][0]
    assert found["sugar_delivers"] == [2026, 5], "not the contract of 2016 in tqsdk's packaged file"


def played(exchange: ExchangeControl, scenarios: Mapping[str, Any]) -> str:
    """A client's script that goes through scenarios, each under its fault rules."""
    return f"URL, CONTRACT, SCENARIOS = {exchange.url!r}, {CONTRACT!r}, {scenarios!r}\n{SCENARIOS}"


DROP = {"drop": [{"kind": "drop", "page": 1}]}


@pytest.fixture(scope="module")
def outcomes(exchange_process: ExchangeControl, tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """What the client made of each scenario, all in one process."""
    rules = {name: given for name, (given, _, _) in ODD_CONTENT.items()}
    rules |= {name: [rule] for name, (rule, _) in ERRORS.items()}
    ended = run_in_client(exchange_process, played(exchange_process, rules), tmp_path_factory.mktemp("client"), 600)
    exchange_process.reset()
    return answer_of(ended)


@pytest.mark.parametrize("name", list(ODD_CONTENT))
def test_what_the_client_makes_of_odd_content(outcomes: dict[str, dict[str, Any]], name: str) -> None:
    """A missing id ends the client's day in silence; spread ticks, odd keys and repeated pages do it no harm."""
    _, rows, nulls = ODD_CONTENT[name]
    assert outcomes[name] == {"rows": rows, "nulls": nulls}


@pytest.mark.parametrize("name", list(ERRORS))
def test_what_the_client_says_of_a_fault(outcomes: dict[str, dict[str, Any]], name: str) -> None:
    assert ERRORS[name][1] in outcomes[name]["error"]


@pytest.mark.slow
def test_the_client_comes_back_after_a_drop(exchange: ExchangeControl, run_client: RunClient) -> None:
    noon = datetime(2026, 11, 30, 12, tzinfo=SHANGHAI)
    answered = answer_of(run_client(exchange, played(exchange, DROP), timeout=300, at=noon))
    assert answered == {"drop": {"rows": ROWS, "nulls": 0}}
    assert len(exchange.requests("handshake")) == 2


def test_in_half_an_hour_the_client_calls_any_lost_connection_maintenance(
    exchange: ExchangeControl, run_client: RunClient
) -> None:
    """By the clock of its own host, whatever the server is."""
    evening = datetime(2026, 11, 30, 19, 10, tzinfo=SHANGHAI)
    answered = answer_of(run_client(exchange, played(exchange, DROP), timeout=300, at=evening))
    assert "的连接失败，每日 19:00-19:30 为日常运维时间" in answered["drop"]["error"]
