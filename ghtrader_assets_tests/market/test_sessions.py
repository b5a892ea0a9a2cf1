"""Sessions against typed answers, known figures, and properties over random instants."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ghtrader_assets.errors import BadInputError, NotListedError
from ghtrader_assets.market.clock import NS, instant_ns
from ghtrader_assets.market.data_files import second_of_day
from ghtrader_assets.market.products import Product, products
from ghtrader_assets.market.session_events import packaged_events, parse_events
from ghtrader_assets.market.session_tables import product_rows, row_on, session_rows
from ghtrader_assets.market.sessions import compare_trading_time, day_sessions
from ghtrader_assets.market.symbols import Exchange, parse_symbol
from ghtrader_assets_tests.market.hours import (
    CALENDAR,
    CELLS,
    COMMODITY,
    CU,
    LATE_OPENING_NS,
    OPENING_NS,
    clock,
    of,
    typed,
    written,
)

ANSWERS = typed("session_answers.csv")
LATE_OPENING_DAY = date(2019, 12, 26)
NIGHTS_OF_THE_SAMPLE = 12_688


@pytest.mark.parametrize("row", ANSWERS, ids=[row["symbol"] for row in ANSWERS])
def test_typed_answers(row: dict[str, str]) -> None:
    symbol = parse_symbol(row.pop("symbol"))
    for text, cell in row.items():
        day = date.fromisoformat(text)
        if cell == "x":
            with pytest.raises(NotListedError, match="was not listed"):
                day_sessions(symbol, day, CALENDAR)
        else:
            assert written(day_sessions(symbol, day, CALENDAR)) == CELLS[cell], (symbol.text, text)


def test_the_answer_file_is_large_enough() -> None:
    assert len(ANSWERS) >= 30
    assert min(len(row) - ("symbol" in row) for row in ANSWERS) >= 12


@pytest.mark.parametrize("row", typed("special_days.csv"), ids=lambda row: f"{row['symbol']}@{row['day']}")
def test_days_of_contracts(row: dict[str, str]) -> None:
    day, last_day = date.fromisoformat(row["day"]), date.fromisoformat(row["last_day"])
    sessions = day_sessions(parse_symbol(row["symbol"]), day, CALENDAR, contract_last_day=last_day)
    assert written(sessions) == row["hours"], row["note"]
    assert written(of(row["symbol"], row["day"])) == row["hours"], "the contract's own last day is known by rule"


@pytest.mark.parametrize(
    ("symbol", "day", "expected", "strict"),
    [
        ("KQ.m@SHFE.cu", "2025-03-04", 27_904, 27_896),
        ("KQ.m@SHFE.au", "2025-03-04", 33_304, 33_296),
        ("KQ.m@SHFE.ag", "2025-03-04", 33_304, 33_296),
        ("KQ.m@SHFE.wr", "2025-03-04", 13_503, 13_497),
        ("KQ.m@SHFE.cu", "2025-02-05", 13_503, 13_497),
        ("KQ.m@DCE.m", "2025-03-04", 20_704, 20_696),
    ],
)
def test_known_figures(symbol: str, day: str, expected: int, strict: int) -> None:
    sessions = of(symbol, day)
    assert (sessions.expected_seconds, sessions.expected_seconds_strict) == (expected, strict)


@pytest.mark.parametrize(
    ("every", "expected"), [(11, NIGHTS_OF_THE_SAMPLE), pytest.param(1, 138_549, marks=pytest.mark.soak)]
)
def test_fourteen_years_of_nights(every: int, expected: int) -> None:
    """Each product-day, or one of eleven, against a history of nights that was derived from minute bars."""
    without = {date.fromisoformat(row["day"]): row["exchanges"].split() for row in typed("no_night_days.csv")}
    compared = 0
    for row in typed("night_history.csv"):
        symbol = parse_symbol(f"KQ.m@{row['exchange']}.{row['product']}")
        close = row["close"].replace("01:00", "25:00").replace("02:30", "26:30")
        end = None if close == "none" else second_of_day(close) * NS
        days = CALENDAR.days(date.fromisoformat(row["first"]), date.fromisoformat(row["last"]))
        for day in [day for place, day in enumerate(days) if place % every == 0 or day == LATE_OPENING_DAY]:
            evening = instant_ns(CALENDAR.previous(day), 0)
            windows = day_sessions(symbol, day, CALENDAR).windows
            ours = [(w.start_ns - evening, w.end_ns - evening) for w in windows if w.session == "night"]
            start = LATE_OPENING_NS if day == LATE_OPENING_DAY else OPENING_NS
            theirs = [] if end is None or row["exchange"] in without.get(day, ()) else [(start, end)]
            assert ours == theirs, (symbol.text, day)
            compared += 1
    assert compared == expected


def test_friday_night_belongs_to_monday() -> None:
    night = of("KQ.m@SHFE.cu", "2025-03-10").windows[0]
    assert clock(night.start_ns).isoformat() == "2025-03-07T21:00:00+08:00"
    assert clock(night.end_ns).isoformat() == "2025-03-08T01:00:00+08:00"


def test_a_single_day_is_judged_by_the_full_calendar() -> None:
    """ghTrader's §8.6: asking for two distant days must not look like a holiday between them, nor the reverse."""
    assert of("KQ.m@SHFE.cu", "2025-03-05").has_night
    assert not of("KQ.m@SHFE.cu", "2025-02-05").has_night


