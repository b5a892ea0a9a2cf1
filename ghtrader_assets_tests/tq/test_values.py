"""What is no number and no time makes exactly its day broken, with both readers; absence is not concluded from it."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ghtrader_assets.clock import SYSTEM_CLOCK
from ghtrader_assets.errors import BrokenDayError, IngestState
from ghtrader_assets.market.calendar import snapshot_calendar
from ghtrader_assets.market.ticks import NUMERIC_COLUMNS
from ghtrader_assets.tq.fetch import FetchedDay
from ghtrader_assets.tq.pages import DayBook
from ghtrader_assets.tq.pool import FetchPool
from ghtrader_assets.tq.values import DEFAULTS, LARGEST, UnreadableTicks
from ghtrader_assets_tests.tq.altering import altered
from ghtrader_assets_tests.tq.conftest import QUICK, Exchange, assert_same, request_of, served

CONTRACT = "SHFE.au2604"
DAY = date(2025, 4, 21)
STAMP = 1_767_618_001_123_000_000

numbers = st.one_of(st.integers(-(10**6), 10**15), st.floats(-LARGEST, LARGEST), st.just(float("nan")), st.none())
other_types = st.one_of(
    st.booleans(),
    st.lists(st.integers(), max_size=2),
    st.dictionaries(st.text(max_size=3), st.integers(), max_size=2),
    st.text().filter(lambda text: text != "-"),
    st.integers(0, 9).map(str),
    st.just("78390.0"),
    st.just(10**400),
    st.floats(min_value=LARGEST, exclude_min=True),
    st.floats(max_value=-LARGEST, exclude_max=True),
)


def answer_of(ticks: dict[int, Any]) -> dict[str, Any]:
    series = {"data": {str(tick_id): tick for tick_id, tick in ticks.items()}, "last_id": max(ticks)}
    return {"aid": "rtn_data", "data": [{"ticks": {CONTRACT: series}}]}


def is_whole_number(name: str) -> bool:
    return DEFAULTS[name] == 0


@given(values=st.dictionaries(st.sampled_from(NUMERIC_COLUMNS), numbers))
def test_numbers_and_their_absence_are_read(values: dict[str, Any]) -> None:
    values |= {"datetime": STAMP}
    values |= {name: "-" for name in NUMERIC_COLUMNS if name not in values and not is_whole_number(name)}
    answer, unreadable = answer_of({7: values}), UnreadableTicks()
    before = repr(answer)
    unreadable.sift(answer)
    assert unreadable.among(CONTRACT, 0, 100) == ""
    assert repr(answer) == before


@given(name=st.sampled_from(NUMERIC_COLUMNS), value=other_types, good=numbers)
def test_another_type_is_named_and_taken_out(name: str, value: object, good: float | None) -> None:
    other = next(column for column in NUMERIC_COLUMNS if column != name)
    answer, unreadable = (
        answer_of({7: {"datetime": STAMP, name: value, other: good}, 8: {name: good}}),
        UnreadableTicks(),
    )
    unreadable.sift(answer)
    assert unreadable.among(CONTRACT, 0, 100).startswith(f"the {name} of tick 7 is no number: ")
    assert unreadable.among(CONTRACT, 8, 100) == unreadable.among("SHFE.cu2604", 0, 100) == ""
    assert set(answer["data"][0]["ticks"][CONTRACT]["data"]["7"]) == {"datetime", other}


@pytest.mark.parametrize("name", [name for name in NUMERIC_COLUMNS if is_whole_number(name)])
def test_a_whole_number_has_no_word_for_none(name: str) -> None:
    unreadable = UnreadableTicks()
    unreadable.sift(answer_of({7: {"datetime": STAMP, name: "-"}}))
    assert unreadable.among(CONTRACT, 0, 100) == f'the {name} of tick 7 is no number: "-"'


@pytest.mark.parametrize("text", ["1e999", "-1e999", "1e16", "Infinity", "9" * 400])
@pytest.mark.parametrize("name", ["last_price", "volume", "amount", "ask_volume1"])
def test_no_market_has_such_a_number(name: str, text: str) -> None:
    """Neither form makes a missing price of it, nor what no column of the store can hold."""
    book = DayBook(CONTRACT, 5)
    book.apply(b'{"aid":"rtn_data","data":[{"ticks":{"%s":{"data":{"7":{"datetime":%d,"%s":%s}}}}}]}'
               % (CONTRACT.encode(), STAMP, name.encode(), text.encode()))  # fmt: skip
    assert np.isnan(book.columns(7, 8)[name]) or DEFAULTS[name] == book.columns(7, 8)[name]
    assert book.unreadable(0, 100).startswith(f"the {name} of tick 7 is no number: ")


@pytest.mark.parametrize(
    "stamp",
    [str(STAMP), "2026-01-05 21:00:01", STAMP * 1000, float(STAMP), STAMP // 1000, 0, -STAMP, True, None, [STAMP]],
)
def test_what_is_no_time_is_named(stamp: object) -> None:
    book = DayBook(CONTRACT, 5)
    ticks = {7: {"datetime": STAMP}, 8: {"datetime": stamp}, 9: {"datetime": STAMP}}
    book.apply(json.dumps(answer_of(ticks)).encode())
    assert book.unreadable(0, 100).startswith("the datetime of tick 8 is no time: ")
    assert book.columns(7, 10)["tick_id"].tolist() == [7, 9]


def test_how_many_ticks_are_unreadable_is_said() -> None:
    unreadable = UnreadableTicks()
    unreadable.sift(answer_of({tick_id: {"datetime": STAMP, "volume": "5"} for tick_id in range(5, 25)}))
    assert unreadable.among(CONTRACT, 10, 20) == 'the volume of tick 10 is no number: "5" (first of 10 such ticks)'


@pytest.mark.parametrize(
    "answer",
    [
        [],
        {"data": {}},
        {"data": [[]]},
        {"data": [{"ticks": []}]},
        {"data": [{"ticks": {CONTRACT: "none"}}]},
        {"data": [{"ticks": {CONTRACT: {"data": []}}}]},
        {"data": [{"ticks": {CONTRACT: {"data": {"first": {}}}}}]},
        {"data": [{"ticks": {CONTRACT: {"data": {"7": "a tick"}}}}]},
        {"data": [{"ticks": {CONTRACT: {"last_id": "7"}}}]},
        {"data": [{"charts": {"page0": 7}}]},
    ],
    ids=repr,
)
def test_an_answer_of_another_form_is_refused(answer: Any) -> None:
    with pytest.raises(BrokenDayError, match="has not the protocol's form: Expected"):
        UnreadableTicks().sift(copy.deepcopy(answer))
    with pytest.raises(BrokenDayError):
        DayBook(CONTRACT, 5).apply(json.dumps(answer).encode())


def texts(*names: str) -> Callable[[dict[str, Any]], None]:
    def alter(tick: dict[str, Any]) -> None:
        tick.update({name: str(tick[name]) for name in names})

    return alter


ALTERATIONS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "prices as text": texts("last_price", "bid_price1", "ask_price1"),
    "volume and open interest as text": texts("volume", "open_interest"),
    "a list for a price": lambda tick: tick.update(bid_price1=[tick["bid_price1"]]),
    "stamps as text": texts("datetime"),
    "stamps beyond int64": lambda tick: tick.update(datetime=tick["datetime"] * 1000),
    "stamps as floats": lambda tick: tick.update(datetime=float(tick["datetime"])),
    "stamps in seconds": lambda tick: tick.update(datetime=tick["datetime"] // 10**9),
    "no stamps": lambda tick: tick.pop("datetime"),
}
CALENDAR = snapshot_calendar()
DAYS = CALENDAR.days(DAY, date(2025, 5, 30))
ALTERED = dict(zip(ALTERATIONS, DAYS[::3], strict=False))
"""Each alteration on a day of its own, two clean days after it."""
CLEAN = [DAYS[1], DAYS[4]]


def spoil_days(message: bytes) -> bytes:
    answer = json.loads(message)
    windows = {what: CALENDAR.window(day) for what, day in ALTERED.items()}
    for patch in answer.get("data", []):
        for tick in patch.get("ticks", {}).get(CONTRACT, {}).get("data", {}).values():
            for what, window in windows.items():
                if window.start_ns <= tick["datetime"] < window.end_ns:
                    ALTERATIONS[what](tick)
                    break
    return json.dumps(answer).encode()


@pytest.mark.service
@pytest.mark.parametrize("fast_history", ["off", "on"])
@pytest.mark.joint
class TestReaders:
    def fetched(
        self, exchange: Exchange, home: Path, fast_history: Any, alter: Callable[[bytes], bytes], *days: date
    ) -> dict[date, FetchedDay]:
        once = msgspec.structs.replace(QUICK, short_attempts=1)
        with altered(exchange.environment["TQ_MD_URL"], alter) as url:
            provider = exchange.provider(TQ_MD_URL=url)
            with FetchPool(provider, 1, home, SYSTEM_CLOCK, fast_history=fast_history, timing=once) as pool:
                fetched = list(pool.fetch([request_of(CONTRACT, day) for day in days]))
        return {item.request.window.trading_day: item for item in fetched}

    def test_a_day_that_cant_be_read_is_broken_and_no_other(
        self, exchange: Exchange, home: Path, fast_history: str
    ) -> None:
        fetched = self.fetched(exchange, home, fast_history, spoil_days, *ALTERED.values(), *CLEAN)
        states = {what: fetched[day].state for what, day in ALTERED.items()}
        assert states == dict.fromkeys(ALTERATIONS, IngestState.BROKEN)
        for day in ALTERED.values():
            assert re.search(r"of tick \d+ is no (number|time): |tick \d+ has no time", fetched[day].reason)
        for day in CLEAN:
            assert_same(fetched[day].frame, served(CONTRACT, day))

    def test_one_text_in_a_day_is_enough(self, exchange: Exchange, home: Path, fast_history: str) -> None:
        middle = served(CONTRACT, DAY)["tick_id"][100]
        pattern = re.compile(rb'("%d":\{[^}]*"open_interest": ?)(\d+)' % middle)
        fetched = self.fetched(exchange, home, fast_history, lambda message: pattern.sub(rb'\1"\2"', message), DAY)
        assert fetched[DAY].state == IngestState.BROKEN
        assert f"the open_interest of tick {middle} is no number" in fetched[DAY].reason

    def test_another_form_is_broken_at_once(self, exchange: Exchange, home: Path, fast_history: str) -> None:
        pattern = re.compile(rb'"last_id":(\d+)')
        fetched = self.fetched(
            exchange, home, fast_history, lambda message: pattern.sub(rb'"last_id":"\1"', message), DAY
        )
        assert fetched[DAY].state == IngestState.BROKEN
        assert "has not the protocol's form" in fetched[DAY].reason
