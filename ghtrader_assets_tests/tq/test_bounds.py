"""What a provider sends beyond any measure: named, tried as often as it deserves, in bounded memory."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager, suppress
from datetime import date
from pathlib import Path
from typing import Any

import msgspec
import psutil
import pytest

from ghtrader_assets.clock import SYSTEM_CLOCK
from ghtrader_assets.errors import AnswerFault, BrokenDayError, IngestState, UnfitAnswerError
from ghtrader_assets.tq import fork_server
from ghtrader_assets.tq.bounds import BEYOND_TICKS, DAY_TICKS, MEGABYTE, TICK_BYTES, WORKER_BYTES
from ghtrader_assets.tq.faults import of_exception
from ghtrader_assets.tq.fetch import FetchedDay
from ghtrader_assets.tq.intake import Intake
from ghtrader_assets.tq.pages import DayBook, joined
from ghtrader_assets.tq.pool import FetchPool
from ghtrader_assets.tq.values import UnreadableTicks
from ghtrader_assets_tests.tq.conftest import CANARY, QUICK, Exchange, assert_same, request_of, served

CONTRACT = "SHFE.au2604"
DAY = date(2025, 4, 21)
STAMP = 1_767_618_001_123_000_000
MOST_MB = 512
"""A worker that reads a thin day takes 150 MB; the answers of these tests would take gigabytes."""


def frame_of(first: int, count: int, **more: Any) -> bytes:
    ticks = {str(tick_id): {"datetime": STAMP} for tick_id in range(first, first + count)}
    return json.dumps({"aid": "rtn_data", "data": [{"ticks": {CONTRACT: {"data": ticks}}}], **more}).encode()


def test_no_more_ticks_than_were_asked_for() -> None:
    book = DayBook(CONTRACT, 1)
    book.expect(10_000)
    book.apply(frame_of(0, 10_000 + BEYOND_TICKS))
    with pytest.raises(UnfitAnswerError, match=r"^oversized: 30,001 ticks came, 10,000 were asked for"):
        book.apply(frame_of(10_000 + BEYOND_TICKS, 1))


@pytest.mark.parametrize("slow", [False, True])
def test_no_more_bytes_than_ticks_can_take(slow: bool) -> None:
    """Whether they come at once or a little at a time, with ticks that are repeated or with none."""
    book = DayBook(CONTRACT, 1)
    if slow:
        book.apply(frame_of(1, 1))
        book.apply(frame_of(1, 1))
    room = BEYOND_TICKS * TICK_BYTES
    filling = b'{"aid":"rtn_data","data":[],"note":"%s"}' % (b"x" * MEGABYTE)
    for _ in range(room // len(filling) - 1):
        book.apply(filling)
    for _ in range(2):
        with suppress(UnfitAnswerError):
            book.apply(filling)
    with pytest.raises(UnfitAnswerError, match=r"^oversized: "):
        book.apply(filling)
    with pytest.raises(UnfitAnswerError, match=r"^oversized: "):
        DayBook(CONTRACT, 1).apply(b" " * (room + 1))


@pytest.mark.parametrize("text", [b"[" * 10_000, b'{"data":' * 10_000, b"[" * 10_000 + b"]" * 10_000])
def test_depth(text: bytes) -> None:
    for frame in (text, b'{"aid":"rtn_data","data":[%s]}' % text, b'{"data":[{"charts":{"a":%s}}]}' % text):
        with pytest.raises(RecursionError) as deep:
            DayBook(CONTRACT, 1).apply(frame)
        error = of_exception(deep.value)
        assert isinstance(error, UnfitAnswerError)
        assert error.what.startswith("too_deep: ")
        assert not error.retryable


@pytest.mark.parametrize("text", [b"\xff\xfe", b'{"data":[' + b"9" * 5000 + b"]}", b"", b"<html>", b'{"data":'])
def test_what_is_no_json(text: bytes) -> None:
    with pytest.raises(ValueError) as bad:  # noqa: PT011 - whatever the parser says
        DayBook(CONTRACT, 1).apply(text)
    error = of_exception(bad.value)
    assert isinstance(error, BrokenDayError)
    assert error.what.startswith("not_json: ")


def test_a_page_without_a_tick_has_all_columns() -> None:
    book = DayBook(CONTRACT, 1)
    book.apply(frame_of(5, 3))
    columns = joined([book.columns(0, 5), book.columns(5, 8)])
    assert columns["tick_id"].tolist() == [5, 6, 7]
    assert {len(values) for values in columns.values()} == {3}


def test_messages_are_no_progress(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr("ghtrader_assets.tq.intake.time.monotonic", lambda: now[0])
    progress, form = Intake(), UnreadableTicks()
    progress.begin(DAY_TICKS)
    empty = form.sift({"aid": "rtn_data", "data": [{}]})
    page = form.sift(json.loads(frame_of(7, 2)))
    for answer in (empty, page, empty, empty, empty):
        now[0] += 20
        progress.note(answer)
        progress.require(30.0)
    now[0] += 20
    with pytest.raises(BrokenDayError, match=r"^no_progress: messages came for 80 s"):
        progress.require(30.0)


def test_a_call_brings_no_more_than_it_can() -> None:
    progress, form = Intake(), UnreadableTicks()
    progress.begin(10)
    progress.note(form.sift(json.loads(frame_of(0, BEYOND_TICKS + 10))))
    with pytest.raises(UnfitAnswerError, match=r"^oversized: 20,011 ticks or bars came"):
        progress.note(form.sift(json.loads(frame_of(0, 1))))


class Peak:
    """The most that a worker of this process held in memory, MB."""

    mb = 0

    def look(self) -> None:
        for process in psutil.Process().children(recursive=True):
            with suppress(psutil.Error):
                if any(fork_server.__name__ in word for word in process.cmdline()):
                    self.mb = max(self.mb, process.memory_info().rss // MEGABYTE)


@contextmanager
def watched() -> Generator[Peak]:
    peak, over = Peak(), threading.Event()

    def watch() -> None:
        while not over.wait(0.02):
            peak.look()

    watching = threading.Thread(target=watch)
    watching.start()
    try:
        yield peak
    finally:
        over.set()
        watching.join()


Fetch = Callable[..., FetchedDay]


@pytest.fixture(scope="module")
def pools(exchange_process: Exchange, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, FetchPool]]:
    home, provider = tmp_path_factory.mktemp("home"), exchange_process.provider()
    timing = msgspec.structs.replace(QUICK, short_attempts=2, frame_s=1.0)
    made = {
        setting: FetchPool(provider, 1, home, SYSTEM_CLOCK, fast_history=setting, timing=timing)
        for setting in ("off", "on")
    }
    yield made
    for pool in made.values():
        pool.close()


BEYOND = [
    ("off", "bomb", 200, AnswerFault.OVERSIZED, 1),  # the first: its connection is to agree to compression
    ("on", "endless", 1, AnswerFault.OVERSIZED, 1),
    ("on", "promised", 1, AnswerFault.OVERSIZED, 1),
    ("off", "promised", 1, AnswerFault.OVERSIZED, 1),
    ("on", "far_bounds", 1, AnswerFault.IMPLAUSIBLE, 1),
    ("on", "nested", 10_000, AnswerFault.TOO_DEEP, 1),
    ("off", "nested", 10_000, AnswerFault.TOO_DEEP, 1),
    ("on", "idle", 1, AnswerFault.NO_PROGRESS, 2),
]


@pytest.mark.usefixtures("tqsdk_once")
@pytest.mark.parametrize(("reader", "kind", "amount", "says", "attempts"), BEYOND)
def test_an_answer_beyond_measure_is_named(
    exchange: Exchange,
    pools: dict[str, FetchPool],
    reader: str,
    kind: str,
    amount: int,
    says: str,
    attempts: int,
    record_property: Callable[[str, object], None],
) -> None:
    exchange.fault(kind, amount=amount, seconds=0.3, times=None)
    with watched() as peak:
        (fetched,) = pools[reader].fetch([request_of(CONTRACT, DAY)])
        exchange.reset()
        (again,) = pools[reader].fetch([request_of(CONTRACT, DAY)])
        peak.look()
    record_property("peak_mb", peak.mb)
    assert (fetched.state, fetched.stats.attempts) == (IngestState.BROKEN, attempts)
    assert fetched.reason.startswith(f"{says}: ")
    assert 50 < peak.mb < MOST_MB
    assert_same(again.frame, served(CONTRACT, DAY))


@pytest.mark.usefixtures("tqsdk_once")
def test_a_page_without_its_ticks_is_no_empty_day(exchange: Exchange, pools: dict[str, FetchPool]) -> None:
    exchange.fault("no_ticks", times=None)
    (fetched,) = pools["on"].fetch([request_of(CONTRACT, DAY)])
    assert fetched.state == IngestState.SHORT
    assert "came without its ticks" in fetched.reason


DEFLATED = f"""
from pathlib import Path
from ghtrader_assets.clock import SYSTEM_CLOCK
from ghtrader_assets.errors import UnfitAnswerError
from ghtrader_assets.market.calendar import snapshot_calendar
from ghtrader_assets.tq import lean
from ghtrader_assets.tq.login import log_in
from ghtrader_assets.tq.pace import Pace
from ghtrader_assets.tq.timing import Timing
from ghtrader_assets.tq.wire import ReadDay, Setup
lean.is_loopback = lambda _: False  # so that it agrees to compression
timing = Timing()
auth = log_in(Setup("trader", "{CANARY}", "key", ".", ".", False, timing))
pages = Pace(Path("."), "key", "pages", 50, SYSTEM_CLOCK)
connection = lean.LeanConnection(auth, auth.market_data_url(), pages, timing)
connection.open()
try:
    connection.read(ReadDay("{CONTRACT}", "{CONTRACT}", snapshot_calendar().window(date(2025, 4, 21)), 5, "lean"))
