"""What Dagster records of a trading day: each table's materialization, with its versions and figures.

Belongs here: metadata, data versions, links to the rows. Does not belong here: the assets themselves (`tables`), how a
table is filled (`symbol_days`).

Numbers stay numbers, so that the UI plots them over the partitions; labels never change their type. Dagster keeps each
event twice: what is long (tables of rules, baselines, pictures) stays in our store and files, and a link names it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import dagster as dg

from ghtrader_assets.assets.lineage import provenance_tags
from ghtrader_assets.assets.tables import TABLE_NAMES, asset_key, code_version
from ghtrader_assets.loading.outcome import DayOutcome, Judgement
from ghtrader_assets.manifests import Manifest, digest_of
from ghtrader_assets.market.calendar import calendar_for
from ghtrader_assets.market.products import product_on
from ghtrader_assets.market.schedule import ScheduleDay
from ghtrader_assets.market.symbols import Symbol
from ghtrader_assets.orchestration.names import (
    BARS_ASSET,
    BASELINE_ASSET,
    DAY_TABLES,
    FIELD_QUALITY_ASSET,
    JUDGED,
    MAIN_SCHEDULE_ASSET,
    MANIFEST_ASSET,
    TICKS_ASSET,
    VALIDATION_SUMMARY_ASSET,
)
from ghtrader_assets.questdb.tables.rows import Acceptance, BarDay
from ghtrader_assets.reference.pictures import kept_roll_history
from ghtrader_assets.reference.rolls import segments_of, terms_contract
from ghtrader_assets.validation.verdicts import BaselineDay, CoverageVerdict, QualityVerdict

DATA_VERSION: Final = "dagster/data_version"
CODE_VERSION: Final = "dagster/code_version"
SHOWN_SEGMENTS: Final = 24
"""So many main contracts are in the picture of a materialization; `schedule --picture` draws them all."""

Payload = tuple[str, dict[str, Any]]
"""The data version of a table's day and the metadata of its materialization."""

_OF_LOADS: Final = ("rows", "contract", "digest", "schema_hash", "manifest_id", "code_version", "source")
_OF_TICKS: Final = (
    *_OF_LOADS, "reader", "replaced", "bytes", "attempts", "five_level_rows",
    "download_s", "store_s", "readback_s", "judge_s",
)  # fmt: skip
_OF_MANIFEST: Final = (*_OF_LOADS, "outcome", "upstream", "schedule_digest", "sessions_fingerprint")
_OF_VERDICTS: Final = ("state", "action_hint", "fingerprint", "manifest_id")
_OF_SUMMARY: Final = (
    "detail", "engineering_state", "source_state", "policy_state", "cadence_mode", "expected_seconds",
    "missing_seconds", "missing_segments", "max_gap_s", "outside_session_seconds", "five_level_share", "baseline_days",
)  # fmt: skip
_OF_QUALITY: Final = (
    "score", "rules_failed_error", "rules_failed_warn", "levels_expected",
    "price_jump_outliers", "volume_spike_outliers", "spread_anomaly_outliers",
)  # fmt: skip
"""Which fields of a manifest and of a verdict the materializations of each table show under their own names."""


@dataclass(frozen=True, slots=True)
class Pages:
    """Where a day's rows are shown: QuestDB's console, and our dashboard where it runs."""

    console: str
    dashboard: str | None

    def of_symbol(self, symbol: Symbol) -> dict[str, dg.UrlMetadataValue]:
        """A link to the symbol's page."""
        page = f"{self.dashboard}/symbol/{quote(symbol.text, safe='@.')}"
        return {} if self.dashboard is None else {"symbol_in_dashboard": dg.MetadataValue.url(page)}

    def of_day(self, symbol: Symbol, table: str, outcome: DayOutcome) -> dict[str, dg.UrlMetadataValue]:
        """Links to the day's rows of a table, ready to run, and to the day's page."""
        links = {"rows_in_questdb": _console_link(self.console, symbol, table, outcome)}
        if self.dashboard is not None:
            page = f"{self.dashboard}/day/{quote(symbol.text, safe='@.')}/{outcome.trading_day}"
            links["day_in_dashboard"] = dg.MetadataValue.url(page)
        return links


