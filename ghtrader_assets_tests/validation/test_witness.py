"""The provider's bars held against a day's ticks: what they convict, and that they acquit nothing.

Days, and bars of all their trades, are of the exchange's model 2.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import date
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ghtrader_assets.market.calendar import snapshot_calendar
from ghtrader_assets.market.symbols import parse_symbol
from ghtrader_assets.market.ticks import tick_frame
from ghtrader_assets.validation.bars import Bars, bars_of_day
from ghtrader_assets.validation.evidence import Evidence
from ghtrader_assets.validation.states import SEVERITY
from ghtrader_assets.validation.verdicts import CoverageVerdict, State
from ghtrader_assets_tests.true_ticks import MODEL_2, bars_of, ticks_of
from ghtrader_assets_tests.validation.days import judge_frame, sessions_of
from ghtrader_assets_tests.validation.injector import NS

TUESDAY = date(2026, 1, 6)
CU, SR, IF, CY, WR = "SHFE.cu2602", "CZCE.SR605", "CFFEX.IF2601", "CZCE.CY605", "SHFE.wr2605"
CLEAN = [
    *((contract, TUESDAY) for contract in (CU, SR, IF, CY, WR, "DCE.rr2605")),
    ("CZCE.CY605", date(2026, 1, 12)),  # Friday's night session
    ("SHFE.wr2605", date(2026, 5, 15)),  # its last day
    ("CFFEX.T2603", date(2026, 3, 13)),  # its last day, a half day
    ("SHFE.au2404", date(2024, 2, 5)),  # limit up
    ("SHFE.cu2103", date(2021, 1, 27)),  # a halt
]
Stamps = npt.NDArray[np.int64]
Keep = Callable[[Stamps], npt.NDArray[np.bool_]]


@lru_cache(maxsize=16)
def served(contract: str, day: date) -> tuple[pl.DataFrame, Bars]:
    """A day's ticks, and its bars."""
    made = bars_of(contract, day, MODEL_2)
    told = pl.DataFrame({"start_ns": made["datetime_ns"]} | {name: made[name] for name in TOLD})
    return tick_frame(ticks_of(contract, day, MODEL_2)), bars_of_day(told, contract, snapshot_calendar().window(day))


TOLD = ("open", "high", "low", "close", "volume")


def left_of(frame: pl.DataFrame, keep: Keep) -> pl.DataFrame:
    """The ticks that are kept, numbered anew as a provider that lost the others would."""
    kept = frame.filter(pl.Series(keep(frame["datetime_ns"].to_numpy())))
    return kept.with_columns(tick_id=pl.Series(np.arange(kept.height), dtype=pl.Int64))


def judged(frame: pl.DataFrame, contract: str, day: date, told: Bars | None, symbol: str = "") -> CoverageVerdict:
    options = {"symbol": parse_symbol(symbol)} if symbol else {}
    return judge_frame(frame, contract, day, evidence=Evidence(bars=told), **options).coverage


def without(bars_: Bars, lost: Iterable[int]) -> Bars:
    """The bars of a provider that lost the minutes in these places."""
    kept = np.setdiff1d(np.arange(len(bars_.minutes)), list(lost))
    return replace(bars_, minutes=bars_.minutes[kept], lots=bars_.lots[kept])


@pytest.mark.parametrize(("contract", "day"), CLEAN)
def test_a_clean_day_agrees_with_its_bars_and_stands_as_it_did(contract: str, day: date) -> None:
    frame, told = served(contract, day)
    alone, heard = judged(frame, contract, day, None), judged(frame, contract, day, told)
    assert heard.witness == "agrees"
    assert (heard.state, heard.reason_code, heard.detail) == (alone.state, alone.reason_code, alone.detail)
    assert alone.witness in ("", "unwitnessed")


def window(contract: str, place: int, day: date = TUESDAY) -> tuple[int, int]:
    found = sessions_of(contract, day).windows[place]
    return found.start_ns, found.end_ns


def cut(first_ns: int, end_ns: int) -> Keep:
    return lambda stamps: (stamps < first_ns) | (stamps >= end_ns)


