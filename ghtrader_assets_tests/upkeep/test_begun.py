"""A history reaches from its first load to its last, or to today where the daily schedule is on."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from ghtrader_assets.clock import SYSTEM_CLOCK
from ghtrader_assets.context.store import StoreContext
from ghtrader_assets.errors import IngestState
from ghtrader_assets.market.calendar import TradingCalendar
from ghtrader_assets.market.schedule import ScheduleDay, last_completed_day, schedule_hash
from ghtrader_assets.market.symbols import parse_symbol
from ghtrader_assets.orchestration.repair import RepairRange, plan_repair
from ghtrader_assets.questdb.client.connection import Database
from ghtrader_assets.questdb.tables.records import write_schedules
from ghtrader_assets.settings import Settings
from ghtrader_assets.upkeep.begun import begun_spans
from ghtrader_assets_tests.pasts import Past, put

MONDAY, FIRST, MISSED, LAST = date(2026, 1, 5), date(2026, 1, 6), date(2026, 1, 7), date(2026, 1, 8)


def test_a_first_week_is_repaired_and_no_year_is_begun(db: Database, calendar: TradingCalendar, tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, start_date=MONDAY)
    context = StoreContext(settings=settings, calendar=calendar, database=db)
    begun, untouched = parse_symbol("KQ.m@SHFE.br"), parse_symbol("KQ.m@SHFE.ad")
    put(
        context.database,
        {
            (begun.text, FIRST): Past("digest", False, None, None, (IngestState.COMPLETE,)),
            (begun.text, LAST): Past(None, False, None, None, (IngestState.BROKEN,)),
        },
    )
    today = last_completed_day(context.calendar, SYSTEM_CLOCK.now_ns())
    mains = [ScheduleDay(begun.text, day, "SHFE.br2603", 0, False, False) for day in calendar.days(MONDAY, LAST)]
    write_schedules(db, {schedule_hash(mains): mains}, SYSTEM_CLOCK.now())
    symbols = [begun, untouched]
    assert begun_spans(context, symbols, followed=False) == {begun.text: (FIRST, LAST)}
    assert begun_spans(context, symbols, followed=True) == {begun.text: (FIRST, today)}

    def planned(asked: RepairRange) -> list[date]:
        return [item.trading_day for item in plan_repair(context, [begun], asked).planned]

    assert planned(RepairRange(None, today, carried_on=False)) == [FIRST, MISSED, LAST]
    assert planned(RepairRange(None, today, carried_on=True)) == context.calendar.days(FIRST, today)
    assert planned(RepairRange(MONDAY, LAST, carried_on=False)) == context.calendar.days(MONDAY, LAST)
    never = plan_repair(context, [untouched], RepairRange(None, LAST, carried_on=False)).planned
    assert [item.trading_day for item in never] == context.calendar.days(MONDAY, LAST)
