"""What a platform leaves on the disk over months: logs that turn over, packed databases, shares that tell."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ghtrader_assets.clock import SYSTEM_CLOCK
from ghtrader_assets.private import opened_log
from ghtrader_assets.services.dagster_files import pack_databases
from ghtrader_assets.services.findings import find_all
from ghtrader_assets.services.processes import turn_over
from ghtrader_assets.services.shares import (
    FEWEST_DAYS,
    Shares,
    forecast,
    measure,
    note_shares,
    read_shares,
    shares_path,
)
from ghtrader_assets.settings import Settings

TODAY = date(2026, 11, 30)
WRITER = "import sys, time\nfor n in range(20000):\n    print(n, flush=True)\n    n % 100 or time.sleep(0.01)"


@pytest.mark.process
def test_a_log_turns_over_under_the_feet_of_its_process(tmp_path: Path) -> None:
    """The process goes on writing to the file of this name, and what it wrote before is in the other."""
    log = tmp_path / "a.log"
    with opened_log(log) as output:
        writer = subprocess.Popen([sys.executable, "-c", WRITER], stdout=output)
    turned = 0
    while writer.poll() is None:
        turned += turn_over(log, 20_000)
    kept = log.with_name("a.log.1")
    assert turned > 1
    assert kept.stat().st_mode & 0o077 == 0
    lines = [int(line) for line in log.read_text().split()]
    assert lines[-1] == 19_999
    assert lines == list(range(lines[0], 20_000))
    assert len(log.read_bytes()) < 60_000


def test_no_log_is_written_through_a_link(tmp_path: Path) -> None:
    victim, log = tmp_path / "victim", tmp_path / "a.log"
    victim.write_text("mine")
    log.write_bytes(b"x" * 100)
    log.with_name("a.log.1").symlink_to(victim)
    with pytest.raises(OSError, match=r"symbolic links"):
        turn_over(log, 10)
    assert (victim.read_text(), log.stat().st_size) == ("mine", 100)


def filled(file: Path, rows: int) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(file)) as database:
        database.execute("CREATE TABLE long (line BLOB)")
        database.executemany("INSERT INTO long VALUES (?)", [(b"x" * 100_000,)] * rows)
        database.commit()
        database.execute("DELETE FROM long WHERE rowid > 10")
        database.commit()


def test_databases_of_which_much_is_free_are_packed_and_those_in_use_are_left(tmp_path: Path) -> None:
    folder = tmp_path / "dagster"
    runs, ticks = folder / "history" / "runs.db", folder / "schedules" / "schedules.db"
    filled(runs, 300)
    filled(ticks, 50)
    small = ticks.stat().st_size
    with closing(sqlite3.connect(runs, isolation_level=None)) as another:
        another.execute("BEGIN IMMEDIATE")
        assert pack_databases(tmp_path) == 0, "another process has it"
    assert pack_databases(tmp_path) > 25_000_000
    assert runs.stat().st_size < 2_000_000
    assert ticks.stat().st_size == small, "a few free pages are used again"
    with closing(sqlite3.connect(runs)) as database:
        assert database.execute("SELECT count(*) FROM long").fetchone() == (10,)


def test_the_shares_of_a_day_are_noted_once_and_told_with_the_days_that_are_left(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)  # type: ignore[call-arg]

    def told() -> str:
        (finding,) = [each for each in find_all(settings, SYSTEM_CLOCK) if each.subject == "shares of the disk"]
        return finding.finding

    assert "not measured yet" in told()
    (tmp_path / "manifests").mkdir()
    (tmp_path / "manifests" / "one.json").write_bytes(b"x" * 2_000_000)
    for ago in (FEWEST_DAYS, 1):
        note_shares(tmp_path, TODAY - timedelta(ago))
    assert "its growth is known after" in told()
    (tmp_path / "manifests" / "two.json").write_bytes(b"x" * 3_000_000)
    assert note_shares(tmp_path, TODAY) is not None
    assert note_shares(tmp_path, TODAY) is None
    assert len(read_shares(tmp_path)) == 3
    said = told()
    assert "manifests 5 MB" in said
    assert "1.0 MB more a day" in said
    assert "full in" in said
    shares_path(tmp_path).write_text("[{]")
    assert read_shares(tmp_path) == []


def test_holes_of_files_take_no_room(tmp_path: Path) -> None:
    (tmp_path / "questdb").mkdir()
    with (tmp_path / "questdb" / "column").open("wb") as file:
        file.truncate(1_000_000_000)
    assert measure(tmp_path, TODAY).total < 1_000_000


@given(st.lists(st.integers(0, 10**12), min_size=1, max_size=60), st.integers(0, 10**13))
def test_the_forecast_holds_for_what_grows_as_it_did(sizes: list[int], free: int) -> None:
    samples = [Shares(TODAY + timedelta(number), {"questdb": size}) for number, size in enumerate(sizes)]
    found = forecast(samples, free)
    assert found is not None
    assert found.last == samples[-1]
    if len(sizes) <= FEWEST_DAYS:
        assert found.growth is None
    elif sizes[-1] <= sizes[0]:
        assert found.days_left is None
    else:
        assert found.days_left is not None
        assert found.growth is not None
        assert found.days_left * found.growth == pytest.approx(free)
    assert forecast([], free) is None
