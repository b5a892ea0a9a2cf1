"""A code location of its own that keeps daily bars up to date with the ticks of one symbol.

It shares nothing with the platform's location but Dagster's instance and the store. Run it while the platform runs:

    GHTRADER_WORKSPACE=examples/daily_bars/workspace.yaml ghtrader-assets up

and switch the sensor `bars_follow_ticks` on in the UI. From then on each trading day whose ticks have changed gets its
bar once per change: five days that one backfill loads are five runs, a re-load with the same content is none.
"""

import json
import os

import dagster as dg

import ghtrader_assets
from ghtrader_assets.assets.partitions import trading_day_partitions
from ghtrader_assets.assets.sensors import trading_day_sensor
from ghtrader_assets.assets.tables import asset_key
from ghtrader_assets.clock import SYSTEM_CLOCK
from ghtrader_assets.market.calendar import calendar_for
from ghtrader_assets.market.symbols import parse_symbol
from ghtrader_assets.settings import load_settings

SYMBOL = os.environ.get("DAILY_BARS_SYMBOL", "KQ.m@SHFE.cu")
SETTINGS = load_settings()


@dg.asset(
    partitions_def=trading_day_partitions(SETTINGS.first_day, calendar_for(SETTINGS.home), SYSTEM_CLOCK.now()),
    deps=[asset_key(parse_symbol(SYMBOL), "ticks")],
    description=f"Open, high, low, close and volume of each trading day of {SYMBOL}, night session first.",
)
def daily_bars(context: dg.AssetExecutionContext) -> dg.MaterializeResult[None]:
    """One JSON file a trading day under `GHTRADER_HOME/daily_bars`."""
    day = context.partition_key
    figures = ["open", "high", "low", "close", "volume", "ticks"]
    with ghtrader_assets.connect(SETTINGS) as store:
        (bar,) = store.bars(SYMBOL, day, freq="1d", columns=figures).to_dict("records")
    folder = SETTINGS.home / "daily_bars"
    folder.mkdir(exist_ok=True)
    (folder / f"{day}.json").write_text(json.dumps(bar))
    return dg.MaterializeResult(metadata=bar)


bars_job = dg.define_asset_job("bars", selection=[daily_bars])

defs = dg.Definitions(
    assets=[daily_bars],
    jobs=[bars_job],
    sensors=[
        trading_day_sensor("bars_follow_ticks", SYMBOL, job=bars_job, from_now_on=True, minimum_interval_seconds=5)
    ],
    executor=dg.in_process_executor,
)
