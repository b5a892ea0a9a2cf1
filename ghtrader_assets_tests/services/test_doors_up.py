"""A running platform's doors: what a page of another origin, and a name that was made to point here, gets of each."""

from __future__ import annotations

from typing import Any

import pytest
import requests

from ghtrader_assets_tests.fix_platform import RunningPlatform
from ghtrader_assets_tests.waiting import HANGS_S

JSON = {"Content-Type": "application/json"}
FOREIGN = JSON | {"Origin": "http://evil.example"}
NO_LOADS = 'mutation { setConcurrencyLimit(concurrencyKey: "ghtrader_loads", limit: 0) }'
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
    sent = {"data": None if body is None else requests.compat.json.dumps(body)}
    answer = requests.request(method, f"{platform.url('dagster')}{path}", headers=headers, timeout=HANGS_S, **sent)
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
    answer = requests.get(platform.url(service), headers=headers, timeout=HANGS_S)
    assert answer.status_code == status