except UnfitAnswerError as error:
    status = Path("/proc/self/status").read_text()  # `ru_maxrss` would be that of the process which started this one
    print(int(status.partition("VmHWM:")[2].split()[0]) // 1024, error.what)
"""


def test_a_compressed_message_is_bounded_as_it_expands(
    run_client: Callable[..., Any], exchange: Exchange, record_property: Callable[[str, object], None]
) -> None:
    exchange.fault("bomb", amount=500)
    ran = run_client(exchange, DEFLATED)
    assert ran.stdout, ran.stderr
    peak_mb, says = ran.stdout.split(" ", 1)
    record_property("peak_mb", int(peak_mb))
    assert says.startswith("oversized: a message is longer than"), ran.stderr
    assert int(peak_mb) < MOST_MB


HUNGRY = """
from ghtrader_assets.tq.fork_server import _bound_memory
_bound_memory()
kept = []
try:
    while len(kept) < 64:
        kept.append(b"x" * (64 << 20))
except MemoryError:
    print(len(kept) * 64)
"""


def test_a_worker_has_a_ceiling(run_client: Callable[..., Any], exchange: Exchange, home: Path) -> None:
    ran = run_client(exchange, HUNGRY)
    taken_mb = int(ran.stdout)
    assert WORKER_BYTES // MEGABYTE - 192 <= taken_mb <= WORKER_BYTES // MEGABYTE, ran.stderr
