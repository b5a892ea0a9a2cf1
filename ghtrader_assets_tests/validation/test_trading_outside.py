"""Ticks that trade where nothing can: days and sessions stamped late or early, blocks moved to another day."""

from __future__ import annotations

import re
from datetime import date, datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ghtrader_assets_tests.validation.days import clean_day, judge_columns
from ghtrader_assets_tests.validation.planting import NS, Day

SHIFTED = ("SHFE.cu2602", "DCE.m2605", "CZCE.SR605")
MOVED_ON = date(2026, 1, 12)
"""A Monday: its night session is Friday's, some of it on Saturday."""


def moved(day: Day, rows: np.ndarray[tuple[int], np.dtype[np.bool_]], seconds: int) -> Day:
    day.columns["datetime_ns"][rows] += seconds * NS
    return day


@pytest.mark.parametrize("contract", [*SHIFTED, "CFFEX.IF2601"])
@pytest.mark.parametrize("late_s", [3, 29, 60, -29])
def test_a_whole_day_stamped_late_or_early(contract: str, late_s: int) -> None:
    day = moved(clean_day(contract).copy(), np.ones(clean_day(contract).n, dtype=np.bool_), late_s)
    verdict = judge_columns(day, contract)
    assert (verdict.state, verdict.reason_code) == ("error", "trading_outside")
    assert f"{abs(late_s)} s {'late' if late_s > 0 else 'early'}" in verdict.coverage.detail


@pytest.mark.parametrize("contract", SHIFTED)
def test_a_session_stamped_late_is_named(contract: str) -> None:
    day = clean_day(contract).copy()
    day = moved(day, day.seconds > day.windows[0][1] + 3600, 290)
    verdict = judge_columns(day, contract)
    assert (verdict.state, verdict.reason_code) == ("error", "trading_outside")
    assert "day session" in verdict.coverage.detail
    assert "290 s late" in verdict.coverage.detail


@settings(deadline=None, max_examples=25)
@given(st.sampled_from([*SHIFTED, "CFFEX.IF2601"]), st.integers(61, 3900), st.booleans(), st.booleans())
def test_a_shift_longer_than_any_break_is_named_by_its_seconds(
    contract: str, seconds: int, early: bool, whole: bool
) -> None:
    """The pieces of such a session were said to belong hours away."""
    day = clean_day(contract).copy()
    rows = np.full(day.n, fill_value=True) if whole else day.seconds > day.windows[-1][0] - 6 * 3600
    verdict = judge_columns(moved(day, rows, -seconds if early else seconds), contract)
    assert (verdict.state, verdict.reason_code) == ("error", "trading_outside")
    told = re.search(r"(?:day session|whole day) is stamped (\d+) s (late|early)", verdict.coverage.detail)
    assert told, verdict.coverage.detail
    assert abs(int(told[1]) - seconds) <= 5
    assert told[2] == ("early" if early else "late")
    assert "belong" not in verdict.coverage.detail


@pytest.mark.parametrize("days", [1, 2])
@pytest.mark.parametrize("contract", ["SHFE.ag2602", "SHFE.au2602", "INE.sc2602"])
def test_the_small_hours_of_saturday_stamped_days_later(contract: str, days: int) -> None:
    day = clean_day(contract, MOVED_ON).copy()
    night = day.windows[0]
    midnight = night[0] + 3 * 3600
    rows = (day.seconds >= midnight) & (day.seconds <= night[1])
    count = int(np.count_nonzero(rows))
    verdict = judge_columns(moved(day, rows, days * 86_400), contract, MOVED_ON)
    assert (verdict.state, verdict.reason_code) == ("error", "trading_outside")
    detail = verdict.coverage.detail
    named = re.search(r"([\d,]+) ticks trade", detail)
    assert named is not None
    assert count - 5 < int(named[1].replace(",", "")) <= count
    assert f"2026-01-{10 + days} 00:00:0" in detail
    assert f"{days} day" in detail
    assert "earlier" in detail
    assert "2026-01-10 00:00:0" in detail
    assert "night" in detail


def test_a_whole_night_moved_says_where_it_belongs() -> None:
    contract = "SHFE.rb2605"
    day = clean_day(contract, MOVED_ON).copy()
    rows = day.seconds < day.windows[0][1] + 3600
    verdict = judge_columns(moved(day, rows, 2 * 86_400), contract, MOVED_ON)
    assert (verdict.state, verdict.reason_code) == ("error", "trading_outside")
    assert "2 days earlier" in verdict.coverage.detail
    assert "2026-01-09 21:00:01" in verdict.coverage.detail


