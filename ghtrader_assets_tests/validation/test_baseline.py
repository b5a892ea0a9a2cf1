"""What days give to later baselines, how those are put together, and what verdicts make of them."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ghtrader_assets.exchange.contracts import main_contract
from ghtrader_assets.exchange.specs import specs_of
from ghtrader_assets.market.calendar import snapshot_calendar
from ghtrader_assets.market.symbols import Symbol, parse_symbol
from ghtrader_assets.market.ticks import NUMERIC_COLUMNS, tick_frame
from ghtrader_assets.validation.evidence import NO_EVIDENCE, Evidence
from ghtrader_assets.validation.verdicts import BaselineDay, DayVerdict
from ghtrader_assets.validation.windows import FEWEST_DAYS, LOOK_BACK, WINDOW_DAYS, Baselines, on_grid
from ghtrader_assets_tests.true_ticks import MODEL_2, ticks_of
from ghtrader_assets_tests.validation.days import judge_frame, sessions_of

Mask = npt.NDArray[np.bool_]
Columns = dict[str, Any]

FIRST = date(2025, 11, 3)
DAY = date(2026, 1, 6)
BEFORE = snapshot_calendar().days(date(2025, 12, 1), date(2026, 1, 5))[-20:]
PRODUCTS = ("SHFE.cu", "INE.bc", "CFFEX.IF")


def day_given(day: date, sessions: dict[str, Any], *, whole: bool = True) -> BaselineDay:
    return BaselineDay(
        ts=datetime(day.year, day.month, day.day, tzinfo=UTC),
        symbol="KQ.m@SHFE.cu",
        trading_day=day,
        contract="SHFE.cu2602",
        whole=whole,
        reason="" if whole else "it trades outside its sessions",
        rows_total=0,
        sessions_json=json.dumps(sessions),
        spacings_json="{}",
        content_digest="",
        fingerprint="",
        manifest_id="",
        updated_at=datetime(2026, 1, 1, tzinfo=UTC),
    )


def session(ticks: float, **other: Any) -> dict[str, Any]:
    return {"strict_s": 3600, "ticks": ticks, "volume": ticks, "still": 0.25, "snapshot": ticks} | other


def history(ticks: Sequence[float]) -> list[BaselineDay]:
    return [day_given(FIRST + timedelta(number), {"day": session(each)}) for number, each in enumerate(ticks)]


def value(days: Sequence[BaselineDay], name: str, day: date = date(2025, 12, 31)) -> float | None:
    return Baselines(days).before(day).baseline_value(name)


def test_fewer_than_five_days_make_no_baseline() -> None:
    for number in range(25):
        evidence = Baselines(history([100.0] * number)).before(date(2025, 12, 31))
        assert evidence.baseline_days == (20 if number >= WINDOW_DAYS else 5 if number >= FEWEST_DAYS else 0)
        assert (evidence.baseline_value("ticks/day") is None) == (number < FEWEST_DAYS)


def test_the_last_twenty_whole_days_count_and_none_is_older_than_the_look_back() -> None:
    days = history([1000.0] * 10 + [10.0] * 20)
    assert value(days, "ticks/day") == 10.0
    assert value(days, "ticks/day", FIRST + timedelta(25)) == 10.0
    assert value(days, "ticks/day", FIRST + timedelta(15)) == 1000.0
    late = FIRST + timedelta(30) + LOOK_BACK
    assert Baselines(days).before(late - timedelta(5)).baseline_days == 5
    assert Baselines(days).before(late).baseline_days == 0
    spoiled = [*history([1000.0] * 30)[:10], *(day_given(each.trading_day, {}, whole=False) for each in days[10:])]
    assert value(spoiled, "ticks/day") == 1000.0


def test_the_statistics_are_robust_and_a_session_needs_days_of_its_own() -> None:
    days = history([100.0] * 18 + [9000.0, 1.0])
    assert value(days, "ticks/day") == 100.0
    assert value(days, "snapshot") == 100.0  # the second largest
    assert value(days, "ticks/night") is None
    nights = [
        day_given(each.trading_day, {"night": session(50.0), "day": session(100.0)}) for each in days[:FEWEST_DAYS]
    ]
    assert value([*nights, *days[FEWEST_DAYS:]], "ticks/night") == on_grid(50.0, 10)
    assert value(days, "spacing/day/09:00") is None


@pytest.mark.parametrize(
    ("interests", "expected"),
    [
        ([379_000, 382_000, 7_640, 7_540, 7_530], 1.0),  # an ended contract was still called the main one
        ([2_000, 4_000, 8_000, 16_000, 32_000, 64_000], 1.0),  # the first days of a product
        ([38_000] * 19 + [380_000], 0.0),
        ([38_000] * 20, 0.0),
    ],
)
def test_open_interest_is_held_against_the_days_that_had_most(interests: Sequence[float], expected: float) -> None:
    days = [
        day_given(FIRST + timedelta(number), {"day": session(100.0, level={"interest": each})})
        for number, each in enumerate(interests)
    ]
    assert value(days, f"level/day/interest/{380_000 if interests[0] != 2_000 else 100_000}") == expected


def test_the_auction_is_that_of_the_session_which_opened_the_day() -> None:
    nights = [
        day_given(FIRST + timedelta(number), {"night": session(9.0, auction=60.0), "day": session(9.0, auction=None)})
        for number in range(FEWEST_DAYS)
    ]
    assert value(nights, "auction") == on_grid(60.0, 500)
    holiday = day_given(FIRST + timedelta(FEWEST_DAYS), {"day": session(9.0, auction=60.0)})
    assert value([*nights, holiday], "auction") == on_grid(60.0, 500)
    assert value([*nights[1:], holiday], "auction") == on_grid(60.0, 500)


@given(st.lists(st.floats(1, 1e6), min_size=0, max_size=30), st.permutations(range(30)))
def test_the_order_of_loading_moves_nothing(ticks: list[float], order: list[int]) -> None:
    days = history(ticks)
    shuffled = [days[place] for place in order if place < len(days)]
    for number in range(len(days) + 1):
        mine = Baselines(days).before(FIRST + timedelta(number)).digest('{"ticks/day": 0, "snapshot": 0}')
        assert mine == Baselines(shuffled).before(FIRST + timedelta(number)).digest('{"ticks/day": 0, "snapshot": 0}')


@given(st.lists(st.floats(900, 1100), min_size=60, max_size=60), st.integers(0, 59), st.floats(900, 1100))
def test_a_rolling_window_is_the_one_worked_out_alone(ticks: list[float], place: int, changed: float) -> None:
    days = history([*ticks[:place], changed, *ticks[place + 1 :]])
    whole = Baselines(days)
    for number in (4, 5, 19, 20, 21, 59, 60):
        alone = Baselines(days[max(0, number - WINDOW_DAYS) : number])
        day = FIRST + timedelta(number)
        for name in ("ticks/day", "still/day", "snapshot"):
            assert whole.before(day).baseline_value(name) == alone.before(day).baseline_value(name)


def contract_of(product: str, day: date) -> str:
    return main_contract(specs_of(MODEL_2.number)[product], day).text


def model_day(product: str, day: date, keep: Callable[[Columns], Mask] | None = None) -> Columns:
    columns = {
        name: values
        for name, values in ticks_of(contract_of(product, day), day, MODEL_2).items()
        if name in {"tick_id", "datetime_ns", *NUMERIC_COLUMNS}
    }
    if keep is None:
        return columns
    left = {name: values[keep(columns)] for name, values in columns.items()}
    return left | {"tick_id": np.arange(len(left["tick_id"]))}


def judged(
    product: str, columns: Columns, evidence: Evidence = NO_EVIDENCE, day: date = DAY, symbol: Symbol | None = None
) -> DayVerdict:
    main = symbol or parse_symbol(f"KQ.m@{product}")
    return judge_frame(tick_frame(columns), contract_of(product, day), day, symbol=main, evidence=evidence)


@pytest.fixture(scope="module", params=PRODUCTS)
def product(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def evidence(product: str) -> Evidence:
    """The baseline of the twenty clean days before the day."""
    given_days = [judged(product, model_day(product, day), day=day).baseline for day in BEFORE]
    assert sum(each.whole for each in given_days) >= len(BEFORE) - (product == "INE.bc")
    return Baselines(given_days).before(DAY)


def every(number: int) -> Callable[[Columns], Mask]:
    return lambda columns: np.arange(len(columns["datetime_ns"])) % number == 0


def at_random(share: float) -> Callable[[Columns], Mask]:
    return lambda columns: np.random.default_rng(7).random(len(columns["datetime_ns"])) < share


def test_a_clean_day_stays_clean(product: str, evidence: Evidence) -> None:
    verdict = judged(product, model_day(product, DAY), evidence)
    assert (verdict.state, verdict.coverage.detail) == ("ok", "")
    assert verdict.coverage.baseline_days == evidence.baseline_days >= FEWEST_DAYS
    assert json.loads(verdict.coverage.baseline_used)["ticks/day"] == evidence.baseline_value("ticks/day")


@pytest.mark.parametrize("keep", [every(2), every(3), at_random(0.5), at_random(0.4)])
def test_thinned_days_warn_and_say_of_which_session(
    product: str, evidence: Evidence, keep: Callable[[Columns], Mask]
) -> None:
    verdict = judged(product, model_day(product, DAY, keep), evidence)
    assert verdict.state in ("warn", "error")
    assert "day session's ticks are missing" in verdict.coverage.detail


@pytest.mark.parametrize("number", [10, 60, 2000])
def test_a_day_of_which_little_is_left_is_in_error_and_says_the_share(
    product: str, evidence: Evidence, number: int
) -> None:
    verdict = judged(product, model_day(product, DAY, every(number)), evidence)
    assert verdict.state == "error" or (product == "INE.bc" and number == 10)
    assert "session" in verdict.coverage.detail
    assert "%" in verdict.coverage.detail


def test_a_market_that_trades_as_little_as_it_ticks_is_thin(evidence: Evidence, product: str) -> None:
    columns = model_day(product, DAY, at_random(0.02))
    scaled = np.cumsum(np.arange(len(columns["volume"])) % 5 > 0)  # a fifth of the ticks trades nothing, as on all days
    verdict = judged(product, columns | {"volume": scaled, "amount": scaled * columns["last_price"]}, evidence)
    assert "is thin" in verdict.coverage.detail or "is it still the main contract" in verdict.coverage.detail
    own = judged(product, columns | {"volume": scaled}, evidence, symbol=parse_symbol(contract_of(product, DAY)))
    assert "main contract" not in own.coverage.detail


@pytest.mark.parametrize("spoil", ["outside", "lost", "ids"])
def test_a_day_that_physics_convicts_gives_nothing(product: str, spoil: str) -> None:
    columns = model_day(product, DAY)
    if spoil == "outside":
        columns["datetime_ns"] = columns["datetime_ns"] + 60_000_000_000
    elif spoil == "ids":
        columns["tick_id"] = columns["tick_id"] + (np.arange(len(columns["tick_id"])) > 500)
    else:
        columns = model_day(
            product, DAY, lambda each: abs(each["datetime_ns"] - each["datetime_ns"][0] - 5e12) > 1.5e12
        )
    with_baseline = judged(product, columns).baseline
    assert not with_baseline.whole
    assert with_baseline.reason


@pytest.mark.parametrize("minutes", [5, 2])
def test_the_end_of_a_night_is_lost_by_what_the_day_sessions_first_tick_shows(minutes: int) -> None:
    """That tick passes an auction that nobody saw, which once excused ten times what a snapshot carries."""
    day, contract = date(2026, 1, 7), contract_of("SHFE.cu", date(2026, 1, 7))
    middle = sessions_of(contract, day).windows[0].end_ns - minutes * 30e9
    columns = model_day("SHFE.cu", day, lambda each: abs(each["datetime_ns"] - middle) > minutes * 30e9 + 2e9)
    before = snapshot_calendar().days(date(2025, 12, 1), date(2026, 1, 6))[-8:]
    given_days = [judged("SHFE.cu", model_day("SHFE.cu", each), day=each).baseline for each in before]
    told = judged("SHFE.cu", columns, Baselines(given_days).before(day), day)
    assert (told.state, told.reason_code) == ("error", "lost_volume_block")
    assert {gap.attribution for gap in told.gaps} == {"lost"}
    assert "lots were traded in ticks that are lost" in told.coverage.detail
    assert told.coverage.witness == "unwitnessed", "the provider's bars are asked for"
    alone = judged("SHFE.cu", columns, day=day)
    assert alone.state in ("warn", "error")
    assert alone.coverage.witness == "unwitnessed"
