"""A page of another origin in a browser that is logged in: it tries everything, and nothing happens."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from ghtrader_assets_tests.fix_browser import new_page
from ghtrader_assets_tests.fix_platform import RunningPlatform
from ghtrader_assets_tests.one_answer import one_answer

pytestmark = pytest.mark.browser

NO_LOADS = 'mutation { setConcurrencyLimit(concurrencyKey: "ghtrader_loads", limit: 0) }'
STATE = """{
  instance { concurrencyLimit(concurrencyKey: "ghtrader_loads") { limit } }
  assetNodeOrError(assetKey: {path: ["KQ_m_SHFE_cu", "ticks"]}) { ... on AssetNode {
    assetMaterializations(limit: 1000) { runId timestamp }
    assetChecksOrError { ... on AssetChecks { checks { name executionForLatestMaterialization { status } } } }
  } }
}"""
FORGED = "report_asset_materialization/KQ_m_SHFE_cu/ticks?data_version=forged&partition=2026-01-05"
PAGES = ("dagster", "dashboard")
CHECKED = "report_asset_check/KQ_m_SHFE_cu/ticks?check_name=latest_day&passed=true"

TRIES = """
async (at) => {
  const said = {};
  const text = {"Content-Type": "text/plain"}, typed = {"Content-Type": "application/json"};
  const tries = {
    text: [at.dagster + "/graphql", {method: "POST", mode: "no-cors", headers: text, body: at.mutation}],
    json: [at.dagster + "/graphql", {method: "POST", headers: typed, body: at.mutation}],
    address: [at.dagster + "/graphql?query=" + at.query, {method: "POST", mode: "no-cors"}],
    get: [at.dagster + "/graphql?query=" + at.query, {mode: "no-cors"}],
    forged: [at.dagster + "/" + at.forged, {method: "POST", mode: "no-cors"}],
    checked: [at.dagster + "/" + at.checked, {method: "POST", mode: "no-cors", headers: text, body: "{}"}],
    faults: [at.exchange + "/control/faults", {method: "POST", mode: "no-cors", headers: text, body: at.fault}],
    reset: [at.exchange + "/control/reset", {method: "POST", mode: "no-cors"}],
    dashboard: [at.dashboard + "/_dash-layout", {}],
    metrics: [at.prometheus, {}],
  };
  for (const [name, [url, how]] of Object.entries(tries)) {
    try {
      const answer = await fetch(url, {credentials: "include", ...how});
      said[name] = answer.type === "opaque" ? "unread" : await answer.text();
    } catch { said[name] = "unread"; }
  }
  const image = new Image();
  said.image = await new Promise((done) => {
    image.onload = () => done("loaded"); image.onerror = () => done("unread");
    image.src = at.dagster + "/graphql?query=" + at.query;
  });
  said.script = await new Promise((done) => {
    const script = document.createElement("script");
    script.onload = () => done("loaded"); script.onerror = () => done("unread");
    script.src = at.dashboard + "/_dash-dependencies"; document.body.append(script);
  });
  said.socket = await new Promise((done) => {
    const socket = new WebSocket(at.dagster.replace("http", "ws") + "/graphql", "graphql-ws");
    socket.onopen = () => done("opened"); socket.onerror = () => done("unread");
  });
  said.form = await new Promise((done) => {
    const frame = document.createElement("iframe"); frame.name = "form"; document.body.append(frame);
    const form = document.createElement("form");
    form.method = "POST"; form.enctype = "text/plain"; form.target = "form";
    form.action = at.dagster + "/graphql?query=" + at.query;
    document.body.append(form); form.submit();
    frame.onload = () => { try { done(frame.contentDocument.body.innerText); } catch { done("unread"); } };
  });
  said.frame = await new Promise((done) => {
    const frame = document.createElement("iframe"); document.body.append(frame);
    frame.onload = () => { try { done(frame.contentDocument.body.innerText); } catch { done("unread"); } };
    frame.src = at.dagster + "/runs";
  });
  return said;
}"""


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[int]:
    """The port of a server whose every page is empty, by any name."""
    page = b"<!DOCTYPE html><title>elsewhere</title><body></body>"
    with one_answer(page, headers={"Content-Type": "text/html"}) as url:
        yield int(url.rpartition(":")[2])


@pytest.fixture
def user(platform: RunningPlatform, browser: Browser) -> Iterator[Page]:
    """A browser that is logged in at Dagster and at the dashboard."""
    page = new_page(browser)
    platform.show(page, "/runs")
    platform.show(page, "/operations", "dashboard")
    yield page
    page.close()


def targets(platform: RunningPlatform) -> dict[str, Any]:
    """What is tried where the browser is logged in, as by a page that has learned the pages' own name."""
    names = ("dagster", "dashboard", "exchange", "prometheus")
    return {
        **{name: platform.page(name) if name in PAGES else platform.url(name) for name in names},
        "mutation": json.dumps({"query": NO_LOADS}),
        "query": NO_LOADS,
        "forged": FORGED,
        "checked": CHECKED,
        "fault": '[{"kind": "refuse", "at": "token", "status": 503}]',
    }


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "elsewhere.localhost", ""], ids=["this host", "another site", "own name"]
)
def test_a_page_elsewhere_tries_everything_in_vain(
    platform: RunningPlatform, user: Page, elsewhere: int, host: str
) -> None:
    """On another port of the pages' own name it is even sent the cookies: they are not the only thing looked at."""
    host = host or platform.keys.page_name
    platform.exchange.faults({"kind": "slow", "at": "token", "seconds": 0.01})
    before = platform.graphql(STATE), platform.exchange.rules(), len(platform.exchange.requests())
    user.goto(f"http://{host}:{elsewhere}/")
    said = user.evaluate(TRIES, targets(platform))
    assert said == dict.fromkeys(said, "unread")
    assert len(said) == 15
    assert (platform.graphql(STATE), platform.exchange.rules(), len(platform.exchange.requests())) == before
    platform.exchange.reset()


