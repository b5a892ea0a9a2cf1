"""A provider that is wrong about the main contract: one finding, in the same words wherever a person looks."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import count
from typing import Any

import dagster as dg
import pytest
import time_machine

from ghtrader_assets.assets.build import build_definitions
from ghtrader_assets.assets.resources import Platform
from ghtrader_assets.assets.symbol_days import LOAD
from ghtrader_assets.assets.tables import asset_key
from ghtrader_assets.clock import SYSTEM_CLOCK
from ghtrader_assets.dashboard.data import Source
from ghtrader_assets.dashboard.pages.day import day_page
from ghtrader_assets.dashboard.pages.operations import operations_page
from ghtrader_assets.dashboard.pages.overview import overview_page
from ghtrader_assets.dashboard.pages.parts import Links
from ghtrader_assets.market.calendar import TradingCalendar
from ghtrader_assets.market.symbols import parse_symbol
from ghtrader_assets.services.exporter import TablesCollector
from ghtrader_assets.settings import load_settings
from ghtrader_assets_tests.apart import apart
from ghtrader_assets_tests.fix_exchange import ExchangeControl
from ghtrader_assets_tests.fix_platform import CommandLine, Ran
from ghtrader_assets_tests.fix_receiver import Receiver

pytestmark = pytest.mark.joint


@dataclass(frozen=True)
class Case:
    """The roll of `days[1]` came to `contract` by the provider's table; on `days[0]` all is well."""

    code: str
    symbol: str
    contract: str
    days: tuple[date, date, date]
    state: str
    says: tuple[str, ...]

    @property
    def wrong(self) -> list[str]:
        return [str(day) for day in self.days[1:]]

    @property
    def evening(self) -> datetime:
        """When the last of the days is expected."""
        return datetime.fromisoformat(f"{self.days[-1]}T22:00:00+08:00")


MINUTES = count()
INDEX = (date(2025, 12, 17), date(2025, 12, 18), date(2025, 12, 19))
EARLIER = (date(2025, 11, 19), date(2025, 11, 20), date(2025, 11, 21))
SUGAR = (date(2025, 12, 1), date(2025, 12, 2), date(2025, 12, 3))
CASES = [
    Case(
        "provider_main_expired", "KQ.m@CFFEX.IF", "CFFEX.IF2511", INDEX, "missing",
        ("CFFEX.IF2511 ended on 2025-11-21 and the provider still calls it main", "--from 2025-11-24 --to DAY"),
    ),
    Case(
        "provider_main_unlisted", "KQ.m@CFFEX.IF", "CFFEX.IF2604", EARLIER, "missing",
        ("CFFEX.IF2604 is not listed before 2026-02-25 and the provider already calls it main",),
    ),
    Case(
        "provider_main_unknown", "KQ.m@CZCE.SR", "CZCE.SR604", SUGAR, "unknown_contract",
        ("the provider knows no contract CZCE.SR604 and calls it main all the same",),
    ),
]  # fmt: skip


@dataclass(frozen=True)
class Evening:
    """A platform on the evening of a case's last day, its days loaded as far as they could be."""

    case: Case
    shared: CommandLine

    @property
    def environment(self) -> dict[str, str]:
        return {"GHTRADER_SYMBOLS": self.case.symbol, "GHTRADER_START_DATE": str(self.case.days[0])}

    def run(self, *words: str) -> Ran:
        """A command, a minute after the one before it: it accounts for the loads that began after itself."""
        at = self.case.evening + timedelta(minutes=next(MINUTES))
        return self.shared.run(*words, at=at, **self.environment)

    def over_the_days(self, command: str, *words: str) -> Ran:
        first, *_, last = self.case.days
        return self.run(command, self.case.symbol, "--from", str(first), "--to", str(last), *words)


@pytest.fixture(params=CASES, ids=lambda case: case.code)
def evening(request: pytest.FixtureRequest, shared: CommandLine, exchange: ExchangeControl) -> Iterator[Evening]:
    case: Case = request.param
    made = Evening(case, shared)
    rule = {"kind": "wrong_main", "symbol": case.symbol, "trading_day": case.wrong[0], "contract": case.contract}
    exchange.faults(rule)
    assert made.run("schedule", case.symbol, "--refresh").code == 0
    yield made
    exchange.reset()
    assert made.run("schedule", case.symbol, "--refresh").code == 0


