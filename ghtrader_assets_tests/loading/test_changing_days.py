"""Days that change: one in progress, a roll that is corrected, a new day; each makes exactly itself due."""

from __future__ import annotations

import dataclasses
import itertools
import json
import time
from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path

import pytest
import time_machine
from pydantic import SecretStr

from ghtrader_assets.clock import Clock
from ghtrader_assets.context.load import LoadContext
from ghtrader_assets.errors import IngestState
from ghtrader_assets.loading.days import load_days
from ghtrader_assets.loading.judgement import judge_days
from ghtrader_assets.loading.outcome import DayOutcome
from ghtrader_assets.loading.plan import plan_days
from ghtrader_assets.market.calendar import snapshot_calendar
from ghtrader_assets.market.clock import NS, SHANGHAI
from ghtrader_assets.market.session_events import parse_events
from ghtrader_assets.market.symbols import Symbol, parse_symbol
from ghtrader_assets.questdb.client.connection import Database
from ghtrader_assets.questdb.standing.day_states import read_day_states
from ghtrader_assets.questdb.tables.reader import read_daily_agg, read_summary
from ghtrader_assets.questdb.tables.tick_columns import read_ticks
from ghtrader_assets.reference.schedule import refresh_schedule
from ghtrader_assets.settings import Settings
from ghtrader_assets.tq.provider import Provider
from ghtrader_assets.upkeep.causes import Cause
from ghtrader_assets.upkeep.due import Need, needs_of
from ghtrader_assets.upkeep.repair import read_plan
from ghtrader_assets_tests.fix_exchange import ExchangeControl

CALENDAR = snapshot_calendar()


def at(text: str) -> int:
    """Epoch nanoseconds of a Beijing time."""
    return int(datetime.fromisoformat(text).replace(tzinfo=SHANGHAI).timestamp()) * NS


def slow_clock() -> Clock:
    """Each look at it is a millisecond later than the one before, however long the machine takes in between."""
    return Clock(itertools.count(time.time_ns(), 1_000_000).__next__)


@pytest.fixture
def platform(db: Database, exchange: ExchangeControl, tmp_path: Path) -> LoadContext:
    """The shared store and exchange, with a home of its own."""
    provider = Provider("quant", SecretStr("quant"), exchange.environment, "embedded")
    settings = Settings(home=tmp_path, start_date=date(2025, 12, 1), ingest_workers=2, min_free_mb=0, fast_history="on")
    return LoadContext(settings=settings, calendar=CALENDAR, database=db, provider=provider)


def loaded(
    platform: LoadContext, symbol: Symbol, days: Sequence[date], *, allow_partial: bool = False
) -> list[DayOutcome]:
    run = load_days(
        platform, {symbol: days}, "test", must_judge=True, on_retry=lambda _: None, allow_partial=allow_partial
    )
    return sorted(run, key=lambda item: item.trading_day)


def needs(
    platform: LoadContext, symbol: Symbol, days: Sequence[date], *, allow_partial: bool = False
) -> dict[date, Need]:
    return needs_of(platform, symbol, plan_days(platform, symbol, days, allow_partial=allow_partial).days)


def test_a_day_in_progress_is_refused_or_partial_and_loaded_again_once_complete(platform: LoadContext) -> None:
    symbol, day = parse_symbol("KQ.m@INE.sc"), date(2026, 1, 8)
    at_eleven = dataclasses.replace(platform, clock=Clock(lambda: at("2026-01-08 11:00")))
    (refused,) = loaded(at_eleven, symbol, [day])
    assert "not complete before 2026-01-08 16:00" in refused.failure
    assert read_daily_agg(platform.database, symbol.text, [day]) == []

    (partial,) = loaded(at_eleven, symbol, [day], allow_partial=True)
    assert (partial.failure, partial.state, partial.judgement) == ("", IngestState.PARTIAL, None)
    stored = read_ticks(platform.database, symbol.text, CALENDAR.window(day))
    last = stored["datetime_ns"].to_list()[-1]
    assert at("2026-01-08 10:58:30") < last < at("2026-01-08 10:59")
    (standing,) = read_day_states(platform.database, [symbol.text], day, day, platform.clock.now())
    assert (standing.ingest_state, standing.state, standing.rows) == ("partial", "partial", stored.height)
    (unjudged,) = judge_days(platform, symbol, [day], full=True)
    assert (unjudged.state, unjudged.judgement, unjudged.failure) == (IngestState.PARTIAL, None, "")
    assert needs(at_eleven, symbol, [day], allow_partial=True) == {day: Need.LOAD}, "there may be more by now"

    assert needs(platform, symbol, [day]) == {day: Need.LOAD}
    (whole,) = loaded(platform, symbol, [day])
    assert (whole.failure, whole.state) == ("", IngestState.COMPLETE)
    assert whole.judgement is not None
    assert whole.manifest is not None
    assert whole.manifest.rows > stored.height + 5_000
    assert needs(platform, symbol, [day]) == {day: Need.NOTHING}


