"""Coverage: answers worked out by hand, and equality with a slow second-by-second reference."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ghtrader_assets.market.symbols import parse_symbol
from ghtrader_assets.market.ticks import tick_frame
from ghtrader_assets.validation.coverage import Coverage, measure_coverage
from ghtrader_assets.validation.intake import NS, ticks_of_frame
from ghtrader_assets.validation.policy import policy_for
from ghtrader_assets_tests.validation.days import clean_day, judge_columns, judge_frame, sessions_of
from ghtrader_assets_tests.validation.naive_coverage import Window, naive_coverage
from ghtrader_assets_tests.validation.seconds import BASE, frame_of, judge_seconds, sessions_from

ANSWERS = json.loads((Path(__file__).parent / "coverage_answers.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("case", ANSWERS, ids=[case["name"] for case in ANSWERS])
def test_answers_worked_out_by_hand(case: dict[str, Any]) -> None:
    verdict = judge_seconds(case)
    for name, wanted in case["coverage"].items():
        assert getattr(verdict.coverage, name) == pytest.approx(wanted), name
    if "gaps" in case:
        found = [
            [gap.session, int(gap.start_ts.timestamp()) - BASE, int(gap.end_ts.timestamp()) - BASE, gap.attribution]
            for gap in verdict.gaps
        ]
        assert found == case["gaps"]


@pytest.mark.parametrize(
    ("contract", "expected", "strict"),
    [("SHFE.cu2602", 27_904, 27_896), ("SHFE.au2604", 33_304, 33_296), ("SHFE.ag2604", 33_304, 33_296)],
)
def test_published_expected_seconds(contract: str, expected: int, strict: int) -> None:
    coverage = judge_columns(clean_day(contract), contract).coverage
    assert (coverage.expected_seconds, coverage.expected_seconds_strict) == (expected, strict)


def test_day_without_night_session_expects_the_published_seconds() -> None:
    after_holiday = date(2026, 1, 5)
    assert not sessions_of("SHFE.cu2602", after_holiday).has_night
    coverage = judge_frame(tick_frame(clean_day("SHFE.cu2602", after_holiday).columns), "SHFE.cu2602", after_holiday)
    assert (coverage.coverage.expected_seconds, coverage.coverage.expected_seconds_strict) == (13_503, 13_497)


@st.composite
def days(draw: st.DrawFn) -> tuple[list[Window], list[int]]:
    """A few short windows with breaks, and ticks anywhere around them."""
    windows: list[Window] = []
    at = draw(st.integers(0, 400))
    nights = draw(st.integers(0, 2))
    for place in range(draw(st.integers(1, 4))):
        length = draw(st.integers(2, 90))
        windows.append(("night" if place < nights else "day", at, at + length))
        at += length + draw(st.integers(1, 900))
    dense = draw(st.booleans())
    ticks = draw(st.lists(st.integers(-400, at + 2000), max_size=60))
    if dense:
        first, last = windows[0][1], windows[-1][2]
        skipped = draw(st.sets(st.integers(first, min(last, first + 300)), max_size=40))
        ticks += [second for second in range(first, min(last, first + 400)) if second not in skipped] * 2
    return windows, sorted(ticks)


@settings(max_examples=150, deadline=None)
@given(days())
def test_equals_the_slow_reference(case: tuple[list[Window], list[int]]) -> None:
    windows, seconds = case
    ticks = ticks_of_frame(frame_of([float(each) for each in seconds]), sessions_from(windows).windows)
    measured = measure_coverage(ticks, parse_symbol("SHFE.cu2602"), policy_for("cu"))
    naive = naive_coverage(seconds, windows)
    assert _figures(measured) == {
        "expected": naive.expected,
        "strict": naive.strict,
        "in_sessions": naive.in_sessions,
        "seconds": (naive.seconds_with_ticks, naive.two_plus, naive.ratio, naive.fixed),
        "missing": naive.missing,
        "missing_half": naive.missing_half,
        "boundary_missing": naive.boundary_missing,
        "observed_segments": naive.observed_segments,
        "max_gap": naive.max_gap,
        "lag": naive.lag,
        "outside": (naive.outside, naive.exempt),
        "gaps": naive.gaps,
    }
    assert measured.adaptive == pytest.approx(naive.adaptive)


def _figures(measured: Coverage) -> dict[str, Any]:
    cadence, outside = measured.cadence, measured.outside
    return {
        "expected": measured.total("expected"),
        "strict": measured.total("strict"),
        "in_sessions": measured.total("observed_seconds"),
        "seconds": (
            cadence.seconds_with_ticks,
            cadence.seconds_with_two_plus,
            cadence.ratio,
            cadence.mode == "fixed_0p5s",
        ),
        "missing": measured.total("missing"),
        "missing_half": measured.total("missing_half_seconds"),
        "boundary_missing": measured.total("boundary_missing"),
        "observed_segments": measured.total("observed_segments"),
        "max_gap": max(each.max_gap_s for each in measured.windows),
        "lag": measured.end_lag_s,
        "outside": (outside.exempt_seconds + outside.stray_seconds, outside.exempt_seconds),
        "gaps": [(g.gap.session, g.gap.first_s - BASE, g.gap.last_s - BASE) for g in measured.gaps],
    }


def test_a_lost_night_is_partial_and_not_a_policy_error() -> None:
    day = clean_day("SHFE.rb2605").copy()
    keep = day.seconds >= day.windows[1][0] - 400
    day.columns = {name: values[keep] for name, values in day.columns.items()}
    verdict = judge_columns(day, "SHFE.rb2605")
    assert (verdict.state, verdict.reason_code) == ("partial", "source_missing_session")
    assert verdict.coverage.policy_state == "ok"
    assert verdict.coverage.missing_sessions == 1


def test_a_halt_a_hole_and_a_pinned_market_look_different() -> None:
    contract = "SHFE.rb2605"
    first, last = clean_day(contract).windows[1][0] + 600, clean_day(contract).windows[1][0] + 899

    hole = clean_day(contract).copy()
    lost = (hole.seconds >= first) & (hole.seconds <= last)
    hole.columns = {name: values[~lost] for name, values in hole.columns.items()}
    assert [gap.attribution for gap in judge_columns(hole, contract).gaps] == ["provider_hole"]
    assert judge_columns(hole, contract).reason_code == "gap_gt30_block"

    renumbered = hole.copy()
    renumbered.columns["tick_id"] = np.arange(hole.n)
    assert [gap.attribution for gap in judge_columns(renumbered, contract).gaps] == ["lost"]

    halt = renumbered.copy()
    row = int(np.flatnonzero(halt.seconds > last)[0])
    halt.columns["volume"][row:] -= halt.columns["volume"][row] - halt.columns["volume"][row - 1]
    verdict = judge_columns(halt, contract)
    assert [gap.attribution for gap in verdict.gaps] == ["halted"]
    assert (verdict.state, verdict.reason_code) == ("warn", "market_halted")

    pinned = halt.copy()
    rows = slice(row - 400, row)
    top = pinned.columns["highest"][-1] + 50 * pinned.tick
    for name in ("last_price", "bid_price1"):
        pinned.columns[name][rows] = top
    pinned.columns["highest"][row - 400 :] = top
    for level in range(1, 6):
        pinned.columns[f"ask_price{level}"][rows] = np.nan
        pinned.columns[f"ask_volume{level}"][rows] = 0.0
    verdict = judge_columns(pinned, contract)
    assert [gap.attribution for gap in verdict.gaps] == ["limit_locked"]
    assert (verdict.coverage.state, verdict.coverage.reason_code) == ("ok", "limit_locked")
    assert verdict.quality.reason_code == "price_jump"


def test_rows_beyond_the_trading_days_window_are_counted_and_left_out() -> None:
    day = clean_day("CZCE.SR605").copy()
    clean = judge_columns(day, "CZCE.SR605")
    day.columns["datetime_ns"][-3:] += 86_400 * NS
    verdict = judge_columns(day, "CZCE.SR605")
    assert verdict.coverage.outside_window_rows == 3
    assert verdict.coverage.rows_total == clean.coverage.rows_total - 3
    assert (verdict.state, verdict.reason_code) == ("error", "outside_window_block")


def test_gap_rows_keep_the_longest_and_counts_are_not_capped() -> None:
    day = clean_day("SHFE.rb2605").copy()
    seconds = day.seconds
    keep = seconds % 20 >= 7
    day.columns = {name: values[keep] for name, values in day.columns.items()}
    verdict = judge_columns(day, "SHFE.rb2605")
    assert len(verdict.gaps) == 200
    assert verdict.coverage.missing_segments > 1000
    assert verdict.reason_code == "silent_volume_block", "a third of the ticks is gone"
    assert [gap.start_ts for gap in verdict.gaps] == sorted(gap.start_ts for gap in verdict.gaps)


def test_a_quiet_contract_is_not_a_broken_one() -> None:
    verdict = judge_columns(clean_day("SHFE.cu2609"), "SHFE.cu2609")
    coverage = verdict.coverage
    assert coverage.missing_segments > 100
    assert coverage.fixed_state == "error"
    assert coverage.adaptive_state == "ok"
    assert (verdict.state, coverage.cadence_mode) == ("ok", "event")


def test_half_second_misses_need_a_fixed_cadence() -> None:
    halves = [half / 2 for half in range(2 * 1000)]
    whole = {"ticks": halves, "windows": [["day", 0, 999]]}
    assert judge_seconds(whole).coverage.cadence_mode == "fixed_0p5s"
    assert judge_seconds(whole).coverage.state == "ok"
    thinned = [half for half in halves if not (half % 1 == 0.5 and int(half) % 25 == 3)]
    some = judge_seconds({**whole, "ticks": thinned})
    assert (some.coverage.missing_half_seconds, some.coverage.reason_code) == (40, "missing_half_seconds_info")
    thinned = [half for half in halves if not (half % 1 == 0.5 and int(half) % 9 == 3)]
    many = judge_seconds({**whole, "ticks": thinned})
    assert (many.coverage.state, many.coverage.reason_code) == ("error", "missing_half_seconds_block")


def test_a_frame_read_from_the_store_is_judged_like_the_one_from_the_source() -> None:
    for contract in ("CZCE.SR605", "SHFE.rb2605"):
        frame = tick_frame(clean_day(contract).columns)
        stored = frame.sort("datetime_ns", "seq")
        assert judge_frame(stored, contract) == judge_frame(frame, contract)
        swapped = frame.with_columns(datetime_ns=pl.Series(_swap(frame["datetime_ns"].to_numpy(), 5000)))
        again = swapped.sort(pl.col("datetime_ns") // 1000, "seq")
        assert judge_frame(again, contract) == judge_frame(swapped, contract)
        assert judge_frame(again, contract).quality.reason_code == "regressing_time"


def _swap(stamps: Any, row: int) -> Any:
    swapped = stamps.copy()
    while swapped[row] == swapped[row + 1]:
        row += 1
    swapped[row], swapped[row + 1] = swapped[row + 1], swapped[row]
    return swapped


def test_real_ticks_of_2019() -> None:
    path = Path(__file__).parents[1] / "data" / "real_ticks_2019-09-12.csv"
    raw = pl.read_csv(path)
    columns = {name: raw[name].cast(pl.Float64).to_numpy() for name in raw.columns[4:]}
    frame = tick_frame({"tick_id": raw["id"].to_numpy(), "datetime_ns": raw["datetime"].to_numpy(), **columns})
    verdict = judge_frame(frame, "SHFE.cu1909", date(2019, 9, 12))
    assert verdict.coverage.cadence_mode == "event"
    assert verdict.coverage.five_level_share == 1.0
    assert (verdict.coverage.outside_session_seconds, verdict.coverage.missing_ids) == (0, 0)
    # An error as ever, and it says now what it is: these are twenty minutes of one session, and the day had two.
    assert (verdict.coverage.state, verdict.coverage.reason_code) == ("error", "session_lost")
    assert verdict.coverage.missing_sessions == 2
    assert verdict.coverage.gap_seconds_lost == sum(gap.duration_s for gap in verdict.gaps if gap.attribution == "lost")
    assert {gap.attribution for gap in verdict.gaps if gap.position == "inner"} == {"quiet"}
    assert {gap.position for gap in verdict.gaps if gap.duration_s > 120} == {"leading", "tail", "whole"}
    inner = [gap.duration_s for gap in verdict.gaps if gap.position == "inner"]
    assert max(inner) < (verdict.coverage.adaptive_threshold_day_s or 0)
    assert verdict.quality.state == "ok", verdict.quality.rules_json
