"""Session events of an operator: what they change, and files that are refused."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest

from ghtrader_assets.errors import BadInputError
from ghtrader_assets.market.session_events import events_for, events_path, parse_events
from ghtrader_assets.market.sessions import compare_trading_time, day_sessions
from ghtrader_assets.market.symbols import parse_symbol
from ghtrader_assets_tests.market.hours import CALENDAR, CELLS, CU, DATA, of, written

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
