"""The tables of a symbol as assets: their specs, and what each materialization of a trading day says.

Belongs here: names, descriptions, column schemas, tags, metadata and data versions.
Does not belong here: how a table is filled (`symbol_days`, `main_schedule`).

Numbers stay numbers, so that the UI plots them over the partitions; labels never change their type.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Final

import dagster as dg

from ghtrader_assets.loading.days import DayOutcome
from ghtrader_assets.manifests import Manifest
from ghtrader_assets.market.symbols import Symbol
from ghtrader_assets.questdb import schema
from ghtrader_assets.validation.judge import RULE_VERSION

MAIN_SCHEDULE: Final = "main_schedule"
TICKS: Final = "ticks"
VALIDATION_SUMMARY: Final = "validation_summary"
FIELD_QUALITY: Final = "field_quality"
MANIFEST: Final = "manifest"
DAY_TABLES: Final = (TICKS, VALIDATION_SUMMARY, FIELD_QUALITY, MANIFEST)
ALL_TABLES: Final = (MAIN_SCHEDULE, *DAY_TABLES)

OWNERS: Final = ("team:market-data",)
DATA_VERSION: Final = "dagster/data_version"
CODE_VERSION: Final = "dagster/code_version"

_DESCRIPTIONS: Final = {
    MAIN_SCHEDULE: "The main contract of {symbol} on each trading day, its segment and rolls, as TqSdk's continuous "
    "table names it. The contract holds for the whole trading day, its night session included.",
    TICKS: "Ticks of {symbol}'s main contract, night session first. A trading day is fetched whole, replaced at one "
    "instant, read back from every column and named by the digest of its content.",
    VALIDATION_SUMMARY: "Coverage of {symbol} against the exchange's own sessions of each trading day: seconds with "
    "and without ticks, cadence, every gap with what it looks like, state and reason.",
    FIELD_QUALITY: "Field quality of {symbol} by trading day: nulls by expected depth, book order, price grid, "
    "cumulative figures, jumps and spikes, each rule with severity, reason and example ticks.",
    MANIFEST: "Which load produced each trading day of {symbol}: contract, rows, digest, schema, code, source, how "
    "long it took and how it ended. Row and file are twins.",
}

_TABLE_NAMES: Final = {
    MAIN_SCHEDULE: schema.MAIN_SCHEDULE,
    TICKS: schema.TICKS,
    VALIDATION_SUMMARY: schema.VALIDATE_SUMMARY,
    FIELD_QUALITY: schema.FIELD_QUALITY,
    MANIFEST: schema.MANIFESTS,
}

_UPSTREAM: Final = {
    MAIN_SCHEDULE: (),
    TICKS: (MAIN_SCHEDULE,),
    VALIDATION_SUMMARY: (TICKS,),
    FIELD_QUALITY: (TICKS,),
    MANIFEST: (VALIDATION_SUMMARY, FIELD_QUALITY),
}


def asset_key(symbol: Symbol, table: str) -> dg.AssetKey:
    return dg.AssetKey([symbol.key, table])


def asset_spec(
    symbol: Symbol,
    table: str,
    partitions: dg.PartitionsDefinition[str],
    automation: dg.AutomationCondition[dg.AssetKey] | None = None,
) -> dg.AssetSpec:
    """The spec of one table of a symbol: everything the catalog shows of it."""
    return dg.AssetSpec(
        asset_key(symbol, table),
        deps=[asset_key(symbol, upstream) for upstream in _UPSTREAM[table]],
        description=_DESCRIPTIONS[table].format(symbol=symbol.text),
        group_name=symbol.key,
        owners=OWNERS,
        kinds={"questdb", "python"},
        tags={"exchange": symbol.exchange.value, "product": symbol.product, "table": table},
        code_version=RULE_VERSION if table in (VALIDATION_SUMMARY, FIELD_QUALITY) else None,
        metadata={
            "symbol": symbol.text,
            "dagster/table_name": _TABLE_NAMES[table],
            "dagster/storage_kind": "questdb",
            "dagster/column_schema": _column_schema(_TABLE_NAMES[table]),
        },
        partitions_def=partitions,
        automation_condition=automation,
        skippable=True,
    )


def materializations(
    symbol: Symbol, outcome: DayOutcome, selected: frozenset[str]
) -> Iterator[dg.AssetMaterialization]:
    """The events of one complete trading day, upstream tables first."""
    for table in DAY_TABLES:
        if table in selected and (version := _DATA_VERSIONS[table](outcome)) is not None:
            yield dg.AssetMaterialization(
                asset_key(symbol, table),
                partition=outcome.trading_day.isoformat(),
                metadata=_METADATA[table](outcome),
                tags={DATA_VERSION: version, CODE_VERSION: outcome.manifest.code_version},
            )


def _column_schema(table: str) -> dg.TableSchema:
    return dg.TableSchema(
        columns=[
            dg.TableColumn(column.name, column.type, description=column.description)
            for column in schema.columns_of(table)
        ]
    )


def _ticks_metadata(outcome: DayOutcome) -> Mapping[str, object]:
    manifest = outcome.manifest
    stored_s = manifest.store_s + manifest.readback_s
    return {
        "dagster/partition_row_count": manifest.rows,
        "rows": manifest.rows,
        "contract": manifest.contract,
        "digest": manifest.digest,
        "schema_hash": manifest.schema_hash,
        "manifest_id": manifest.manifest_id,
        "code_version": manifest.code_version,
        "source": manifest.source,
        "reader": manifest.reader,
        "replaced": manifest.replaced,
        "bytes": manifest.bytes,
        "attempts": manifest.attempts,
        "five_level_rows": manifest.five_level_rows,
        "download_s": manifest.download_s,
        "store_s": manifest.store_s,
        "readback_s": manifest.readback_s,
        "judge_s": manifest.judge_s,
        "rows_per_s": _rate(manifest.rows, manifest.download_s + stored_s),
        "mb_per_s": _rate(manifest.bytes / 1e6, manifest.download_s + stored_s),
    }


def _summary_metadata(outcome: DayOutcome) -> Mapping[str, object]:
    assert outcome.judgement is not None
    row = outcome.judgement.coverage
    return {
        "state": row.state,
        "reason": row.reason_code,
        "action_hint": row.action_hint,
        "engineering_state": row.engineering_state,
        "source_state": row.source_state,
        "policy_state": row.policy_state,
        "cadence_mode": row.cadence_mode,
        "expected_seconds": row.expected_seconds,
        "missing_seconds": row.missing_seconds,
        "missing_segments": row.missing_segments,
        "max_gap_s": row.max_gap_s,
        "outside_session_seconds": row.outside_session_seconds,
        "five_level_share": row.five_level_share,
        "judge_s": outcome.judgement.seconds,
        "judged_now": int(outcome.judgement.fresh),
        "fingerprint": row.fingerprint,
        "manifest_id": row.load_id,
    }


def _quality_metadata(outcome: DayOutcome) -> Mapping[str, object]:
    assert outcome.judgement is not None
    row = outcome.judgement.quality
    return {
        "state": row.state,
        "reason": row.reason_code,
        "action_hint": row.action_hint,
        "score": row.score,
        "rules_failed_error": row.rules_failed_error,
        "rules_failed_warn": row.rules_failed_warn,
        "levels_expected": row.levels_expected,
        "price_jump_outliers": row.price_jump_outliers,
        "volume_spike_outliers": row.volume_spike_outliers,
        "spread_anomaly_outliers": row.spread_anomaly_outliers,
        "rules": dg.MetadataValue.json(json.loads(row.rules_json)),
        "fingerprint": row.fingerprint,
        "manifest_id": row.load_id,
    }


def _manifest_metadata(outcome: DayOutcome) -> Mapping[str, object]:
    manifest = outcome.manifest
    return {
        "manifest_id": manifest.manifest_id,
        "outcome": manifest.outcome.value,
        "contract": manifest.contract,
        "rows": manifest.rows,
        "digest": manifest.digest,
        "upstream": manifest.upstream,
        "source": manifest.source,
        "started": manifest.started.isoformat(),
        "finished": manifest.finished.isoformat(),
        "load_seconds": (manifest.finished - manifest.started).total_seconds(),
    }


def _rate(amount: float, seconds: float) -> float:
    return round(amount / seconds, 3) if seconds > 0 else 0.0


def _manifest_version(manifest: Manifest) -> str:
    return hashlib.blake2b(f"{manifest.digest}:{manifest.upstream}".encode(), digest_size=16).hexdigest()


_METADATA: Final[Mapping[str, Callable[[DayOutcome], Mapping[str, object]]]] = {
    TICKS: _ticks_metadata,
    VALIDATION_SUMMARY: _summary_metadata,
    FIELD_QUALITY: _quality_metadata,
    MANIFEST: _manifest_metadata,
}

_DATA_VERSIONS: Final[Mapping[str, Callable[[DayOutcome], str | None]]] = {
    TICKS: lambda outcome: outcome.manifest.digest,
    VALIDATION_SUMMARY: lambda outcome: outcome.judgement and outcome.judgement.coverage.fingerprint,
    FIELD_QUALITY: lambda outcome: outcome.judgement and outcome.judgement.quality.fingerprint,
    MANIFEST: lambda outcome: _manifest_version(outcome.manifest),
}