@pytest.mark.parametrize(("contract", "session"), [(CU, "day"), (SR, "night"), (WR, "day")])
def test_a_session_without_a_tick_is_lost_and_no_day_off_where_its_bars_trade(contract: str, session: str) -> None:
    frame, told = served(contract, TUESDAY)
    windows = [each for each in sessions_of(contract, TUESDAY).windows if each.session == session]
    left = left_of(frame, cut(windows[0].start_ns - 600 * NS, windows[-1].end_ns + 3600 * NS))
    alone, heard = judged(left, contract, TUESDAY, None), judged(left, contract, TUESDAY, told)
    assert alone.state == "partial"
    assert alone.witness == "unwitnessed"
    assert (heard.state, heard.reason_code, heard.source_state) == ("error", "witness_lost_block", "error")
    assert heard.witness == "convicts"
    assert f"100 % of the {session} session's" in heard.detail


@pytest.mark.parametrize("contract", [CU, CY, "DCE.rr2605"])
@pytest.mark.parametrize("as_main", [False, True])
@pytest.mark.parametrize("witnessed", [False, True])
def test_no_silence_of_a_night_that_is_lost_is_called_quiet(contract: str, as_main: bool, witnessed: bool) -> None:
    frame, told = served(contract, TUESDAY)
    first_ns = sessions_of(contract, TUESDAY).windows[1].start_ns
    options = {"symbol": parse_symbol(parse_symbol(contract).alias)} if as_main else {}
    evidence = Evidence(bars=told if witnessed else None)
    for auction in (False, True):
        left = left_of(frame, lambda stamps, auction=auction: (stamps >= first_ns) | (auction & (stamps == stamps[0])))
        verdict = judge_frame(left, contract, TUESDAY, evidence=evidence, **options)
        if verdict.coverage.state in {State.ERROR, State.PARTIAL}:
            night = {gap.attribution for gap in verdict.gaps if gap.session == "night"}
            assert night.isdisjoint({"quiet", "halted"} if witnessed else {"quiet"}), verdict.coverage.reason_code
        else:
            assert not witnessed


def test_a_tail_after_which_no_tick_follows_is_decided_on_a_thin_product() -> None:
    """The contract's own symbol: how often it ticks is not looked at, and ids go on as if all were there."""
    frame, told = served(CY, TUESDAY)
    end = window(CY, -1)[1]
    left = left_of(frame, lambda stamps: stamps < end - 600 * NS)
    alone, heard = judged(left, CY, TUESDAY, None), judged(left, CY, TUESDAY, told)
    assert (alone.state, alone.witness) == ("ok", "unwitnessed")
    assert (heard.state, heard.reason_code, heard.witness) == ("error", "witness_lost_block", "convicts")
    assert "27 lots in 5 min without a tick, 2026-01-06 14:50:00-14:57:59, 3.8 % of the day session's" in heard.detail


def test_the_last_seconds_of_a_day_show_by_its_volume() -> None:
    frame, told = served(IF, TUESDAY)
    end = window(IF, -1)[1]
    heard = judged(left_of(frame, lambda stamps: stamps < end - 20 * NS), IF, TUESDAY, told)
    assert heard.witness == "convicts"
    assert "more than the last tick shows" in heard.detail


@pytest.mark.parametrize(("contract", "minutes"), [(IF, 118), (CU, 88)])
def test_a_lost_afternoon_is_named_in_minutes(contract: str, minutes: int) -> None:
    frame, told = served(contract, TUESDAY)
    first, end = window(contract, -1)
    heard = judged(left_of(frame, cut(first + 60 * NS, end)), contract, TUESDAY, told)
    assert (heard.state, heard.witness) == ("error", "convicts")
    assert f"{minutes} min without a tick" in heard.detail


def test_a_hundred_ticks_of_forty_thousand_leave_most_minutes_without_one() -> None:
    frame, told = served(CU, TUESDAY)
    places = np.linspace(0, frame.height - 1, 110).astype(int)
    heard = judged(left_of(frame, lambda stamps: np.isin(np.arange(len(stamps)), places)), CU, TUESDAY, told)
    assert (heard.state, heard.witness) == ("error", "convicts")
    assert "more minutes that trade in the provider's bars and have no tick" in heard.detail


