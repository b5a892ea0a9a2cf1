"""Faults under contracts' own symbols, whose ticks come and go: each was missed by a draw of the campaign on truth."""

from __future__ import annotations

from collections import deque
from datetime import date
from functools import cache
from typing import Final

import numpy as np
import pytest

from ghtrader_assets.market.clock import NS
from ghtrader_assets.validation.evidence import Evidence
from ghtrader_assets.validation.verdicts import BaselineDay, DayVerdict
from ghtrader_assets.validation.windows import Baselines
from ghtrader_assets_tests.bench.truth import Planned, planted
from ghtrader_assets_tests.bench.truth_days import SymbolDay, days_of, numbered, verdict_on

MISSED: Final = [
    ("SHFE.cu2510", date(2025, 9, 29), "block moved", 3, "error", "they belong 2 days earlier, in the night session"),
    ("SHFE.cu2510", date(2025, 10, 14), "block moved", 2, "error", "they belong 5 h earlier, in the night session"),
    ("CFFEX.IF2510", date(2025, 10, 17), "session stamped late", 290, "error", "the whole day is stamped 288 s late"),
    ("CFFEX.T2512", date(2025, 11, 25), "day stamped late", 290, "error", "the whole day is stamped 288 s late"),
    ("INE.bc", date(2025, 11, 3), "day stamped late", 290, "error", "the whole day is stamped 290 s late"),
    ("INE.sc2512", date(2025, 11, 12), "day stamped late", 2, "error", "session is stamped 2 s late"),
    ("INE.sc2512", date(2025, 11, 7), "session stamped late", 2, "error", "the day session is stamped 2 s late"),
    ("CZCE.SR601", date(2025, 12, 12), "session stamped late", -60, "error", "night session is stamped 60 s early"),
    ("CZCE.CY601", date(2026, 1, 5), "session stamped late", 60, "warn", "day session is stamped 60 s late"),
    ("DCE.m2609", date(2025, 11, 17), "day stamped late", -60, "warn", "night session is stamped 60 s early"),
    ("CFFEX.T2512", date(2025, 11, 24), "thinned session", 5, "error", "of the day session's ticks are missing"),
    ("DCE.m", date(2025, 11, 3), "gone in short runs", 20, "error", "of what the night session traded"),
    ("INE.sc", date(2025, 12, 5), "gone in short runs", 20, "error", "of what the night session traded"),
    ("DCE.m2609", date(2025, 12, 22), "session lost", 5, "error", "the night session (21:00-23:00) is lost"),
    ("SHFE.rb2610", date(2025, 12, 4), "session lost", 5, "error", "the night session (21:00-23:00) is lost"),
]
"""Series, day, kind and level of the campaign; the state and what must be named."""


LATER: Final = ("CFFEX.IF2510", "INE.sc2512")
"""Of these the faulty session is the last one."""

DAYS_BEFORE: Final = 10
"""Half of what a baseline takes: these faults are as plain to a young store."""


@cache
def given_by(day: SymbolDay) -> BaselineDay:
    return verdict_on(day, numbered(day.columns)).baseline


def evidence_before(series: str, day: date) -> tuple[SymbolDay, Evidence]:
    """The day, and the baseline of the clean days before it."""
    before: deque[SymbolDay] = deque(maxlen=DAYS_BEFORE)
    for each in days_of(series):
        if each.day == day:
            return each, Baselines(given_by(earlier) for earlier in before).before(day)
        before.append(each)
    raise AssertionError(f"{series} has no {day}")


def verdict_of(series: str, day: date, kind: str, level: float) -> DayVerdict:
    clean, evidence = evidence_before(series, day)
    for seed in range(20):
        fault = planted(Planned(kind, level, clean.place, seed), clean)
        wanted = clean.names[-1] if kind == "thinned session" or series in LATER else clean.names[0]
        if fault is not None and wanted in fault.sessions:
            return verdict_on(fault.day, fault.columns, evidence)
    raise AssertionError(f"{kind} has no room on {day}")


@pytest.mark.parametrize(("series", "day", "kind", "level", "state", "named"), MISSED)
def test_a_fault_that_was_missed_is_found_and_named(
    series: str, day: date, kind: str, level: float, state: str, named: str
) -> None:
    verdict = verdict_of(series, day, kind, level)
    assert verdict.state == state
    assert named in verdict.coverage.detail


@pytest.mark.parametrize("day", [date(2025, 9, 8), date(2025, 9, 9)])
def test_a_session_that_begins_late_by_itself_is_not_stamped_late(day: date) -> None:
    """Its openings and a close agree on 1.5 s, and leave room for none."""
    clean, evidence = evidence_before("SHFE.cu2510", day)
    assert verdict_on(clean, numbered(clean.columns), evidence).state == "ok"


def test_windows_that_end_early_and_begin_on_time_are_not_stamped_early() -> None:
    """Three closes agree on 3 s, and nothing stands before an opening. Seen on a clean day of a thin sugar contract."""
    clean, evidence = evidence_before("SHFE.rb", date(2025, 12, 4))
    closes = [window.end_ns for window in clean.sessions.windows if window.session == "day"]
    stamps = clean.columns["datetime_ns"]
    kept = np.logical_and.reduce([(stamps < close - 3 * NS) | (stamps > close + 60 * NS) for close in closes])
    verdict = verdict_on(clean, numbered({name: values[kept] for name, values in clean.columns.items()}), evidence)
    assert "stamped" not in verdict.coverage.detail


LAST, FIRST = slice(-20, None), slice(20)


@pytest.mark.parametrize(("series", "days"), [("CZCE.CY601", LAST), ("DCE.m2609", FIRST)], ids=["last", "first"])
def test_the_first_and_the_last_days_of_a_contract_are_no_fault(series: str, days: slice) -> None:
    require_no_fault(series, days)


@pytest.mark.soak
@pytest.mark.parametrize("series", ["CZCE.CY601", "DCE.m2609"])
def test_what_a_contracts_life_brings_is_no_fault(series: str) -> None:
    require_no_fault(series, slice(None))


def require_no_fault(series: str, days: slice) -> None:
    given = Baselines([])
    for day in days_of(series)[days]:
        verdict = verdict_on(day, numbered(day.columns), given.before(day.day))
        assert verdict.state == ("warn" if day.is_halted else "ok"), (day.day, verdict.coverage.detail)
        given.learn(verdict.baseline)
