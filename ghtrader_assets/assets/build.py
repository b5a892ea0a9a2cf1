"""Putting the definitions together from settings.

Belongs here: which assets and sensors there are for which symbols, and the freshness policy of their feeds.
Does not belong here: any of them, and the windows of freshness (`upkeep.feeds`).
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import date

import dagster as dg

from ghtrader_assets.assets.automation import validation_sensor
from ghtrader_assets.assets.calendar import calendar_schedule, horizon_check, trading_calendar
from ghtrader_assets.assets.checks import feed_checks
from ghtrader_assets.assets.dead_runs import dead_run_sensor
from ghtrader_assets.assets.evening import evening_sensor
from ghtrader_assets.assets.health import failed_run_sensor, health_sensor
from ghtrader_assets.assets.moved import moved_sensor
from ghtrader_assets.assets.new_days import new_days_sensor, take_up_job
from ghtrader_assets.assets.partitions import known_to, trading_day_partitions
from ghtrader_assets.assets.repair import daily_schedule, repair_sensor
from ghtrader_assets.assets.resources import Platform
from ghtrader_assets.assets.retention import retention_sensor
from ghtrader_assets.assets.symbol_days import symbol_days
from ghtrader_assets.assets.tables import asset_key
from ghtrader_assets.clock import Clock
from ghtrader_assets.context.universe import universe_of
from ghtrader_assets.market.calendar import TradingCalendar, calendar_for
from ghtrader_assets.market.clock import shanghai_day
from ghtrader_assets.orchestration.names import ALL_TABLES, TICKS_ASSET
from ghtrader_assets.settings import Settings
from ghtrader_assets.upkeep.feeds import freshness_windows


def build_definitions(settings: Settings, clock: Clock) -> dg.Definitions:
    """The definitions for the symbols, first day and calendar of `settings`."""
    calendar = calendar_for(settings.home)
    partitions = trading_day_partitions(settings.first_day, calendar, clock.now())
    symbols = universe_of(settings)
    keys = [asset_key(symbol, table) for symbol in symbols for table in ALL_TABLES]
    job = dg.define_asset_job(  # pyright: ignore[reportUnknownMemberType] - dagster's own types are partial
        "trading_days",
        selection=dg.AssetSelection.assets(*keys).without_checks(),
        description="Trading days of the symbols: what the daily schedule and the repair sensor launch.",
    )
    policy = feed_freshness(calendar, shanghai_day(clock.now_ns()))
    feeds = {asset_key(symbol, TICKS_ASSET) for symbol in symbols if not symbol.digits}
    assets = [_with_freshness(asset, feeds, policy) for asset in symbol_days(symbols, partitions)]
    scheduled, repairing = dg.DefaultScheduleStatus.STOPPED, dg.DefaultSensorStatus.STOPPED
    if settings.runs_by_itself:
        scheduled, repairing = dg.DefaultScheduleStatus.RUNNING, dg.DefaultSensorStatus.RUNNING
    return dg.Definitions(
        assets=[trading_calendar, *assets],
        asset_checks=[feed_checks(symbols), horizon_check],
        jobs=[job, take_up_job],
        schedules=[daily_schedule(symbols, job, scheduled), calendar_schedule(scheduled)],
        sensors=[
            validation_sensor(symbols, job),
            moved_sensor(symbols, job),
            repair_sensor(symbols, job, repairing),
            new_days_sensor(known_to(calendar, clock.now())),
            health_sensor(symbols),
            dead_run_sensor(),
            retention_sensor(),
            failed_run_sensor(settings, clock),
            evening_sensor(symbols),
        ],
        resources={"platform": Platform(settings, clock)},
        executor=dg.in_process_executor,
    )


def feed_freshness(calendar: TradingCalendar, today: date) -> dg.FreshnessPolicy:
    """Warns after the longest closure that the calendar knows, fails a day later: no holiday looks like an outage.

    A policy looks at the last materialization alone, be it of a day long past; single days are for checks.
    """
    warn, fail = freshness_windows(calendar, today)
    return dg.FreshnessPolicy.time_window(fail_window=fail, warn_window=warn)


def _with_freshness(
    asset: dg.AssetsDefinition, feeds: Collection[dg.AssetKey], policy: dg.FreshnessPolicy
) -> dg.AssetsDefinition:
    """The asset, its `feeds` with the policy that says whether they are alive. A contract's ticks end."""

    def fresh(spec: dg.AssetSpec) -> dg.AssetSpec:
        if spec.key not in feeds:
            return spec
        return spec.replace_attributes(freshness_policy=policy)  # pyright: ignore[reportUnknownMemberType] - the same

    return asset.map_asset_specs(fresh)
