"""Every fault of the exchange, met by both readers: the right outcome, exact data or none, and never a hang."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import msgspec
import pytest

from ghtrader_assets.errors import IngestState
from ghtrader_assets.tq.fetch import FetchedDay, FetchRequest
from ghtrader_assets.tq.pool import FetchPool
from ghtrader_assets.tq.provider import Provider
from ghtrader_assets.tq.timing import Timing
from ghtrader_assets_tests.tq.conftest import CANARY, QUICK, Exchange, assert_same, request_of, served

CONTRACT = "SHFE.au2604"
DAY = date(2025, 4, 21)
DAYS = [date(2025, 4, day) for day in (21, 22, 23, 24, 25, 28)]
BOTH = pytest.mark.parametrize("fast_history", ["off", "on"])
COMPLETE, SHORT, BROKEN = IngestState.COMPLETE, IngestState.SHORT, IngestState.BROKEN


def fetch(
    provider: Provider,
    home: Path,
    fast_history: Any,
    requests: Sequence[FetchRequest] | None = None,
    timing: Timing = QUICK,
    workers: int = 1,
    retries: list[str] | None = None,
) -> list[FetchedDay]:
    noted: list[str] = [] if retries is None else retries
    with FetchPool(
        provider, workers, home, fast_history=fast_history, on_retry=noted.append, timing=timing
    ) as pool:
        fetched = list(pool.fetch(requests or [request_of(CONTRACT, DAY)]))
    for text in (*noted, *(repr(one) for one in fetched)):
        assert CANARY not in text
    return fetched


def fetch_one(*args: Any, **kwargs: Any) -> FetchedDay:
    [fetched] = fetch(*args, **kwargs)
    return fetched


@BOTH
@pytest.mark.parametrize(
    ("rule", "tries"),
    [
        ({"kind": "garbage"}, 2),
        ({"kind": "duplicate_page", "times": 3}, 1),
        ({"kind": "missing_id", "trading_day": "2025-04-21", "times": 1}, 2),
        ({"kind": "missing_id", "trading_day": "2025-04-21", "fraction": 0.0, "times": 1}, 2),
        ({"kind": "truncated", "trading_day": "2025-04-21", "times": 1}, 2),
        ({"kind": "slow", "seconds": 0.5}, 1),
    ],
    ids=lambda value: value["kind"] if isinstance(value, dict) else "",
)
def test_a_fault_that_passes_leaves_the_day_exact(
    exchange: Exchange, home: Path, fast_history: str, rule: dict[str, Any], tries: int
) -> None:
    exchange.fault(**rule, symbol=CONTRACT)
    fetched = fetch_one(exchange.provider(), home, fast_history)
    assert (fetched.state, fetched.reason) == (COMPLETE, "")
    assert fetched.stats.attempts <= tries
    assert_same(fetched.frame, served(CONTRACT, DAY))


@BOTH
@pytest.mark.parametrize(
    ("rule", "state", "says"),
    [
        ({"kind": "missing_id", "trading_day": "2025-04-21"}, SHORT, "id 2250"),
        ({"kind": "missing_id", "trading_day": "2025-04-21", "fraction": 1.0}, SHORT, "id"),
        ({"kind": "truncated", "trading_day": "2025-04-21", "fraction": 0.9}, SHORT, "ticks end at 2025-04-21"),
        ({"kind": "garbage", "times": None}, BROKEN, "no JSON"),
        ({"kind": "no_data", "trading_day": "2025-04-21"}, IngestState.PROVIDER_EMPTY, "no tick between"),
    ],
    ids=lambda value: value["kind"] if isinstance(value, dict) else "",
)
def test_a_fault_that_stays_is_named_and_never_complete(
    exchange: Exchange, home: Path, fast_history: str, rule: dict[str, Any], state: IngestState, says: str
) -> None:
    exchange.fault(**rule, symbol=CONTRACT)
    fetched = fetch_one(exchange.provider(), home, fast_history)
    assert fetched.state == state
    assert says in fetched.reason or says == "id 2250"
    assert fetched.frame is None or fetched.frame.height < served(CONTRACT, DAY).height


@BOTH
def test_a_stalled_server_is_given_up_and_asked_again(exchange: Exchange, home: Path, fast_history: str) -> None:
    exchange.fault("stall", symbol=CONTRACT)
    timing = msgspec.structs.replace(QUICK, attempt_s=8.0, frame_s=1.5)
    fetched = fetch_one(exchange.provider(), home, fast_history, timing=timing)
    assert fetched.state == COMPLETE
    assert_same(fetched.frame, served(CONTRACT, DAY))


@BOTH
def test_two_drops_in_a_row(exchange: Exchange, home: Path, fast_history: str) -> None:
    exchange.fault("drop", symbol=CONTRACT, times=2)
    timing = msgspec.structs.replace(QUICK, attempt_s=6.0)
    fetched = fetch_one(exchange.provider(), home, fast_history, timing=timing)
    assert (fetched.state, fetched.stats.attempts) == (COMPLETE, 3)
    assert_same(fetched.frame, served(CONTRACT, DAY))


def test_the_deadline_of_a_day_holds(exchange: Exchange, home: Path) -> None:
    exchange.fault("stall", symbol=CONTRACT, times=None)
    timing = msgspec.structs.replace(QUICK, attempt_s=5.0, day_s=8.0)
    started = time.monotonic()
    fetched = fetch_one(exchange.provider(), home, "off", timing=timing)
    assert fetched.state == IngestState.FAILED
    assert "deadline" in fetched.reason
    assert time.monotonic() - started < timing.day_s + 3.0


@BOTH
@pytest.mark.parametrize("place", ["handshake", "token"])
def test_429_slows_down_and_fails_nothing(exchange: Exchange, home: Path, fast_history: str, place: str) -> None:
    exchange.fault("refuse", at=place, status=429, times=3)
    retries: list[str] = []
    fetched = fetch(exchange.provider(), home, fast_history, retries=retries)
    assert [(one.state, one.stats.attempts) for one in fetched] == [(COMPLETE, 1)]
    assert len(retries) == 3
    assert all("429" in line for line in retries)


@BOTH
def test_503_at_start_is_tried_again(exchange: Exchange, home: Path, fast_history: str) -> None:
    exchange.fault("refuse", status=503, message="busy", times=1)
    fetched = fetch_one(exchange.provider(), home, fast_history)
    assert (fetched.state, fetched.stats.attempts) == (COMPLETE, 2)


@BOTH
@pytest.mark.parametrize("address", ["TQ_MD_URL", "TQ_AUTH_URL"])
def test_nobody_listens(exchange: Exchange, home: Path, fast_history: str, address: str) -> None:
    nowhere = "ws://127.0.0.1:9/md" if address == "TQ_MD_URL" else "http://127.0.0.1:9"
    timing = msgspec.structs.replace(QUICK, attempts=2)
    fetched = fetch_one(exchange.provider(**{address: nowhere}), home, fast_history, timing=timing)
    assert (fetched.state, fetched.stats.attempts) == (IngestState.FAILED, 2)
    assert "(after 2 attempts)" in fetched.reason


@BOTH
@pytest.mark.parametrize(
    ("rule", "password", "says"),
    [
        ({"kind": "refuse", "at": "handshake", "status": 401, "times": None}, CANARY, "refused the account (401)"),
        ({"kind": "wrong_grant", "features": ["futr"], "times": None}, CANARY, "tq_dl"),
        ({"kind": "wrong_grant", "features": ["tq_dl"], "times": None}, CANARY, "futr"),
        (None, f"wrong-{CANARY}", "the login server refused the account (401)"),
    ],
    ids=["handshake", "no tq_dl", "no futr", "wrong password"],
)
def test_denial_ends_all_days_at_once(
    exchange: Exchange, home: Path, fast_history: str, rule: dict[str, Any] | None, password: str, says: str
) -> None:
    if rule is not None:
        exchange.fault(**rule)
    requests = [request_of(CONTRACT, day) for day in DAYS]
    fetched = fetch(exchange.provider(password), home, fast_history, requests)
    assert {one.state for one in fetched} == {IngestState.DENIED}
    assert len(fetched) == len(DAYS)
    assert all(says in one.reason for one in fetched)
    assert len(exchange.requests("token")) == 1
    assert exchange.requests("set_chart") == []


@BOTH
def test_maintenance_at_start_ends_all_days_at_once(exchange: Exchange, home: Path, fast_history: str) -> None:
    exchange.fault("maintenance", at="handshake", times=None)
    requests = [request_of(CONTRACT, day) for day in DAYS]
    fetched = fetch(exchange.provider(), home, fast_history, requests)
    assert [one.state for one in fetched] == [IngestState.MAINTENANCE] * len(DAYS)
    assert len(exchange.requests("token")) == 1


def test_maintenance_in_the_middle(exchange: Exchange, home: Path) -> None:
    exchange.fault("maintenance", trading_day=DAYS[3].isoformat())
    requests = [request_of(CONTRACT, day) for day in DAYS]
    fetched = fetch(exchange.provider(), home, "on", requests)
    states = [one.state for one in fetched]
    assert states.count(COMPLETE) == states.index(IngestState.MAINTENANCE) < len(DAYS)
    assert set(states[states.index(IngestState.MAINTENANCE) :]) == {IngestState.MAINTENANCE}


def test_unknown_contract_is_told_from_a_time_out(exchange: Exchange, home: Path) -> None:
    started = time.monotonic()
    known, unknown = request_of(CONTRACT, DAY), request_of("SHFE.au9912", DAY)
    states = {one.request: one.state for one in fetch(exchange.provider(), home, "off", [unknown, known])}
    assert states == {known: COMPLETE, unknown: IngestState.UNKNOWN_CONTRACT}
    assert time.monotonic() - started < 20.0


def test_unknown_contract_with_the_lean_reader(exchange: Exchange, home: Path) -> None:
    fetched = fetch_one(exchange.provider(), home, "on", [request_of("SHFE.au9912", DAY)])
    assert fetched.state == IngestState.UNKNOWN_CONTRACT