def test_a_day_has_no_partition_on_the_evening_before_it(platform: LoadContext) -> None:
    monday, sunday = date(2026, 1, 12), dataclasses.replace(platform, clock=Clock(lambda: at("2026-01-11 12:00")))
    assert list(plan_days(sunday, parse_symbol("KQ.m@INE.sc"), [monday], allow_partial=True).refused) == [monday]


def test_a_corrected_roll_makes_exactly_its_days_due_and_a_new_day_no_other(
    platform: LoadContext, exchange: ExchangeControl
) -> None:
    symbol = parse_symbol("KQ.m@GFEX.lc")
    days = CALENDAR.days(date(2025, 11, 27), date(2025, 12, 10))
    platform = dataclasses.replace(
        platform, settings=platform.settings.model_copy(update={"start_date": date(2025, 11, 1)}), clock=slow_clock()
    )
    rows = refresh_schedule(platform, symbol).rows
    (roll,) = [day for day in days if rows[day].is_roll]
    at_roll = days.index(roll)
    assert 2 < at_roll < len(days) - 2
    before = {item.trading_day: item for item in loaded(platform, symbol, days[:-1])}
    assert {item.failure for item in before.values()} == {""}

    assert needs(platform, symbol, days) == {**dict.fromkeys(days[:-1], Need.NOTHING), days[-1]: Need.LOAD}
    loaded(platform, symbol, days[-1:])

    exchange.faults({"kind": "moved_roll", "symbol": symbol.text, "trading_day": roll.isoformat(), "amount": 2})
    assert refresh_schedule(platform, symbol).rows == rows, "a minute has not passed"
    corrected = refresh_schedule(platform, symbol, force_refresh=True).rows
    changed = {day for day in days if corrected[day].contract != rows[day].contract}
    assert changed == {roll, days[at_roll + 1]}
    due = needs(platform, symbol, days)
    assert {day for day, need in due.items() if need != Need.NOTHING} == changed
    assert {due[day] for day in changed} == {Need.LOAD}

    again = {item.trading_day: item for item in loaded(platform, symbol, sorted(changed))}
    stored = {row.trading_day: row for row in read_daily_agg(platform.database, symbol.text, days)}
    for day in changed:
        assert again[day].failure == ""
        assert stored[day].contract == corrected[day].contract == rows[days[at_roll - 1]].contract
        assert stored[day].digest != manifest_digest(before[day])
    for day in set(days[:-1]) - changed:
        assert stored[day].digest == manifest_digest(before[day]), "its neighbours were left alone"
    assert set(needs(platform, symbol, days).values()) == {Need.NOTHING}
    assert set(read_summary(platform.database, symbol.text, days)) == set(days)


def test_days_after_a_contracts_last_are_refused_and_the_others_planned(platform: LoadContext) -> None:
    symbol, days = parse_symbol("INE.sc2603"), CALENDAR.days(date(2026, 2, 26), date(2026, 3, 2))
    plan = plan_days(platform, symbol, days)
    assert [day.trading_day for day in plan.days] == days[:2]
    ((day, error),) = plan.refused.items()
    assert (day, getattr(error, "state", None)) == (days[2], IngestState.EXPIRED)
    assert "INE.sc2603 ended on 2026-02-27" in str(error)


def test_a_suspended_day_without_ticks_says_so_and_is_nothing_to_repair(
    platform: LoadContext, exchange: ExchangeControl
) -> None:
    symbol, day = parse_symbol("KQ.m@INE.sc"), date(2026, 1, 21)
    contract = refresh_schedule(platform, symbol).rows[day].contract
    exchange.faults({"kind": "no_data", "symbol": contract, "trading_day": day.isoformat()})
    (empty,) = loaded(platform, symbol, [day])
    assert empty.state == IngestState.PROVIDER_EMPTY
    assert repairs(platform, symbol, day) == [Cause.PROVIDER_EMPTY]

    event = {"exchanges": ["INE"], "products": ["sc"], "contracts": [contract.partition(".")[2]], "action": "skip"}
    days = {"first_day": day.isoformat(), "last_day": day.isoformat(), "source": "INE notice 42"}
    both = [{**event, **days, "session": session} for session in ("night", "day")]
    suspended = dataclasses.replace(platform, operator_events=parse_events(json.dumps(both), "mine"))
    (explained,) = loaded(suspended, symbol, [day])
    assert explained.failure.endswith("no session was held: INE notice 42")
    assert repairs(suspended, symbol, day) == []


def test_past_the_calendars_end_what_is_known_stays_usable(platform: LoadContext) -> None:
    with time_machine.travel(datetime(2028, 3, 2, 12, tzinfo=SHANGHAI)):
        rows = refresh_schedule(platform, parse_symbol("KQ.m@INE.sc")).rows
    assert max(rows) == CALENDAR.days(date(2027, 12, 1), CALENDAR.horizon)[-1]
    assert not rows[CALENDAR.horizon].provisional


def repairs(platform: LoadContext, symbol: Symbol, day: date) -> list[Cause]:
    plan = read_plan(platform, [symbol], day, day, datetime.now(tz=SHANGHAI))
    return [item.cause for item in (*plan.planned, *plan.waiting, *plan.given_up)]


def manifest_digest(outcome: DayOutcome) -> str:
    assert outcome.manifest is not None
    return outcome.manifest.digest
