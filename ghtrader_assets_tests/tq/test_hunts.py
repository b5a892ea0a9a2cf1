"""Hunts through what a provider may send: answers of any form, pages of ticks in pieces, spoiled and out of order."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from hypothesis import strategies as st
from pydantic import SecretStr

from ghtrader_assets.errors import FetchError
from ghtrader_assets.redaction import hide
from ghtrader_assets.tq import lean, reference
from ghtrader_assets.tq.bounds import BEYOND_TICKS, DAY_TICKS
from ghtrader_assets.tq.faults import heed_notice, of_exception, of_status
from ghtrader_assets.tq.intake import Intake
from ghtrader_assets.tq.pages import DayBook, delivered_columns, joined
from ghtrader_assets.tq.values import UnreadableTicks
from ghtrader_assets_tests.hunting import CANARY, Record, counts, hunt, odd, spoiled

CONTRACT = "SHFE.cu2602"
LEVELS = 1
NAMES = delivered_columns(LEVELS)
STAMP = 1_767_618_001_123_000_000
numbers = st.floats(-1e6, 1e6) | odd | st.just(CANARY)
tick = st.dictionaries(st.sampled_from([*NAMES, "colour"]), numbers, max_size=4)
stamped = st.builds(lambda one, at: {"datetime": at} | one, tick, st.integers(STAMP, STAMP + 10**12))
ticks = st.dictionaries(st.integers(0, 40).map(str), stamped, min_size=1, max_size=8)
series = st.builds(lambda data, last: {"data": data, "last_id": last}, ticks, st.integers(-1, 50))
chart = st.builds(
    lambda left, right, ready: {"left_id": left, "right_id": right, "ready": ready, "state": {"chart_id": "a"}},
    st.integers(-1, 50),
    st.integers(-1, 50),
    st.booleans(),
)
patch = st.builds(
    lambda ticks, chart, notice: {
        "ticks": {CONTRACT: ticks},
        "charts": {"a": chart},
        "klines": {CONTRACT: {"60000000000": {"data": {"1": {"datetime": STAMP, "open": 1}}, "last_id": 3}}},
        "notify": {"1": {"type": "MESSAGE", "content": notice}},
    },
    series,
    chart,
    st.text(max_size=20) | st.just(f"no log-in with {CANARY}"),
)
frame = st.builds(lambda patches: {"aid": "rtn_data", "data": patches}, st.lists(patch, min_size=1, max_size=3))
terms = st.just(
    {
        "price_tick": 10,
        "volume_multiple": 5,
        "expire_datetime": 1.8e9,
        "trading_time": {"day": [["09:00:00", "10:15:00"]]},
    }
)
changes = st.just([["20260105", CONTRACT], ["20260206", "SHFE.cu2603"]])


def as_bytes(document: object, dice: random.Random) -> bytes:
    return spoiled(json.dumps(document, default=str).encode(errors="replace"), dice)


def as_frames(document: object, dice: random.Random) -> list[bytes]:
    """Frames of one day; small ones, so that some are notices."""
    return [as_bytes(each, dice) for each in (document if isinstance(document, list) else [document])]


def told(error: Exception) -> str:
    """What a worker says of an exception. Raises it, if no answer should have brought it about."""
    if isinstance(error, FetchError | ValueError | RecursionError | MemoryError):
        named = of_exception(error)
        return f"{named} {named.line}"
    raise error


def examine_answer(frame: bytes) -> str:
    said = of_status(404, "the server", frame.decode(errors="replace")).line
    for ask in (taken_by_the_client, lean._heed_notice, terms_of, changes_of):
        try:
            said += str(ask(frame) or "")
        except Exception as error:  # noqa: BLE001 - which are ours is what is asked
            said += told(error)
    return said


def taken_by_the_client(frame: bytes) -> None:
    intake, form = Intake(), UnreadableTicks()
    intake.begin(10)
    intake.note(form.sift(json.loads(frame)))
    form.among(CONTRACT, 0, 50)
    intake.require(30.0)


def terms_of(frame: bytes) -> None:
    document = json.loads(frame)
    asked: Mapping[str, Any] = document if isinstance(document, dict) else {"price_tick": document}
    reference.instruments(
        lambda _: {"price_tick": 1, "volume_multiple": 5, "expire_datetime": None} | asked, [CONTRACT]
    )


def changes_of(frame: bytes) -> None:
    """As `main_contracts` guards it."""
    try:
        reference._changes(json.loads(frame))
    except (AttributeError, LookupError, TypeError, ValueError):
        heed_notice(frame.decode(errors="replace"))


def examine_pages(given: list[bytes]) -> str:
    """Frames of one day as the lean reader takes them in: whatever comes, ids are in order and numbers are numbers."""
    book = DayBook(CONTRACT, LEVELS)
    said = ""
    for frame in given:
        try:
            book.apply(frame)
            book.chart("a").answers({"chart_id": "a"})
            lean._require_plausible(max(book.chart("a").left_id, 0), 50, book.last_id)
        except Exception as error:  # noqa: BLE001
            return told(error)
    try:
        columns = joined([book.columns(0, 20), book.columns(20, 50)])
        said += book.unreadable(0, 50) + str(book.stamp(7)) + str(book.held)
    except Exception as error:  # noqa: BLE001
        return told(error)
    assert (np.diff(columns["tick_id"]) > 0).all()
    assert book.held <= BEYOND_TICKS + DAY_TICKS
    assert {len(column) for column in columns.values()} == {len(columns["tick_id"])}
    return said


@pytest.fixture(autouse=True)
def _known() -> None:
    hide(SecretStr(CANARY))


@pytest.mark.parametrize(("count", "part"), counts(1_000_000, 4))
def test_answers(count: int, part: int, seed: int, record_property: Record) -> None:
    hunt(frame | terms | changes, examine_answer, count, f"wire:{seed}:{part}", record_property, as_bytes)


@pytest.mark.parametrize(("count", "part"), counts(1_000_000, 4))
def test_pages(count: int, part: int, seed: int, record_property: Record) -> None:
    days = st.lists(frame, min_size=1, max_size=3)
    hunt(days, examine_pages, count, f"pages:{seed}:{part}", record_property, as_frames)


@pytest.mark.parametrize(
    "text",
    [
        b'{"aid": "rtn_data", "data": null}',
        b'{"aid": "rtn_data", "data": [{"notify": {"0": 1}}]}',
        b'{"aid": "rtn_data", "data": [null, {"notify": {}}]}',
        b'{"price_tick": 10, "volume_multiple": 5, "expire_datetime": NaN, "trading_time": NaN}',
    ],
)
def test_what_hunts_have_found(text: bytes) -> None:
    """Each ended in a Python exception of its own, which was tried again five times."""
    assert "Error" not in examine_answer(text)
    assert "Error" not in examine_pages([text, text])


def test_no_beginning_of_a_secret_where_a_value_is_cut() -> None:
    """A tick's value is said in 40 characters: of a longer secret that was a part, which no redactor knows."""
    secret = f"{CANARY}-{'7' * 40}"
    hide(SecretStr(secret))
    tick = {"datetime": STAMP, "last_price": f"{'x' * 20}{secret}"}
    page = {"aid": "rtn_data", "data": [{"ticks": {CONTRACT: {"data": {"7": tick}}}}]}
    assert "canary" not in examine_pages([json.dumps(page).encode()])
