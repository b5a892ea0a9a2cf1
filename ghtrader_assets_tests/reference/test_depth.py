"""The search for five-level days against every pattern of depth that its grid can show."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from ghtrader_assets.reference.depth import spans_where

DAYS = [date(2020, 1, 1) + timedelta(days=number) for number in range(200)]


@settings(deadline=None, max_examples=100)
@given(st.lists(st.integers(10, 60), min_size=1, max_size=8), st.booleans())
def test_depth_that_comes_and_goes_is_found_to_the_day(lengths: list[int], begins: bool) -> None:
    """Ranges no shorter than the grid's step are all seen, whether depth grows or shrinks."""
    truth = [begins ^ bool(number % 2) for number, length in enumerate(lengths) for _ in range(length)][: len(DAYS)]
    days = DAYS[: len(truth)]
    while len(truth) > 1 and truth[-1] != truth[-min(10, len(truth))]:
        truth, days = truth[:-1], days[:-1]
    asked: list[date] = []

    def probe(wanted: Sequence[date]) -> dict[date, bool]:
        asked.extend(wanted)
        return {day: truth[days.index(day)] for day in wanted}

    spans = spans_where(days, probe, 10)
    found = {day for opened, closed in spans for day in days if opened <= day <= closed}
    assert found == {day for day, deep in zip(days, truth, strict=True) if deep}
    assert len(asked) == len(set(asked))


def test_depth_that_has_just_begun_is_seen_on_the_last_day() -> None:
    days = DAYS[:25]
    assert spans_where(days, lambda wanted: {day: day >= days[23] for day in wanted}, 10) == [(days[23], days[24])]
