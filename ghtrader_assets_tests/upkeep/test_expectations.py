"""What is a partition, due, expected and told when: each row of docs/operations.md is what the code says."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path

import pytest

from ghtrader_assets.assets.partitions import last_begun
from ghtrader_assets.market.calendar import snapshot_calendar
from ghtrader_assets.market.clock import SHANGHAI, instant_ns
from ghtrader_assets.market.schedule import last_completed_day
from ghtrader_assets.market.sessions import day_sessions
from ghtrader_assets.market.symbols import parse_symbol
from ghtrader_assets.settings import Settings
from ghtrader_assets.upkeep.evening import last_due
from ghtrader_assets.upkeep.feeds import expected_day

CALENDAR, COPPER = snapshot_calendar(), parse_symbol("KQ.m@SHFE.cu")
PAGE = (Path(__file__).parents[2] / "docs" / "operations.md").read_text(encoding="utf-8")
_, _, TABLE = PAGE.partition("| instant in Beijing | ")
ROWS = [[cell.strip() for cell in line.strip("|").split("|")] for line in TABLE.split("\n\n")[0].splitlines()[2:]]


def night_of(day: date) -> str:
    """When copper's night session of a trading day begins, on the evening before."""
    first = day_sessions(COPPER, day, CALENDAR).windows[0].start_ns
    begins = datetime.fromtimestamp(first / 1e9, SHANGHAI)
    return f"{begins:%H:%M}" if first < instant_ns(day, 0) else "none"


def test_the_page_has_the_evenings_that_matter() -> None:
    instants = {row[0] for row in ROWS}
    assert {"Fri 2026-01-09 20:30", "Sat 2026-01-10 03:00", "Fri 2026-02-13 21:30", "Tue 2026-02-24 21:00"} <= instants
    assert {row[-1] for row in ROWS} == {"21:00", "22:30", "none"}


@pytest.mark.parametrize("row", ROWS, ids=[row[0] for row in ROWS])
def test_each_row_is_what_the_code_says(row: list[str]) -> None:
    at = datetime.strptime(row[0], "%a %Y-%m-%d %H:%M").replace(tzinfo=SHANGHAI)
    assert f"{at:%a %Y-%m-%d %H:%M}" == row[0]
    now_ns = int(at.timestamp()) * 1_000_000_000
    begun, completed = last_begun(CALENDAR, at), last_completed_day(CALENDAR, now_ns)
    told, _ = last_due(CALENDAR, Settings().report_at, at)  # type: ignore[call-arg]
    said = [begun, completed, expected_day(CALENDAR, now_ns), told]
    assert [day.isoformat() for day in said] == row[1:5]
    assert night_of(CALENDAR.next(begun)) == row[5]
