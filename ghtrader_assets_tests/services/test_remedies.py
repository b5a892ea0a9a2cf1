"""What the health model tells a person to do, done: each state is caused, its remedy read and carried out, and gone."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import pytest

from ghtrader_assets.clock import SYSTEM_CLOCK, Clock
from ghtrader_assets.health import KINDS, Finding
from ghtrader_assets.market.calendar import calendar_path, dump_calendar, snapshot_calendar
from ghtrader_assets.market.schedule import last_completed_day
from ghtrader_assets.questdb.client.connection import Database
from ghtrader_assets.services.platform import look_at_platform
from ghtrader_assets.settings import Settings
from ghtrader_assets_tests.calendars import cut
from ghtrader_assets_tests.fix_platform import CommandLine

CALENDAR = snapshot_calendar()
SYMBOL = "KQ.m@DCE.m"
METRICS = "ghtrader_metrics_v1"


@dataclass(frozen=True)
class Desk:
    """A home with the shared store and exchange, as an operator has it."""

    command: CommandLine
    db: Database
    settings: Settings

    def found(self, kind: str, clock: Clock = SYSTEM_CLOCK) -> list[Finding]:
        """The findings of a kind."""
        looked = look_at_platform(self.settings, clock, feeds_count=True)
        return [finding for finding in looked.findings if finding.kind == kind]

    def carry_out(self, remedy: str) -> None:
        """Type what stands between backquotes, up to the first that is no command."""
        for words in re.findall(r"`([^`]+)`", remedy):
            if words.startswith("ghtrader-assets "):
                ran = self.command.run(*shlex.split(words)[1:])
                assert ran.code == 0, ran.err
            elif words.startswith(("ALTER ", "RENAME ")):
                self.db.execute(words)
                self.db.await_applied(words.split()[2])


@pytest.fixture
def desk(shared: CommandLine, db: Database, monkeypatch: pytest.MonkeyPatch) -> Desk:
    for name, value in shared.whole_environment({"GHTRADER_SYMBOLS": SYMBOL}).items():
        monkeypatch.setenv(name, value)
    shared = CommandLine(shared.home, {**shared.environment, "GHTRADER_SYMBOLS": SYMBOL})
    return Desk(shared, db, Settings())


@contextmanager
def suspended(desk: Desk) -> Generator[Clock]:
    desk.db.execute(f"ALTER TABLE {METRICS} SUSPEND WAL WITH 5, 'broken'")  # type: ignore[arg-type]
    try:
        yield SYSTEM_CLOCK
    finally:
        desk.db.execute(f"ALTER TABLE {METRICS} RESUME WAL")  # type: ignore[arg-type]
        desk.db.await_applied(METRICS)


@contextmanager
def a_strangers_column(desk: Desk) -> Generator[Clock]:
    desk.db.execute(f"ALTER TABLE {METRICS} ADD COLUMN strangers LONG")  # type: ignore[arg-type]
    desk.db.await_applied(METRICS)
    yield SYSTEM_CLOCK


@contextmanager
def a_wrong_clock(desk: Desk) -> Generator[Clock]:
    day = CALENDAR.previous(CALENDAR.previous(date(2026, 1, 20)))
    ahead = datetime.now(UTC) + timedelta(days=2)
    ran = desk.command.run("backfill", SYMBOL, "--from", str(day), "--to", str(day), "--force", at=ahead)
    assert ran.code == 0, ran.err
    yield SYSTEM_CLOCK


def at(day: date) -> Clock:
    instant = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
    return Clock(lambda: round(instant.timestamp() * 1e9))


@contextmanager
def a_calendar_that_ends(desk: Desk) -> Generator[Clock]:
    """The packaged one: its last year is inferred."""
    yield at(date(2026, 12, 15))


@contextmanager
def a_calendar_that_has_ended(desk: Desk) -> Generator[Clock]:
    path = calendar_path(desk.settings.home)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(dump_calendar(cut(CALENDAR, date(2025, 12, 31))), encoding="utf-8")
    yield at(date(2026, 10, 15))


@contextmanager
def a_missed_day(desk: Desk) -> Generator[Clock]:
    """One day of the symbol was loaded, long ago, and it is followed since."""
    long_ago = "2026-01-13"
    ran = desk.command.run("backfill", SYMBOL, "--from", long_ago, "--to", long_ago)
    assert ran.code == 0, ran.err
    yield at(last_completed_day(CALENDAR, SYSTEM_CLOCK.now_ns()) - timedelta(days=1))


STATES: dict[str, Callable[[Desk], AbstractContextManager[Clock]]] = {
    "table_suspended": suspended,
    "foreign_column": a_strangers_column,
    "load_of_the_future": a_wrong_clock,
    "calendar_ends": a_calendar_that_ends,
    "calendar_ended": a_calendar_that_has_ended,
    "feed_behind": a_missed_day,
}
ELSEWHERE = {"service_down", "run_stopped"}
"""`up` is done by every test that runs a platform; `test_a_home_that_is_down` reads it from the message. A run takes a
platform: `test_kept_up` stops one."""


LOADING = "feed_behind"
"""Found once a day was loaded, and ended by loading another."""


@pytest.mark.parametrize(
    "kind", [pytest.param(kind, marks=pytest.mark.joint if kind == LOADING else ()) for kind in STATES]
)
def test_what_a_finding_says_to_do_ends_it(desk: Desk, kind: str) -> None:
    with STATES[kind](desk) as clock:
        found = desk.found(kind, clock)
        assert found, f"no {kind} was found"
        assert not found[0].manual
        desk.carry_out(found[0].remedy)
        assert desk.found(kind, clock) == found[1:]


def test_every_remedy_is_done_by_a_test_or_marked_as_a_persons() -> None:
    assert {name for name, kind in KINDS.items() if not kind.manual} == STATES.keys() | ELSEWHERE
    assert sum(bool(kind.manual) for kind in KINDS.values()) <= 12


@pytest.mark.joint
def test_a_home_that_is_down_is_brought_up_by_what_status_says(bare: CommandLine) -> None:
    said = bare.run("status", "--json")
    assert said.code == 1
    remedies = {finding["remedy"] for finding in said.document["findings"] if finding["kind"] == "service_down"}
    assert remedies == {"start it with `ghtrader-assets up`"}
