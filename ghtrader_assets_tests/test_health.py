"""The health model: what follows from facts alone, and the page that is made of its words."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from ghtrader_assets.health import (
    KINDS,
    STUCK_AFTER,
    CodeLocation,
    Daemon,
    WorkedOn,
    dagster_findings,
    future_finding,
    horizon_finding,
    is_well,
    pool_findings,
    run_findings,
    service_finding,
)
from ghtrader_assets.market.calendar import check_horizon, snapshot_calendar
from ghtrader_assets_tests.health_page import PAGE, page

NOW = datetime(2026, 11, 30, 8, tzinfo=UTC)
CALENDAR = snapshot_calendar()


def test_the_page_is_what_the_model_says() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run `python -m ghtrader_assets_tests.health_page`"


def test_every_kind_says_what_helps_and_a_persons_says_why() -> None:
    assert all(kind.remedy and kind.seen.endswith(".") for kind in KINDS.values())
    assert all("`" in kind.remedy or kind.remedy == "{remedy}" for kind in KINDS.values() if not kind.manual)


def test_a_service_that_is_down_is_brought_up_by_whoever_is_there() -> None:
    """Two commands never send a user to each other: where `up` runs, nobody is told to start it."""
    down = service_finding("questdb", "does not run", None, "")
    assert (down.level, down.remedy) == ("error", "start it with `ghtrader-assets up`")
    returning = service_finding("questdb", "does not answer", 4711, "logs/questdb.log")
    assert returning.level == "error"
    assert "ghtrader-assets up" not in returning.remedy
    assert "4711" in returning.remedy
    assert "logs/questdb.log" in returning.remedy


def test_a_code_location_in_error_and_a_daemon_without_a_heartbeat() -> None:
    beat = NOW - timedelta(minutes=9)
    found = list(
        dagster_findings(
            [CodeLocation("ghtrader_assets", "BadInputError: KQ.m@SHFE.CU"), CodeLocation("mine", "")],
            [Daemon("SENSOR", True, NOW), Daemon("BACKFILL", False, beat), Daemon("ASSET", False, None)],
        )
    )
    assert [(finding.subject, finding.finding) for finding in found] == [
        ("code location ghtrader_assets", "BadInputError: KQ.m@SHFE.CU"),
        ("Dagster's backfill daemon", "no heartbeat since 2026-11-30 07:51:00 UTC"),
        ("Dagster's asset daemon", "no heartbeat ever"),
    ]
    assert not is_well(found)


def test_a_run_without_a_process_is_stuck_once_the_platform_had_its_time_to_end_it() -> None:
    runs = [
        WorkedOn("dead", "STARTED", NOW - 2 * STUCK_AFTER),
        WorkedOn("alive", "STARTED", NOW - 2 * STUCK_AFTER),
        WorkedOn("new", "STARTING", NOW),
    ]
    (found,) = run_findings(runs, lambda run_id: run_id == "alive", lambda run_id: None, NOW)
    assert (found.subject, found.level) == ("run dead", "error")
    assert found.finding == "STARTED since 2026-11-30 07:54:00 UTC, and its process is gone"


def test_a_run_that_is_stopped_is_named_with_its_process_at_once() -> None:
    runs = [WorkedOn("stopped", "STARTED", NOW), WorkedOn("alive", "STARTED", NOW)]
    (found,) = run_findings(runs, lambda run_id: True, {"stopped": 4711}.get, NOW)
    assert (found.subject, found.kind) == ("run stopped", "run_stopped")
    assert "its process 4711 is stopped" in found.finding
    assert "`kill -CONT 4711`" in found.remedy


def test_a_pool_without_a_slot_holds_all_loads() -> None:
    assert list(pool_findings("loads", None)) == list(pool_findings("loads", 4)) == []
    (found,) = pool_findings("loads", 0)
    assert not is_well([found])
    assert "`loads`" in found.remedy


@pytest.mark.parametrize(
    ("today", "level"),
    [(date(2026, 10, 1), "ok"), (date(2026, 12, 1), "warn"), (date(2027, 12, 31), "warn"), (date(2028, 1, 3), "error")],
)
def test_the_calendars_end_warns_two_months_before_and_is_an_error_once_past(today: date, level: str) -> None:
    finding = horizon_finding(check_horizon(CALENDAR, today))
    assert finding.level == level
    assert is_well([finding]) == (level != "error")
    assert level == "ok" or "`ghtrader-assets calendar --refresh`" in finding.remedy


def test_a_load_of_the_future_names_the_command_that_replaces_it() -> None:
    finding = future_finding("KQ.m@SHFE.cu", date(2026, 11, 27), NOW)
    assert "`ghtrader-assets backfill KQ.m@SHFE.cu --from 2026-11-27 --to 2026-11-27 --force`" in finding.remedy
