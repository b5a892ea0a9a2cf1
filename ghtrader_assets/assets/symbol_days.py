"""The days of one symbol: ticks, validation summary, field quality and manifest of each trading day.

Belongs here: the multi-asset that materializes them as each day commits. One op, because a downstream op would not
run after the `Failure` that names the days which failed, and the good days are to be complete in every table.
Does not belong here: what each table's materialization says (`tables`), and the work (`loading`).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Final

import dagster as dg

from ghtrader_assets.assets import tables
from ghtrader_assets.assets.automation import content_changed
from ghtrader_assets.assets.partitions import BACKFILL_POLICY
from ghtrader_assets.assets.resources import PlatformResource
from ghtrader_assets.loading.days import DayOutcome, load_days
from ghtrader_assets.loading.judgement import judge_days
from ghtrader_assets.loading.platform import Platform
from ghtrader_assets.market.symbols import Symbol

Selected = frozenset[str]
WORKERS_TAG: Final = "ghtrader/ingest_workers"
JUDGED = frozenset({tables.VALIDATION_SUMMARY, tables.FIELD_QUALITY})


def symbol_days(symbol: Symbol, partitions: dg.DailyPartitionsDefinition) -> dg.AssetsDefinition:
    """The four day tables of `symbol` as one subsettable multi-asset."""

    @dg.multi_asset(
        name=f"{symbol.key}_days",
        specs=[
            tables.asset_spec(symbol, table, partitions, content_changed() if table in JUDGED else None)
            for table in tables.DAY_TABLES
        ],
        can_subset=True,
        backfill_policy=BACKFILL_POLICY,
    )
    def days(context: dg.AssetExecutionContext, platform: PlatformResource) -> Iterator[dg.AssetMaterialization]:
        selected = frozenset(key.path[-1] for key in context.selected_asset_keys)
        wanted = [date.fromisoformat(key) for key in context.partition_keys]
        failed: dict[str, str] = {}
        workers = context.run.tags.get(WORKERS_TAG)
        with platform.opened(workers) as opened:
            for outcome in _outcomes(context, opened, symbol, wanted, selected):
                if outcome.succeeded:
                    yield from tables.materializations(symbol, outcome, selected)
                else:
                    failed[outcome.trading_day.isoformat()] = outcome.reason
                    context.log.error(f"{symbol.text} {outcome.trading_day}: {outcome.reason}")
        if failed:
            raise _failure(symbol, failed)

    return days


def judged_keys(symbol: Symbol) -> list[dg.AssetKey]:
    """The assets that hold verdicts."""
    return [tables.asset_key(symbol, table) for table in tables.DAY_TABLES if table in JUDGED]


def _outcomes(
    context: dg.AssetExecutionContext,
    platform: Platform,
    symbol: Symbol,
    days: list[date],
    selected: Selected,
) -> Iterator[DayOutcome]:
    if tables.TICKS in selected:
        yield from load_days(
            platform,
            symbol,
            days,
            context.run_id,
            must_judge=bool(selected & JUDGED),
            on_retry=context.log.warning,
        )
    else:
        yield from judge_days(platform, symbol, days)


def _failure(symbol: Symbol, failed: dict[str, str]) -> dg.Failure:
    first_day, first_reason = next(iter(sorted(failed.items())))
    return dg.Failure(
        description=f"{len(failed)} trading day(s) of {symbol.text} failed; the first, {first_day}: {first_reason}",
        metadata={"failed_days": dg.MetadataValue.json(failed)},
        allow_retries=False,
    )
