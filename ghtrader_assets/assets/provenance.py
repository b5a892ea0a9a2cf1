"""Of which versions of its upstream tables a trading day was made, as Dagster records it.

Belongs here: the provenance tags of a materialization. Does not belong here: versions themselves (`tables`).

A run over several days records one provenance for all of them; these tags are exact to the day. Dagster finds a day
stale when its upstream has another version than the event that the pointer names.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import dagster as dg

INPUT_VERSION: Final = "dagster/input_data_version"
INPUT_EVENT: Final = "dagster/input_event_pointer"
NO_EVENT: Final = "NULL"


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
