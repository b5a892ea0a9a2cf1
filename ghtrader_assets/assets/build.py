"""Putting the definitions together from settings.

Belongs here: which assets and sensors there are for which symbols. Does not belong here: any of them.
"""

from __future__ import annotations

import dagster as dg

from ghtrader_assets.assets.automation import validation_sensor
from ghtrader_assets.assets.calendar import calendar_schedule, horizon_check, trading_calendar
from ghtrader_assets.assets.checks import feed_checks
from ghtrader_assets.assets.freshness import feed_freshness
from ghtrader_assets.assets.health import failed_run_sensor, health_sensor
from ghtrader_assets.assets.partitions import trading_day_partitions
from ghtrader_assets.assets.repair import repair_sensor
from ghtrader_assets.assets.resources import PlatformResource
from ghtrader_assets.assets.schedules import daily_schedule
from ghtrader_assets.assets.symbol_days import following_keys, symbol_days
from ghtrader_assets.assets.tables import asset_key
from ghtrader_assets.clock import Clock
from ghtrader_assets.market.calendar import calendar_for
from ghtrader_assets.market.clock import shanghai_day
from ghtrader_assets.market.symbols import parse_symbol
from ghtrader_assets.orchestration.names import ALL_TABLES, TICKS
from ghtrader_assets.settings import Settings


def build_definitions(settings: Settings, clock: Clock) -> dg.Definitions:
    """The definitions for the symbols, first day and calendar of `settings`."""
    calendar = calendar_for(settings.home)
    partitions = trading_day_partitions(settings.first_day, calendar)
    symbols = [parse_symbol(text) for text in settings.symbols]
    keys = [asset_key(symbol, table) for symbol in symbols for table in ALL_TABLES]
    job = dg.define_asset_job(  # pyright: ignore[reportUnknownMemberType] - dagster's own types are partial
        "trading_days",
        selection=dg.AssetSelection.assets(*keys).without_checks(),
        description="Trading days of the symbols: what the daily schedule and the repair sensor launch.",
    )
    policy = feed_freshness(calendar, shanghai_day(clock.now_ns()))
    by_itself = settings.runs_by_itself
    return dg.Definitions(
        assets=[
            trading_calendar,
            *_with_freshness([asset for symbol in symbols for asset in symbol_days(symbol, partitions)], policy),
        ],
        asset_checks=[feed_checks(symbols), horizon_check],
        jobs=[job],
        schedules=[
            daily_schedule(
                symbols,
                partitions,
                job,
                dg.DefaultScheduleStatus.RUNNING if by_itself else dg.DefaultScheduleStatus.STOPPED,
            ),
            calendar_schedule(
                dg.DefaultScheduleStatus.RUNNING if by_itself else dg.DefaultScheduleStatus.STOPPED,
            ),
        ],
        sensors=[
            validation_sensor([key for symbol in symbols for key in following_keys(symbol)]),
            repair_sensor(
                symbols,
                partitions,
                job,
                dg.DefaultSensorStatus.RUNNING if by_itself else dg.DefaultSensorStatus.STOPPED,
            ),
            health_sensor(symbols),
            failed_run_sensor(settings, clock),
        ],
        resources={"platform": PlatformResource()},
        executor=dg.in_process_executor,
    )


def _with_freshness(assets: list[dg.AssetsDefinition], policy: dg.FreshnessPolicy) -> list[dg.AssetsDefinition]:
    """Each symbol's ticks with the policy that says whether its feed is alive."""

    def fresh(spec: dg.AssetSpec) -> dg.AssetSpec:
        if spec.key.path[-1] != TICKS:
            return spec
        return spec.replace_attributes(freshness_policy=policy)  # pyright: ignore[reportUnknownMemberType] - the same

    return [asset.map_asset_specs(fresh) for asset in assets]
