"""The text of ticks says what the columns say, whichever way it is written."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from ghtrader_assets.exchange.daily import DEFAULT_SEED
from ghtrader_assets.exchange.history import Series, series_of
from ghtrader_assets.exchange.model import Columns
from ghtrader_assets.exchange.render import PageWriter
from ghtrader_assets.exchange.revisions import Revision, Revisions
from ghtrader_assets_tests.true_ticks import MODEL_1, ticks_of

UNTIL = date(2026, 1, 9)
DAY = date(2026, 1, 6)
WRITER = PageWriter(DEFAULT_SEED, cache_bytes=60_000_000)


def series(symbol: str, *revisions: Revision) -> Series:
    found = series_of(symbol, UNTIL, frozenset(revisions), MODEL_1)
    assert found is not None
    return found


def read(text: bytes) -> dict[int, dict[str, Any]]:
    return {int(key): tick for key, tick in json.loads(b"{" + text + b"}").items()}


def day_of(series: Series, day: date) -> tuple[int, int]:
    found = next(item for item in series.days if item.day == day)
    return found.first_id, found.end_id


def page_of(revisions: Revisions, first: int, end: int) -> dict[int, dict[str, Any]]:
    found = series("SHFE.cu2602", *revisions)
    merged: dict[int, dict[str, Any]] = {}
    for patch in WRITER.patches(found, first, end):
        for key, tick in read(patch).items():
            merged.setdefault(key, {}).update(tick)
    return merged


def assert_says(tick: dict[str, Any], columns: Columns, row: int) -> None:
    assert tick["datetime"] == columns["datetime_ns"][row]
    for name, values in columns.items():
        if name not in ("tick_id", "datetime_ns"):
            assert tick[name] == values[row], name


@given(start=st.integers(-300, 100_000), width=st.integers(1, 3000))
@settings(max_examples=12, deadline=None)
def test_a_page_holds_the_ids_asked_for_that_exist(start: int, width: int) -> None:
    found = series("SHFE.au2602")
    first = found.last_id - 100_000 + start
    page = read(WRITER.page(found, first, first + width))
    assert list(page) == list(range(first, min(first + width, found.last_id + 1)))


def test_a_page_over_midweek_says_what_the_columns_say() -> None:
    for symbol in ("SHFE.au2602", "CZCE.SR605", "GFEX.lc2603"):
        found = series(symbol)
        first, end = day_of(found, DAY)
        columns = ticks_of(symbol, DAY)
        page = read(WRITER.page(found, first, end))
        assert list(page) == columns["tick_id"].tolist()
        for row in (0, 1, 777, len(columns["tick_id"]) - 1):
            assert_says(page[first + row], columns, row)


def test_days_are_joined_without_a_seam() -> None:
    found = series("SHFE.cu2602")
    _, end = day_of(found, DAY)
    page = read(WRITER.page(found, end - 5, end + 5))
    assert list(page) == list(range(end - 5, end + 5))
    assert page[end]["volume"] < page[end - 1]["volume"]


def test_odd_pages_say_the_same_after_merging() -> None:
    first, _ = day_of(series("SHFE.cu2602"), DAY)
    columns = ticks_of("SHFE.cu2602", DAY)
    for kind in ("patches", "extra_keys"):
        page = page_of(frozenset({Revision(kind, DAY)}), first, first + 50)
        assert sorted(page) == list(range(first, first + 50))
        for row in range(50):
            assert_says(page[first + row], columns, row)


def test_quoted_numbers_are_dashes() -> None:
    first, _ = day_of(series("SHFE.cu2602"), DAY)
    page = page_of(frozenset({Revision("quoted", DAY)}), first, first + 50)
    dashes = [key - first for key, tick in page.items() if tick["ask_price1"] == "-"]
    assert dashes == [3, 10, 17, 24, 31, 38, 45]


def test_a_missing_id_is_missing_from_whatever_page_would_hold_it() -> None:
    first, end = day_of(series("SHFE.cu2602"), DAY)
    gone = first + round(0.5 * (end - first - 1))
    missing = frozenset({Revision("missing_id", DAY, amount=2)})
    page = page_of(missing, gone - 3, gone + 5)
    assert sorted(page) == [gone - 3, gone - 2, gone - 1, gone + 2, gone + 3, gone + 4]


def test_fewer_ticks_shift_the_ids_of_later_days_only() -> None:
    plain, fewer = series("SHFE.cu2602"), series("SHFE.cu2602", Revision("fewer", DAY, amount=7))
    shifts = {
        before.day: before.first_id - after.first_id for before, after in zip(plain.days, fewer.days, strict=True)
    }
    assert {shift for day, shift in shifts.items() if day <= DAY} == {0}
    assert {shift for day, shift in shifts.items() if day > DAY} == {7}
    first, end = day_of(fewer, DAY)
    columns = ticks_of("SHFE.cu2602", DAY)
    page = read(WRITER.page(fewer, first, end))
    assert len(page) == len(columns["tick_id"]) - 7
    stamps = np.array([tick["datetime"] for tick in page.values()])
    assert set(stamps) < set(columns["datetime_ns"])


def test_truncated_history_ends_in_the_day() -> None:
    plain, cut = series("SHFE.cu2602"), series("SHFE.cu2602", Revision("truncated", DAY, fraction=0.8))
    first, end = day_of(plain, DAY)
    assert first < cut.last_id < end - 1
    assert read(WRITER.page(cut, cut.last_id - 3, end + 10)).keys() == set(range(cut.last_id - 3, cut.last_id + 1))


def test_a_day_without_data_has_no_ids() -> None:
    empty = series("SHFE.cu2602", Revision("no_data", DAY))
    first, end = day_of(empty, DAY)
    assert first == end
    next_day = next(item for item in empty.days if item.first_id == end and item.count)
    assert read(WRITER.page(empty, first, first + 1))[first]["datetime"] > 0
    assert next_day.day > DAY
    assert series("SHFE.cu2602", Revision("no_data", None)).last_id == -1


def test_changed_content_differs_in_the_last_price_only() -> None:
    changed = series("SHFE.cu2602", Revision("changed", DAY, amount=3, fraction=0.25))
    first, end = day_of(changed, DAY)
    columns = ticks_of("SHFE.cu2602", DAY)
    page = read(WRITER.page(changed, first, end))
    last = np.array([tick["last_price"] for tick in page.values()])
    assert np.flatnonzero(last != columns["last_price"]).tolist() == [
        round(0.25 * (end - first - 1)) + number for number in range(3)
    ]


def test_millisecond_stamps_keep_their_order() -> None:
    odd = series("SHFE.cu2602", Revision("ms", DAY))
    first, end = day_of(odd, DAY)
    stamps = np.array([tick["datetime"] for tick in read(WRITER.page(odd, first, end)).values()])
    assert (np.diff(stamps) > 0).all()
    assert (stamps % 500_000_000 != 0).all()
    assert any(int(float(stamp)) != int(stamp) for stamp in stamps), "some stamps must not survive a float"
