"""The circuit breaker of an account: clocks are set, nothing waits."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any, cast

import msgspec
import psutil
import pytest
from pydantic import SecretStr

from ghtrader_assets.clock import Clock
from ghtrader_assets.context.load import LoadContext
from ghtrader_assets.errors import IngestState, MaintenanceError
from ghtrader_assets.market.clock import instant_ns
from ghtrader_assets.settings import Settings
from ghtrader_assets.tq.breaker import Breaker
from ghtrader_assets.tq.pool import FetchPool
from ghtrader_assets.tq.provider import Provider
from ghtrader_assets_tests.fix_exchange import started_exchange
from ghtrader_assets_tests.tq.conftest import CANARY, QUICK, Exchange, assert_same, request_of, served

pytestmark = pytest.mark.usefixtures("tqsdk_once")

CONTRACT = "SHFE.au2604"
DAYS = [date(2025, 4, 21), date(2025, 4, 22), date(2025, 4, 23)]
LATER = date(2025, 7, 21)
LIVE = Provider("trader", SecretStr("unused"), name="tqsdk")
ANNOUNCED = MaintenanceError("the provider announced maintenance")
KEPT = msgspec.structs.replace(QUICK, breaker_s=300.0)


def at(hour: int, minute: int, second: int = 0) -> Clock:
    """A clock that stands at this time of a day in Beijing."""
    return Clock(lambda: instant_ns(LATER, hour * 3600 + minute * 60 + second))


def breaker_at(home: Path, clock: Clock, provider: Provider = LIVE) -> Breaker:
    return Breaker(home, provider, KEPT, clock)


def test_the_daily_window_opens_by_the_clock(tmp_path: Path) -> None:
    assert breaker_at(tmp_path, at(18, 59, 30)).tripped() is None
    inside = breaker_at(tmp_path, at(19, 10))
    assert "19:00-19:30" in str(inside.tripped())
    assert inside.reopens_in() == 20 * 60
    assert breaker_at(tmp_path, at(19, 30, 1)).reopens_in() == 0.0
    embedded = Provider("trader", SecretStr("unused"), name="embedded")
    assert breaker_at(tmp_path, at(19, 10), embedded).tripped() is None


def test_announced_maintenance_is_known_to_every_run_until_it_is_over(tmp_path: Path) -> None:
    ours, theirs = breaker_at(tmp_path, at(10, 0)), breaker_at(tmp_path, at(10, 2))
    ours.trip(ANNOUNCED)
    assert "announced maintenance" in str(theirs.tripped())
    assert theirs.reopens_in() == 180
    assert breaker_at(tmp_path, at(10, 5, 1)).tripped() is None
    other_account = Provider("another", SecretStr("unused"), name="tqsdk")
    assert breaker_at(tmp_path, at(10, 2), other_account).tripped() is None
    theirs.close()
    assert ours.tripped() is None


@pytest.mark.parametrize("content", [b"", b"{}", b'{"what":"x","until_ns":9223372036854775807}'])
def test_a_file_that_makes_no_sense_stops_nothing(tmp_path: Path, content: bytes) -> None:
    breaker = breaker_at(tmp_path, at(10, 0))
    breaker.trip(ANNOUNCED)
    next((tmp_path / "slots").rglob("maintenance.json")).write_bytes(content)
    assert (breaker.tripped(), breaker.reopens_in()) == (None, 0.0)


def test_maintenance_in_the_middle_for_the_plain_client_and_for_the_next_run(exchange: Exchange, home: Path) -> None:
    exchange.fault("maintenance", symbol=CONTRACT, trading_day=LATER.isoformat())
    requests = [request_of(CONTRACT, day) for day in (DAYS[0], LATER, DAYS[1])]
    timing = msgspec.structs.replace(KEPT, attempt_s=40.0)
    with FetchPool(exchange.provider(), 1, home, at(10, 0), fast_history="off", timing=timing) as pool:
        states = {item.request.window.trading_day: item.state for item in pool.fetch(requests)}
    assert states == {
        DAYS[0]: IngestState.COMPLETE,
        LATER: IngestState.MAINTENANCE,
        DAYS[1]: IngestState.MAINTENANCE,
    }
    exchange.reset()
    with FetchPool(exchange.provider(), 1, home, at(10, 4, 59), fast_history="on", timing=KEPT) as pool:
        [refused] = pool.fetch([request_of(CONTRACT, DAYS[2])])
    assert refused.state == IngestState.MAINTENANCE
    assert "no request for" in refused.reason
    assert exchange.requests() == []
    with FetchPool(exchange.provider(), 1, home, at(10, 5, 1), fast_history="on", timing=KEPT) as pool:
        [fetched] = pool.fetch([request_of(CONTRACT, DAYS[2])])
    assert fetched.state == IngestState.COMPLETE
    assert_same(fetched.frame, served(CONTRACT, DAYS[2]))
    assert breaker_at(home, at(10, 0), exchange.provider()).tripped() is None


def test_the_rates_of_an_account_are_settings(tmp_path: Path) -> None:
    unused = cast("Any", None)
    settings = Settings(home=tmp_path, sessions_per_minute=6, pages_per_second=2.5)
    timing = LoadContext(settings=settings, calendar=unused, database=unused, provider=LIVE).timing
    assert (timing.sessions_per_minute, timing.pages_per_s) == (6, 2.5)


@pytest.mark.joint
def test_no_day_is_begun_where_the_provider_has_gone_silent(tmp_path: Path) -> None:
    """Each log-in that nothing answers takes half a minute: of many days nearly all would wait for it in vain."""
    requests = [request_of(CONTRACT, day) for day in (*DAYS, LATER)]
    timing = msgspec.structs.replace(QUICK, silence_s=5.0, frame_s=2.0, handshake_s=2.0)
    with started_exchange(tmp_path / "exchange", "--user", "trader", "--password", CANARY) as control:
        provider = Exchange(control.url, control.pid, control.home).provider()
        stopped = psutil.Process(control.pid)
        with FetchPool(provider, 1, tmp_path, at(10, 0), fast_history="on", timing=timing) as pool:
            fetched = pool.fetch(requests)
            first = next(fetched)
            stopped.suspend()
            try:
                rest = list(fetched)
            finally:
                stopped.resume()
    assert first.state == IngestState.COMPLETE
    assert {day.state for day in rest} == {IngestState.FAILED}
    assert all("did not answer" in day.reason for day in rest)
    assert sorted(day.stats.attempts for day in rest)[:2] == [0, 0]
