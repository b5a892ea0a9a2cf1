"""The sensor that tells the evening's report, once a trading day, at its time.

Belongs here: when it is told, and to whom. Does not belong here: what it says (`upkeep.evening`), its page
(`dashboard`).

It waits for no run: where the load did not run, or the store does not answer, that is what it tells.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Final

import dagster as dg

from ghtrader_assets.alerts import Alert, send_new
from ghtrader_assets.assets.dagster_internals import schedule_is_on
from ghtrader_assets.assets.resources import PlatformResource
from ghtrader_assets.context.store import embedded_service
from ghtrader_assets.errors import GhtraderError
from ghtrader_assets.market.calendar import calendar_for
from ghtrader_assets.market.symbols import Symbol
from ghtrader_assets.orchestration.daemon import daemon_url
from ghtrader_assets.runtime import DASHBOARD
from ghtrader_assets.services.dagster_state import DAILY_SCHEDULE
from ghtrader_assets.services.shares import disk_sentence
from ghtrader_assets.settings import Settings
from ghtrader_assets.upkeep.evening import TOLD_WITHIN, last_due, read_evening

INTERVAL_S: Final = 60


def evening_sensor(symbols: Sequence[Symbol]) -> dg.SensorDefinition:
    """Tells GHTRADER_ALERT_URLS how the trading day stands, at GHTRADER_REPORT_AT; running by default.

    Its cursor is the last day that was told. What could not be sent is sent at the next look.
    """

    @dg.sensor(  # pyright: ignore[reportUnknownMemberType] - dagster's own types are partial
        name="tell_evening",
        minimum_interval_seconds=INTERVAL_S,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Once a trading day, at GHTRADER_REPORT_AT Beijing time: what was loaded, is bad, late, accepted or"
        " given up, how the disk stands and what is to be done, to GHTRADER_ALERT_URLS; in one line if all is well.",
    )
    def tell_evening(context: dg.SensorEvaluationContext, platform: PlatformResource) -> dg.SensorResult:
        settings, clock = platform.settings, platform.clock
        day, due = last_due(calendar_for(settings.home), settings.report_at, clock.now())
        if context.cursor == day.isoformat() or clock.now() - due > TOLD_WITHIN:
            return dg.SensorResult(skip_reason=f"the evening of {day} is over", cursor=day.isoformat())
        loads_daily = schedule_is_on(context.instance, DAILY_SCHEDULE, by_default=settings.runs_by_itself)
        alert, whole = _report(platform, symbols, day, loads_daily=loads_daily)
        try:
            sent = send_new(settings, [alert], clock)
        except GhtraderError as error:
            return dg.SensorResult(skip_reason=f"the report of {day} was not sent: {error}")
        cursor = day.isoformat() if whole else context.cursor
        return dg.SensorResult(skip_reason=f"{alert.text.partition(chr(10))[0]} ({len(sent)} sent)", cursor=cursor)

    return tell_evening


def _report(
    platform: PlatformResource, symbols: Sequence[Symbol], day: date, *, loads_daily: bool
) -> tuple[Alert, bool]:
    """The report as an alert, and whether it is one: of a store that does not answer only that is told, once."""
    title = f"the evening of {day}"
    try:
        disk, low = disk_sentence(platform.settings)
        with platform.store() as opened:
            found = read_evening(opened, symbols, day, loads_daily=loads_daily, disk=disk, disk_is_low=low)
    except GhtraderError as error:
        return Alert(
            f"evening:{day}:unread", title, f"nothing is known of it: {error}", "`ghtrader-assets status`"
        ), False
    return Alert(f"evening:{day}", title, found.text(_links(platform.settings))), True


def _links(settings: Settings) -> list[str]:
    dashboard, dagster = embedded_service(settings.home, DASHBOARD), daemon_url(settings)
    links = [f"{dashboard.urls['http']}/evening"] if dashboard else []
    return links + ([f"{dagster}/runs"] if dagster else [])
