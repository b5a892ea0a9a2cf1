"""Days that lost much of what was traded, ids contiguous as a provider that lost the ticks would number them.

Each was judged good, or nearly so, by thresholds taken from what was left of the day. Nothing is known of other days.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ghtrader_assets.market.symbols import parse_symbol
from ghtrader_assets.validation.verdicts import DayVerdict
from ghtrader_assets_tests.validation.days import clean_day, judge_columns
from ghtrader_assets_tests.validation.planting import Day

Mask = npt.NDArray[np.bool_]
Keep = Callable[[Day], Mask]

WITH_NIGHT = ("SHFE.cu2602", "DCE.m2605", "CZCE.SR605")


def kept(contract: str, keep: Keep, day: date | None = None) -> Day:
    """A clean day of which only these ticks are left, numbered anew."""
    found = (clean_day(contract, day) if day else clean_day(contract)).copy()
    mask = keep(found)
    found.columns = {name: values[mask] for name, values in found.columns.items()}
    found.columns["tick_id"] = np.arange(found.n)
    return found


def judged(contract: str, keep: Keep, symbol: str = "", day: date | None = None) -> DayVerdict:
    options = {"symbol": parse_symbol(symbol)} if symbol else {}
    return judge_columns(kept(contract, keep, day), contract, *([day] if day else []), **options)


def day_session(day: Day) -> Mask:
    """The ticks of the day session, which follows the night's one window, and what comes after it."""
    return day.seconds > day.windows[0][1] + 3600


def at(day: Day, second: int) -> Mask:
    return day.seconds == second


CUTS: dict[str, Keep] = {
    "day but its closing second": lambda day: ~day_session(day) | at(day, day.windows[-1][1]),
    "day but its opening second": lambda day: ~day_session(day) | at(day, day.windows[1][0]),
    "day but its first ten seconds": lambda day: day.seconds < day.windows[1][0] + 10,
    "day but its last straggler": lambda day: ~day_session(day) | (np.arange(day.n) == day.n - 1),
    "night but its closing second": lambda day: day_session(day) | at(day, day.windows[0][1]),
    "night but its auction and closing second": lambda day: (
        day_session(day) | at(day, day.windows[0][1]) | (np.arange(day.n) == 0)
    ),
}


@pytest.mark.parametrize("contract", WITH_NIGHT)
@pytest.mark.parametrize("cut", CUTS)
def test_a_session_of_which_an_edge_is_left_is_lost(cut: str, contract: str) -> None:
    for symbol in ("", parse_symbol(contract).alias):
        verdict = judged(contract, CUTS[cut], symbol)
        session = cut.partition(" ")[0]
        if cut == "day but its last straggler" and verdict.coverage.source_state == "partial":
            assert (verdict.state, verdict.reason_code) == ("partial", "source_missing_session")
            continue
        assert (verdict.state, verdict.reason_code) == ("error", "session_lost")
        assert verdict.coverage.missing_sessions == 1
        assert f"{session} session" in verdict.coverage.detail
        lost = [gap for gap in verdict.gaps if gap.session == session]
        assert {gap.attribution for gap in lost} <= {"lost", "unknown"}
        assert sum(gap.duration_s for gap in lost) > 7000


def test_a_lost_afternoon_is_no_halt() -> None:
    def keep(day: Day) -> Mask:
        return (day.seconds <= day.windows[0][1] + 60) | (day.seconds >= day.windows[1][1])

    verdict = judged("CFFEX.IF2601", keep)
    assert (verdict.state, verdict.reason_code) == ("error", "session_lost")
    (gap,) = verdict.gaps
    assert gap.attribution == "lost"
    assert gap.lots_across is not None
    assert gap.lots_across > 1000
    assert "day session" in verdict.coverage.detail


@pytest.mark.parametrize("contract", [*WITH_NIGHT, "CFFEX.IF2601"])
def test_a_hundred_ticks_of_forty_thousand_are_no_day(contract: str) -> None:
    for symbol in ("", parse_symbol(contract).alias):
        verdict = judged(
            contract, lambda day: np.isin(np.arange(day.n), np.linspace(0, day.n - 1, 110).astype(int)), symbol
        )
        assert (verdict.state, verdict.reason_code) == ("error", "session_lost")
        # What some of the index future's two minutes trade a lone day can't tell from one large snapshot.
        assert ("60.9 %" if contract.startswith("CFFEX") else "99") in verdict.coverage.detail


@pytest.mark.parametrize("contract", [*WITH_NIGHT, "CFFEX.IF2601"])
@pytest.mark.parametrize("every", [200, 2000])
def test_a_thinned_day_shows_by_what_was_traded(contract: str, every: int) -> None:
    for symbol in ("", parse_symbol(contract).alias):
        verdict = judged(contract, lambda day: np.arange(day.n) % every == 0, symbol)
        assert (verdict.state, verdict.reason_code) == ("error", "session_lost")
        assert "9" in verdict.coverage.detail
        assert "%" in verdict.coverage.detail


