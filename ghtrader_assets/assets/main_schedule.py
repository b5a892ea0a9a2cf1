"""The main-contract schedule of one symbol as an asset.

Belongs here: when the schedule is fetched and what its materializations say.
Does not belong here: how it is built (`market.schedule`) and stored (`loading.schedule`).

This op holds the pool `tqsdk`. A run that ingests contains it, so the pool caps such runs; a run that only judges
does not, so it never waits for them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import date
from typing import Final

import dagster as dg

from ghtrader_assets.assets import tables
from ghtrader_assets.assets.partitions import BACKFILL_POLICY
from ghtrader_assets.assets.resources import PlatformResource
from ghtrader_assets.loading.schedule import refresh_schedule
from ghtrader_assets.market.schedule import ScheduleDay
from ghtrader_assets.market.symbols import Symbol

POOL: Final = "tqsdk"


def main_schedule(symbol: Symbol, partitions: dg.DailyPartitionsDefinition) -> dg.AssetsDefinition:
    """The schedule asset of `symbol`."""

    @dg.multi_asset(
        name=f"{symbol.key}_schedule",
        specs=[tables.asset_spec(symbol, tables.MAIN_SCHEDULE, partitions)],
        backfill_policy=BACKFILL_POLICY,
        pool=POOL,
    )
    def schedule(context: dg.AssetExecutionContext, platform: PlatformResource) -> Iterator[dg.AssetMaterialization]:
        with platform.opened() as opened:
            rows = {row.trading_day: row for row in refresh_schedule(opened, symbol).rows}
        unknown: list[str] = []
        for key in context.partition_keys:
            row = rows.get(date.fromisoformat(key))
            if row is None:
                unknown.append(key)
            else:
                yield _materialization(symbol, row)
        if unknown:
            context.log.warning(f"no main contract of {symbol.text} is known for {', '.join(unknown)}")

    return schedule


def _materialization(symbol: Symbol, row: ScheduleDay) -> dg.AssetMaterialization:
    return dg.AssetMaterialization(
        tables.asset_key(symbol, tables.MAIN_SCHEDULE),
        partition=row.trading_day.isoformat(),
        metadata={
            "contract": row.contract,
            "segment_id": row.segment_id,
            "is_roll": int(row.is_roll),
            "provisional": int(row.provisional),
        },
        tags={tables.DATA_VERSION: hashlib.blake2b(row.contract.encode(), digest_size=16).hexdigest()},
    )
