"""The platform's clockwork on the first trading day of 2027, past the last published list of holidays."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path

import dagster as dg
import pytest
import time_machine

from ghtrader_assets.assets.build import build_definitions
from ghtrader_assets.assets.resources import Platform
from ghtrader_assets.assets.tables import asset_key
from ghtrader_assets.clock import SYSTEM_CLOCK
from ghtrader_assets.market.clock import SHANGHAI
from ghtrader_assets.market.symbols import parse_symbol
from ghtrader_assets.orchestration.names import ALL_TABLES, RANGE_END, RANGE_START
from ghtrader_assets.questdb.client.connection import Database
from ghtrader_assets.questdb.client.credentials import Endpoint
from ghtrader_assets.questdb.standing.day_states import read_day_states
from ghtrader_assets.settings import load_settings
from ghtrader_assets_tests.apart import apart
from ghtrader_assets_tests.fix_exchange import started_exchange
from ghtrader_assets_tests.fix_platform import pointed_at

POLYSILICON = parse_symbol("KQ.m@GFEX.ps")
LAST, FIRST = date(2026, 12, 31), date(2027, 1, 4)
EVENING = datetime(2027, 1, 4, 19, 40, tzinfo=SHANGHAI)


def test_the_first_trading_day_of_next_year_is_planned_loaded_and_judged(
    tmp_path: Path, questdb_endpoint: Endpoint, db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (
        started_exchange(tmp_path / "exchange", model=2, at=EVENING) as exchange,
        time_machine.travel(EVENING),
        dg.instance_for_test() as instance,
    ):
        settings = pointed_at(questdb_endpoint, exchange) | {
            "GHTRADER_HOME": str(tmp_path),
            "GHTRADER_SYMBOLS": POLYSILICON.text,
            "GHTRADER_START_DATE": str(LAST),
        }
        for name, value in settings.items():
            monkeypatch.setenv(name, value)
        where = build_definitions(load_settings(), SYSTEM_CLOCK).get_repository_def()

        def load(day: date) -> None:
            ran = apart(
                where.get_implicit_global_asset_job_def().execute_in_process,
                instance=instance,
                asset_selection=[asset_key(POLYSILICON, table) for table in ALL_TABLES],
                partition_key=str(day),
            )
            assert ran.success

        load(LAST)
        with dg.build_schedule_context(
            instance=instance,
            scheduled_execution_time=EVENING,
            repository_def=where,
            resources={"platform": Platform(load_settings(), SYSTEM_CLOCK)},
        ) as context:
            (request,) = where.get_schedule_def("load_trading_days").evaluate_tick(context).run_requests
        assert (request.tags[RANGE_START], request.tags[RANGE_END]) == (str(FIRST), str(FIRST))
        load(FIRST)
    found = read_day_states(db, [POLYSILICON.text], LAST, FIRST, EVENING, {})
    assert [(each.trading_day, each.state) for each in found] == [(LAST, "ok"), (FIRST, "ok")]
