"""Looking at what there is: each trading day's load and verdicts in one row, and each symbol's coverage.

Belongs here: putting stored rows beside the calendar. Does not belong here: the queries (`questdb.reader`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from ghtrader_assets.errors import IngestState
from ghtrader_assets.loading.platform import Platform, utc_now_ns
from ghtrader_assets.manifests import Manifest
from ghtrader_assets.market.schedule import ScheduleDay, last_completed_day
from ghtrader_assets.market.symbols import Symbol
from ghtrader_assets.questdb.reader import (
    read_daily_agg,
    read_latest_manifests,
    read_quality,
    read_schedule,
    read_summary,
)
from ghtrader_assets.questdb.rows import DailyAgg
from ghtrader_assets.settings import start_date_of
from ghtrader_assets.validation.verdicts import CoverageRow, QualityRow

UNJUDGED = "unjudged"
_SEVERITY = ("ok", "warn", "partial", "error")


@dataclass(frozen=True, slots=True)
class DayOverview:
    """One symbol's trading day. `state` is the worse verdict of a complete judged day, `unjudged` without verdict,
    else the ingest state. `rows`, `digest` and `manifest_id` are those of the stored content, where there is one."""

    symbol: str
    trading_day: date
    rows: int
    contract: str
    ingest_state: str
    coverage_state: str
    quality_state: str
    state: str
    reason: str
    digest: str
    manifest_id: str


@dataclass(frozen=True, slots=True)
class SymbolCoverage:
    """What is stored of a symbol. `missing_days` holds, by ingest state, the expected days that are not complete."""

    symbol: str
    first_day: date | None
    last_day: date | None
    n_days: int
    rows: int
    expected_days: int
    missing_days: dict[str, list[date]]


def days_of(platform: Platform, symbol: Symbol, start: date, end: date) -> list[DayOverview]:
    """Every trading day from `start` to `end`, both included, stored or not."""
    days = platform.calendar.days(start, end)
    database, name = platform.database, symbol.text
    stored = {row.trading_day: row for row in read_daily_agg(database, name, days)}
    manifests = read_latest_manifests(database, name, days)
    summaries, qualities = read_summary(database, name, days), read_quality(database, name, days)
    schedule = {row.trading_day: row for row in read_schedule(database, name)}
    listed_from = start_date_of(platform.settings, symbol.product)
    return [
        _overview(
            symbol,
            day,
            stored.get(day),
            manifests.get(day),
            summaries.get(day),
            qualities.get(day),
            schedule.get(day),
            listed=day >= listed_from,
        )
        for day in days
    ]


def coverage_of(platform: Platform, symbol: Symbol) -> SymbolCoverage:
    """What is stored of a symbol against the trading days from its start to the last completed one."""
    start = max(start_date_of(platform.settings, symbol.product), platform.calendar.first)
    end = last_completed_day(platform.calendar, utc_now_ns())
    overviews = days_of(platform, symbol, start, end) if start <= end else []
    complete = [day for day in overviews if day.ingest_state == IngestState.COMPLETE]
    missing: dict[str, list[date]] = {}
    for day in overviews:
        if day.ingest_state != IngestState.COMPLETE:
            missing.setdefault(day.ingest_state, []).append(day.trading_day)
    return SymbolCoverage(
        symbol.text,
        complete[0].trading_day if complete else None,
        complete[-1].trading_day if complete else None,
        len(complete),
        sum(day.rows for day in complete),
        len(overviews),
        missing,
    )


def _overview(
    symbol: Symbol,
    day: date,
    stored: DailyAgg | None,
    manifest: Manifest | None,
    summary: CoverageRow | None,
    quality: QualityRow | None,
    schedule: ScheduleDay | None,
    *,
    listed: bool,
) -> DayOverview:
    if stored is None:
        return _not_stored(symbol, day, manifest, schedule, listed=listed)
    current_summary = summary if summary and summary.content_digest == stored.digest else None
    current_quality = quality if quality and quality.content_digest == stored.digest else None
    verdicts = [verdict for verdict in (current_summary, current_quality) if verdict]
    worst = max(verdicts, key=lambda verdict: _SEVERITY.index(verdict.state), default=None)
    judged = len(verdicts) == 2 and worst is not None
    return DayOverview(
        symbol=symbol.text,
        trading_day=day,
        rows=stored.rows_total,
        contract=stored.contract,
        ingest_state=IngestState.COMPLETE,
        coverage_state=current_summary.state if current_summary else UNJUDGED,
        quality_state=current_quality.state if current_quality else UNJUDGED,
        state=worst.state if judged else UNJUDGED,
        reason=worst.reason_code if judged else "the stored content has not been judged yet",
        digest=stored.digest,
        manifest_id=stored.load_id,
    )


def _not_stored(
    symbol: Symbol, day: date, manifest: Manifest | None, schedule: ScheduleDay | None, *, listed: bool
) -> DayOverview:
    if not listed:
        state, reason = IngestState.NOT_LISTED, "the day lies before the symbol's start"
    elif manifest is None:
        state, reason = IngestState.MISSING, "the day was never loaded"
    else:
        state, reason = manifest.outcome, manifest.reason
    contract = manifest.contract if manifest else (schedule.contract if schedule else "")
    manifest_id = manifest.manifest_id if manifest else ""
    return DayOverview(
        symbol.text, day, 0, contract, state.value, UNJUDGED, UNJUDGED, state.value, reason, "", manifest_id
    )
