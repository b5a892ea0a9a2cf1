"""How days that need repair become Dagster's runs."""

from __future__ import annotations

import dataclasses
from datetime import date
from typing import Any

from ghtrader_assets.assets.repair import not_in_hand, run_requests
from ghtrader_assets.market.calendar import snapshot_calendar
from ghtrader_assets.market.symbols import parse_symbol
from ghtrader_assets.orchestration.names import ALL_TABLES, FROM_STORE, RANGE_END, RANGE_START
from ghtrader_assets.upkeep.causes import Cause
from ghtrader_assets.upkeep.due import Need
from ghtrader_assets.upkeep.repair import Repair

CALENDAR = snapshot_calendar()
SYMBOLS = tuple(parse_symbol(text) for text in ("KQ.m@SHFE.cu", "KQ.m@CZCE.SR", "KQ.m@CFFEX.IF"))
YEAR = CALENDAR.days(date(2025, 1, 1), date(2025, 12, 31))


def repair_of(symbol: Any, day: date, need: Need = Need.LOAD) -> Repair:
    return Repair(symbol, day, Cause.FAILED, need, "why", 1)


def test_repairs_become_runs_of_the_newest_days_first() -> None:
    days = CALENDAR.days(YEAR[0], CALENDAR.settled)
    scattered = [YEAR[0], YEAR[1], YEAR[5]]
    repairs = [repair_of(symbol, day) for symbol in SYMBOLS for day in scattered]
    requests = run_requests(repairs, days, "repair", "s")
    assert [(request.tags[RANGE_START], request.tags[RANGE_END]) for request in requests] == [
        (str(YEAR[5]), str(YEAR[5])), (str(YEAR[0]), str(YEAR[1])),
    ]  # fmt: skip
    assert all(len(request.asset_selection or ()) == len(ALL_TABLES) * len(SYMBOLS) for request in requests)
    assert [request.run_key for request in run_requests(repairs, days, "repair", "s")] == [
        request.run_key for request in requests
    ]
    tried_again = [dataclasses.replace(repair, tries=2) for repair in repairs]
    assert {request.run_key for request in run_requests(tried_again, days, "repair", "s")}.isdisjoint(
        request.run_key for request in requests
    )
    judged = run_requests([repair_of(SYMBOLS[0], YEAR[0], Need.JUDGEMENT)], days, "repair", "s")
    assert {key.path[-1] for key in judged[0].asset_selection or ()} == FROM_STORE


def test_what_a_run_has_in_hand_is_not_asked_for() -> None:
    repairs = [repair_of(SYMBOLS[0], day) for day in YEAR[:4]]
    left = not_in_hand(repairs, {SYMBOLS[0].key: [(str(YEAR[1]), str(YEAR[2]))], SYMBOLS[1].key: [(str(YEAR[0]),) * 2]})
    assert [item.trading_day for item in left] == [YEAR[0], YEAR[3]]
