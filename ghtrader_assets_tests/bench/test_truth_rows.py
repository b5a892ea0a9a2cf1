"""Single faults that the campaign showed judged wrongly, each on a clean day of the exchange's model 2."""

from __future__ import annotations

from datetime import date
from functools import cache

import numpy as np
import pytest

from ghtrader_assets.validation.evidence import Evidence
from ghtrader_assets.validation.verdicts import DayVerdict
from ghtrader_assets.validation.windows import Baselines
from ghtrader_assets_tests.bench.truth import KINDS
from ghtrader_assets_tests.bench.truth_days import SymbolDay, answered_verdict_on, days_of, numbered, verdict_on

TUESDAY = date(2026, 1, 6)


def day_of(key: str, day: date = TUESDAY) -> SymbolDay:
    (found,) = [each for each in days_of(key) if each.day == day]
    return found


def spoiled(key: str, kind: str, level: float, day: date = TUESDAY, seed: int = 1) -> DayVerdict:
    fault = KINDS[kind].plant(day_of(key, day), level, np.random.default_rng(seed))
    assert fault is not None
    return verdict_on(fault.day, fault.columns)


@pytest.mark.parametrize("key", ["SHFE.cu", "CFFEX.IF", "CZCE.SR"])
@pytest.mark.parametrize("kind", ["tail of the day", "head of the day"])
def test_a_silence_at_an_edge_of_the_day_is_named(key: str, kind: str) -> None:
    verdict = spoiled(key, kind, 900)
    session = day_of(key).names[-1 if kind.startswith("tail") else 0]
    assert verdict.state == "error"
    assert f"{session} session" in verdict.coverage.detail


def test_a_pinned_market_explains_no_silence_after_which_nothing_follows() -> None:
    day = date(2025, 12, 26)
    assert set(day_of("CZCE.SR", day).notes) & {"limit_up", "limit_down"}
    verdict = spoiled("CZCE.SR", "tail of the day", 1800, day)
    assert verdict.state == "error"
    assert "no tick in the day session, no tick says what was traded" in verdict.coverage.detail


@pytest.mark.parametrize(("key", "day"), [("DCE.m2609", date(2025, 11, 10)), ("CZCE.SR", date(2025, 11, 3))])
def test_a_night_moved_by_a_day_says_where_it_belongs(key: str, day: date) -> None:
    """In the one the hole goes on until a late first tick in the morning; in the other the last print moved too."""
    verdict = spoiled(key, "block moved", 4, day)
    assert (verdict.state, verdict.reason_code) == ("error", "trading_outside")
    assert "they belong 1 day earlier, in the night session's hole" in verdict.coverage.detail


@cache
def evidence_before(day: SymbolDay) -> Evidence:
    """The baseline of eight clean days."""
    before = days_of(day.symbol.text.removeprefix("KQ.m@"))[day.place - 8 : day.place]
    return Baselines(verdict_on(each, numbered(each.columns)).baseline for each in before).before(day.day)


@pytest.mark.parametrize("kind", ["hole at an opening", "hole over a break", "hole at a close", "tail of the day"])
def test_the_silences_of_a_thin_product_that_may_hide_many_ticks_are_decided_by_its_bars(kind: str) -> None:
    """One snapshot carries what they show, the first after an auction ten times as much; no bars were asked for."""
    day = day_of("INE.bc", date(2025, 12, 10))
    evidence = evidence_before(day)
    fault = KINDS[kind].plant(day, 120, np.random.default_rng(1))
    assert fault is not None
    assert verdict_on(day, fault.columns, evidence).coverage.witness == "unwitnessed"
    verdict = answered_verdict_on(day, fault.columns, evidence)
    assert verdict.state in ("warn", "error")
    assert f"{fault.sessions[0]} session" in verdict.coverage.detail


def test_a_few_ticks_outside_prove_no_place() -> None:
    """Seven ticks of a thin market fit into many of its silences."""
    day = day_of("CZCE.CY", date(2025, 10, 22))
    columns = {name: values.copy() for name, values in day.columns.items()}
    last = day.sessions.windows[0].end_ns
    late = (columns["datetime_ns"] <= last) & (columns["datetime_ns"] > last - 200 * 10**9)
    columns["datetime_ns"][late] += 202 * 10**9
    verdict = verdict_on(day, {"tick_id": np.arange(len(late)), **columns})
    assert verdict.reason_code == "trading_outside"
    assert "belong" not in verdict.coverage.detail
