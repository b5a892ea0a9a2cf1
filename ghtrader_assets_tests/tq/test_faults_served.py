"""Every fault of the exchange, met by both readers: the right outcome, exact data or none, and never a hang."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import date, datetime
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any, Protocol

import msgspec
import pytest

from ghtrader_assets.clock import SYSTEM_CLOCK
from ghtrader_assets.errors import IngestState
from ghtrader_assets.market.clock import SHANGHAI
from ghtrader_assets.tq.fetch import FetchedDay, FetchRequest
from ghtrader_assets.tq.pool import FetchPool
from ghtrader_assets.tq.provider import Provider
from ghtrader_assets.tq.timing import Timing
from ghtrader_assets_tests.tq.conftest import CANARY, QUICK, Exchange, Stopwatch, assert_same, request_of, served

pytestmark = pytest.mark.usefixtures("tqsdk_once")

CONTRACT = "SHFE.au2604"
DAY = date(2025, 4, 21)
DAYS = [date(2025, 4, day) for day in (21, 22, 23, 24, 25, 28)]
MIDDLE_ID = served(CONTRACT, DAY)["tick_id"].to_list()[len(served(CONTRACT, DAY)) // 2]
COMPLETE, SHORT, BROKEN = IngestState.COMPLETE, IngestState.SHORT, IngestState.BROKEN


class Watched:
    """A pool and what it says between attempts. Nothing it says or hands back may hold the password."""

    def __init__(
        self, provider: Provider, home: Path, fast_history: Any, timing: Timing = QUICK, workers: int = 1
    ) -> None:
        self.retries: list[str] = []
        self.pool = FetchPool(
            provider,
            workers,
            home,
            SYSTEM_CLOCK,
            fast_history=fast_history,
            on_retry=self.retries.append,
            timing=timing,
        )

    def fetch(self, *requests: FetchRequest) -> list[FetchedDay]:
        self.retries.clear()
        fetched = list(self.pool.fetch(requests or [request_of(CONTRACT, DAY)]))
        for text in (*self.retries, *(repr(item) for item in fetched)):
            assert CANARY not in text
        return fetched

    def fetch_one(self, *requests: FetchRequest) -> FetchedDay:
        [fetched] = self.fetch(*requests)
        return fetched


class Watching(Protocol):
    def __call__(self, provider: Provider, fast_history: str, timing: Timing = QUICK) -> Watched: ...


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watching]:
    """Pools of this test alone."""
    with ExitStack() as opened:

        def open_one(provider: Provider, fast_history: str, timing: Timing = QUICK) -> Watched:
            fetcher = Watched(provider, tmp_path / "home", fast_history, timing)
            opened.callback(fetcher.pool.close)
            return fetcher

        yield open_one


@pytest.fixture(scope="module")
def shared(exchange_process: Exchange, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Watched]]:
    """A pool of one worker for each setting. The plain one takes a new session for every day."""
    provider, home = exchange_process.provider(), tmp_path_factory.mktemp("home")
    timing = msgspec.structs.replace(QUICK, renew_after_ticks=1)
    pools = {setting: Watched(provider, home, setting, timing) for setting in ("off", "on")}
    yield pools
    for pool in pools.values():
        pool.pool.close()


@pytest.fixture(params=["off", "on"])
def reader(request: pytest.FixtureRequest, shared: dict[str, Watched], exchange: Exchange) -> Watched:
    return shared[request.param]


@pytest.fixture
def new_session(reader: Watched, exchange: Exchange, shared: dict[str, Watched]) -> None:
    """The next day needs a new session: the lean reader keeps one across days, so it loses it."""
    if reader is shared["on"]:
        exchange.fault("drop", symbol=CONTRACT)


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
    exchange: Exchange, reader: Watched, rule: dict[str, Any], tries: int
) -> None:
    exchange.fault(**rule, symbol=CONTRACT)
    fetched = reader.fetch_one()
    assert (fetched.state, fetched.reason) == (COMPLETE, "")
    assert fetched.stats.attempts <= tries
    assert_same(fetched.frame, served(CONTRACT, DAY))


@pytest.mark.parametrize(
    ("rule", "state", "says"),
    [
        ({"kind": "missing_id", "trading_day": "2025-04-21"}, SHORT, f"id {MIDDLE_ID} after"),
        ({"kind": "missing_id", "trading_day": "2025-04-21", "fraction": 1.0}, SHORT, "id"),
        ({"kind": "truncated", "trading_day": "2025-04-21", "fraction": 0.9}, SHORT, "ticks end at 2025-04-21"),
        ({"kind": "garbage", "times": None}, BROKEN, "no JSON"),
        ({"kind": "no_data", "trading_day": "2025-04-21"}, IngestState.PROVIDER_EMPTY, "no tick between"),
    ],
    ids=lambda value: value["kind"] if isinstance(value, dict) else "",
)
def test_a_fault_that_stays_is_named_and_never_complete(
    exchange: Exchange, reader: Watched, rule: dict[str, Any], state: IngestState, says: str
) -> None:
    exchange.fault(**rule, symbol=CONTRACT)
    fetched = reader.fetch_one()
    assert fetched.state == state
    assert says in fetched.reason
    assert fetched.frame is None or fetched.frame.height < served(CONTRACT, DAY).height


def test_a_stalled_server_is_given_up_and_asked_again(exchange: Exchange, watched: Watching) -> None:
    """Where the machine is too busy for two seconds a frame, the plain client reads the day in the end."""
    exchange.fault("stall", symbol=CONTRACT)
    fetched = watched(exchange.provider(), "on", msgspec.structs.replace(QUICK, frame_s=2.0)).fetch_one()
    assert fetched.state == COMPLETE
    assert_same(fetched.frame, served(CONTRACT, DAY))


@pytest.mark.parametrize("fast_history", ["off", "on"])
def test_two_drops_in_a_row(
    exchange: Exchange, shared: dict[str, Watched], watched: Watching, stopwatch: Stopwatch, fast_history: str
) -> None:
    """tqsdk waits 10 s and more before it connects again: its worker's time is up before that."""
    exchange.fault("drop", symbol=CONTRACT, times=2)
    if fast_history == "on":
        watching = shared["on"]
        fetched = watching.fetch_one()
    else:
        watching = watched(exchange.provider(), "off", msgspec.structs.replace(QUICK, day_s=5000.0))
        with stopwatch.wound_on_at_each_hit(exchange, QUICK.attempt_s):
            fetched = watching.fetch_one()
    assert (fetched.state, fetched.reason) == (COMPLETE, "")
    assert len(watching.retries) in (1, 2)  # a kept connection that turns out closed costs no attempt
    assert_same(fetched.frame, served(CONTRACT, DAY))


