"""Putting the definitions together from settings.

Belongs here: which assets and sensors there are for which symbols. Does not belong here: any of them.
"""

from __future__ import annotations

import dagster as dg

from ghtrader_assets.assets.automation import validation_sensor
from ghtrader_assets.assets.partitions import trading_day_partitions
from ghtrader_assets.assets.resources import PlatformResource
from ghtrader_assets.assets.symbol_days import following_keys, symbol_days
from ghtrader_assets.market.calendar import calendar_for
from ghtrader_assets.market.symbols import parse_symbol
from ghtrader_assets.settings import Settings


def build_definitions(settings: Settings) -> dg.Definitions:
    """The definitions for the symbols, first day and calendar of `settings`."""
    partitions = trading_day_partitions(settings.first_day, calendar_for(settings.home))
    symbols = [parse_symbol(text) for text in settings.symbols]
    return dg.Definitions(
        assets=[symbol_days(symbol, partitions) for symbol in symbols],
        sensors=[validation_sensor([key for symbol in symbols for key in following_keys(symbol)])],
        resources={"platform": PlatformResource()},
        executor=dg.in_process_executor,
    )
