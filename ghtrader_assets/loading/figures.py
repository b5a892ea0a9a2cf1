"""What a load and a judgement leave in the metrics table and in the log: how long they took, what came, what lacks.

Belongs here: names and units of these figures. Does not belong here: writing them (`questdb.tables.records`).
"""

from __future__ import annotations

from datetime import date, datetime

from ghtrader_assets.logs import logger
from ghtrader_assets.manifests import Manifest
from ghtrader_assets.questdb.tables.rows import Metric
from ghtrader_assets.validation.verdicts import DayVerdict

log = logger(__name__)


def judgement_metrics(verdict: DayVerdict, seconds: float) -> list[Metric]:
    """The figures of one judged symbol-day, at the instant of its judgement; `seconds` is what judging took."""
    coverage = verdict.coverage
    return _metrics(
        coverage.updated_at,
        coverage.symbol,
        coverage.trading_day,
        ("validation_seconds", seconds, "s"),
        ("gap_count", coverage.missing_segments, "gaps"),
        ("gap_seconds", coverage.missing_seconds, "s"),
        ("quality_score", verdict.quality.score, "1"),
    )


def load_metrics(manifest: Manifest) -> list[Metric]:
    """The figures of one stored symbol-day, at the instant its load ended."""
    assert manifest.finished is not None  # noqa: S101 - narrows a type
    seconds = manifest.download_s + manifest.store_s + manifest.readback_s
    return _metrics(
        manifest.finished,
        manifest.symbol,
        manifest.trading_day,
        ("ingest_rows", manifest.rows, "rows"),
        ("ingest_bytes", manifest.bytes, "B"),
        ("ingest_attempts", manifest.attempts, "1"),
        ("download_seconds", manifest.download_s, "s"),
        ("store_seconds", manifest.store_s, "s"),
        ("readback_seconds", manifest.readback_s, "s"),
        ("ingest_rows_per_second", manifest.rows / seconds if seconds else 0.0, "rows/s"),
        ("ingest_mb_per_second", manifest.bytes / 1e6 / seconds if seconds else 0.0, "MB/s"),
    )


def log_judged(verdict: DayVerdict, seconds: float) -> None:
    """Say that a verdict is recorded: only once it is."""
    _log("day judged", judgement_metrics(verdict, seconds), state=verdict.state, reason=verdict.reason_code)


def log_stored(manifest: Manifest) -> None:
    """Say that a day is stored: only once its load is recorded."""
    _log("day stored", load_metrics(manifest), manifest_id=manifest.manifest_id)


def _metrics(ts: datetime, symbol: str, day: date, *figures: tuple[str, float, str]) -> list[Metric]:
    """Figures are name, value and unit."""
    return [
        Metric(ts=ts, name=name, symbol=symbol, trading_day=day, value=float(value), unit=unit)
        for name, value, unit in figures
    ]


def _log(event: str, metrics: list[Metric], **more: str) -> None:
    rounded = {metric.name: round(metric.value, 4) for metric in metrics}
    log.info(event, symbol=metrics[0].symbol, trading_day=str(metrics[0].trading_day), **more, **rounded)
