"""Faults that a provider may make and no table of faults names: each was a good day once, or is here so that none is.

Belongs here: whole stretches whose values are of another place, unit or day, and what shows it.
Does not belong here: single ticks that are wrong (`injector`), ticks that are gone (`test_lost_sessions`).
"""

from __future__ import annotations

import dataclasses
import json
import re
from datetime import date
from typing import Any, Final

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ghtrader_assets.market.calendar import snapshot_calendar
from ghtrader_assets.market.clock import NS
from ghtrader_assets.validation.evidence import NO_EVIDENCE
from ghtrader_assets.validation.verdicts import BaselineDay, DayVerdict
from ghtrader_assets.validation.windows import Baselines
from ghtrader_assets_tests.bench.spoils import (
    DAY,
    HISTORY,
    PRICES,
    PRODUCTS,
    SPOILS,
    Columns,
    Spoil,
    columns_of,
    day_of,
    evidence_of,
    given_by,
    no_interest_in_a_session,
    price_stands_still,
)
from ghtrader_assets_tests.bench.truth_days import SymbolDay, answered_verdict_on, days_of, numbered, verdict_on
from ghtrader_assets_tests.validation.days import findings


def both_verdicts(product: str, columns: Columns) -> list[DayVerdict]:
    """With the days before and without."""
    return [verdict_on(day_of(product), columns, evidence) for evidence in (evidence_of(product), NO_EVIDENCE)]


@pytest.mark.parametrize("product", PRODUCTS)
def test_the_days_are_good_as_they_are(product: str) -> None:
    for verdict in both_verdicts(product, columns_of(day_of(product))):
        assert (verdict.state, findings(verdict)) == ("ok", {})


@settings(deadline=None, max_examples=40)
@given(st.sampled_from(PRODUCTS), st.sampled_from(list(SPOILS)), st.floats(0, 0.999))
def test_a_stretch_whose_values_are_not_its_own_is_in_error(product: str, spoil: Spoil, place: float) -> None:
    day = day_of(product)
    columns = columns_of(day)
    spoil(day, columns, place)
    for verdict in both_verdicts(product, columns):
        assert verdict.state == "error", spoil
        assert SPOILS[spoil] & findings(verdict).keys(), (spoil, findings(verdict))


@settings(deadline=None, max_examples=15)
@given(st.sampled_from([each for each in PRODUCTS if each != "CFFEX.IF"]), st.floats(0, 0.999))
def test_open_interest_of_one_session_alone_is_told(product: str, place: float) -> None:
    """It changed over a break only, where nothing was looked at."""
    columns = columns_of(day_of(product))
    no_interest_in_a_session(day_of(product), columns, place)
    for verdict in both_verdicts(product, columns):
        assert verdict.state in ("warn", "error")
        assert findings(verdict).keys() - {"constant_column"} == {"oi_jump"}


@settings(deadline=None, max_examples=15)
@given(st.sampled_from(["SHFE.cu", "CZCE.SR", "CFFEX.IF"]), st.floats(0, 0.999))
def test_a_last_price_that_stands_still_while_the_book_goes_on_is_told(product: str, place: float) -> None:
    columns = columns_of(day_of(product))
    price_stands_still(day_of(product), columns, place)
    for verdict in both_verdicts(product, columns):
        assert verdict.state != "ok"
        assert "last_beyond_book" in findings(verdict)


@pytest.mark.parametrize("product", PRODUCTS)
def test_a_day_without_its_auction_is_told_by_the_days_before(product: str) -> None:
    columns = {name: values[1:] for name, values in columns_of(day_of(product)).items()}
    told, alone = both_verdicts(product, columns)
    assert (told.state, told.reason_code) == ("warn", "auction_missing")
    said = "no tick of the call auction of the (night|day) session, which came some (59|60) s before the opening"
    assert re.search(said, told.coverage.detail)
    assert alone.state == "ok", "one tick is gone, and nothing else shows it"


