"""A running platform's doors: what a page of another origin, and a name that was made to point here, gets of each."""

from __future__ import annotations

import json
import socket
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from websockets.sync.client import connect
from websockets.typing import Subprotocol

from ghtrader_assets.settings import Settings
from ghtrader_assets.store import Store
from ghtrader_assets.store import connect as store_at
from ghtrader_assets_tests.fix_platform import COPPER, COPPER_DAYS, RunningPlatform
from ghtrader_assets_tests.waiting import HANGS_S

JSON = {"Content-Type": "application/json"}
FOREIGN = JSON | {"Origin": "http://evil.example"}
NO_LOADS = 'mutation { setConcurrencyLimit(concurrencyKey: "ghtrader_loads", limit: 0) }'
NAMED = NO_LOADS.replace("mutation", "mutation A")
LIMIT = '{ instance { concurrencyLimit(concurrencyKey: "ghtrader_loads") { limit } } }'
MUTATION = {"query": NO_LOADS}
CHECKED = "/report_asset_check/KQ_m_SHFE_cu/ticks?check_name=latest_day&passed=true"
FORGED = "/report_asset_materialization/KQ_m_SHFE_cu/ticks?data_version=forged&partition=2026-01-05"
IMAGE = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"}
UPGRADE = {
    "Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==", "Sec-WebSocket-Protocol": "graphql-ws",
}  # fmt: skip


@pytest.mark.parametrize(
    ("method", "path", "headers", "body", "status"),
    [
        pytest.param("POST", "/graphql", FOREIGN, MUTATION, 403, id="a foreign page"),
        pytest.param("POST", "/graphql", JSON | {"Host": "evil.example"}, MUTATION, 421, id="a foreign name"),
        pytest.param("POST", "/graphql", {"Content-Type": "text/plain"}, MUTATION, 415, id="as text"),
        pytest.param("POST", f"/graphql?query={NO_LOADS}", {}, None, 415, id="in the address"),
        pytest.param("GET", f"/graphql?query={NO_LOADS}", {}, None, 405, id="by GET"),
        pytest.param("GET", f"/graphql?query={NO_LOADS}", IMAGE, None, 403, id="as an image"),
        pytest.param("GET", "/graphql", UPGRADE | {"Origin": "http://evil.example"}, None, 403, id="a socket"),
        pytest.param("POST", FORGED, {}, None, 415, id="forged lineage"),
        pytest.param("POST", FORGED, FOREIGN, {}, 403, id="forged lineage from a page"),
        pytest.param("POST", CHECKED, {"Content-Type": "text/plain"}, None, 415, id="a forged check"),
    ],
)
def test_dagster_obeys_no_foreign_page(
    platform: RunningPlatform, method: str, path: str, headers: dict[str, str], body: Any, status: int
) -> None:
    before = platform.graphql(LIMIT)
    sent = {"data": None if body is None else json.dumps(body)}
    answer = requests.request(
        method, f"{platform.url('dagster')}{path}", headers=platform.keys.header | headers, timeout=HANGS_S, **sent
    )
    assert answer.status_code == status
    assert platform.graphql(LIMIT) == before


@pytest.mark.parametrize("service", ["dagster", "dashboard", "prometheus", "exchange"])
@pytest.mark.parametrize(
    ("headers", "status"),
    [({"Host": "evil.example"}, 421), ({"Origin": "http://evil.example"}, 403), (IMAGE, 403)],
    ids=["a foreign name", "a foreign page", "an image"],
)
def test_no_server_answers_what_is_foreign(
    platform: RunningPlatform, service: str, headers: dict[str, str], status: int
) -> None:
    answer = requests.get(platform.url(service), headers=platform.keys.header | headers, timeout=HANGS_S)
    assert answer.status_code == status


@pytest.mark.parametrize(
    ("service", "method", "path"),
    [
        ("dagster", "GET", "/"),
        ("dagster", "GET", "/logs/x.err"),
        ("dagster", "GET", "/server_info"),
        ("dagster", "POST", "/graphql"),
        ("dagster", "POST", FORGED),
        ("dashboard", "GET", "/"),
        ("dashboard", "GET", "/_dash-layout"),
        ("dashboard", "POST", "/_dash-update-component"),
        ("prometheus", "GET", ""),
        ("exchange", "GET", "/control/requests"),
        ("exchange", "POST", "/control/reset"),
    ],
)
def test_without_a_token_nothing_is_said_or_done(
    platform: RunningPlatform, service: str, method: str, path: str
) -> None:
    answer = requests.request(method, f"{platform.url(service)}{path}", json={}, timeout=HANGS_S)
    assert answer.status_code == 401
    assert answer.text.startswith("this server wants a token")


def test_a_socket_wants_a_token_too(platform: RunningPlatform) -> None:
    url = f"{platform.url('dagster')}/graphql"
    assert requests.get(url, headers=UPGRADE, timeout=HANGS_S).status_code == 403
    with requests.get(url, headers=UPGRADE | platform.keys.header, timeout=HANGS_S, stream=True) as answer:
        assert answer.status_code == 101


@pytest.mark.parametrize("service", ["dagster", "dashboard", "exchange"])
def test_whoever_asks_is_told_that_a_server_lives(platform: RunningPlatform, service: str) -> None:
    assert requests.get(f"{platform.url(service)}/healthz", timeout=HANGS_S).text == "alive\n"


