"""Of what a symbol's tables are made: column by column in Dagster's catalog, version by version for a trading day.

Belongs here: the lineage that Dagster is told. Does not belong here: lineage of a single day (`lineage.day`), versions
themselves (`tables`), and what columns mean (`questdb.tables.columns`).

A run over several days records one provenance for all of them; `provenance_tags` are exact to the day. Dagster finds a
day stale when its upstream has another version than the event that the pointer names.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from importlib import resources
from typing import Final

import dagster as dg

from ghtrader_assets.market.symbols import Symbol

INPUT_VERSION: Final = "dagster/input_data_version"
INPUT_EVENT: Final = "dagster/input_event_pointer"
NO_EVENT: Final = "NULL"

_LINEAGE: Final[Mapping[str, Mapping[str, list[str]]]] = tomllib.loads(
    resources.files("ghtrader_assets.assets").joinpath("lineage.toml").read_text(encoding="utf-8")
)


def column_lineage(symbol: Symbol, table: str) -> dg.TableColumnLineage:
    """The columns of the symbol's other tables that each column of `table` is computed from, without the provider's."""
    return dg.TableColumnLineage(
        deps_by_column={
            column: [_column(symbol, *source.split(".")) for source in sources]
            for column, sources in _LINEAGE[table].items()
        }
    )


def _column(symbol: Symbol, table: str, column: str) -> dg.TableColumnDep:
    return dg.TableColumnDep(dg.AssetKey([symbol.key, table]), column)


def provenance_tags(
    instance: dg.DagsterInstance, partition: str, upstream: Mapping[dg.AssetKey, str]
) -> dict[str, str]:
    """The tags for a day made of these versions of its upstream tables, whose events are already recorded."""
    tags: dict[str, str] = {}
    for key, version in upstream.items():
        name = key.to_user_string()
        tags |= {
            f"{INPUT_VERSION}/{name}": version,
            f"{INPUT_EVENT}/{name}": _latest_event(instance, key, partition),
        }
    return tags


def _latest_event(instance: dg.DagsterInstance, key: dg.AssetKey, partition: str) -> str:
    wanted = dg.AssetRecordsFilter(asset_key=key, asset_partitions=[partition])
    records = instance.fetch_materializations(wanted, limit=1).records
    return str(records[0].storage_id) if records else NO_EVENT
