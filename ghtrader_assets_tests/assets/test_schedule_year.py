"""A year of the daily schedule, by the plan that it makes of what would be stored; no store, no daemon."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import dagster as dg
import pytest

from ghtrader_assets.assets.repair import run_requests
from ghtrader_assets.market.calendar import snapshot_calendar
from ghtrader_assets.market.clock import SHANGHAI
from ghtrader_assets.market.schedule import last_completed_day
from ghtrader_assets.market.symbols import parse_symbol
from ghtrader_assets.orchestration.names import RANGE_END, RANGE_START
from ghtrader_assets.questdb.standing.histories import BulkVerdict, Content, Histories, Key
from ghtrader_assets.settings import Settings
from ghtrader_assets.upkeep.repair import Repair, find_repairs, plan_of
from ghtrader_assets.upkeep.wanted import wanted_days
from ghtrader_assets.validation.evidence import NO_EVIDENCE
from ghtrader_assets_tests.pasts import NO_ATTEMPTS

CALENDAR = snapshot_calendar()
SYMBOLS = tuple(parse_symbol(text) for text in ("KQ.m@SHFE.cu", "KQ.m@CZCE.SR", "KQ.m@CFFEX.IF"))
YEAR = CALENDAR.days(date(2025, 1, 1), date(2025, 12, 31))


def living_on(day: date) -> tuple[str, str, str]:
    """A contract of each symbol that trades on the day."""
    following = date(day.year, day.month, 28) + timedelta(days=4)
    return "SHFE.cu2601", "CZCE.SR601" if day.month > 6 else "CZCE.SR509", f"CFFEX.IF{following:%y%m}"


class SimulatedStore:
    """What the tables would say after each day's runs; the plan sees nothing else."""

    def __init__(self) -> None:
        self.contents: dict[Key, Content] = {}
        self.verdicts: dict[Key, BulkVerdict] = {}
        self.contracts: dict[Key, str] = {
            (symbol.text, day): contract
            for day in YEAR
            for symbol, contract in zip(SYMBOLS, living_on(day), strict=True)
        }

    def stands(self) -> Histories:
        return Histories(
            scheduled_to={symbol.text: YEAR[-1] for symbol in SYMBOLS},
            contracts=self.contracts,
            contents=self.contents,
            coverage=self.verdicts,
            quality=self.verdicts,
            holes={},
            _attempts=NO_ATTEMPTS,
        )

    def plan(self, at: datetime) -> list[Repair]:
        end = last_completed_day(CALENDAR, int(at.timestamp()) * 10**9)
        stands = self.stands()
        self.wanted = wanted_days(Settings(), CALENDAR, (), dict.fromkeys(SYMBOLS, (YEAR[0], end)), stands)
        return list(plan_of(find_repairs(self.wanted, stands, ()), stands, 4, at).planned)

    def load(self, request: dg.RunRequest) -> set[Key]:
        """Do what a run would: store and judge the days of the range."""
        days = CALENDAR.days(*(date.fromisoformat(request.tags[tag]) for tag in (RANGE_START, RANGE_END)))
        names = {key.path[0] for key in request.asset_selection or ()}
        done = {(symbol.text, day) for symbol in SYMBOLS if symbol.key in names for day in days}
        for key in done:
            wanted = self.wanted[key][1]
            self.contents[key] = Content(wanted.contract, "d", wanted.upstream, 9, partial=False)
            self.verdicts[key] = BulkVerdict(wanted.verdict_on("d", NO_EVIDENCE.digest("")), "ok", "quality_ok", "d")
        return done


@pytest.mark.parametrize(
    "days_of_year", [YEAR[:125], pytest.param(YEAR, marks=pytest.mark.soak)], ids=["half", "whole"]
)
def test_a_year_of_the_daily_schedule(days_of_year: list[date]) -> None:
    """Each trading day of each symbol is asked for once, on its evening; an outage is made up for; a roll reloads."""
    store, loaded, days = SimulatedStore(), set[Key](), CALENDAR.days(YEAR[0], CALENDAR.settled)
    outage = range(date(2025, 3, 3).toordinal(), date(2025, 3, 13).toordinal())
    rolled = (SYMBOLS[0].text, YEAR[100])
    evenings = 0
    for day in days_of_year:
        if day.toordinal() in outage:
            continue
        at = datetime(day.year, day.month, day.day, 19, 40, tzinfo=SHANGHAI)
        if day == YEAR[120]:
            store.contracts[rolled] = "SHFE.cu2602"
        requests = run_requests(store.plan(at), days, "daily_schedule", day.isoformat())
        fresh = set[Key]().union(*(store.load(request) for request in requests))
        missed = CALENDAR.days(date(2025, 3, 3), date(2025, 3, 13)) if day == date(2025, 3, 13) else [day]
        expected = {(symbol.text, item) for symbol in SYMBOLS for item in missed}
        assert fresh == expected | ({rolled} if day == YEAR[120] else set[Key]()), day
        assert (fresh - {rolled}).isdisjoint(loaded)
        assert evenings % 25 or store.plan(at) == []
        loaded |= fresh
        evenings += 1
    assert loaded == {(symbol.text, day) for symbol in SYMBOLS for day in days_of_year}
    assert evenings == len(days_of_year) - 8