def test_whoever_asks_is_told_whether_all_is_well_and_no_more(platform: RunningPlatform) -> None:
    assert set(requests.get(f"{platform.url('dashboard')}/readyz", timeout=HANGS_S).json()) == {"ready"}
    assert set(platform.get("dashboard", "/readyz").json()) == {"ready", "findings"}


def test_status_prints_links_that_open_each_once(platform: RunningPlatform) -> None:
    links = platform.command.run("status", "--json").document["links"]
    assert set(links) == {"dagster", "dashboard"}
    for name, shown in links.items():
        assert urlsplit(shown).hostname == platform.keys.page_name
        link = shown.replace(platform.page(name), platform.url(name))  # this Python doesn't know names below localhost
        with requests.Session() as browser:
            assert browser.get(platform.url(name), timeout=HANGS_S).status_code == 401
            assert browser.get(link, timeout=HANGS_S).status_code == 200
            assert browser.get(platform.url(name), timeout=HANGS_S).status_code == 200
            other = "dashboard" if name == "dagster" else "dagster"
            assert browser.get(platform.url(other), timeout=HANGS_S).status_code == 401
        assert requests.get(link, timeout=HANGS_S).status_code == 401
    shown = platform.command.run("status")
    assert shown.out.count("/log-in?link=") == 2


@pytest.mark.parametrize(
    ("service", "method", "path", "body", "status"),
    [
        ("dagster", "GET", "/runs", None, 200),
        ("dagster", "POST", "/graphql", {"query": LIMIT}, 200),
        ("dagster", "POST", "/graphql", MUTATION, 403),
        (
            "dagster",
            "POST",
            "/graphql",
            {"query": f"query B {LIMIT} {NAMED}", "operationName": "B"},
            403,
        ),
        ("dagster", "POST", FORGED, {}, 403),
        ("dagster", "POST", CHECKED, {}, 403),
        ("dashboard", "GET", "/operations", None, 200),
        ("exchange", "GET", "/control/faults", None, 200),
        ("exchange", "POST", "/control/faults", [], 403),
        ("prometheus", "GET", "", None, 200),
    ],
)
def test_a_token_for_reading_reads(
    platform: RunningPlatform, service: str, method: str, path: str, body: Any, status: int
) -> None:
    before = platform.graphql(LIMIT)
    sent = {"Authorization": f"Bearer {platform.keys.reader.get_secret_value()}"}
    answer = requests.request(method, f"{platform.url(service)}{path}", json=body, headers=sent, timeout=HANGS_S)
    assert answer.status_code == status
    assert platform.graphql(LIMIT) == before


def test_a_reader_elsewhere_reads_the_store_and_nothing_else(platform: RunningPlatform) -> None:
    address = platform.url("dashboard").replace("http://", f"ghtrader://{platform.keys.reader.get_secret_value()}@")
    with store_at(address) as remote, Store(Settings(home=platform.command.home)) as local:
        assert remote.coverage() == local.coverage()
        assert remote.days(COPPER, *COPPER_DAYS[::2]) == local.days(COPPER, *COPPER_DAYS[::2])
    sent = {"Authorization": f"Bearer {platform.keys.reader.get_secret_value()}"}
    url = f"{platform.url('dashboard')}/read"
    asked = {"question": "rows", "arguments": {"statement": "TRUNCATE TABLE ghtrader_metrics_v1"}}
    assert "this is no question" in requests.post(url, json=asked, headers=sent, timeout=HANGS_S).text
    assert requests.post(url, json=asked, timeout=HANGS_S).status_code == 401
    assert requests.post(url, json=asked, headers=sent | FOREIGN, timeout=HANGS_S).status_code == 403


def test_a_socket_runs_subscriptions_alone(platform: RunningPlatform) -> None:
    """Of a reader as of anybody: Dagster's own server looks for the operation among subscriptions."""
    before = platform.graphql(LIMIT)
    url = f"{platform.url('dagster')}/graphql".replace("http", "ws", 1)
    sent = {"Authorization": f"Bearer {platform.keys.reader.get_secret_value()}"}
    with connect(url, subprotocols=[Subprotocol("graphql-ws")], additional_headers=sent) as socket:
        socket.send('{"type": "connection_init"}')
        socket.send(json.dumps({"type": "start", "id": "1", "payload": MUTATION}))
        answers = [json.loads(socket.recv(HANGS_S))["type"] for _ in range(2)]
    assert answers == ["connection_ack", "error"]
    assert platform.graphql(LIMIT) == before


def test_slow_clients_and_heavy_pages_hold_up_no_look_at_the_platform(platform: RunningPlatform) -> None:
    """Two hundred half-sent requests on each port, and fifty pages of the dashboard at once."""
    names = ("dagster", "dashboard", "prometheus", "exchange")
    addresses = [urlsplit(platform.url(name)) for name in names for _ in range(200)]
    with ExitStack() as opened, ThreadPoolExecutor(50) as pool:
        for address in addresses:
            half = opened.enter_context(socket.create_connection((address.hostname, address.port), timeout=HANGS_S))
            half.sendall(f"POST /graphql HTTP/1.1\r\nHost: {address.netloc}\r\n".encode())
        pages = [pool.submit(platform.get, "dashboard", f"/?to=2026-01-{1 + day % 28:02}") for day in range(50)]
        found = platform.command.run("status", "--json").document
        assert {service["name"]: service["detail"] for service in found["services"] if not service["healthy"]} == {}
        assert {page.result().status_code for page in pages} == {200}
