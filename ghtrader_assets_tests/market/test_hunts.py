"""A hunt through files of session events: an operator's own, by hand, cut off, or of another program."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
from hypothesis import strategies as st
from pydantic import SecretStr

from ghtrader_assets.errors import BadInputError
from ghtrader_assets.market.session_events import events_for, events_path, parse_events
from ghtrader_assets.market.sessions import day_sessions
from ghtrader_assets.market.symbols import parse_symbol
from ghtrader_assets.redaction import hide
from ghtrader_assets_tests.hunting import CANARY, Record, counts, hunt, odd, spoiled
from ghtrader_assets_tests.market.hours import CALENDAR

COPPER = parse_symbol("KQ.m@SHFE.cu")
DAY = CALENDAR.days(CALENDAR.first, CALENDAR.horizon)[-200]

times = st.sampled_from(["", "10:00", "22:30", "25:00", "-1:00", "²:00", "10:00:00:00", "99:99", "9" * 5000 + ":00"])
event = st.fixed_dictionaries(
    {
        "exchanges": st.just(["SHFE"]),
        "products": st.lists(st.sampled_from(["cu", "au", "*"]), min_size=1, max_size=2),
        "session": st.sampled_from(["day", "night"]),
        "action": st.sampled_from(["halt", "skip", "shift_start", "shift_end"]),
        "first_day": st.just(str(DAY)),
        "last_day": st.just(str(DAY)) | st.dates().map(str),
        "source": st.just("operator") | st.just(CANARY),
    },
    optional={
        "time": times,
        "until": times,
        "contracts": st.just(["cu2505"]),
        "verified": st.booleans(),
        "colour": odd,
    },
)


def written(document: object, dice: random.Random) -> bytes:
    return spoiled(json.dumps(document, default=str).encode(errors="replace"), dice)


def examine(content: bytes) -> str:
    try:
        events = parse_events.__wrapped__(content.decode(errors="surrogateescape"), "events.json")
    except BadInputError as error:
        return f"{error} {error.line}"
    sessions = day_sessions(COPPER, DAY, CALENDAR, operator_events=events)
    assert all(window.start_ns < window.end_ns for window in sessions.windows)
    return ""


@pytest.mark.parametrize(("count", "part"), counts(1_000_000, 4))
def test_session_events(count: int, part: int, seed: int, record_property: Record) -> None:
    hide(SecretStr(CANARY))
    hunt(st.lists(event, min_size=1, max_size=3), examine, count, f"events:{seed}:{part}", record_property, written)


def test_a_file_of_any_bytes(tmp_path: Path, seed: int) -> None:
    dice = random.Random(seed)
    path = events_path(tmp_path)
    path.parent.mkdir(parents=True)
    for _ in range(200):
        path.write_bytes(spoiled(b'[{"exchanges": ["SHFE"], "products": ["cu"]}]', dice))
        with pytest.raises(BadInputError):
            events_for(tmp_path)