def materializations(
    instance: dg.DagsterInstance,
    pages: Pages,
    symbol: Symbol,
    outcome: DayOutcome,
    selected: frozenset[str],
    accepted: Acceptance | None = None,
) -> Iterator[dg.AssetMaterialization]:
    """The events of one trading day whose load and judgement have ended well, upstream tables first.

    `accepted`: who accepted a bad verdict.

    Each event is made when the one before it has been recorded: a table's provenance names the event of its upstream.
    """
    manifest, judgement = outcome.manifest, outcome.judgement
    day = outcome.trading_day.isoformat()
    word = {"accepted": str(accepted)} if accepted else {}
    payloads: dict[str, Payload] = {}
    if manifest is not None:
        payloads |= {TICKS_ASSET: _ticks(manifest), MANIFEST_ASSET: _manifest(manifest)}
    if outcome.baseline is not None:
        payloads[BASELINE_ASSET] = _baseline(outcome.baseline)
    if outcome.bars is not None:
        payloads[BARS_ASSET] = _bars(outcome.bars)
    if judgement is not None:
        payloads |= {
            VALIDATION_SUMMARY_ASSET: _summary(judgement, word),
            FIELD_QUALITY_ASSET: _quality(judgement, word),
        }
    for table in DAY_TABLES:
        if table in selected and table in payloads:
            version, metadata = payloads[table]
            upstream = {
                asset_key(symbol, upstream_table): made_of
                for upstream_table, made_of in _upstream_versions(table, outcome).items()
            }
            yield dg.AssetMaterialization(
                asset_key(symbol, table),
                partition=day,
                metadata={**metadata, **pages.of_day(symbol, table, outcome)},
                tags=_version_tags(table, version) | provenance_tags(instance, day, upstream),
            )


def roll_picture(home: Path, rows: Sequence[ScheduleDay]) -> dg.PathMetadataValue:
    """Where the roll history of a symbol's schedule lies as a picture. Dagster keeps metadata of every day for ever."""
    shown = segments_of(rows, calendar_for(home))[-SHOWN_SEGMENTS:]
    return dg.PathMetadataValue(str(kept_roll_history(home, shown)))


def schedule_materialization(
    symbol: Symbol, row: ScheduleDay, more: Mapping[str, dg.MetadataValue], finding: str = ""
) -> dg.AssetMaterialization:
    """The event of one trading day's main contract, with `more`: on the last day of a run where the picture of all
    rolls is.

    `finding`: why it can't be the main contract.
    """
    terms = product_on(terms_contract(row), row.trading_day)
    return dg.AssetMaterialization(
        asset_key(symbol, MAIN_SCHEDULE_ASSET),
        partition=row.trading_day.isoformat(),
        metadata={
            "contract": row.contract,
            "segment_id": row.segment_id,
            "is_roll": int(row.is_roll),
            "provisional": int(row.provisional),
            "price_tick": terms.price_tick,
            "multiplier": terms.multiplier,
            **({"finding": finding} if finding else {}),
            **more,
        },
        tags=_version_tags(MAIN_SCHEDULE_ASSET, digest_of(row.contract)),
    )


def _console_link(console: str, symbol: Symbol, table: str, outcome: DayOutcome) -> dg.UrlMetadataValue:
    """QuestDB's console with a query of the day's rows, ready to run."""
    query = (
        f"SELECT * FROM {TABLE_NAMES[table]}"  # noqa: S608 - our own names and a symbol that was parsed
        f" WHERE symbol = '{symbol.text}' AND trading_day = '{outcome.trading_day}'"
        f"{_between(table, outcome)} LIMIT 1000"
    )
    return dg.MetadataValue.url(f"{console}/?query={quote(query)}&executeQuery=true")