@pytest.mark.parametrize("contract", [*WITH_NIGHT, "CFFEX.IF2601"])
@pytest.mark.parametrize(("every", "states"), [(10, {"error"}), (60, {"warn", "error"})])
def test_a_thinned_day_of_a_main_contract_shows_by_its_seconds(contract: str, every: int, states: set[str]) -> None:
    verdict = judged(contract, lambda day: np.arange(day.n) % every == 0, parse_symbol(contract).alias)
    assert verdict.coverage.state in states
    assert "%" in verdict.coverage.detail


@pytest.mark.parametrize("contract", [*WITH_NIGHT, "CFFEX.IF2601"])
@pytest.mark.parametrize("place", [0.0, 0.001, 0.3, 0.7, 0.999, 1.0])
def test_a_day_of_one_tick_is_an_error(contract: str, place: float) -> None:
    for symbol in ("", parse_symbol(contract).alias):
        verdict = judged(contract, lambda day: np.arange(day.n) == round(place * (day.n - 1)), symbol)
        assert (verdict.state, verdict.reason_code) == ("error", "session_lost")
        assert "100" in verdict.coverage.detail or "99" in verdict.coverage.detail


def test_the_last_days_of_a_contract_wrongly_called_main_warn_and_its_own_do_not() -> None:
    contract, day = "CZCE.SR601", date(2026, 1, 14)
    everything: Keep = lambda day: np.ones(day.n, dtype=np.bool_)  # noqa: E731
    verdict = judged(contract, everything, "KQ.m@CZCE.SR", day)
    assert (verdict.state, verdict.reason_code) == ("warn", "thin_main")
    assert "392" in verdict.coverage.detail
    assert judged(contract, everything, "", day).state == "ok"


def test_what_is_lost_of_a_session_decides_between_warn_and_error() -> None:
    """Ids contiguous, a silence of a few seconds and one of a few minutes."""

    def without(first: int, seconds: int) -> Keep:
        def keep(day: Day) -> Mask:
            start = day.windows[1][0] + first
            return (day.seconds < start) | (day.seconds >= start + seconds)

        return keep

    short = judged("SHFE.rb2605", without(1200, 20))
    assert [gap.attribution for gap in short.gaps] == ["lost"]
    assert (short.state, short.reason_code) == ("warn", "lost_volume_warn")
    long = judged("SHFE.rb2605", without(1200, 400))
    assert [gap.attribution for gap in long.gaps] == ["lost"]
    assert (long.state, long.reason_code) == ("error", "lost_volume_block")
    assert "lots" in long.coverage.detail


@settings(max_examples=20, deadline=None)
@given(st.sampled_from([*WITH_NIGHT, "CFFEX.IF2601"]), st.floats(0, 1), st.integers(60, 9000))
@example("DCE.m2605", 0.3515625, 222)  # from the last second before a break
def test_a_minute_lost_anywhere_is_never_good(contract: str, place: float, seconds: int) -> None:
    """Seconds of trading: what begins before a break goes on after it."""
    opened = np.concatenate([np.arange(*window) for window in clean_day(contract).windows])
    first = round(place * (len(opened) - seconds))
    verdict = judged(contract, lambda day: ~np.isin(day.seconds, opened[first : first + seconds]))
    assert verdict.coverage.state in ("warn", "error", "partial")
    assert any(gap.attribution in ("lost", "unknown") for gap in verdict.gaps)
    assert verdict.coverage.detail


def test_a_session_without_any_tick_stays_partial() -> None:
    verdict = judged("SHFE.cu2602", lambda day: ~day_session(day))
    assert (verdict.state, verdict.reason_code) == ("partial", "source_missing_session")
    assert "day session" in verdict.coverage.detail


@example("SHFE.cu2602", 14, 0.375, 0)
@settings(deadline=None, max_examples=15)
@given(st.sampled_from((*WITH_NIGHT, "CFFEX.IF2601")), st.integers(3, 20), st.floats(0.35, 0.8), st.integers(0, 60))
def test_ticks_that_are_gone_in_short_runs_leave_their_volume_to_the_next(
    contract: str, seconds: int, share: float, begins: int
) -> None:
    """No run is unusual on such a day. It was judged good where trades have a heavy tail (`bench.truth` has them)."""
    cycle = round(seconds / share)
    verdict = judged(contract, lambda day: (day.seconds + begins) % cycle >= seconds)
    assert verdict.state == "error"
    assert "day session" in verdict.coverage.detail


def test_one_large_trade_after_a_silence_makes_no_day_of_lost_ticks() -> None:
    """As large as one that the day shows between two neighbouring ticks, so that a snapshot carries it."""
    day = clean_day("SHFE.cu2602").copy()
    steps, volume = np.diff(day.columns["datetime_ns"]), day.columns["volume"]
    large = volume[-1]
    for rows in (1 + np.flatnonzero((steps > 1e9) & (steps < 4e9)), 1 + np.flatnonzero((steps > 0) & (steps <= 1e9))):
        volume[rows[len(rows) // 2] :] += large
    assert "is shown after" not in judge_columns(day, "SHFE.cu2602").coverage.detail
