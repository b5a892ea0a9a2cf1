"""The forms of days and ids: no other text passes them, and none ends in anything but our own error."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import TypeVar

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ghtrader_assets.errors import BadInputError
from ghtrader_assets.grammar import FIRST_DAY, LAST_DAY, bounded_day, day_of, manifest_id_of, quoted
from ghtrader_assets.manifests import digest_of, new_manifest_id

TEXTS = st.text() | st.text("0123456789-W:TZ ") | st.from_regex(r"\d{4}-\d{2}-\d{2}.?", fullmatch=True)
IDS = st.text() | st.from_regex(r"\d{8}T\d{6}-[0-9a-fA-F]{7,9}|agg-[0-9a-f]{31,33}")
LONGEST_LINE = 400
Read = TypeVar("Read")


def taken(read: Callable[[str], Read], text: str) -> tuple[Read | None, str]:
    """What a text is read as, or the line of its refusal."""
    try:
        return read(text), ""
    except BadInputError as error:
        return None, error.line


@given(TEXTS)
@example("20260106")
@example("2026-W02-2")
@example("2026-01-06\n")
@example("２０２６-01-06")
@example("2026-01-06T00:00:00")
@example("9999-12-31")
def test_a_day_is_written_in_one_way(text: str) -> None:
    day, line = taken(lambda text: day_of(text, "--from"), text)
    if day is None:
        assert "--from" in line
        assert len(line) < LONGEST_LINE
    else:
        assert text == day.isoformat()
        assert FIRST_DAY <= day <= LAST_DAY


@given(st.one_of(st.none(), st.integers(), st.floats(), st.binary(), st.lists(st.text())))
def test_what_is_no_text_is_no_day(value: object) -> None:
    with pytest.raises(BadInputError, match="is no date"):
        day_of(value)


@given(st.dates())
def test_days_of_another_century_are_refused(day: date) -> None:
    if FIRST_DAY <= day <= LAST_DAY:
        assert day_of(day.isoformat()) == bounded_day(day) == day
    else:
        with pytest.raises(BadInputError, match="no day of a market"):
            bounded_day(day)


@given(IDS)
@example("\x00")
@example("../../etc/passwd")
@example("20260105T080000-00000000\n")
def test_a_manifests_id_is_written_in_one_way(text: str) -> None:
    found, line = taken(manifest_id_of, text)
    if found is None:
        assert 0 < len(line) < LONGEST_LINE
    else:
        assert found == text
        assert re.fullmatch(r"[0-9a-fT-]{24}|agg-[0-9a-f]{32}", text)


def test_the_ids_that_are_made_are_of_the_grammar() -> None:
    manifest_id_of(new_manifest_id(datetime(2026, 1, 5, tzinfo=UTC)))
    manifest_id_of(f"agg-{digest_of('x')}")


@given(st.text())
@example("x" * 100_000)
@example("\x1b[31mred")
def test_what_is_quoted_is_short_and_printable(text: str) -> None:
    assert quoted(text).isprintable()
    assert len(quoted(text)) < LONGEST_LINE