def live_days(product: Product) -> list[date]:
    last = min(CALENDAR.horizon, product.delisted or CALENDAR.horizon)
    return CALENDAR.days(max(product.listed, CALENDAR.first), last)


ANY_PRODUCT = st.sampled_from(products())


@given(product=ANY_PRODUCT, data=st.data())
@settings(max_examples=300, deadline=None)
def test_windows_lie_apart_inside_their_day(product: Product, data: st.DataObject) -> None:
    day = data.draw(st.sampled_from(live_days(product)))
    sessions = day_sessions(parse_symbol(product.alias), day, CALENDAR)
    bounds = CALENDAR.window(day)
    edges = [edge for window in sessions.windows for edge in (window.start_ns, window.end_ns)]
    assert edges == sorted(set(edges))
    assert bounds.start_ns < edges[0]
    assert edges[-1] < bounds.end_ns
    assert all(edge % 1_000_000_000 == 0 for edge in edges)
    assert sessions.expected_seconds == sum((b - a) // 10**9 + 1 for a, b in zip(edges[::2], edges[1::2], strict=True))
    assert sessions.expected_seconds_strict == sessions.expected_seconds - 2 * len(sessions.windows)


@given(product=ANY_PRODUCT, data=st.data())
@settings(max_examples=300, deadline=None)
def test_an_open_instant_belongs_to_exactly_one_trading_day(product: Product, data: st.DataObject) -> None:
    days = live_days(product)
    index = data.draw(st.integers(1, len(days) - 2))
    symbol = parse_symbol(product.alias)
    window = data.draw(st.sampled_from(day_sessions(symbol, days[index], CALENDAR).windows))
    instant = data.draw(st.integers(window.start_ns, window.end_ns))
    owners = [
        day
        for day in days[index - 1 : index + 2]
        if any(w.start_ns <= instant <= w.end_ns for w in day_sessions(symbol, day, CALENDAR).windows)
    ]
    assert owners == [days[index]] == [CALENDAR.trading_day_of(instant)]


ZONE_SCRIPT = """
from datetime import date
from ghtrader_assets.market.calendar import snapshot_calendar
from ghtrader_assets.market.schedule import is_complete, last_completed_day
from ghtrader_assets.market.sessions import day_sessions
from ghtrader_assets.market.symbols import parse_symbol

calendar = snapshot_calendar()
for day in calendar.days(date(2019, 12, 20), date(2020, 5, 12)):
    sessions = day_sessions(parse_symbol("KQ.m@SHFE.au"), day, calendar)
    edges = [edge for window in sessions.windows for edge in (window.start_ns, window.end_ns)]
    print(day, calendar.window(day), edges, [calendar.trading_day_of(edge) for edge in edges])
    print(last_completed_day(calendar, edges[0]), is_complete(day, edges[-1]))
"""


@pytest.mark.process
def test_the_host_time_zone_changes_nothing() -> None:
    outputs = {
        subprocess.run(
            [sys.executable, "-c", ZONE_SCRIPT], env={**os.environ, "TZ": zone}, capture_output=True, check=True
        ).stdout
        for zone in ("UTC", "Asia/Shanghai", "America/New_York")
    }
    assert len(outputs) == 1
    assert len(outputs.pop().splitlines()) > 150


def test_every_product_has_a_day_session_since_it_was_listed() -> None:
    assert len(products()) >= 60
    assert {product.exchange for product in products()} == set(Exchange)
    for product in products():
        symbol = parse_symbol(product.alias)
        first = live_days(product)[0]
        row = row_on(symbol, "day", first)
        assert row is not None, product
        assert day_sessions(symbol, first, CALENDAR).windows, product
        assert all(row.first_day >= product.listed for row in product_rows(symbol) if row.session == "night"), product


def test_first_days_of_the_table_are_trading_days_after_the_change() -> None:
    nights = [row for row in session_rows() if row.session == "night"]
    assert all(CALENDAR.is_trading_day(row.first_day) for row in nights)
    known = {(product.exchange, product.code) for product in products()}
    assert {(row.exchange, row.product) for row in session_rows() if row.product != "*"} <= known


def test_every_row_and_event_names_its_source_or_unverified() -> None:
    assert all(row.source for row in session_rows())
    assert all(event.source for event in packaged_events())
    assert of("KQ.m@SHFE.cu", "2025-03-04").verified
    assert not of("KQ.m@CZCE.SA", "2019-12-11").verified


@pytest.mark.parametrize(
    ("source", "says", "verified"),
    [("CZCE notice 7", {}, True), ("unverified: heard of it", {}, True), ("heard of it", {"verified": False}, False)],
)
def test_an_operators_event_is_verified_unless_it_says_otherwise(
    source: str, says: dict[str, bool], verified: bool
) -> None:
    event = {
        "exchanges": ["CZCE"], "products": ["SR"], "session": "day", "action": "skip", "first_day": "2025-12-02",
        "last_day": "2025-12-02", "source": source, **says,
    }  # fmt: skip
    (parsed,) = parse_events(json.dumps([event]), "a file")
    sessions = day_sessions(parse_symbol("KQ.m@CZCE.SR"), date(2025, 12, 2), CALENDAR, operator_events=(parsed,))
    assert (parsed.verified, sessions.verified, source in sessions.sources) == (verified, verified, True)


def test_fingerprint_names_the_windows() -> None:
    late, plain = of("KQ.m@SHFE.cu", "2019-12-26"), of("KQ.m@SHFE.cu", "2019-12-25")
    assert late.fingerprint != plain.fingerprint
    assert of("KQ.m@SHFE.cu", "2019-12-26").fingerprint == of("KQ.m@SHFE.al", "2019-12-26").fingerprint


@pytest.mark.parametrize(
    ("symbol", "day", "message"),
    [
        ("KQ.m@SHFE.cu", "2025-10-01", "its neighbours are 2025-09-30 and 2025-10-09"),
        ("KQ.m@SHFE.cu", "2028-01-04", "outside the calendar"),
        ("KQ.m@SHFE.xx", "2025-03-04", "no product 'xx'"),
    ],
)
def test_bad_questions_are_refused(symbol: str, day: str, message: str) -> None:
    with pytest.raises(BadInputError, match=message):
        of(symbol, day)


def test_a_product_that_ended_names_its_successor() -> None:
    with pytest.raises(NotListedError, match="followed by MA"):
        of("CZCE.ME506", "2015-06-01")


@pytest.mark.parametrize(
    ("symbol", "day", "hours"),
    [
        ("SHFE.cu0808", "2008-05-19", "D 09:00-10:15 D 10:30-11:30 D 13:30-14:10 D 14:20-14:28 D 14:31-15:00"),
        ("DCE.m0809", "2008-05-19", "D 09:00-10:15 D 10:30-11:30 D 13:30-14:28 D 14:31-15:00"),
        ("SHFE.cu0812", "2008-10-24", ""),
        ("SHFE.cu0812", "2008-10-27", "D 09:00-10:15 D 10:30-11:30 D 13:30-14:10 D 14:20-15:00"),
        ("CZCE.SR205", "2011-12-07", "D 09:00-09:28 D 09:40-09:47 D 13:30-15:00"),
        ("CZCE.ME501", "2014-12-22", ""),
        ("CZCE.ME505", "2014-12-22", f"N 21:00-23:30 {COMMODITY}"),
        ("CZCE.RM505", "2015-01-06", "N 21:00-23:30 D 09:00-10:06 D 13:30-15:00"),
        ("DCE.m1705", "2017-03-31", COMMODITY),
        ("CZCE.SR709", "2017-03-31", f"N 21:00-23:30 {COMMODITY}"),
        ("CZCE.SR709", "2017-04-19", COMMODITY),
        ("SHFE.fu1901", "2018-06-27", ""),
        ("SHFE.fu1901", "2018-07-16", COMMODITY),
        ("SHFE.rb1905", "2018-11-29", "N 21:00-23:00 D 09:00-10:15 D 10:30-11:30 D 13:52-15:00"),
        ("INE.sc1901", "2018-11-29", f"N 21:00-02:30 {COMMODITY}"),
        ("SHFE.ni2204", "2022-03-10", ""),
        ("SHFE.ni2203", "2022-03-10", f"N 21:00-01:00 {COMMODITY}"),
        ("SHFE.ni2204", "2022-03-11", f"N 21:00-01:00 {COMMODITY}"),
        ("CFFEX.IF2212", "2022-12-06", "D 09:30-10:00 D 10:03-11:30 D 13:00-15:00"),
        ("DCE.l2602F", "2025-10-29", f"N 21:00-23:00 {COMMODITY}"),
        ("CZCE.UR605", "2026-05-19", "D 09:00-10:15 D 10:30-11:30"),
    ],
)
def test_days_that_differed(symbol: str, day: str, hours: str) -> None:
    assert written(of(symbol, day)) == hours


def test_a_main_contract_symbol_stands_for_no_single_contract() -> None:
    """What befell single contracts is no session of the product's; the load asks with the contract of the day."""
    assert written(of("KQ.m@SHFE.ni", "2022-03-10")) == CELLS["01"]


def test_a_suspended_day_expects_nothing() -> None:
    day = of("SHFE.ni2204", "2022-03-10")
    assert (day.windows, day.has_night, day.expected_seconds, day.expected_seconds_strict) == ((), False, 0, 0)
    assert any("上期发〔2022〕73号" in source for source in day.sources)


def test_the_live_trading_time_confirms_the_present_rows() -> None:
    symbol = parse_symbol("KQ.m@SHFE.cu")
    assert compare_trading_time(symbol, date(2025, 3, 4), CALENDAR, CU) == []
    assert compare_trading_time(symbol, date(2025, 2, 5), CALENDAR, {**CU, "night": []}) == []
    findings = compare_trading_time(symbol, date(2025, 3, 4), CALENDAR, {**CU, "night": [["21:00:00", "26:30:00"]]})
    assert [str(finding) for finding in findings] == [
        "KQ.m@SHFE.cu night session of 2025-03-04: 21:00-25:00 in our table, 21:00-26:30 at the provider"
    ]
    assert len(compare_trading_time(symbol, date(2025, 3, 4), CALENDAR, {"day": CU["day"]})) == 1


def test_tqsdk_kept_the_late_open_of_2019_12_25() -> None:
    theirs = {"day": CU["day"], "night": [["22:30:00", "23:00:00"]]}
    assert compare_trading_time(parse_symbol("DCE.eg1912"), date(2019, 12, 26), CALENDAR, theirs) == []
