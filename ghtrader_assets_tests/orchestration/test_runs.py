"""The one rule by which work is cut into runs."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from ghtrader_assets.market.symbols import parse_symbol
from ghtrader_assets.orchestration.names import ALL_TABLES
from ghtrader_assets.orchestration.runs import (
    DAYS_PER_RUN,
    SYMBOL_DAYS_PER_RUN,
    Run,
    cut_into_runs,
    in_groups,
    tables_for,
)
from ghtrader_assets.upkeep.due import Need

SYMBOLS = [parse_symbol(f"KQ.m@SHFE.a{letter}") for letter in "abcdefghijklmno"]
EVERY_DAY = [date(2025, 1, 1) + timedelta(days=number) for number in range(70)]
WEEKDAYS = [day for day in EVERY_DAY if day.weekday() < 5]

a_day = st.sampled_from(EVERY_DAY)
a_range = st.builds(lambda first, length: EVERY_DAY[first : first + length], st.integers(0, 69), st.integers(1, 60))
some_days = st.lists(a_range, max_size=4).map(lambda ranges: {day for days in ranges for day in days})
what_days_need = st.builds(
    lambda days, judged, order: {
        day: Need.JUDGEMENT if day in judged else Need.LOAD for day in sorted(days, reverse=order)
    },
    some_days,
    st.sets(a_day, max_size=5),
    st.booleans(),
)
all_needs = st.dictionaries(st.sampled_from(SYMBOLS), what_days_need, max_size=len(SYMBOLS))


@given(all_needs)
def test_every_day_that_is_a_partition_is_in_exactly_one_run(needs: dict) -> None:
    runs = cut_into_runs(needs, WEEKDAYS)
    found = sorted((symbol.text, day, run.need) for run in runs for symbol in run.symbols for day in run.days)
    wanted = sorted(
        (symbol.text, day, need) for symbol, by_day in needs.items() for day, need in by_day.items() if day in WEEKDAYS
    )
    assert found == wanted


@given(all_needs)
def test_runs_are_neighbouring_partitions_within_bounds(needs: dict) -> None:
    for run in cut_into_runs(needs, WEEKDAYS):
        start = WEEKDAYS.index(run.days[0])
        assert list(run.days) == WEEKDAYS[start : start + len(run.days)]
        assert 1 <= len(run.days) <= DAYS_PER_RUN
        assert 1 <= len(run.symbols) * len(run.days) <= SYMBOL_DAYS_PER_RUN


@given(what_days_need, st.integers(1, len(SYMBOLS)))
def test_symbols_that_need_the_same_share_their_runs(by_day: dict, count: int) -> None:
    alone = cut_into_runs({SYMBOLS[0]: by_day}, WEEKDAYS)
    together = cut_into_runs(dict.fromkeys(SYMBOLS[:count], by_day), WEEKDAYS)
    assert len(together) == sum(-(-count // (SYMBOL_DAYS_PER_RUN // len(run.days))) for run in alone)


@given(what_days_need)
def test_no_run_could_be_joined_with_the_next(by_day: dict) -> None:
    runs = cut_into_runs({SYMBOLS[0]: by_day}, WEEKDAYS)
    for need in (Need.LOAD, Need.JUDGEMENT):
        same = [run for run in runs if run.need == need]
        for run, following in pairwise(same):
            apart = WEEKDAYS.index(following.days[0]) - WEEKDAYS.index(run.days[-1])
            assert apart > 1 or len(run.days) == DAYS_PER_RUN


def test_a_long_history_and_a_day_that_is_no_partition() -> None:
    copper = SYMBOLS[0]
    saturday = date(2025, 1, 4)
    needs = {copper: dict.fromkeys([*WEEKDAYS[:25], saturday], Need.LOAD)}
    assert cut_into_runs(needs, WEEKDAYS) == [
        Run(Need.LOAD, (copper,), tuple(WEEKDAYS[:20])),
        Run(Need.LOAD, (copper,), tuple(WEEKDAYS[20:25])),
    ]
    assert cut_into_runs({copper: {}}, WEEKDAYS) == []


def test_an_evening_of_many_symbols_is_few_runs() -> None:
    many = [parse_symbol(f"KQ.m@SHFE.{a}{b}") for a in "abcdefgh" for b in "abcdefghijklmnopqrstuvwxyz"][:130]
    evening = cut_into_runs({symbol: {WEEKDAYS[0]: Need.LOAD} for symbol in many}, WEEKDAYS)
    assert [len(run.symbols) for run in evening] == [120, 10]
    assert [len(group) for group in in_groups(many[:60], 250)] == [6] * 10


def test_a_judgement_needs_the_tables_of_verdicts_alone() -> None:
    assert tables_for(Need.LOAD) == ALL_TABLES
    assert tables_for(Need.JUDGEMENT) == ("bars_1m", "validation_summary", "field_quality")
    assert tables_for(Need.JUDGEMENT, ["ticks", "field_quality"]) == ("field_quality",)