@pytest.fixture
def here(evening: Evening, monkeypatch: pytest.MonkeyPatch) -> Iterator[Evening]:
    """This process on that evening, pointed at the same store and exchange, once the days were tried."""
    evening.over_the_days("backfill")
    for name, value in evening.shared.whole_environment(evening.environment).items():
        monkeypatch.setenv(name, value)
    with time_machine.travel(evening.case.evening + timedelta(minutes=next(MINUTES))):
        yield evening


def test_one_answer_in_dagster_the_exporter_and_on_the_dashboard(
    here: Evening, calendar: TradingCalendar, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GHTRADER_ALERT_URLS", receiver.url)
    case, symbol = here.case, parse_symbol(here.case.symbol)
    finding: str = here.over_the_days("days", "--json").document[-1]["reason"]
    where = build_definitions(load_settings(), SYSTEM_CLOCK).get_repository_def()
    with dg.instance_for_test() as instance:
        with dg.build_sensor_context(
            instance=instance, repository_def=where, resources={"platform": Platform(load_settings(), SYSTEM_CLOCK)}
        ) as context:
            watching: Any = where.get_sensor_def("watch_feeds").evaluate_tick(context)
        (check,) = [event for event in watching.asset_events if event.check_name == "latest_day"]
        assert (check.passed, finding in str(check.description)) == (False, True)
        assert "override" in str(check.metadata["remedy"].value)
        (message,) = receiver.messages
        assert finding in message["message"]

        tables = [asset_key(symbol, "main_schedule"), asset_key(symbol, "ticks")]
        ran = apart(
            where.get_implicit_global_asset_job_def().execute_in_process,
            instance=instance,
            asset_selection=tables,
            partition_key=case.wrong[-1],
            raise_on_error=False,
        )
    (failure,) = ran.get_step_failure_events()
    assert finding in str(failure.step_failure_data.user_failure_data)
    (scheduled,) = ran.asset_materializations_for_node(LOAD)
    said = scheduled.metadata.get("finding")
    assert (said.value if said else None) == (finding if case.state == "missing" else None)
    _in_the_exporter_and_on_the_dashboard(case, finding, calendar)


def _in_the_exporter_and_on_the_dashboard(case: Case, finding: str, calendar: TradingCalendar) -> None:
    settings = load_settings()
    families = {family.name: family for family in TablesCollector(settings, SYSTEM_CLOCK).collect()}
    days = {
        sample.labels["state"]: sample.value
        for sample in families["ghtrader_days"].samples
        if sample.labels["symbol"] == case.symbol
    }
    assert (days[case.code], "missing" in days, "unknown_contract" in days) == (2, False, False)
    wrong = [sample for sample in families["ghtrader_wrong_main_days"].samples if sample.labels["code"] == case.code]
    assert [(sample.labels["symbol"], sample.labels["finding"], sample.value) for sample in wrong] == [
        (case.symbol, finding, 2)
    ]

    source, symbol = Source(settings, calendar, SYSTEM_CLOCK), parse_symbol(case.symbol)
    try:
        grid = source.grid([case.symbol], case.days[-1])
        pages = [
            overview_page(grid, None),
            day_page(source.day(symbol, case.days[-1]), "", calendar.previous(case.days[-1]), None, Links()),
        ]
        for page in pages:
            assert finding in text_of(page)
            assert "ghtrader-assets repair" not in text_of(page)
        if case.state == "missing":
            operations = text_of(operations_page(source.operations("1h")))
            assert (finding in operations, "ghtrader-assets repair --from" in operations) == (True, False)
    finally:
        source.close()


def text_of(page: object) -> str:
    """All that a page says, as it is sent to the browser."""
    found: list[str] = []

    def gather(item: Any) -> None:
        if isinstance(item, dict):
            gather(item.get("props", {}).get("children"))
        elif isinstance(item, list):
            for part in item:
                gather(part)
        elif item is not None:
            found.append(str(item))

    from dash._utils import to_json

    gather(json.loads(to_json(page)))
    return " ".join(found)


def test_one_answer_on_the_command_line_until_it_is_mended(evening: Evening, exchange: ExchangeControl) -> None:
    case = evening.case
    loaded = evening.over_the_days("backfill", "--json")
    assert loaded.code == 1, loaded.err
    failed = {item["trading_day"]: item["reason"] for item in loaded.document["failed"]}
    assert sorted(failed) == case.wrong
    (finding,) = set(failed.values())
    for word in (f"{case.code}: ", *case.says, "--refresh`", f"override {case.symbol} --contract CONTRACT"):
        assert word in finding

    days = evening.over_the_days("days", "--json").document
    assert [(day["trading_day"], day["ingest_state"], day["contract"], day["reason"]) for day in days[1:]] == [
        (day, case.state, case.contract, finding) for day in case.wrong
    ]
    (covered,) = evening.run("coverage", case.symbol, "--json").document
    assert covered["missing_days"] == {case.code: case.wrong}
    plan = evening.over_the_days("repair", "--json")
    found = [item for part in ("planned", "waiting", "given_up") for item in plan.document[part]]
    assert plan.code == 1
    assert [(item["trading_day"], item["cause"], item["reason"]) for item in found] == [
        (day, case.code, finding) for day in case.wrong
    ]
    (feed,) = evening.run("status", "--json").document["feeds"]
    assert (feed["state"], feed["expected_day"]) == ("bad", case.wrong[-1])
    assert finding in feed["reason"]
    assert "override" in feed["remedy"]
    assert f"WRONG: {finding}" in evening.over_the_days("schedule").out
    scheduled = evening.over_the_days("schedule", "--json").document
    assert [(row["trading_day"], row["finding"]) for row in scheduled if row["finding"]] == [
        (day, finding) for day in case.wrong
    ]
    _mended(evening, exchange)


def test_a_symbol_whose_main_contract_is_none_stops_no_other(shared: CommandLine, exchange: ExchangeControl) -> None:
    wrong, sound = "KQ.m@CZCE.SR", "KQ.m@CFFEX.IF"
    text = "\x1b[2J" + "白糖" * 40
    exchange.faults({"kind": "wrong_main", "symbol": wrong, "trading_day": "2025-12-02", "contract": text})
    loaded = shared.run(
        "backfill", wrong, sound, "--from", "2025-12-02", "--to", "2025-12-02", "--json",
        GHTRADER_SYMBOLS=f"{wrong},{sound}",
    )  # fmt: skip
    assert loaded.code == 1, loaded.err
    assert [item["symbol"] for item in loaded.document["succeeded"]] == [sound]
    ((symbol, reason),) = [(item["symbol"], item["reason"]) for item in loaded.document["failed"]]
    assert symbol == wrong
    assert reason.startswith("provider_main_unknown: '[2J白糖")
    assert len(reason) < 500


def _mended(evening: Evening, exchange: ExchangeControl) -> None:
    """Once the provider's table is right, and was read anew, `repair` loads the days."""
    case = evening.case
    exchange.reset()
    assert evening.run("schedule", case.symbol, "--refresh").code == 0
    plan = evening.over_the_days("repair", "--json").document
    cause = "missing" if case.state == "missing" else "stale"
    assert [(item["trading_day"], item["cause"]) for item in plan["planned"]] == [(day, cause) for day in case.wrong]
    applied = evening.over_the_days("repair", "--apply", "--json")
    assert applied.code == 0, applied.err
    days = evening.over_the_days("days", "--json").document
    assert {day["ingest_state"] for day in days} == {"complete"}

    rule = {"kind": "wrong_main", "symbol": case.symbol, "trading_day": case.wrong[0], "contract": case.contract}
    exchange.faults(rule)
    assert evening.run("schedule", case.symbol, "--refresh").code == 0
    again = evening.over_the_days("repair", "--json").document
    if case.state == "missing":
        assert again["planned"] == [], "a day that is stored for a contract that can be it is left alone"
        assert {item["cause"] for item in again["given_up"]} == {case.code}
