"""The calendar as an asset: confirmed, contradicted, near its end; a running Dagster takes up a changed one."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest
import time_machine

from ghtrader_assets.assets.calendar import (
    CONFIRMED,
    HORIZON,
    HOURS,
    TRADING_CALENDAR,
    horizon_check,
    trading_calendar,
)
from ghtrader_assets.assets.resources import Platform
from ghtrader_assets.clock import SYSTEM_CLOCK
from ghtrader_assets.market.calendar import TradingCalendar, calendar_for, calendar_path, changed_days, dump_calendar
from ghtrader_assets.market.clock import SHANGHAI
from ghtrader_assets.market.symbols import parse_symbol
from ghtrader_assets.reference.confirmation import last_confirmation
from ghtrader_assets.reference.live_hours import kept_hours
from ghtrader_assets.settings import load_settings
from ghtrader_assets_tests.apart import apart
from ghtrader_assets_tests.fix_exchange import ExchangeControl
from ghtrader_assets_tests.fix_platform import CommandLine, RunningPlatform

CALENDAR_KEYS = """
query Keys($key: AssetKeyInput!) { assetNodeOrError(assetKey: $key) { ... on AssetNode {
  partitionKeysByDimension(startIdx: 0) { partitionKeys } } } }"""
CHANGED = date(2026, 3, 4)
TODAY = date(2026, 11, 27)


@pytest.fixture
def pointed(shared: CommandLine, monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    """The shared exchange and a home of its own, as the settings of this process."""
    for name, value in {**shared.environment, "GHTRADER_HOME": str(shared.home)}.items():
        monkeypatch.setenv(name, value)
    return shared


def materialized() -> tuple[dict[str, dg.MetadataValue], dict[str, dg.AssetCheckEvaluation]]:
    """Materialize the calendar and run its checks: the metadata, and the checks by name."""
    with dg.DagsterInstance.ephemeral() as instance, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of dagster itself
        result = apart(
            dg.materialize,
            [trading_calendar, horizon_check],
            instance=instance,
            resources={"platform": Platform(load_settings(), SYSTEM_CLOCK)},
        )
    (event,) = result.asset_materializations_for_node("trading_calendar")
    return dict(event.metadata), {
        evaluation.check_name: evaluation for evaluation in result.get_asset_check_evaluations()
    }


def stored(home: Path, calendar: TradingCalendar) -> None:
    path = calendar_path(home)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(dump_calendar(calendar), encoding="utf-8")


def test_a_calendar_that_the_provider_confirms(pointed: CommandLine, calendar: TradingCalendar) -> None:
    """And whose inferred year its list settles."""
    metadata, checks = materialized()
    settled = calendar_for(pointed.home)
    assert (settled.inferred_from, changed_days(settled, calendar)) == (None, [])
    assert metadata["digest"].value == settled.digest
    assert (metadata["differences"].value, metadata["definitions"].value) == (0, "read at the next start of Dagster")
    assert materialized()[0]["definitions"].value == "unchanged"
    assert checks[CONFIRMED].passed
    assert checks[HOURS].passed
    assert set(kept_hours(pointed.home)) == {"KQ.m@SHFE.cu", "KQ.m@SHFE.au", "KQ.m@SHFE.ag"}
    said = last_confirmation(pointed.home, settled)
    assert said is not None
    assert (said.differences, said.failure) == ([], "")


def test_a_difference_is_loud_everywhere_and_changes_nothing(
    pointed: CommandLine, exchange: ExchangeControl, calendar: TradingCalendar
) -> None:
    exchange.faults({"kind": "holiday", "trading_day": str(CHANGED)})
    metadata, checks = materialized()
    wrong = checks[CONFIRMED]
    assert (wrong.passed, wrong.severity) == (False, dg.AssetCheckSeverity.ERROR)
    assert "2026-03-04 (Wed): open in our calendar, closed in the provider's list" in (wrong.description or "")
    assert metadata["differences"].value == 1
    assert changed_days(calendar_for(pointed.home), calendar) == []
    doctor = pointed.run("doctor", "--json")
    (finding,) = [item for item in doctor.document["findings"] if item["subject"] == "holiday list"]
    assert (finding["level"], "2026-03-04" in finding["finding"]) == ("error", True)


def test_other_hours_at_the_provider_fail_a_check_and_an_unknown_symbol_is_a_warning(
    pointed: CommandLine, exchange: ExchangeControl, monkeypatch: pytest.MonkeyPatch
) -> None:
    exchange.faults({"kind": "hours", "symbol": "*"})
    wrong = materialized()[1][HOURS]
    assert (wrong.passed, wrong.severity) == (False, dg.AssetCheckSeverity.ERROR)
    assert "night session of" in (wrong.description or "")
    monkeypatch.setenv("GHTRADER_SYMBOLS", "KQ.m@SHFE.sn")
    unasked = materialized()[1][HOURS]
    assert (unasked.passed, unasked.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert "could not be compared" in (unasked.description or "")


@pytest.mark.parametrize(
    ("days_ahead", "passed", "severity"),
    [(60, True, None), (59, False, dg.AssetCheckSeverity.WARN), (-1, False, dg.AssetCheckSeverity.ERROR)],
)
def test_the_horizon_warns_and_then_fails(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    calendar: TradingCalendar,
    days_ahead: int,
    passed: bool,
    severity: dg.AssetCheckSeverity | None,
) -> None:
    monkeypatch.setenv("GHTRADER_HOME", str(tmp_path))
    last = TODAY + timedelta(days=days_ahead)
    weekdays = [day for day in _days_after(calendar.horizon, last) if day.weekday() < 5]
    known = calendar.days(calendar.first, min(last, calendar.horizon))
    longer = TradingCalendar(
        [calendar.previous(calendar.first), *known, *weekdays], first=calendar.first, horizon=last, source="a test"
    )
    stored(tmp_path, longer)
    with time_machine.travel(datetime(TODAY.year, TODAY.month, TODAY.day, 12, tzinfo=SHANGHAI), tick=False):
        result = horizon_check(Platform(load_settings(), SYSTEM_CLOCK))
    assert isinstance(result, dg.AssetCheckResult)
    assert result.passed == passed
    assert result.asset_key in (None, TRADING_CALENDAR)
    assert result.check_name in (None, HORIZON)
    assert severity is None or result.severity == severity


def _days_after(start: date, end: date) -> Iterator[date]:
    return (start + timedelta(days=number) for number in range(1, (end - start).days + 1))


def partition_keys(platform: RunningPlatform) -> set[str]:
    path = {"path": [parse_symbol("KQ.m@SHFE.cu").key, "ticks"]}
    node = platform.graphql(CALENDAR_KEYS, key=path)["assetNodeOrError"]
    return {key for dimension in node["partitionKeysByDimension"] for key in dimension["partitionKeys"]}


@pytest.mark.joint
def test_a_running_dagster_takes_up_a_changed_calendar(platform: RunningPlatform, calendar: TradingCalendar) -> None:
    """Without a restart: a day that the provider trades appears as a partition, all others stay what they were."""
    before = partition_keys(platform)
    assert str(CHANGED) in before
    platform.exchange.faults({"kind": "holiday", "trading_day": str(CHANGED)})
    try:
        gone = platform.command.run("calendar", "--refresh", "--adopt", "--json")
        refresh = gone.document["refresh"]
        assert gone.code == 0
        assert refresh["changed"] == [str(CHANGED), str(calendar.next(CHANGED))]
        assert refresh["definitions"] == "read anew by the running Dagster"
        assert before - partition_keys(platform) == {str(CHANGED)}
        platform.exchange.reset()
        back = json.loads(platform.command.run("calendar", "--refresh", "--adopt", "--json").out)["refresh"]
        assert (back["changed"], partition_keys(platform)) == (refresh["changed"], before)
    finally:
        platform.exchange.reset()
        calendar_path(platform.command.home).unlink(missing_ok=True)
