"""Sessions against typed answers, known figures, and properties over random instants."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from datetime import date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ghtrader_assets.errors import BadInputError, NotListedError
from ghtrader_assets.market.calendar import snapshot_calendar
from ghtrader_assets.market.clock import NS, instant_ns
from ghtrader_assets.market.data_files import second_of_day
from ghtrader_assets.market.products import Product, products
from ghtrader_assets.market.session_events import events_for, events_path, packaged_events, parse_events
from ghtrader_assets.market.session_tables import row_on, rows_of, session_rows
from ghtrader_assets.market.sessions import DaySessions, compare_trading_time, day_sessions
from ghtrader_assets.market.symbols import Exchange, parse_symbol

DATA = Path(__file__).parent.parent / "data"
CALENDAR = snapshot_calendar()
SHANGHAI = ZoneInfo("Asia/Shanghai")
OPENING_NS, LATE_OPENING_NS = second_of_day("21:00") * NS, second_of_day("22:30") * NS
COMMODITY = "D 09:00-10:15 D 10:30-11:30 D 13:30-15:00"
CELLS = {
    "-": COMMODITY,
    "23": f"N 21:00-23:00 {COMMODITY}",
    "2330": f"N 21:00-23:30 {COMMODITY}",
    "01": f"N 21:00-01:00 {COMMODITY}",
    "0230": f"N 21:00-02:30 {COMMODITY}",
    "L23": f"N 22:30-23:00 {COMMODITY}",
    "L01": f"N 22:30-01:00 {COMMODITY}",
    "L0230": f"N 22:30-02:30 {COMMODITY}",
    "I0": "D 09:15-11:30 D 13:00-15:15",
    "I1": "D 09:30-11:30 D 13:00-15:00",
    "B0": "D 09:15-11:30 D 13:00-15:15",
    "B1": "D 09:30-11:30 D 13:00-15:15",
    "H": "D 09:30-11:30 D 13:00-13:13 D 13:28-13:33",
}


def typed(name: str) -> list[dict[str, str]]:
    lines = (DATA / name).read_text(encoding="utf-8").splitlines()
    return list(csv.DictReader(line for line in lines if not line.startswith("#")))


def clock(instant_ns: int) -> datetime:
    return datetime.fromtimestamp(instant_ns // 1_000_000_000, SHANGHAI)


def written(sessions: DaySessions) -> str:
    spans = (
        f"{window.session[0].upper()} {clock(window.start_ns):%H:%M}-{clock(window.end_ns):%H:%M}"
        for window in sessions.windows
    )
    return " ".join(spans)


def of(symbol: str, day: str) -> DaySessions:
    return day_sessions(parse_symbol(symbol), date.fromisoformat(day), CALENDAR)


ANSWERS = typed("session_answers.csv")


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


def test_fourteen_years_of_nights() -> None:
    """138,549 product-days against a history of nights that was derived from minute bars."""
    without = {date.fromisoformat(row["day"]): row["exchanges"].split() for row in typed("no_night_days.csv")}
    compared = 0
    for row in typed("night_history.csv"):
        symbol = parse_symbol(f"KQ.m@{row['exchange']}.{row['product']}")
        close = row["close"].replace("01:00", "25:00").replace("02:30", "26:30")
        end = None if close == "none" else second_of_day(close) * NS
        for day in CALENDAR.days(date.fromisoformat(row["first"]), date.fromisoformat(row["last"])):
            evening = instant_ns(CALENDAR.previous(day), 0)
            windows = day_sessions(symbol, day, CALENDAR).windows
            ours = [(w.start_ns - evening, w.end_ns - evening) for w in windows if w.session == "night"]
            start = LATE_OPENING_NS if day == date(2019, 12, 26) else OPENING_NS
            theirs = [] if end is None or row["exchange"] in without.get(day, ()) else [(start, end)]
            assert ours == theirs, (symbol.text, day)
            compared += 1
    assert compared == 138_549


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
        assert all(row.first_day >= product.listed for row in rows_of(symbol) if row.session == "night"), product


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


def test_fingerprint_names_the_windows() -> None:
    late, plain = of("KQ.m@SHFE.cu", "2019-12-26"), of("KQ.m@SHFE.cu", "2019-12-25")
    assert late.fingerprint != plain.fingerprint
    assert of("KQ.m@SHFE.cu", "2019-12-26").fingerprint == of("KQ.m@SHFE.al", "2019-12-26").fingerprint


@pytest.mark.parametrize(
    ("symbol", "day", "message"),
    [
        ("KQ.m@SHFE.cu", "2025-10-01", "its neighbours are 2025-09-30 and 2025-10-09"),
        ("KQ.m@SHFE.cu", "2027-01-04", "outside the calendar"),
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


EVENT = {
    "exchanges": ["SHFE"],
    "products": ["cu"],
    "session": "day",
    "action": "halt",
    "first_day": "2025-03-04",
    "last_day": "2025-03-04",
    "time": "10:00",
    "until": "10:40",
    "source": "operator",
}


def test_operator_events_come_after_ours(tmp_path: Path) -> None:
    assert events_for(tmp_path) == ()
    path = events_path(tmp_path)
    path.parent.mkdir(parents=True)
    path.write_text(
        json.dumps([EVENT, {**EVENT, "session": "night", "action": "shift_end", "time": "24:30", "until": ""}])
    )
    symbol, day = parse_symbol("KQ.m@SHFE.cu"), date(2025, 3, 4)
    sessions = day_sessions(symbol, day, CALENDAR, operator_events=events_for(tmp_path))
    assert written(sessions) == "N 21:00-00:30 D 09:00-10:00 D 10:40-11:30 D 13:30-15:00"
    assert "operator" in sessions.sources
    assert written(of("KQ.m@SHFE.al", "2025-03-04")) == CELLS["01"]


def test_operator_events_may_name_contracts() -> None:
    only = parse_events(json.dumps([{**EVENT, "contracts": ["cu2505"]}]), "mine")
    hours = [
        written(day_sessions(parse_symbol(text), date(2025, 3, 4), CALENDAR, operator_events=only))
        for text in ("SHFE.cu2505", "SHFE.cu2504", "KQ.m@SHFE.cu")
    ]
    assert hours == ["N 21:00-01:00 D 09:00-10:00 D 10:40-11:30 D 13:30-15:00", CELLS["01"], CELLS["01"]]


def test_the_live_hours_of_a_day_that_an_operator_event_changed() -> None:
    skipped = parse_events(
        json.dumps([{**EVENT, "session": "night", "action": "skip", "time": "", "until": ""}]), "mine"
    )
    symbol, day, blank = parse_symbol("KQ.m@SHFE.cu"), date(2025, 3, 4), {**CU, "night": []}
    assert len(compare_trading_time(symbol, day, CALENDAR, blank)) == 1
    assert compare_trading_time(symbol, day, CALENDAR, blank, skipped) == []


def test_the_events_in_the_docs_are_legal() -> None:
    text = (DATA.parents[1] / "docs" / "operations.md").read_text(encoding="utf-8")
    example = text.partition("```json\n")[2].partition("```")[0]
    assert [event.action for event in parse_events(example, "the docs")] == ["skip", "shift_start"]


def test_operator_events_that_cannot_be_read_are_refused_by_name(tmp_path: Path) -> None:
    events_path(tmp_path).mkdir(parents=True)
    with pytest.raises(BadInputError, match=r"session_events\.json can't be read"):
        events_for(tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"exchanges": ["NYSE"]}, "event 1 is wrong: Invalid enum value 'NYSE'"),
        ({"exchanges": "SHFE"}, r"Expected `array`, got `str` - at `\$.exchanges`"),
        ({"exchanges": []}, "a list of names is empty"),
        ({"products": ["cu", "xx"]}, "SHFE has no product 'xx'"),
        ({"products": ["CU"]}, "SHFE has no product 'CU'"),
        ({"contracts": ["SHFE.cu2505"]}, "'SHFE.cu2505' is no contract of these products"),
        ({"contracts": ["al2505"]}, "'al2505' is no contract of these products"),
        ({"action": "stop"}, "Invalid enum value 'stop'"),
        ({"time": "25:99"}, "no time of day"),
        ({"time": ""}, "no time of day"),
        ({"until": "09:00"}, "ends before it begins"),
        ({"first_day": "2025-03-05"}, "ends before it begins"),
        ({"source": None}, r"Expected `str`, got `null` - at `\$.source`"),
        ({"untill": "10:40"}, "unknown field `untill`"),
        ({"source": " "}, "its source is empty"),
        ({"action": "skip"}, "skip takes no 'time'"),
        ({"action": "shift_start"}, "shift_start takes no 'until'"),
        ({"time": "16:00", "until": "17:00"}, r"'time' 16:00 lies outside every day session, 09:00-15:15"),
        ({"session": "night", "time": "01:00", "until": "02:00"}, "past midnight the hours count on: 24:30"),
        ({"first_day": "2025-03-08", "last_day": "2025-03-09"}, "it falls on a weekend"),
    ],
)
def test_damaged_operator_events_are_named(change: dict[str, object], message: str) -> None:
    with pytest.raises(BadInputError, match=message):
        parse_events(json.dumps([{**EVENT, **change}]), "my events")


@pytest.mark.parametrize("text", ["{", "{}", "[1]", "[{}]"])
def test_a_file_that_is_no_list_of_events_is_refused(text: str) -> None:
    with pytest.raises(BadInputError, match="my events"):
        parse_events(text, "my events")


CU = {
    "day": [["09:00:00", "10:15:00"], ["10:30:00", "11:30:00"], ["13:30:00", "15:00:00"]],
    "night": [["21:00:00", "25:00:00"]],
}


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
