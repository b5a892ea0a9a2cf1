"""For other code locations: reacting to each materialized trading day of a symbol, once per change of its content.

Belongs here: the sensor that they import, and what it tells of a change. Does not belong here: our own sensors
(`automation`, `repair`, `health`).

Dagster's `@asset_sensor` sees the last event only: of five days that one run materializes, one. This sensor walks the
event log by its cursor, so it sees each. Whether content changed is read from the event before it of the same day, so
nothing but the cursor has to be remembered: A, B and A again are two changes after the first, the same content again
is none. docs/operations.md shows its use, `examples/daily_bars` is a whole code location.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

import dagster as dg

from ghtrader_assets.assets.materializations import DATA_VERSION
from ghtrader_assets.assets.tables import asset_key
from ghtrader_assets.errors import BadInputError
from ghtrader_assets.market.symbols import parse_symbol
from ghtrader_assets.orchestration.names import ALL_TABLES, TICKS_ASSET

EVENTS_PER_TICK: Final = 200
CHANGE_TAG: Final = "ghtrader/content"


@dataclass(frozen=True, slots=True)
class DayChange:
    """A trading day of a symbol whose content changed: first loaded, or loaded again and different.

    `version` names the content, `previous` what it replaced (None: nothing). `storage_id` is the event's place in
    Dagster's log. `metadata` holds the materialization's plain values, such as `rows`, `contract` and `manifest_id`.
    """

    symbol: str
    table: str
    trading_day: date
    version: str
    previous: str | None
    storage_id: int
    run_id: str
    metadata: Mapping[str, Any]

    def run_request(self) -> dg.RunRequest:
        """A run of this day's partition, at most one for this change."""
        return dg.RunRequest(
            run_key=f"{self.trading_day}:{self.storage_id}",
            partition_key=self.trading_day.isoformat(),
            tags={CHANGE_TAG: self.version},
        )


Request = Callable[[DayChange], dg.RunRequest | None]


def trading_day_sensor(
    name: str,
    symbol: str,
    *,
    table: str = TICKS_ASSET,
    job: Any = None,
    target: Any = None,
    request: Request = DayChange.run_request,
    from_now_on: bool = False,
    minimum_interval_seconds: int = 30,
    default_status: dg.DefaultSensorStatus = dg.DefaultSensorStatus.STOPPED,
) -> dg.SensorDefinition:
    """A sensor that launches `request(change)` once per changed trading day of a symbol's table.

    Give `job` or `target`, as to any sensor; `request` may return None to pass a change over. Days that were
    materialized before the sensor was first switched on are changes too, unless `from_now_on`. Raises `BadInputError`
    for a malformed symbol or a table that there is not.
    """
    parsed = parse_symbol(symbol)
    if table not in ALL_TABLES:
        raise BadInputError(f"{table!r} is not a table of a symbol", f"choose from {', '.join(ALL_TABLES)}")
    key = asset_key(parsed, table)

    @dg.sensor(  # pyright: ignore[reportUnknownMemberType] - dagster's own types are partial
        name=name,
        job=job,
        target=target,
        minimum_interval_seconds=minimum_interval_seconds,
        default_status=default_status,
        description=f"Once per change of content of each trading day of `{parsed.text}`'s {table}.",
    )
    def follow(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        if context.cursor is None and from_now_on:
            return dg.SensorResult(skip_reason="from now on", cursor=str(_latest(context.instance, key)))
        seen = int(context.cursor or 0)
        wanted = dg.AssetRecordsFilter(asset_key=key, after_storage_id=seen)
        records = context.instance.fetch_materializations(wanted, limit=EVENTS_PER_TICK, ascending=True).records
        changes = _changes(context.instance, parsed.text, table, records)
        requests = [asked for asked in (request(change) for change in changes) if asked is not None]
        cursor = str(records[-1].storage_id if records else seen)
        if not requests:
            return dg.SensorResult(skip_reason=f"no content changed in {len(records)} new events", cursor=cursor)
        return dg.SensorResult(run_requests=requests, cursor=cursor)

    return follow


def _latest(instance: dg.DagsterInstance, key: dg.AssetKey) -> int:
    records = instance.fetch_materializations(key, limit=1).records
    return records[0].storage_id if records else 0


def _changes(instance: dg.DagsterInstance, symbol: str, table: str, records: Any) -> Iterator[DayChange]:
    for record in records:
        materialization = record.asset_materialization
        if materialization is None or record.partition_key is None:
            continue
        tags: Mapping[str, str] = materialization.tags or {}
        version = tags.get(DATA_VERSION, "")
        previous = _version_before(instance, record)
        if previous != version:
            yield DayChange(
                symbol=symbol,
                table=table,
                trading_day=date.fromisoformat(record.partition_key),
                version=version,
                previous=previous,
                storage_id=record.storage_id,
                run_id=record.run_id,
                metadata={label: value.value for label, value in materialization.metadata.items()},
            )


def _version_before(instance: dg.DagsterInstance, record: Any) -> str | None:
    """The content of the event before this one of the same day."""
    before = instance.fetch_materializations(
        dg.AssetRecordsFilter(
            asset_key=record.asset_key,
            asset_partitions=[record.partition_key],
            before_storage_id=record.storage_id,
        ),
        limit=1,
    ).records
    if not before or before[0].asset_materialization is None:
        return None
    return (before[0].asset_materialization.tags or {}).get(DATA_VERSION, "")