def test_bars_that_lost_the_same_minutes_say_nothing_and_acquit_nothing() -> None:
    frame, told = served(CU, TUESDAY)
    first, end = window(CU, -1)
    left = left_of(frame, cut(first, end))
    lost = np.flatnonzero(told.minutes >= first // NS)
    alone = judged(left, CU, TUESDAY, None)
    heard = judged(left, CU, TUESDAY, without(told, lost[:-1]))
    assert heard.witness == "silent"
    assert (heard.state, heard.reason_code, heard.detail) == (alone.state, alone.reason_code, alone.detail)
    assert alone.state == "error"


def test_bars_of_another_contract_and_none_at_all_are_no_witness() -> None:
    frame, told = served(CY, TUESDAY)
    other = judged(frame, CY, TUESDAY, replace(told, contract="CZCE.CY607"))
    assert other.witness == "unwitnessed"
    none = judged(frame, CY, TUESDAY, without(told, range(len(told.minutes))))
    assert none.witness == "silent"


@pytest.mark.parametrize("name", ["open", "high", "low", "close"])
def test_other_prices_of_the_day_warn(name: str) -> None:
    frame, told = served(CU, TUESDAY)
    sign = -1 if name == "low" else 1
    heard = judged(frame, CU, TUESDAY, replace(told, **{name: getattr(told, name) + sign * 5000}))
    assert (heard.state, heard.reason_code, heard.witness) == ("warn", "witness_differs", "convicts")
    assert f"another {name}" in heard.detail


def test_what_the_ticks_have_and_the_bars_lack_convicts_nothing() -> None:
    frame, told = served(CU, TUESDAY)
    for part in (slice(0, 30), slice(100, 130), slice(-30, None)):
        heard = judged(frame, CU, TUESDAY, without(told, np.arange(len(told.minutes))[part]))
        assert (heard.state, heard.witness) == ("ok", "silent")
    poorer = replace(told, high=told.high - 50, low=told.low + 50)
    assert judged(frame, CU, TUESDAY, poorer).witness == "agrees"


def naively_lost(left: pl.DataFrame, told: Bars, contract: str) -> list[int]:
    """The minutes that traded of which no tick stands in them, in their auction or in the first snapshot after."""
    last_print = 2 if contract.startswith("CZCE") else 1
    windows = sessions_of(contract, TUESDAY).windows
    first = {min(w.start_ns for w in windows if w.session == each.session) // NS for each in windows}
    stamps = left["datetime_ns"].to_list()
    lost: list[int] = []
    for minute in told.minutes.tolist():
        begins = minute - 300 if minute in first else minute
        if not any(begins * NS <= stamp <= (minute + 60 + last_print) * NS for stamp in stamps):
            lost.append(minute)
    return lost


@settings(max_examples=20, deadline=None)
@given(contract=st.sampled_from((CY, WR, "DCE.rr2605")), spans=st.lists(st.tuples(st.floats(0, 1), st.floats(0, 0.2))))
def test_exactly_the_minutes_without_a_tick_are_lost(contract: str, spans: list[tuple[float, float]]) -> None:
    frame, told = served(contract, TUESDAY)

    def keep(stamps: Stamps) -> npt.NDArray[np.bool_]:
        kept = np.ones(len(stamps), dtype=np.bool_)
        for begin, share in spans:
            kept[int(begin * len(stamps)) : int((begin + share) * len(stamps))] = False
        return kept

    left = left_of(frame, keep)
    if not left.height:
        return
    heard = judged(left, contract, TUESDAY, told)
    lost = naively_lost(left, told, contract)
    assert (heard.witness == "convicts") >= bool(lost)
    if not lost:
        assert "without a tick" not in heard.detail
    if left.height == frame.height:
        assert heard.witness == "agrees"


@settings(max_examples=20, deadline=None)
@given(
    gone=st.floats(0, 1),
    width=st.floats(0, 0.6),
    lost=st.sets(st.integers(0, 200)),
    scale=st.sampled_from((0.01, 0.5, 1.0, 2.0)),
    shift=st.integers(-50, 50),
)
def test_no_answer_ever_makes_a_day_better(gone: float, width: float, lost: set[int], scale: float, shift: int) -> None:
    frame, told = served(CY, TUESDAY)
    begin, end = int(gone * frame.height), int((gone + width) * frame.height)
    left = left_of(frame, lambda stamps: (np.arange(len(stamps)) < begin) | (np.arange(len(stamps)) >= end))
    answer = without(told, [place for place in lost if place < len(told.minutes)])
    answer = replace(answer, lots=np.ceil(answer.lots * scale), open=told.open + shift, high=told.high + shift)
    alone, heard = judged(left, CY, TUESDAY, None), judged(left, CY, TUESDAY, answer)
    assert SEVERITY.index(State(heard.state)) >= SEVERITY.index(State(alone.state))
    assert heard.witness in ("agrees", "convicts", "silent")
