"""The table of what fooled verdicts, each row on the exchange's model 2, with 20 clean days before the day and alone.

Ids are left contiguous, as a provider that lost the ticks would number them. Rows of values and stamps that can't be
read stand with `tq`; the campaign (`test_truth`) plants them too.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import pytest

from ghtrader_assets.market.clock import NS
from ghtrader_assets.validation.evidence import NO_EVIDENCE, Evidence
from ghtrader_assets.validation.verdicts import Attribution, DayVerdict
from ghtrader_assets.validation.windows import Baselines
from ghtrader_assets_tests.bench.truth_days import SymbolDay, days_of, numbered, verdict_on
from ghtrader_assets_tests.bench.truth_decidable import WINDOW

pytestmark = pytest.mark.joint

TUESDAY = date(2026, 1, 6)
WITH_NIGHT = ("SHFE.cu", "DCE.m", "CZCE.SR")
MAINS = (*WITH_NIGHT, "CFFEX.IF")
Mask = npt.NDArray[np.bool_]
Keep = Callable[[SymbolDay], Mask]
alone_too = pytest.mark.parametrize("history", [True, False], ids=["20 clean days", "alone"])


def place_of(key: str, day: date) -> int:
    return next(each.place for each in days_of(key) if each.day == day)


@lru_cache(maxsize=8)
def history_of(key: str, day: date) -> Evidence:
    """The baseline of a day whose 20 days before it are clean."""
    place = place_of(key, day)
    before = days_of(key)[place - WINDOW : place]
    return Baselines(verdict_on(each, numbered(each.columns)).baseline for each in before).before(day)


def judged(key: str, keep: Keep, *, history: bool, day: date = TUESDAY) -> DayVerdict:
    symbol_day = days_of(key)[place_of(key, day)]
    mask = keep(symbol_day)
    columns = numbered({name: values[mask] for name, values in symbol_day.columns.items()})
    return verdict_on(symbol_day, columns, history_of(key, day) if history else NO_EVIDENCE)


def seconds(day: SymbolDay) -> npt.NDArray[np.int64]:
    return day.columns["datetime_ns"] // NS


def of_the_day(day: SymbolDay) -> Mask:
    """The ticks of the day session."""
    return seconds(day) > day.span("day")[0] - 1800


LEFT: dict[str, Keep] = {
    "15:00:00": lambda day: ~of_the_day(day) | (seconds(day) == day.span("day")[1]),
    "09:00:00": lambda day: ~of_the_day(day) | (seconds(day) == day.span("day")[0]),
    "the first ten seconds": lambda day: seconds(day) < day.span("day")[0] + 10,
}


@alone_too
@pytest.mark.parametrize("key", WITH_NIGHT)
@pytest.mark.parametrize("left", LEFT)
def test_a_day_session_of_which_an_edge_is_left(left: str, key: str, history: bool) -> None:
    verdict = judged(key, LEFT[left], history=history)
    assert (verdict.state, verdict.reason_code) == ("error", "session_lost")
    assert "the day session (09:00-15:00) is lost" in verdict.coverage.detail
    lost = [gap for gap in verdict.gaps if gap.session == "day"]
    assert {gap.attribution for gap in lost} <= {Attribution.LOST, Attribution.UNKNOWN}


@alone_too
@pytest.mark.parametrize("key", MAINS)
@pytest.mark.parametrize("ticks", [110, 1])
def test_few_ticks_left_of_a_day(ticks: int, key: str, history: bool) -> None:
    verdict = judged(key, lambda day: _spread(day, ticks), history=history)
    assert (verdict.state, verdict.reason_code) == ("error", "session_lost")
    assert "%" in verdict.coverage.detail


def _spread(day: SymbolDay, ticks: int) -> Mask:
    count = len(seconds(day))
    return np.isin(np.arange(count), np.linspace(0, count - 1, ticks).astype(np.int64))


@pytest.mark.parametrize("key", [*MAINS, "CFFEX.T", "GFEX.ps"])
@pytest.mark.parametrize(("every", "history"), [(10, True), (60, True), (2000, True), (2000, False)], ids=str)
def test_a_thinned_day_is_an_error_that_names_the_share(every: int, key: str, history: bool) -> None:
    verdict = judged(key, lambda day: np.arange(len(seconds(day))) % every == 0, history=history)
    assert verdict.state == "error"
    assert "%" in verdict.coverage.detail
    if every < 2000:
        assert f"{100 * (1 - 1 / every):.0f}"[:1] in verdict.coverage.detail
        assert "baseline" in verdict.coverage.detail


@alone_too
def test_an_afternoon_of_which_the_last_second_is_left(history: bool) -> None:
    def keep(day: SymbolDay) -> Mask:
        noon, close = day.sessions.windows[0].end_ns // NS, day.span("day")[1]
        return (seconds(day) <= noon + 60) | (seconds(day) >= close)

    verdict = judged("CFFEX.IF", keep, history=history)
    assert (verdict.state, verdict.reason_code) == ("error", "session_lost")
    assert {gap.attribution for gap in verdict.gaps} == {Attribution.LOST}


@pytest.mark.parametrize(("key", "day"), [("CZCE.SR", date(2026, 1, 14)), ("CFFEX.T", date(2025, 12, 10))])
def test_the_last_days_of_a_contract_that_is_still_called_main_warn_and_its_own_do_not(key: str, day: date) -> None:
    ended = {"CZCE.SR": "CZCE.SR601", "CFFEX.T": "CFFEX.T2512"}[key]
    contract_day = days_of(ended)[place_of(ended, day)]
    wrong = replace(days_of(key)[place_of(key, day)], contract=contract_day.contract)
    for evidence in (history_of(key, day), NO_EVIDENCE):
        verdict = verdict_on(wrong, numbered(wrong.columns), evidence)
        assert verdict.state in ("warn", "error")
        assert "is it still the main contract?" in verdict.coverage.detail
    own = verdict_on(contract_day, numbered(contract_day.columns), history_of(ended, day))
    assert (own.state, own.coverage.detail) == ("ok", "")


@alone_too
@pytest.mark.parametrize("days", [1, 2])
def test_the_small_hours_of_saturday_stamped_days_later(days: int, history: bool) -> None:
    monday = date(2026, 1, 12)
    day = days_of("SHFE.ag")[place_of("SHFE.ag", monday)]
    night = day.span("night")
    rows = (seconds(day) >= night[0] + 3 * 3600) & (seconds(day) <= night[1])
    stamps = day.columns["datetime_ns"] + rows * days * 86_400 * NS
    evidence = history_of("SHFE.ag", monday) if history else NO_EVIDENCE
    verdict = verdict_on(day, numbered({**day.columns, "datetime_ns": stamps}), evidence)
    assert (verdict.state, verdict.reason_code) == ("error", "trading_outside")
    assert f"2026-01-{10 + days} 00:00:0" in verdict.coverage.detail
    assert f"they belong {days} day" in verdict.coverage.detail
    assert "in the night session's hole 2026-01-10 00:00:0" in verdict.coverage.detail


@alone_too
@pytest.mark.parametrize("key", MAINS)
@pytest.mark.parametrize(("kind", "late_s"), [("whole", 29), ("whole", 60), ("day", 290)])
def test_stamps_that_are_late(kind: str, late_s: int, key: str, history: bool) -> None:
    day = days_of(key)[place_of(key, TUESDAY)]
    rows = of_the_day(day) if kind == "day" else np.ones(len(seconds(day)), dtype=np.bool_)
    stamps = day.columns["datetime_ns"] + rows * late_s * NS
    evidence = history_of(key, TUESDAY) if history else NO_EVIDENCE
    verdict = verdict_on(day, numbered({**day.columns, "datetime_ns": stamps}), evidence)
    assert (verdict.state, verdict.reason_code) == ("error", "trading_outside")
    assert f"stamped {late_s} s late" in verdict.coverage.detail


def early_night(key: str, early_s: int, history: bool) -> DayVerdict:
    day = days_of(key)[place_of(key, TUESDAY)]
    stamps = day.columns["datetime_ns"] - ~of_the_day(day) * early_s * NS
    evidence = history_of(key, TUESDAY) if history else NO_EVIDENCE
    return verdict_on(day, numbered({**day.columns, "datetime_ns": stamps}), evidence)


def test_a_night_that_is_a_little_early_shows_by_its_edges() -> None:
    verdict = early_night("SHFE.ag", 2, history=True)
    assert (verdict.state, verdict.reason_code) == ("error", "misstamped_block")
    assert "the night session is stamped 2 s early (give or take 1 s) against the" in verdict.coverage.detail


@alone_too
@pytest.mark.parametrize("key", ["SHFE.ag", "DCE.m"])
def test_a_night_that_is_early_trades_all_through_the_auction(key: str, history: bool) -> None:
    verdict = early_night(key, 60, history)
    assert (verdict.state, verdict.reason_code) == ("error", "trading_outside")
    assert re.search(r"the night session is stamped (59|60) s early \(give or take \d s\)", verdict.coverage.detail)


@pytest.mark.parametrize("late_s", [-60, 60])
def test_a_thin_day_shows_by_its_auction_that_it_is_stamped_wrongly(late_s: int) -> None:
    key = "CZCE.CY"
    day = days_of(key)[place_of(key, TUESDAY)]
    columns = numbered({**day.columns, "datetime_ns": day.columns["datetime_ns"] + late_s * NS})
    verdict = verdict_on(day, columns, history_of(key, TUESDAY))
    assert verdict.state in ("warn", "error")
    said = f"the night session is stamped 60 s {'late' if late_s > 0 else 'early'} (give or take 2 s) against the days"
    assert said in verdict.coverage.detail


@alone_too
def test_clean_days_stay_good(history: bool) -> None:
    for key in MAINS:
        verdict = judged(key, lambda day: np.ones(len(seconds(day)), dtype=np.bool_), history=history)
        assert (verdict.state, verdict.coverage.detail) == ("ok", "")
