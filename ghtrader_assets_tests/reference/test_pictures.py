"""The roll history that a materialization names: a small picture, drawn once for each state of the schedule."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from ghtrader_assets.assets.materializations import roll_picture, schedule_materialization
from ghtrader_assets.exchange.contracts import main_changes
from ghtrader_assets.market.calendar import snapshot_calendar
from ghtrader_assets.market.schedule import ScheduleDay, build_schedule
from ghtrader_assets.market.symbols import parse_symbol
from ghtrader_assets_tests.true_ticks import SPECS

COPPER = parse_symbol("KQ.m@SHFE.cu")


def schedule(last: date) -> list[ScheduleDay]:
    changes = [(day, contract.text) for day, contract in main_changes(SPECS["SHFE.cu"], last)]
    return build_schedule(COPPER.text, changes, snapshot_calendar(), date(2021, 1, 4), last, last)


def test_a_materialization_names_the_roll_history(tmp_path: Path) -> None:
    rows = schedule(date(2026, 1, 9))
    event = schedule_materialization(COPPER, rows[-1], {"roll_history": roll_picture(tmp_path, rows)})
    path = event.metadata["roll_history"].value
    assert isinstance(path, str)
    assert Path(path).read_bytes().startswith(b"\x89PNG")
    assert (event.metadata["price_tick"].value, event.metadata["multiplier"].value) == (10, 5)
    assert "roll_history" not in schedule_materialization(COPPER, rows[-1], {}).metadata


def test_it_is_drawn_again_only_when_the_schedule_changed(tmp_path: Path) -> None:
    def drawn() -> list[tuple[str, int]]:
        return [(path.name, path.stat().st_mtime_ns) for path in tmp_path.rglob("*.png")]

    first = roll_picture(tmp_path, schedule(date(2026, 1, 9)))
    before = drawn()
    assert roll_picture(tmp_path, schedule(date(2026, 1, 9))) == first
    assert drawn() == before
    assert roll_picture(tmp_path, schedule(date(2026, 2, 9))) != first
    assert len(drawn()) == 1
    assert drawn() != before