@pytest.mark.parametrize("product", PRODUCTS)
@pytest.mark.parametrize("before", [1, 3])
def test_a_day_delivered_again_under_another_date_is_in_error(product: str, before: int) -> None:
    day, other = day_of(product), days_of(product)[day_of(product).place - before]
    columns = columns_of(other)
    columns["datetime_ns"] = _restamped(columns["datetime_ns"], other, day)
    told, _ = both_verdicts(product, columns)
    assert (told.state, told.reason_code) == ("error", "repeated_block")
    for name in day.names:
        assert f"the {name} session's" in told.coverage.detail
    assert "are those of a day before" in told.coverage.detail


@pytest.mark.parametrize("product", PRODUCTS)
@pytest.mark.parametrize("gone", [1, 2], ids=["a tick", "two ticks"])
def test_a_day_delivered_again_is_told_though_ticks_were_taken_out(product: str, gone: int) -> None:
    """Names of whole sessions were exact: a tick of each taken out was enough."""
    day, other = day_of(product), days_of(product)[day_of(product).place - 1]
    columns = columns_of(other)
    columns["datetime_ns"] = _restamped(columns["datetime_ns"], other, day)
    stamps = columns["datetime_ns"]
    taken = [
        int(np.searchsorted(stamps, day.span(session)[edge] * NS)) + (20 if edge == 0 else -20)
        for session in day.names
        for edge in range(gone)
    ]
    kept = numbered({name: np.delete(values, taken) for name, values in columns.items() if name != "tick_id"})
    told, _ = both_verdicts(product, kept)
    assert (told.state, told.reason_code) == ("error", "repeated_block")


TENFOLD: Final = {"price": PRICES, "scale": ("amount",), "interest": ("open_interest",)}
SAID: Final = {"price": "prices", "scale": "amounts per lot and price", "interest": "open interests"}


@pytest.mark.parametrize("product", [*PRODUCTS, "SHFE.rb", "DCE.m"])
@pytest.mark.parametrize("figure", TENFOLD)
@pytest.mark.parametrize("times", [10, 0.1])
def test_a_day_in_another_unit_is_told_by_the_days_before(product: str, figure: str, times: float) -> None:
    """Of a multiplier of 10 prices and amounts contradicted nothing of the day itself. A tenth of open interests may
    be: so a contract dies."""
    day = day_of(product)
    columns = columns_of(day)
    for name in columns:
        if name.startswith(TENFOLD[figure]):
            columns[name] = columns[name] * times
    told, alone = both_verdicts(product, columns)
    if figure == "interest" and times < 1:
        assert "days before" not in told.coverage.detail
        return
    assert (told.state, told.reason_code) == ("error", "off_level_block")
    for session in day.names:
        assert re.search(f"the {session} session's .*{SAID[figure]}.* are not on the level", told.coverage.detail)
    if figure != "interest" and day.symbol.exchange != "CZCE":
        assert "amount_off_scale" in findings(alone)


@pytest.mark.parametrize("session", ["night", "day"])
@pytest.mark.parametrize("hours", [-2, -1, 1, 2])
def test_a_thin_session_stamped_hours_off_is_never_said_to_be_off_by_less(session: str, hours: int) -> None:
    """The seconds at which its few ticks stand near an opening were once taken for its auction's, or for its edge's."""
    day = day_of("CZCE.CY")
    columns = columns_of(day)
    first, last = (second * NS for second in day.span(session))
    stamps = columns["datetime_ns"]
    own = (stamps >= first - 600 * NS) & (stamps <= last + 600 * NS)
    columns["datetime_ns"] = stamps + np.where(own, hours * 3600 * NS, 0)
    for verdict in both_verdicts("CZCE.CY", columns):
        assert (verdict.state, verdict.reason_code) == ("error", "trading_outside")
        told = re.findall(rf"the {session} session is stamped (\d+) s (late|early)", verdict.coverage.detail)
        if session == "day":
            assert len(told) == 1
        for seconds, side in told:
            assert abs(int(seconds) - abs(hours) * 3600) <= 60
            assert side == ("late" if hours > 0 else "early")


