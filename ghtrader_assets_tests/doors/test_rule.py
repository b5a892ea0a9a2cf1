"""The rule of the doors: who is let in, who is refused and with what, for any request at all."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ghtrader_assets.doors.rule import OPEN, Asked, Door, Power, refusal_of

PORT = 3000
DOOR = Door(PORT)
HERE = f"127.0.0.1:{PORT}"
OWN = f"http://{HERE}"
JSON = "application/json"
PAGE = Asked("GET", "/", host=HERE, power=Power.OWNER)
QUERY = Asked("POST", "/graphql", host=HERE, content_type=JSON, power=Power.OWNER)


def status_of(asked: Asked, door: Door = DOOR, **changed: Any) -> int:
    refusal = refusal_of(replace(asked, **changed), door)
    return 200 if refusal is None else refusal.status.value


@pytest.mark.parametrize(
    ("asked", "changed", "status"),
    [
        pytest.param(PAGE, {}, 200, id="curl"),
        pytest.param(PAGE, {"site": "none", "mode": "navigate", "destination": "document"}, 200, id="typed"),
        pytest.param(PAGE, {"site": "cross-site", "mode": "navigate", "destination": "document"}, 200, id="a link"),
        pytest.param(PAGE, {"site": "cross-site", "mode": "navigate", "destination": "iframe"}, 403, id="a frame"),
        pytest.param(PAGE, {"site": "cross-site", "mode": "no-cors", "destination": "image"}, 403, id="an image"),
        pytest.param(PAGE, {"site": "same-site", "mode": "no-cors", "destination": "script"}, 403, id="another port"),
        pytest.param(PAGE, {"site": "same-origin", "mode": "no-cors", "destination": "script"}, 200, id="own script"),
        pytest.param(PAGE, {"site": "Same-Origin "}, 403, id="what no browser says"),
        pytest.param(PAGE, {"host": ""}, 421, id="no host"),
        pytest.param(PAGE, {"host": "evil.example"}, 421, id="rebinding"),
        pytest.param(PAGE, {"host": f"evil.example:{PORT}"}, 421, id="rebinding with the port"),
        pytest.param(PAGE, {"host": "127.0.0.1:3001"}, 421, id="another service's"),
        pytest.param(PAGE, {"host": f"{HERE}, {HERE}"}, 421, id="two hosts"),
        pytest.param(PAGE, {"host": f"LOCALHOST:{PORT}"}, 200, id="the other name"),
        pytest.param(QUERY, {}, 200, id="a program"),
        pytest.param(QUERY, {"origin": OWN, "site": "same-origin", "mode": "cors"}, 200, id="our page"),
        pytest.param(QUERY, {"content_type": f"{JSON}; charset=utf-8"}, 200, id="with a charset"),
        pytest.param(QUERY, {"origin": "http://evil.example"}, 403, id="another origin"),
        pytest.param(QUERY, {"origin": "null"}, 403, id="a file or sandbox"),
        pytest.param(QUERY, {"origin": f"http://localhost:{PORT}"}, 403, id="the other name's origin"),
        pytest.param(QUERY, {"origin": f"https://{HERE}"}, 403, id="another scheme"),
        pytest.param(QUERY, {"origin": OWN, "site": "same-site"}, 403, id="origin and site disagree"),
        pytest.param(QUERY, {"content_type": "text/plain"}, 415, id="what a form can send"),
        pytest.param(QUERY, {"content_type": ""}, 415, id="no type"),
        pytest.param(QUERY, {"content_type": f"text/plain, {JSON}"}, 415, id="two types"),
        pytest.param(QUERY, {"content_type": f"text/plain; x={JSON}"}, 415, id="a type that names JSON"),
        pytest.param(QUERY, {"content_type": "application/graphql"}, 415, id="GraphQL as text"),
        pytest.param(QUERY, {"path": "/report_asset_materialization/a", "content_type": ""}, 415, id="a report"),
        pytest.param(QUERY, {"method": "PUT"}, 405, id="put"),
        pytest.param(QUERY, {"method": "OPTIONS", "content_type": ""}, 405, id="a preflight without origin"),
        pytest.param(QUERY, {"method": "OPTIONS", "origin": "http://evil.example"}, 403, id="a preflight"),
        pytest.param(QUERY, {"method": "GET", "query": "query=mutation+x"}, 405, id="GraphQL by GET"),
        pytest.param(QUERY, {"method": "GET", "query": "%71uery="}, 405, id="written otherwise"),
        pytest.param(QUERY, {"method": "GET"}, 200, id="the page for typing GraphQL"),
        pytest.param(PAGE, {"opens_socket": True, "origin": OWN}, 200, id="our page's socket"),
        pytest.param(PAGE, {"opens_socket": True, "origin": "http://evil.example"}, 403, id="another page's socket"),
    ],
)
def test_each_kind_of_request(asked: Asked, changed: dict[str, Any], status: int) -> None:
    assert status_of(asked, **changed) == status


def test_a_page_of_the_other_name_is_sent_to_its_own() -> None:
    typed = replace(
        PAGE,
        path="/day/é",
        query="to=2026-01-06&x=%41",
        host=f"localhost:{PORT}",
        mode="navigate",
        destination="document",
    )
    refusal = refusal_of(typed, DOOR)
    assert refusal is not None
    assert (refusal.status.value, refusal.location) == (307, f"{OWN}/day/%C3%A9?to=2026-01-06&x=%41")


def test_a_proxys_name_is_taken_with_its_scheme() -> None:
    door = Door(PORT, names=("Desk.example", "http://plain.example:8080"))
    for origin in ("https://desk.example", "http://plain.example:8080"):
        host = origin.partition("://")[2]
        assert status_of(QUERY, door, host=host, origin=origin, site="same-origin") == 200
        assert status_of(QUERY, door, host=host, origin=f"ftp://{host}") == 403
    assert status_of(QUERY, door, host="desk.example", origin="http://desk.example") == 403
    assert status_of(QUERY, door, host="desk.example", origin=OWN) == 403
    assert status_of(QUERY, door, origin="https://desk.example") == 403


def test_the_pages_own_name_is_taken_and_told_to_none() -> None:
    door = Door(PORT, page_name="gh-0123.localhost")
    own = f"gh-0123.localhost:{PORT}"
    assert status_of(QUERY, door, host=own, origin=f"http://{own}", site="same-origin") == 200
    assert status_of(QUERY, door, host=own, origin=OWN) == 403
    assert status_of(PAGE, door, host=f"gh-4567.localhost:{PORT}") == 421
    assert status_of(PAGE, DOOR, host=f":{PORT}") == 421
    for host in (f"localhost:{PORT}", f"gh-4567.localhost:{PORT}", "evil.example"):
        refusal = refusal_of(replace(PAGE, host=host, mode="navigate", destination="document"), door)
        assert refusal is not None
        assert "gh-0123" not in refusal.line + refusal.location


def test_a_server_without_pages_is_opened_by_no_link() -> None:
    link = {"site": "cross-site", "mode": "navigate", "destination": "document"}
    assert status_of(PAGE, Door(PORT, has_pages=False), **link) == 403


def test_a_form_is_taken_where_a_client_sends_one() -> None:
    door = Door(PORT, forms=frozenset({"/token"}))
    sent = {"content_type": "application/x-www-form-urlencoded"}
    assert status_of(QUERY, door, path="/token", **sent) == 200
    assert status_of(QUERY, door, path="/token/", **sent) == 415
    assert status_of(QUERY, door, path="/token", origin="http://evil.example", **sent) == 403


@pytest.mark.parametrize(
    ("asked", "power", "status"),
    [
        pytest.param(PAGE, Power.NONE, 401, id="a page"),
        pytest.param(PAGE, Power.READ, 200, id="a page by a reader"),
        pytest.param(replace(PAGE, path="/healthz"), Power.NONE, 200, id="whether it lives"),
        pytest.param(replace(PAGE, path="/readyz"), Power.NONE, 200, id="whether all is well"),
        pytest.param(replace(PAGE, path="/healthz/"), Power.NONE, 401, id="nearly"),
        pytest.param(replace(PAGE, opens_socket=True), Power.NONE, 401, id="a socket"),
        pytest.param(replace(PAGE, opens_socket=True), Power.READ, 200, id="a reader's socket"),
        pytest.param(QUERY, Power.NONE, 401, id="a mutation"),
        pytest.param(QUERY, Power.READ, 403, id="a reader's mutation"),
        pytest.param(QUERY, Power.OWNER, 200, id="the owner's"),
        pytest.param(replace(QUERY, path="/asks"), Power.READ, 200, id="a reader's question by POST"),
        pytest.param(replace(QUERY, origin="http://evil.example"), Power.OWNER, 403, id="a page with a token"),
    ],
)
def test_what_a_token_opens(asked: Asked, power: Power, status: int) -> None:
    assert status_of(asked, Door(PORT, read_by_post=frozenset({"/asks"})), power=power) == status


def test_a_server_of_which_only_a_part_is_guarded() -> None:
    door = Door(PORT, guarded="/control/")
    assert status_of(PAGE, door, power=Power.NONE) == 200
    assert status_of(PAGE, door, power=Power.NONE, path="/control/faults") == 401


texts = st.text(max_size=20)
requests = st.builds(
    Asked,
    method=st.sampled_from(["GET", "HEAD", "POST", "PUT", "OPTIONS", "get", ""]) | texts,
    path=st.sampled_from(["/", "/graphql", "/report_asset_check/a"]) | texts,
    query=st.sampled_from(["", "query=x", "a=1"]) | texts,
    host=st.sampled_from([HERE, f"localhost:{PORT}", "evil.example"]) | texts,
    origin=st.sampled_from(["", OWN, "null", "http://evil.example"]) | texts,
    site=st.sampled_from(["", "none", "same-origin", "same-site", "cross-site"]) | texts,
    mode=st.sampled_from(["", "navigate", "cors", "no-cors"]) | texts,
    destination=st.sampled_from(["", "document", "iframe", "image"]) | texts,
    content_type=st.sampled_from(["", JSON, "text/plain"]) | texts,
    opens_socket=st.booleans(),
    power=st.sampled_from(Power),
)


@given(requests)
def test_nothing_that_a_foreign_page_can_send_changes_anything(asked: Asked) -> None:
    """What is let in is of our own address; from another page it only opens one; and a change is JSON by POST."""
    if refusal_of(asked, DOOR) is not None:
        return
    assert asked.host.lower() in (HERE, f"localhost:{PORT}")
    assert asked.origin.lower() in ("", f"http://{asked.host.lower()}")
    foreign = asked.site not in ("", "none", "same-origin")
    assert not foreign or (asked.method, asked.mode, asked.destination) == ("GET", "navigate", "document")
    changes = asked.method not in ("GET", "HEAD") and not asked.opens_socket
    assert not changes or asked.power is Power.OWNER or asked.path in OPEN
    assert asked.power is not Power.NONE or asked.path in OPEN
    assert not changes or (asked.method, asked.content_type.partition(";")[0].strip().lower()) == ("POST", JSON)
