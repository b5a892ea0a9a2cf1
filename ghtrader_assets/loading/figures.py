"""What a judgement leaves in the metrics table: how long it took, what is missing, how good the fields are.

Belongs here: names and units of these figures. Does not belong here: writing them (`questdb.records`).
"""

from __future__ import annotations

from ghtrader_assets.questdb.rows import Metric
from ghtrader_assets.validation.verdicts import DayVerdict


def judgement_metrics(verdict: DayVerdict, seconds: float) -> list[Metric]:
    """The figures of one judged symbol-day, at the instant of its judgement; `seconds` is what judging took."""
    coverage = verdict.coverage
    figures = (
        ("validation_seconds", seconds, "s"),
        ("gap_count", coverage.missing_segments, "gaps"),
        ("gap_seconds", coverage.missing_seconds, "s"),
        ("quality_score", verdict.quality.score, "1"),
    )
    return [
        Metric(
            ts=coverage.updated_at,
            name=name,
            symbol=coverage.symbol,
            trading_day=coverage.trading_day,
            value=float(value),
            unit=unit,
        )
        for name, value, unit in figures
    ]