@pytest.mark.parametrize("product", ["SHFE.cu", "CFFEX.IF", "CZCE.SR", "DCE.m"])
def test_a_day_stamped_late_is_told_though_its_overhang_is_cut(product: str) -> None:
    """No tick trades outside and no close is late: its openings and its auction are, by as much."""
    day = day_of(product)
    columns = columns_of(day)
    stamps = columns["datetime_ns"] + 29 * NS
    windows = day.sessions.windows
    inside = (stamps < windows[0].start_ns) & (stamps > windows[0].start_ns - 300 * NS)
    for window in windows:
        inside |= (stamps >= window.start_ns) & (stamps <= window.end_ns)
    late = {name: values[inside] for name, values in {**columns, "datetime_ns": stamps}.items() if name != "tick_id"}
    told, _ = both_verdicts(product, numbered(late))
    assert (told.state, told.reason_code) == ("error", "misstamped_block")
    assert "is stamped 29 s late" in told.coverage.detail


@pytest.mark.parametrize("product", ["SHFE.cu", "CFFEX.IF", "CZCE.SR", "DCE.m"])
@pytest.mark.parametrize("name", ["open_interest", "average"])
def test_a_column_that_stands_still_from_noon_on_is_told(product: str, name: str) -> None:
    columns = columns_of(day_of(product))
    row = len(columns[name]) // 2
    columns[name][row:] = columns[name][row]
    for verdict in both_verdicts(product, columns):
        assert findings(verdict)["constant_column"]["parts"] == {name: 1}


def test_days_alike_because_nothing_trades_are_not_called_repeated() -> None:
    day = day_of("SHFE.cu")
    still = columns_of(day)
    for name in ("last_price", "volume", "amount"):
        still[name] = np.full(len(still[name]), still[name][0])
    gives = verdict_on(day, still).baseline
    history = [dataclasses.replace(gives, trading_day=each.day, whole=True) for each in days_of("SHFE.cu")[: day.place]]
    verdict = verdict_on(day, still, Baselines(history[-HISTORY:]).before(DAY))
    assert "those of a day before" not in verdict.coverage.detail


def _restamped(stamps: Any, other: SymbolDay, day: SymbolDay) -> Any:
    """The stamps of another day's ticks, each at the same time of its session on this day."""
    moved = stamps.copy()
    calendar = snapshot_calendar()
    noon = int(calendar.window(other.day).end_ns) - 12 * 3600 * NS
    for name in day.names:
        rows = stamps >= noon if name == "day" else stamps < noon
        moved[rows] += (day.span(name)[0] - other.span(name)[0]) * NS
    return moved


PINNED: Final = date(2025, 12, 15)
"""A day on which lithium carbonate is pinned at its limit."""


def test_what_is_traded_at_a_limit_shows_by_open_interest_where_volume_stands_still() -> None:
    """No last price changes there, and nothing else was looked at."""
    day = day_of("GFEX.lc", PINNED)
    columns = columns_of(day)
    assert verdict_on(day, columns).state == "ok"
    half = len(columns["volume"]) // 2
    assert len(np.unique(columns["last_price"][half:])) == 1
    for name in ("volume", "amount"):
        columns[name][half:] = columns[name][half]
    verdict = verdict_on(day, columns)
    assert (verdict.state, verdict.reason_code) == ("error", "uncounted_trade")


def test_a_pinned_markets_queue_does_not_stand_still_while_it_trades() -> None:
    day = day_of("CFFEX.IF", date(2025, 12, 16))
    columns = columns_of(day)
    assert verdict_on(day, columns).state == "ok"
    pinned = np.flatnonzero(np.isnan(columns["ask_price1"]))
    rows = slice(int(pinned[200]), int(pinned[200]) + 130)
    columns["bid_volume1"][rows] = columns["bid_volume1"][rows.start]
    assert verdict_on(day, columns).reason_code == "frozen_book"
    columns["bid_volume1"][rows.start + 65] += 1
    assert verdict_on(day, columns).state == "ok"


