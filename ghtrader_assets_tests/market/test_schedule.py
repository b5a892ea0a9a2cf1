"""Main-contract schedules: expansion, rolls, hashes, and which days a correction makes stale."""

from __future__ import annotations

import hashlib
from datetime import date, timedelta
from itertools import pairwise

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ghtrader_assets.errors import BadInputError
from ghtrader_assets.market.calendar import snapshot_calendar
from ghtrader_assets.market.clock import instant_ns
from ghtrader_assets.market.schedule import (
    ScheduleDay,
    build_schedule,
    day_fingerprint,
    is_complete,
    last_completed_day,
    present_trading_day,
    require_complete,
    schedule_hash,
)
from ghtrader_assets.market.sessions import day_sessions
from ghtrader_assets.market.symbols import parse_symbol

CALENDAR = snapshot_calendar()
CU = "KQ.m@SHFE.cu"
START, END = date(2025, 1, 2), date(2025, 3, 31)
CHANGES = [
    (date(2024, 12, 20), "SHFE.cu2502"),
    (date(2025, 1, 20), "SHFE.cu2503"),
    (date(2025, 2, 19), "SHFE.cu2504"),
]


def schedule(changes: list[tuple[date, str]], end: date = END) -> list[ScheduleDay]:
    return build_schedule(CU, changes, CALENDAR, START, end, today_complete_through=end)


def fingerprints(rows: list[ScheduleDay]) -> dict[date, str]:
    symbol = parse_symbol(CU)
    return {
        row.trading_day: day_fingerprint(row.contract, day_sessions(symbol, row.trading_day, CALENDAR)) for row in rows
    }


def test_changes_are_filled_forward() -> None:
    rows = schedule(CHANGES)
    assert [row.trading_day for row in rows] == CALENDAR.days(START, END)
    assert [(row.trading_day, row.contract, row.segment_id) for row in rows if row.is_roll] == [
        (date(2025, 1, 20), "SHFE.cu2503", 1),
        (date(2025, 2, 19), "SHFE.cu2504", 2),
    ]
    assert rows[0] == ScheduleDay(CU, START, "SHFE.cu2502", 0, is_roll=False, provisional=False)


def test_a_change_without_trading_counts_from_the_next_trading_day() -> None:
    rows = schedule([CHANGES[0], (date(2025, 1, 28), "SHFE.cu2503"), (date(2025, 2, 3), "SHFE.cu2504")])
    rolls = [row for row in rows if row.is_roll]
    assert [(row.trading_day, row.contract, row.segment_id) for row in rolls] == [(date(2025, 2, 5), "SHFE.cu2504", 1)]


def test_a_repeated_contract_is_no_roll_and_a_return_is_one() -> None:
    rows = schedule([CHANGES[0], (date(2025, 1, 6), "SHFE.cu2502"), CHANGES[1], (date(2025, 2, 10), "SHFE.cu2502")])
    assert [(row.trading_day, row.segment_id) for row in rows if row.is_roll] == [
        (date(2025, 1, 20), 1),
        (date(2025, 2, 10), 2),
    ]


def test_days_without_a_main_contract_have_no_row() -> None:
    rows = schedule([(date(2025, 1, 10), "SHFE.cu2502"), (date(2025, 3, 3), "")])
    assert (rows[0].trading_day, rows[0].segment_id, rows[0].is_roll) == (date(2025, 1, 10), 0, False)
    assert rows[-1].trading_day == date(2025, 2, 28)
    assert schedule([]) == []


def test_days_after_the_last_complete_one_are_provisional() -> None:
    rows = build_schedule(CU, CHANGES, CALENDAR, START, END, today_complete_through=date(2025, 3, 27))
    assert [row.trading_day for row in rows if row.provisional] == [date(2025, 3, 28), date(2025, 3, 31)]


def test_segments_count_over_the_whole_list() -> None:
    rows = build_schedule(CU, CHANGES, CALENDAR, date(2025, 2, 20), END, today_complete_through=END)
    assert {row.segment_id for row in rows} == {2}
    assert not any(row.is_roll for row in rows)


def test_what_is_no_contract_stands_as_the_provider_has_it() -> None:
    rows = schedule([CHANGES[0], (date(2025, 1, 20), "SHFE.al2502"), (date(2025, 2, 20), "SHFE.cu2513")])
    assert {row.contract for row in rows} == {CHANGES[0][1], "SHFE.al2502", "SHFE.cu2513"}


