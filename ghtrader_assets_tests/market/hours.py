"""Sessions as a line of text, and what tests of sessions and of session events compare them with."""

from __future__ import annotations

import csv
from datetime import date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from ghtrader_assets.market.calendar import snapshot_calendar
from ghtrader_assets.market.clock import NS
from ghtrader_assets.market.data_files import second_of_day
from ghtrader_assets.market.sessions import DaySessions, day_sessions
from ghtrader_assets.market.symbols import parse_symbol

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


CU = {
    "day": [["09:00:00", "10:15:00"], ["10:30:00", "11:30:00"], ["13:30:00", "15:00:00"]],
    "night": [["21:00:00", "25:00:00"]],
}
