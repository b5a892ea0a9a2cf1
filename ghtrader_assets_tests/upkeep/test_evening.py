"""The evening's report: due once a trading day, one line if all is well, and else what is wrong with what helps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ghtrader_assets.clock import Clock
from ghtrader_assets.context.store import StoreContext
from ghtrader_assets.errors import IngestState
from ghtrader_assets.market.calendar import TradingCalendar, snapshot_calendar
from ghtrader_assets.market.clock import SHANGHAI, instant_ns
from ghtrader_assets.market.symbols import parse_symbol
from ghtrader_assets.questdb.client.connection import Database
from ghtrader_assets.questdb.tables.records import write_manifests
from ghtrader_assets.questdb.tables.writer import DayLoad
from ghtrader_assets.settings import Settings
from ghtrader_assets.upkeep.acceptance import accept_days
from ghtrader_assets.upkeep.evening import EveningReport, last_due, read_evening
from ghtrader_assets.upkeep.feeds import Feed, FeedState
from ghtrader_assets_tests.fix_store import Record, begin

CALENDAR = snapshot_calendar()
DAY = date(2026, 1, 8)
AT = time(21)
SPAN = (datetime(2025, 1, 10), datetime(2026, 6, 1))  # noqa: DTZ001 - as hypothesis wants them
DISK = "80 GB of disk free"
LoadOf = Callable[..., DayLoad]


@given(st.datetimes(*SPAN), st.times(time(16)))
def test_each_trading_day_has_one_instant_at_which_its_report_is_due(instant: datetime, at: time) -> None:
    now = instant.replace(tzinfo=SHANGHAI)
    day, due = last_due(CALENDAR, at.replace(second=0, microsecond=0), now)
    assert CALENDAR.is_trading_day(day)
    assert due <= now < datetime.combine(CALENDAR.next(day), at.replace(second=0, microsecond=0), SHANGHAI)
    assert last_due(CALENDAR, at.replace(second=0, microsecond=0), due) == (day, due)
    assert last_due(CALENDAR, at.replace(second=0, microsecond=0), due - timedelta(seconds=1))[0] < day


def feed(state: FeedState, name: str = "KQ.m@SHFE.cu") -> Feed:
    return Feed(name, state, DAY, None, None, None, "why", f"`load {name}`")


def report(*feeds: Feed, attempts: int = 1, low: bool = False) -> EveningReport:
    kept = {state: tuple(each for each in feeds if each.state == state) for state in FeedState}
    return EveningReport(
        DAY,
        loaded=kept[FeedState.GOOD],
        bad=kept[FeedState.BAD],
        late=kept[FeedState.LATE],
        idle=0,
        attempts=attempts,
        given_up=(),
        accepted=(),
        disk=DISK,
        disk_is_low=low,
    )


def test_one_line_if_all_is_well() -> None:
    said = report(feed(FeedState.GOOD), feed(FeedState.GOOD, "KQ.m@SHFE.au")).text()
    assert said == f"all is well: 2 loaded; {DISK}"


def test_what_is_not_well_has_its_words_and_what_helps_each_once() -> None:
    feeds = [feed(FeedState.LATE, f"KQ.m@SHFE.{name}") for name in ("cu", "cu", "au")]
    said = report(*feeds, feed(FeedState.BAD, "KQ.m@DCE.m"), attempts=0, low=True).text(["http://page"])
    lines = said.splitlines()
    assert lines[0] == f"0 loaded, 3 late, 1 bad, no load of the day began; {DISK}"
    assert lines.count("→ `load KQ.m@SHFE.cu`") == 1
    assert "KQ.m@DCE.m is bad: why" in lines
    assert "→ free space under GHTRADER_HOME" in lines
    assert lines[-1] == "http://page"


def test_sixty_late_symbols_are_counted_and_not_all_listed() -> None:
    said = report(*(feed(FeedState.LATE, f"KQ.m@SHFE.x{number}") for number in range(60))).text()
    assert "60 late" in said
    assert "… and 40 more" in said
    assert len(said.splitlines()) < 50


@pytest.fixture
def context(settings: Settings, calendar: TradingCalendar, db: Database) -> StoreContext:
    """The evening of the day, at ten."""
    at = instant_ns(DAY, 22 * 3600)
    opened = settings.model_copy(update={"automation": "on", "start_date": date(2026, 1, 5)})
    return StoreContext(settings=opened, calendar=calendar, database=db, clock=Clock(lambda: at))


def test_a_store_is_told_as_it_stands(context: StoreContext, db: Database, record: Record, load_of: LoadOf) -> None:
    """One symbol is loaded, one was tried and lost, one was never begun; a bad day of another week was accepted."""
    good, lost, idle = (parse_symbol(f"KQ.m@{name}") for name in ("SHFE.ss", "SHFE.sp", "SHFE.br"))

    def told() -> EveningReport:
        return read_evening(context, [good, lost, idle], DAY, loads_daily=True, disk=DISK, disk_is_low=False)

    record(replace(load_of(DAY), symbol=good.text))
    record(replace(load_of(date(2026, 1, 7)), symbol=lost.text))
    begun = begin(db, replace(load_of(DAY), symbol=lost.text))
    write_manifests(db, [replace(begun, outcome=IngestState.SHORT, reason="ticks lost", finished=begun.started)])
    found = told()
    assert [each.symbol for each in found.loaded] == [good.text]
    assert [each.symbol for each in found.late] == [lost.text]
    assert (found.idle, found.attempts, found.all_is_well) == (1, 2, False)
    assert "backfill KQ.m@SHFE.sp" in found.remedies[0]
    closed = accept_days(context, lost, DAY, DAY, who="me", reason="the provider lost them")
    assert closed.recorded
    assert told().late == ()
    assert told().accepted


def test_a_load_that_did_not_run_is_said(context: StoreContext, record: Record, load_of: LoadOf) -> None:
    symbol = parse_symbol("KQ.m@SHFE.pb")
    record(replace(load_of(date(2026, 1, 7)), symbol=symbol.text))
    found = read_evening(context, [symbol], DAY, loads_daily=True, disk=DISK, disk_is_low=False)
    assert "1 late, no load of the day began" in found.line