@pytest.mark.parametrize(
    ("product", "day", "begin_s", "seconds"),
    [
        ("SHFE.ag", date(2025, 10, 27), 1_761_534_444, 600),
        ("DCE.m", date(2025, 11, 20), 1_763_620_771, 300),
        ("SHFE.cu", date(2025, 11, 7), 1_762_497_621, 240),
    ],
)
def test_minutes_lost_while_a_market_is_pinned_are_asked_for_and_told(
    product: str, day: date, begin_s: int, seconds: int
) -> None:
    """So little trades at a limit that one snapshot carries it: the bars alone know."""
    pinned = day_of(product, day)
    columns = columns_of(pinned)
    lost = (columns["datetime_ns"] >= begin_s * NS) & (columns["datetime_ns"] < (begin_s + seconds) * NS)
    assert np.count_nonzero(lost) >= 100
    kept = numbered({name: values[~lost] for name, values in columns.items() if name != "tick_id"})
    place = pinned.place
    history = Baselines(given_by(each) for each in days_of(product)[place - 20 : place]).before(day)
    assert verdict_on(pinned, kept, history).coverage.witness == "unwitnessed"
    told = answered_verdict_on(pinned, kept, history)
    assert told.state in ("warn", "error")
    middle = begin_s + seconds / 2
    named = {gap.attribution for gap in told.gaps if gap.start_ts.timestamp() <= middle <= gap.end_ts.timestamp()}
    assert named == {"lost"}


def test_a_large_trade_between_two_ticks_of_a_thin_product_hides_none() -> None:
    """It ticks once in 40 s: of 10 s without a tick nothing follows, whatever was traded."""
    day = day_of("CZCE.CY")
    columns = columns_of(day)
    steps = np.diff(columns["datetime_ns"]) / NS
    (row, *_) = np.flatnonzero((steps >= 6) & (steps <= 10)) + 1
    lots, price = 60.0, float(columns["last_price"][row])
    columns["volume"][row:] += lots
    columns["amount"][row:] += lots * price  # CZCE's counter leaves the multiplier out
    told, _ = both_verdicts("CZCE.CY", columns)
    assert (told.state, told.coverage.detail) == ("ok", "")


@pytest.mark.parametrize("product", ["CZCE.SR", "DCE.m"])
def test_clean_days_after_an_ended_contract_was_called_main_are_good(product: str) -> None:
    day = day_of(product)
    dead: list[BaselineDay] = []
    for each in days_of(product)[day.place - HISTORY : day.place]:
        sessions = json.loads(given_by(each).sessions_json)
        for figures in sessions.values():
            figures["ticks"], figures["level"]["interest"] = figures["ticks"] / 60, figures["level"]["interest"] / 50
        dead.append(dataclasses.replace(given_by(each), sessions_json=json.dumps(sessions)))
    told = verdict_on(day, columns_of(day), Baselines(dead).before(DAY))
    assert (told.state, told.coverage.detail) == ("ok", "")


@pytest.mark.parametrize("name", [f"{side}_volume{level}" for side in ("bid", "ask") for level in (2, 5)])
def test_a_deeper_volume_of_one_value_all_day_is_told(name: str) -> None:
    columns = columns_of(day_of("SHFE.cu"))
    columns[name][:] = np.median(columns[name])
    for verdict in both_verdicts("SHFE.cu", columns):
        assert findings(verdict).keys() == {"constant_column"}
        assert verdict.state == "error"


@pytest.mark.parametrize("product", PRODUCTS)
@pytest.mark.parametrize("name", ["highest", "lowest"])
def test_a_range_of_the_whole_day_in_every_tick_is_told(product: str, name: str) -> None:
    """The call auction trades at one price: its own tick has no other highest and lowest."""
    columns = columns_of(day_of(product))
    assert columns["highest"][0] == columns["lowest"][0] == columns["last_price"][0]
    columns[name][:] = columns[name][-1]
    for verdict in both_verdicts(product, columns):
        assert findings(verdict)["constant_column"]["parts"] == {name: 1}
        assert verdict.state == "error"


@pytest.mark.parametrize("name", [f"{side}_price{level}" for side in ("bid", "ask") for level in (2, 5)])
@pytest.mark.parametrize("value", [0.0, None], ids=["zero", "its highest or lowest"])
def test_a_deeper_price_of_one_value_all_day_is_told(name: str, value: float | None) -> None:
    """The lowest fifth bid and the highest fifth ask cross nothing."""
    columns = columns_of(day_of("SHFE.cu"))
    extreme = np.min if name.startswith("bid") else np.max
    columns[name][:] = extreme(columns[name]) if value is None else value
    for verdict in both_verdicts("SHFE.cu", columns):
        assert findings(verdict)["constant_column"]["parts"] == {name: 1}
        assert verdict.state == "error"