@given(
    st.lists(
        st.tuples(st.dates(date(2024, 6, 1), date(2025, 5, 1)), st.sampled_from([1, 2, 3, 4])), min_size=1, max_size=8
    )
)
@settings(max_examples=100, deadline=None)
def test_expansion_agrees_with_a_day_by_day_walk(changes: list[tuple[date, int]]) -> None:
    listed = [(day, f"SHFE.cu250{month}") for day, month in changes]
    rows = {row.trading_day: row for row in schedule(listed)}
    latest = dict(sorted(listed, key=lambda change: change[0]))
    day, contract = date(2024, 6, 1), ""
    while day <= END:
        contract = latest.get(day, contract)
        if day in rows:
            assert rows[day].contract == contract
        day += timedelta(days=1)
    numbers = [row.segment_id for row in rows.values()]
    assert all(later - earlier in (0, 1) for earlier, later in pairwise(numbers))


def test_the_hash_is_ghtraders() -> None:
    rows = schedule(CHANGES)
    table = pd.DataFrame(
        {
            "date": [row.trading_day for row in rows],
            "main_contract": [row.contract for row in rows],
            "segment_id": [row.segment_id for row in rows],
        }
    )
    assert schedule_hash(rows) == hashlib.sha256(table.to_csv(index=False).encode()).hexdigest()[:16]


def test_the_hash_spells_contracts_in_lower_case_as_ghtrader_does() -> None:
    row = ScheduleDay("KQ.m@CZCE.SR", START, "CZCE.SR505", 0, is_roll=False, provisional=False)
    text = "date,main_contract,segment_id\n2025-01-02,CZCE.sr505,0\n"
    assert schedule_hash([row]) == hashlib.sha256(text.encode()).hexdigest()[:16]


def test_a_new_day_leaves_the_fingerprints_of_the_others_alone() -> None:
    shorter, longer = fingerprints(schedule(CHANGES, date(2025, 3, 28))), fingerprints(schedule(CHANGES))
    assert longer.items() >= shorter.items()
    assert set(longer) - set(shorter) == {date(2025, 3, 31)}
    assert schedule_hash(schedule(CHANGES)) != schedule_hash(schedule(CHANGES, date(2025, 3, 28)))


def test_a_corrected_roll_makes_exactly_the_days_stale_whose_contract_changed() -> None:
    before = fingerprints(schedule(CHANGES))
    after = fingerprints(schedule([CHANGES[0], (date(2025, 1, 22), "SHFE.cu2503"), CHANGES[2]]))
    assert [day for day in before if before[day] != after[day]] == [date(2025, 1, 20), date(2025, 1, 21)]


def test_fingerprints_of_two_days_differ() -> None:
    values = list(fingerprints(schedule(CHANGES)).values())
    assert len(set(values)) == len(values)
    assert all(len(value) == 16 for value in values)


@pytest.mark.parametrize(
    ("day", "hour", "expected"),
    [
        (date(2025, 3, 10), 15, date(2025, 3, 7)),
        (date(2025, 3, 10), 16, date(2025, 3, 10)),
        (date(2025, 3, 10), 22, date(2025, 3, 10)),
        (date(2025, 3, 8), 3, date(2025, 3, 7)),
        (date(2025, 10, 3), 18, date(2025, 9, 30)),
        (date(2028, 2, 1), 18, date(2027, 12, 31)),
    ],
)
def test_last_completed_day(day: date, hour: int, expected: date) -> None:
    assert last_completed_day(CALENDAR, instant_ns(day, hour * 3600)) == expected


@pytest.mark.parametrize(
    ("day", "hour", "expected"),
    [
        (date(2025, 3, 7), 17, date(2025, 3, 7)),
        (date(2025, 3, 7), 18, date(2025, 3, 10)),
        (date(2025, 3, 9), 12, date(2025, 3, 10)),
        (date(2027, 12, 31), 17, date(2027, 12, 31)),
        (date(2027, 12, 31), 18, date(2027, 12, 31)),
        (date(2028, 3, 2), 12, date(2027, 12, 31)),
    ],
)
def test_the_present_trading_day_stays_at_the_horizon(day: date, hour: int, expected: date) -> None:
    assert present_trading_day(CALENDAR, instant_ns(day, hour * 3600)) == expected


def test_an_incomplete_day_is_refused_with_the_time_from_which_it_is() -> None:
    day = date(2025, 3, 10)
    noon = instant_ns(day, 12 * 3600)
    assert not is_complete(day, noon)
    with pytest.raises(BadInputError, match="2025-03-10 is not complete before 2025-03-10 16:00 Beijing time"):
        require_complete(day, noon)
    require_complete(day, instant_ns(day, 16 * 3600))