READ = """
from ghtrader_assets.clock import SYSTEM_CLOCK
from ghtrader_assets.errors import FetchError
from ghtrader_assets.tq import wire
from ghtrader_assets.tq.reading import Readers
from ghtrader_assets_tests.tq.conftest import QUICK, request_of
setup = wire.Setup("trader", PASSWORD, "key", ".", ".", keeps_maintenance_window=False, timing=QUICK)
asked = request_of(CONTRACT, date.fromisoformat(DAY))
try:
    Readers(setup, SYSTEM_CLOCK).read(wire.ReadDay(asked.symbol, asked.contract, asked.window, asked.levels, "tqsdk"))
    print("read")
except FetchError as error:
    print(type(error).__name__)
"""


def test_a_connection_lost_at_ten_past_seven_is_no_maintenance_of_a_server_that_never_closes(
    exchange: Exchange, run_client: Callable[..., CompletedProcess[str]]
) -> None:
    """tqsdk says so of any in that half hour, by its host's clock alone."""
    exchange.fault("drop", symbol=CONTRACT)
    constants = f"PASSWORD, CONTRACT, DAY = {CANARY!r}, {CONTRACT!r}, {str(DAY)!r}\n"
    evening = datetime(2026, 11, 30, 19, 10, tzinfo=SHANGHAI)
    ended = run_client(exchange, constants + READ, at=evening)
    assert ended.stdout.splitlines()[-1] == "TransientFetchError", ended.stderr
    assert [rule["hits"] for rule in exchange.rules()] == [1]


def test_the_deadline_of_a_day_holds(exchange: Exchange, watched: Watching, stopwatch: Stopwatch) -> None:
    exchange.fault("stall", symbol=CONTRACT, times=None)
    timing = msgspec.structs.replace(QUICK, day_s=1.5 * QUICK.attempt_s)
    with stopwatch.wound_on_at_each_hit(exchange, QUICK.attempt_s):
        fetched = watched(exchange.provider(), "off", timing).fetch_one()
    assert fetched.state == IngestState.FAILED
    assert "deadline" in fetched.reason
    assert fetched.stats.attempts == 2


@pytest.mark.usefixtures("new_session")
@pytest.mark.parametrize("place", ["handshake", "token"])
def test_429_slows_down_and_fails_nothing(exchange: Exchange, reader: Watched, place: str) -> None:
    exchange.fault("refuse", at=place, status=429, times=2)
    fetched = reader.fetch_one()
    assert fetched.state == COMPLETE
    assert sum("429" in line for line in reader.retries) == 2
    assert fetched.stats.attempts == len(reader.retries) - 1