def _between(table: str, outcome: DayOutcome) -> str:
    """The instants of a day's ticks: without them QuestDB would look through every partition."""
    manifest = outcome.manifest
    if table != TICKS_ASSET or manifest is None or manifest.first_tick is None or manifest.last_tick is None:
        return ""
    first, last = (instant.strftime("%Y-%m-%dT%H:%M:%S.%fZ") for instant in (manifest.first_tick, manifest.last_tick))
    return f" AND ts >= '{first}' AND ts <= '{last}'"


def _version_tags(table: str, version: str) -> dict[str, str]:
    return {DATA_VERSION: version, CODE_VERSION: code_version(table)}


def _upstream_versions(table: str, outcome: DayOutcome) -> dict[str, str]:
    """The versions of the upstream tables that this very day was made of."""
    manifest, judgement = outcome.manifest, outcome.judgement
    if table == TICKS_ASSET and manifest is not None:
        return {MAIN_SCHEDULE_ASSET: digest_of(manifest.contract)}
    if table == BASELINE_ASSET and outcome.baseline is not None:
        return {TICKS_ASSET: outcome.baseline.content_digest}
    if table == BARS_ASSET and outcome.bars is not None:
        return {TICKS_ASSET: outcome.bars.content_digest}
    if table in JUDGED and judgement is not None:
        return {TICKS_ASSET: judgement.coverage.content_digest}
    if table == MANIFEST_ASSET and judgement is not None:
        return {
            VALIDATION_SUMMARY_ASSET: judgement.coverage.fingerprint,
            FIELD_QUALITY_ASSET: judgement.quality.fingerprint,
        }
    return {}


def _ticks(manifest: Manifest) -> Payload:
    seconds = manifest.download_s + manifest.store_s + manifest.readback_s
    return manifest.digest, _shown(manifest, _OF_TICKS) | {
        "dagster/partition_row_count": manifest.rows,
        "ingest_state": manifest.outcome.value,
        "rows_per_s": _rate(manifest.rows, seconds),
        "mb_per_s": _rate(manifest.bytes / 1e6, seconds),
    }


def _summary(judgement: Judgement, word: dict[str, str]) -> Payload:
    row = judgement.coverage
    reason = str(row.reason_code)
    judged = {"reason": reason, "judge_s": judgement.seconds, "judged_now": int(judgement.fresh)}
    return row.fingerprint, _shown(row, _OF_VERDICTS + _OF_SUMMARY) | judged | word


def _baseline(row: BaselineDay) -> Payload:
    return row.fingerprint, {
        "whole": int(row.whole),
        "reason": row.reason or "whole",
        "rows": row.rows_total,
        "contract": row.contract,
        "manifest_id": row.manifest_id,
    }


def _bars(row: BarDay) -> Payload:
    return row.fingerprint, {
        "dagster/partition_row_count": row.bars,
        "traded_bars": row.traded_bars,
        "volume": row.volume,
        "contract": row.contract,
        "manifest_id": row.manifest_id,
    }


def _quality(judgement: Judgement, word: dict[str, str]) -> Payload:
    row = judgement.quality
    return row.fingerprint, _shown(row, _OF_VERDICTS + _OF_QUALITY) | {"reason": str(row.reason_code)} | word


def _manifest(manifest: Manifest) -> Payload:
    assert manifest.finished is not None  # noqa: S101 - narrows a type
    return digest_of(f"{manifest.digest}:{manifest.upstream}"), _shown(manifest, _OF_MANIFEST) | {
        "started": manifest.started.isoformat(),
        "finished": manifest.finished.isoformat(),
        "load_seconds": (manifest.finished - manifest.started).total_seconds(),
    }


def _shown(row: Manifest | CoverageVerdict | QualityVerdict, names: Iterable[str]) -> dict[str, Any]:
    """The fields of these names; a state as its plain text, which Dagster can store."""
    values = {name: getattr(row, name) for name in names}
    return {name: str(value) if isinstance(value, str) else value for name, value in values.items()}


def _rate(amount: float, seconds: float) -> float:
    return round(amount / seconds, 3) if seconds > 0 else 0.0