def test_an_hour_moved_within_a_weekend() -> None:
    contract = "SHFE.cu2602"
    day = clean_day(contract, MOVED_ON).copy()
    start = day.windows[0][0] + 3600
    rows = (day.seconds >= start) & (day.seconds < start + 3600)
    verdict = judge_columns(moved(day, rows, 36 * 3600), contract, MOVED_ON)
    assert (verdict.state, verdict.reason_code) == ("error", "trading_outside")
    assert "36 h earlier" in verdict.coverage.detail


def test_a_block_moved_past_other_ticks_has_its_own_lots_and_place() -> None:
    """Numbered anew in order of time, as a provider would, its first tick shows all that was traded before it."""
    contract = "SHFE.cu2602"
    day = clean_day(contract).copy()
    start = day.windows[1][0] + 1800
    rows = (day.seconds >= start) & (day.seconds < start + 600)
    volume = day.columns["volume"]
    traded = volume[rows][-1] - volume[np.flatnonzero(rows)[0] - 1]
    spoiled = moved(day, rows, -3 * 3600)
    order = np.argsort(spoiled.columns["datetime_ns"], kind="stable")
    spoiled.columns = {name: values[order] for name, values in spoiled.columns.items()}
    spoiled.columns["tick_id"] = np.arange(spoiled.n)
    verdict = judge_columns(spoiled, contract)
    assert (verdict.state, verdict.reason_code) == ("error", "trading_outside")
    assert "they belong 3 h later" in verdict.coverage.detail
    told = re.search(r"ticks trade ([\d,]+) lots outside", verdict.coverage.detail)
    assert told, verdict.coverage.detail
    assert abs(int(told[1].replace(",", "")) - traded) <= 0.02 * traded


@pytest.mark.parametrize("contract", ["SHFE.cu2602", "CFFEX.IF2601", "CZCE.SR605"])
@pytest.mark.parametrize(
    ("offset_s", "said"), [(4 * 3600, "4 h earlier"), (1800, "30 min earlier"), (-1800, "30 min later")]
)
@pytest.mark.parametrize("ids", ["as they were", "by time"])
def test_a_block_moved_among_other_ticks_says_where_it_belongs(
    contract: str, offset_s: int, said: str, ids: str
) -> None:
    """It trades where anything may be traded; what was traded before and after its hole tells it."""
    day = clean_day(contract).copy()
    opens = next(first for first, _ in day.windows if first > day.windows[-1][1] - 7 * 3600)
    block = (day.seconds >= opens + 2400) & (day.seconds < opens + 3000)
    told = _told_of(day, contract, block, offset_s, ids)
    assert f"{np.count_nonzero(block):,} ticks among others" in told
    assert f"are misplaced: they belong {said}, in the day session's hole" in told


@pytest.mark.parametrize("contract", ["SHFE.cu2602", "CFFEX.IF2601", "CZCE.SR605"])
@pytest.mark.parametrize(("offset_s", "said"), [(120, "2 min earlier"), (300, "5 min earlier"), (-420, "7 min later")])
@pytest.mark.parametrize("ids", ["as they were", "by time"])
def test_a_block_moved_by_less_than_its_length_says_where_it_belongs(
    contract: str, offset_s: int, said: str, ids: str
) -> None:
    """Its hole is as long as it is moved, and half of it stands among the ticks that come after it."""
    day = clean_day(contract).copy()
    opens = next(first for first, _ in day.windows if first > day.windows[-1][1] - 7 * 3600)
    told = _told_of(day, contract, (day.seconds >= opens + 2400) & (day.seconds < opens + 3000), offset_s, ids)
    assert f"are misplaced: they belong {said}, in the day session's hole" in told


@pytest.mark.parametrize("contract", ["SHFE.cu2602", "CFFEX.IF2601", "CZCE.SR605"])
@pytest.mark.parametrize("ids", ["as they were", "by time"])
def test_a_block_moved_half_beyond_a_close_says_where_it_belongs(contract: str, ids: str) -> None:
    day = clean_day(contract).copy()
    close = day.windows[-1][1]
    told = _told_of(day, contract, (day.seconds >= close - 900) & (day.seconds < close - 300), 600, ids)
    assert "are misplaced: they belong 10 min earlier, in the day session's hole" in told