@pytest.mark.usefixtures("new_session")
def test_503_at_start_is_tried_again(exchange: Exchange, reader: Watched) -> None:
    exchange.fault("refuse", status=503, message="busy")
    fetched = reader.fetch_one()
    assert fetched.state == COMPLETE
    assert any("503" in line for line in reader.retries)


@pytest.mark.parametrize(("fast_history", "address"), [("on", "TQ_MD_URL"), ("off", "TQ_AUTH_URL")])
def test_nobody_listens(exchange: Exchange, watched: Watching, fast_history: str, address: str) -> None:
    nowhere = "ws://127.0.0.1:9/md" if address == "TQ_MD_URL" else "http://127.0.0.1:9"
    timing = msgspec.structs.replace(QUICK, attempts=2)
    fetched = watched(exchange.provider(**{address: nowhere}), fast_history, timing).fetch_one()
    assert (fetched.state, fetched.stats.attempts) == (IngestState.FAILED, 2)
    assert "(after 2 attempts)" in fetched.reason


def require_all_denied(exchange: Exchange, fetched: list[FetchedDay], says: str) -> None:
    assert [item.state for item in fetched] == [IngestState.DENIED] * len(DAYS)
    assert all(says in item.reason for item in fetched)
    assert len(exchange.requests("token")) == 1


@pytest.mark.usefixtures("new_session")
@pytest.mark.parametrize(
    ("rule", "says"),
    [
        ({"kind": "refuse", "at": "handshake", "status": 401, "times": None}, "refused the account (401)"),
        ({"kind": "wrong_grant", "features": ["futr"], "times": None}, "tq_dl"),
        ({"kind": "wrong_grant", "features": ["tq_dl"], "times": None}, "futr"),
    ],
    ids=["handshake", "no tq_dl", "no futr"],
)
def test_denial_ends_all_days_at_once(exchange: Exchange, reader: Watched, rule: dict[str, Any], says: str) -> None:
    exchange.fault(**rule)
    require_all_denied(exchange, reader.fetch(*(request_of(CONTRACT, day) for day in DAYS)), says)


def test_a_wrong_password_ends_all_days_at_once(exchange: Exchange, watched: Watching) -> None:
    wrong = exchange.provider(f"wrong-{CANARY}")
    fetched = watched(wrong, "on").fetch(*(request_of(CONTRACT, day) for day in DAYS))
    require_all_denied(exchange, fetched, "the login server refused the account (401)")


@pytest.mark.usefixtures("new_session")
def test_maintenance_at_start_ends_all_days_at_once(exchange: Exchange, reader: Watched) -> None:
    exchange.fault("maintenance", at="handshake", times=None)
    fetched = reader.fetch(*(request_of(CONTRACT, day) for day in DAYS))
    assert [item.state for item in fetched] == [IngestState.MAINTENANCE] * len(DAYS)
    assert len(exchange.requests("token")) == 1


def test_maintenance_in_the_middle(exchange: Exchange, shared: dict[str, Watched]) -> None:
    later = date(2025, 7, 21)  # beyond what the wide page of an earlier day reaches
    exchange.fault("maintenance", symbol=CONTRACT, trading_day=later.isoformat())
    days = [DAYS[0], DAYS[1], later, DAYS[2], DAYS[3]]
    fetched = shared["on"].fetch(*(request_of(CONTRACT, day) for day in days))
    states = {item.request.window.trading_day: item.state for item in fetched}
    assert [states[day] for day in days] == [COMPLETE] * 2 + [IngestState.MAINTENANCE] * 3


def test_maintenance_that_closes_the_connection_before_the_next_request(exchange: Exchange, watched: Watching) -> None:
    """What the server said counts, though it is the next request that finds the connection closed."""
    exchange.fault("maintenance", symbol=CONTRACT)
    slow_asker = msgspec.structs.replace(QUICK, pages_per_s=1.0)
    assert watched(exchange.provider(), "on", slow_asker).fetch_one().state == IngestState.MAINTENANCE


def test_unknown_contract_is_told_from_a_time_out(exchange: Exchange, reader: Watched) -> None:
    known, unknown = request_of(CONTRACT, DAY), request_of("SHFE.au9912", DAY)
    fetched = {item.request: item for item in reader.fetch(unknown, known)}
    states = {request: item.state for request, item in fetched.items()}
    assert states == {known: COMPLETE, unknown: IngestState.UNKNOWN_CONTRACT}
    assert fetched[unknown].stats.attempts == 1, "asking again cures nothing"
