"""What no page has: refused before any query, in addresses and in callbacks alike.

The dashboard here has no store at all: an address that got as far as a question would say so.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
import requests
from flask.testing import FlaskClient

from ghtrader_assets.clock import SYSTEM_CLOCK
from ghtrader_assets.dashboard.app import dashboard_app
from ghtrader_assets.market.calendar import TradingCalendar
from ghtrader_assets.settings import Settings
from ghtrader_assets_tests.dashboard.conftest import SENT, dashboard_environment, started_dashboard
from ghtrader_assets_tests.waiting import HANGS_S

SYMBOL, DAY = "KQ.m@SHFE.cu", "2026-01-06"
REFUSED, AWAY = "This page does not exist", "The store does not answer"
REFUSED_BY_FLASK = (308, 404)
COUNTS = (80, pytest.param(5000, marks=pytest.mark.soak))
NASTY = (
    "' OR '1'='1", "KQ.m@SHFE.cu'; DROP TABLE x; --", "KQ.m@SHFE.cu\x00", "KQ.m@SHFE.cu ", "kq.m@shfe.cu", "%27",
    "../../etc/passwd", "<script>alert(1)</script>", "KQ.m@SHFE.ＣＵ", "KQ.m@SHFE.cu\n2026", "2026-01-06T00:00",
    "2026-1-6", "99999-01-01", "2026-13-40", "0000-00-00", "2026-02-30", "-1", "NaN", "1e9", "{}", "[]", "${x}", "%s",
    "\u202e", "KQ.m@SHFE.cu/2026-01-06/extra", "a" * 5000, "\ud800".encode("utf-8", "surrogatepass").decode("latin-1"),
)  # fmt: skip


def _hostile(count: int, seed: int) -> list[str]:
    draw = random.Random(seed)
    alphabet = "KQm@SHFEcu.'\"\\;%_-/*()<>=|&$`~^{}[]\x00\n\t 0123456789é中\u202e"
    return [*NASTY, *("".join(draw.choices(alphabet, k=draw.randrange(1, 60))) for _ in range(count - len(NASTY)))]


@pytest.fixture(scope="module")
def storeless(calendar: TradingCalendar, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FlaskClient]:
    home = tmp_path_factory.mktemp("storeless")
    app = dashboard_app(Settings(home=home, symbols=(SYMBOL,)), calendar, SYSTEM_CLOCK)
    yield app.server.test_client()
    app.pages.source.close()


@pytest.mark.parametrize("count", COUNTS)
def test_hostile_addresses_ask_nothing(storeless: FlaskClient, count: int, seed: int) -> None:
    for hostile in _hostile(count, seed):
        where = quote(hostile, safe="", errors="replace")
        for path in (
            f"/day/{where}/{DAY}",
            f"/day/{SYMBOL}/{where}",
            f"/symbol/{where}",
            f"/operations?window={where}",
        ):
            answer = storeless.get(path)
            text = answer.get_data(as_text=True)
            assert AWAY not in text, path
            assert REFUSED in text or answer.status_code in REFUSED_BY_FLASK, path
            assert "<script>alert" not in text


@pytest.mark.parametrize("count", COUNTS)
def test_hostile_callbacks_ask_nothing(storeless: FlaskClient, count: int, seed: int) -> None:
    for text in _hostile(count, seed):
        for path, search in ((f"/day/{SYMBOL}/{text}", ""), (f"/symbol/{text}", None), ("/", f"?to={text}")):
            answer = _callback(storeless, path, search)
            assert AWAY not in answer, (path, search)
            assert REFUSED in answer, (path, search)


@pytest.mark.parametrize("value", [None, 1, 1.5, True, [], {}, ["/"], {"a": SYMBOL}, [[[]]] * 50])
def test_a_callback_of_another_type_asks_nothing(storeless: FlaskClient, value: object) -> None:
    answer = _callback(storeless, value, "")
    assert REFUSED in answer
    assert AWAY not in answer


def _callback(client: FlaskClient, path: object, search: object) -> str:
    inputs = [
        {"id": "address", "property": "pathname", "value": path},
        {"id": "address", "property": "search", "value": search},
    ]
    payload = {
        "output": "page.children",
        "outputs": {"id": "page", "property": "children"},
        "inputs": inputs,
        "changedPropIds": [],
    }
    answer = client.post("/_dash-update-component", json=payload)
    assert answer.status_code == 200, answer.get_data(as_text=True)[:300]
    return answer.get_data(as_text=True)


def test_an_error_page_shows_the_errors_code(storeless: FlaskClient) -> None:
    for path, title, code in (("/nowhere", REFUSED, "GHT-101"), ("/", AWAY, "GHT-202")):
        text = storeless.get(path).get_data(as_text=True)
        assert title in text
        assert f"<code>{code}</code>" in text


@pytest.mark.process
def test_a_store_that_is_away_is_one_clear_line(tmp_path: Path) -> None:
    environment = dashboard_environment(tmp_path, "127.0.0.1:9", "127.0.0.1:9", "admin", "canary-51f2", SYMBOL)
    with started_dashboard(environment) as url:
        assert requests.get(f"{url}/healthz", headers=SENT, timeout=HANGS_S).ok
        for path in ("/", f"/symbol/{SYMBOL}", f"/day/{SYMBOL}/{DAY}", "/operations"):
            text = requests.get(url + path, headers=SENT, timeout=HANGS_S).text
            assert AWAY in text, path
            assert "QuestDB at 127.0.0.1:9 is away" in text
            assert "ghtrader-assets up" in text
            assert "Traceback" not in text
            assert "canary-51f2" not in text