AT_EDGES = [
    ("2026-01-06 09:00:00", "09:59:59", -60, "1 min later"),
    ("2026-01-06 09:00:00", "09:01:59", -131, "13[0-2] s later"),
    ("2026-01-06 09:00:00", "09:59:59", -3600, "1 h later"),
    ("2026-01-06 00:50:00", "01:00:00", 8 * 3600, "8 h earlier"),
    ("2026-01-06 10:30:00", "10:30:59", 1800, "30 min earlier"),
    ("2026-01-06 10:36:30", "10:37:29", 60, "1 min earlier"),
    ("2026-01-06 14:30:00", "15:00:01", -3600, "1 h later"),
    ("2026-01-06 13:30:00", "13:59:59", 1800, "30 min earlier"),
    ("2026-01-06 13:30:00", "15:00:01", 1800, "30 min earlier"),
    ("2026-01-06 10:30:00", "11:30:01", 600, "10 min earlier"),
]


@pytest.mark.parametrize(("first", "last", "offset_s", "said"), AT_EDGES)
def test_a_block_at_the_edge_of_a_window_says_where_it_belongs(first: str, last: str, offset_s: int, said: str) -> None:
    """Into the call auction's lead, over a break, out of the day's tail, over a close by less than its length."""
    day = clean_day("SHFE.cu2602").copy()
    begins = datetime.fromisoformat(f"{first}+08:00").timestamp()
    ends = datetime.fromisoformat(f"{first[:11]}{last}+08:00").timestamp()
    told = _told_of(day, "SHFE.cu2602", (day.seconds >= begins) & (day.seconds <= ends), offset_s, "by time")
    assert re.search(f"they belong {said}, in the (day|night) session's hole {first[:16]}", told), told


def test_the_tail_of_a_night_stamped_hours_later_is_no_early_night() -> None:
    day = clean_day("DCE.m2605").copy()
    block = (day.seconds >= day.windows[0][1] - 75) & (day.seconds <= day.windows[0][1] + 1)
    told = _told_of(day, "DCE.m2605", block, 5 * 3600, "by time")
    assert "they belong 5 h earlier, in the night session's hole" in told
    assert "early" not in told.replace("earlier", "")


def _told_of(
    day: Day, contract: str, block: np.ndarray[tuple[int], np.dtype[np.bool_]], offset_s: int, ids: str
) -> str:
    """The detail of the error that follows from the rows of `block` stamped `offset_s` late."""
    day.columns["datetime_ns"][block] += offset_s * NS
    if ids == "by time":
        order = np.argsort(day.columns["datetime_ns"], kind="stable")
        day.columns = {name: values[order] for name, values in day.columns.items()}
        day.columns["tick_id"] = np.arange(day.n)
    verdict = judge_columns(day, contract)
    assert verdict.state == "error"
    return verdict.coverage.detail


def test_a_straggler_after_a_lost_afternoon_has_not_traded_it() -> None:
    day = clean_day("SHFE.rb2605").copy()
    kept = (day.seconds <= day.windows[-2][1]) | (np.arange(day.n) == day.n - 1)
    day.columns = {name: values[kept] for name, values in day.columns.items()}
    day.columns["tick_id"] = np.arange(day.n)
    day.columns["datetime_ns"][-1] = (day.windows[-1][1] + 90) * NS
    verdict = judge_columns(day, "SHFE.rb2605")
    assert verdict.reason_code != "trading_outside"
    assert verdict.state == "error"


def test_ticks_that_trade_nothing_stay_what_they_were() -> None:
    contract = "SHFE.rb2605"
    day = clean_day(contract).copy()
    close = day.windows[-2][1]
    row = int(day.window_rows(day.windows[-2])[-1])
    for name, values in day.columns.items():
        day.columns[name] = np.insert(values, row + 1, np.repeat(values[row], 30))
    day.columns["tick_id"] = np.arange(day.n)
    day.columns["datetime_ns"][row + 1 : row + 31] = (close + 1800 + np.arange(30)) * NS
    verdict = judge_columns(day, contract)
    assert (verdict.coverage.state, verdict.coverage.reason_code) == ("warn", "outside_sessions_warn")


@pytest.mark.parametrize(("contract", "legal_s"), [("SHFE.rb2605", 1), ("CZCE.SR605", 2)])
def test_the_last_print_may_trade(contract: str, legal_s: int) -> None:
    for beyond in (0, 1):
        day = clean_day(contract).copy()
        row = int(day.window_rows(day.windows[-2])[-1])
        day.columns["datetime_ns"][row] = (day.windows[-2][1] + legal_s + beyond) * NS
        day.columns["volume"][row:] += 5
        assert (judge_columns(day, contract).reason_code == "trading_outside") == bool(beyond)
