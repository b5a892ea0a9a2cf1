"""The tables of a symbol as assets: names, descriptions, column schemas, tags, versions of code.

Belongs here: what the catalog shows of a table. Does not belong here: what a day's materialization says
(`materializations`), how a table is filled (`symbol_days`).
"""

from __future__ import annotations

from typing import Final

import dagster as dg

from ghtrader_assets.assets.lineage import column_lineage
from ghtrader_assets.bars.frame import BARS_VERSION
from ghtrader_assets.market.symbols import Symbol
from ghtrader_assets.orchestration.names import (
    BARS_ASSET,
    BASELINE_ASSET,
    FIELD_QUALITY_ASSET,
    JUDGED,
    MAIN_SCHEDULE_ASSET,
    MANIFEST_ASSET,
    TICKS_ASSET,
    VALIDATION_SUMMARY_ASSET,
)
from ghtrader_assets.questdb.tables import schema
from ghtrader_assets.questdb.tables.columns import description_of
from ghtrader_assets.validation.judge import RULE_VERSION

OWNERS: Final = ("team:market-data",)
LOAD_VERSION: Final = "1"
"""Raised when a load of the same ticks would store something else: it makes the stored days stale in the UI."""

_DESCRIPTIONS: Final = {
    MAIN_SCHEDULE_ASSET: (
        "The main contract of `{symbol}` on each trading day, its segment and rolls, as TqSdk's continuous "
        "table names it. The contract holds for the whole trading day, its night session included."
    ),
    TICKS_ASSET: (
        "Ticks of `{symbol}`'s main contract, night session first. A trading day is fetched whole, replaced at one "
        "instant, read back from every column and named by the digest of its content."
    ),
    BASELINE_ASSET: (
        "What each trading day of `{symbol}` gives to the baselines that later days are held against: ticks, "
        "volume, largest snapshot and usual spacings of each session. It hangs on the ticks of its own day alone."
    ),
    BARS_ASSET: (
        "Bars of one minute of `{symbol}`, one for each minute of the sessions of each trading day: open, high and low "
        "as the exchange's own extremes prove, close, volume with the auction's, amount, open interest, mean spread. "
        "They hang on the ticks of their own day alone, and are replaced with them."
    ),
    VALIDATION_SUMMARY_ASSET: (
        "Coverage of `{symbol}` against the exchange's own sessions of each trading day: seconds with "
        "and without ticks, cadence, every gap with what it looks like, state and reason."
    ),
    FIELD_QUALITY_ASSET: (
        "Field quality of `{symbol}` by trading day: nulls by expected depth, book order, price grid, "
        "cumulative figures, jumps and spikes, each rule with severity, reason and example ticks."
    ),
    MANIFEST_ASSET: (
        "Which load produced each trading day of `{symbol}`: contract, rows, digest, schema, code, source, how "
        "long it took and how it ended. Row and file are twins."
    ),
}

TABLE_NAMES: Final = {
    MAIN_SCHEDULE_ASSET: schema.MAIN_SCHEDULE,
    TICKS_ASSET: schema.TICKS,
    BASELINE_ASSET: schema.BASELINES,
    BARS_ASSET: schema.BARS,
    VALIDATION_SUMMARY_ASSET: schema.VALIDATE_SUMMARY,
    FIELD_QUALITY_ASSET: schema.FIELD_QUALITY,
    MANIFEST_ASSET: schema.MANIFESTS,
}
_UPSTREAM: Final = {
    MAIN_SCHEDULE_ASSET: (),
    TICKS_ASSET: (MAIN_SCHEDULE_ASSET,),
    BASELINE_ASSET: (TICKS_ASSET,),
    BARS_ASSET: (TICKS_ASSET,),
    VALIDATION_SUMMARY_ASSET: (TICKS_ASSET,),
    FIELD_QUALITY_ASSET: (TICKS_ASSET,),
    MANIFEST_ASSET: (VALIDATION_SUMMARY_ASSET, FIELD_QUALITY_ASSET),
}


def asset_key(symbol: Symbol, table: str) -> dg.AssetKey:
    return dg.AssetKey([symbol.key, table])


def asset_spec(symbol: Symbol, table: str, partitions: dg.PartitionsDefinition[str]) -> dg.AssetSpec:
    """The spec of one table of a symbol: everything the catalog shows of it."""
    return dg.AssetSpec(
        asset_key(symbol, table),
        deps=[asset_key(symbol, upstream) for upstream in _UPSTREAM[table]],
        description=_DESCRIPTIONS[table].format(symbol=symbol.text),
        group_name=symbol.key,
        owners=OWNERS,
        kinds={"questdb", "python"},
        tags={"exchange": symbol.exchange.value, "product": symbol.product, "table": table},
        code_version=code_version(table),
        metadata={
            "symbol": symbol.text,
            "dagster/table_name": TABLE_NAMES[table],
            "dagster/storage_kind": "questdb",
            "dagster/column_schema": _column_schema(TABLE_NAMES[table]),
            "dagster/column_lineage": column_lineage(symbol, table),
        },
        partitions_def=partitions,
        skippable=True,
    )


def code_version(table: str) -> str:
    """Verdicts, baselines and bars are as old as their rules; the code that loads is in the manifest."""
    if table == BARS_ASSET:
        return BARS_VERSION
    return RULE_VERSION if table in JUDGED or table == BASELINE_ASSET else LOAD_VERSION


def _column_schema(table: str) -> dg.TableSchema:
    return dg.TableSchema(
        columns=[
            dg.TableColumn(column.name, column.type, description=description_of(table, column.name))
            for column in schema.TABLES[table].columns
        ]
    )