@pytest.mark.parametrize("host", ["127.0.0.1", "elsewhere.localhost"], ids=["another port", "another site"])
def test_a_link_elsewhere_opens_the_page_of_whoever_is_logged_in(
    platform: RunningPlatform, user: Page, elsewhere: int, host: str
) -> None:
    user.goto(f"http://{host}:{elsewhere}/")
    user.evaluate("(url) => { location.href = url; }", f"{platform.page('dashboard')}/operations")
    expect(user.locator("#page main h1")).to_be_visible()


def test_no_other_name_is_sent_the_cookies(platform: RunningPlatform, user: Page, elsewhere: int) -> None:
    """A listener of another user's, whom the browser visits, has nothing to come back with."""

    def sent_to(host: str) -> set[str]:
        return {cookie["name"] for cookie in user.context.cookies(f"http://{host}:{elsewhere}/")}

    ours = {f"ghtrader_{platform.url(name).rpartition(':')[2]}" for name in PAGES}
    assert sent_to(platform.keys.page_name) == ours, "cookies know no ports"
    for host in ("127.0.0.1", "localhost", "elsewhere.localhost"):
        assert sent_to(host) == set()


def test_a_link_shows_whoever_is_not_logged_in_how_to(platform: RunningPlatform, page: Page, elsewhere: int) -> None:
    page.goto(f"http://elsewhere.localhost:{elsewhere}/")
    page.evaluate("(url) => { location.href = url; }", f"{platform.url('dagster')}/runs")
    expect(page.get_by_text("ghtrader-assets status")).to_be_visible()


def test_dagsters_page_has_its_socket(platform: RunningPlatform, page: Page) -> None:
    """And nothing of it is refused by the policy that its pages are sent with."""
    refused: list[str] = []
    page.on("console", lambda message: refused.append(message.text) if "Content Security" in message.text else None)
    sockets: list[str] = []
    page.on("websocket", lambda socket: socket.on("framereceived", lambda _: sockets.append(socket.url)))
    platform.show(page, "/asset-groups")
    expect(page.get_by_text("Global asset lineage")).to_be_visible()  # Dagster sometimes sets no title
    while not sockets:
        page.wait_for_timeout(100)
    assert refused == []
