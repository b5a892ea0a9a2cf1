"""Writing the small tables: schedule, stored days, verdicts, manifests, metrics. Each call returns once visible.

Belongs here: one ILP transaction a table and call. Does not belong here: ticks (`writer`), reading (`reader`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any

from ghtrader_assets.manifests import Manifest
from ghtrader_assets.market.schedule import ScheduleDay
from ghtrader_assets.market.symbols import parse_symbol
from ghtrader_assets.questdb.client.connection import Database
from ghtrader_assets.questdb.client.sql import bound_list
from ghtrader_assets.questdb.tables.bars import DayBars, send_bars
from ghtrader_assets.questdb.tables.codec import epoch_ns, put_row, values_of
from ghtrader_assets.questdb.tables.columns import CONTRACT_IN_SCHEDULE
from ghtrader_assets.questdb.tables.reader import gap_bounds
from ghtrader_assets.questdb.tables.rows import (
    AggregatedRow,
    BarDay,
    ContractLife,
    DailyAgg,
    DayException,
    MainOverride,
    Metric,
    WitnessAnswer,
)
from ghtrader_assets.questdb.tables.schema import (
    AGGREGATED,
    BAR_DAYS,
    BASELINES,
    CONTRACT_LIVES,
    DAILY_AGG,
    EXCEPTIONS,
    FIELD_QUALITY,
    MAIN_OVERRIDES,
    MAIN_SCHEDULE,
    MANIFESTS,
    METRICS,
    TABLES,
    VALIDATE_GAPS,
    VALIDATE_SUMMARY,
    WITNESS,
)
from ghtrader_assets.validation.verdicts import BaselineDay, DayVerdict, GapRow, midnight_utc


def write_schedules(db: Database, schedules: Mapping[str, Sequence[ScheduleDay]], now: datetime) -> None:
    """Store rows of symbols' schedules as of `now`, by the schedules' hashes, replacing those of the same days."""
    rows = ((row, digest) for digest, own in schedules.items() for row in own)
    _write(db, MAIN_SCHEDULE, (_schedule_values(row, digest, now) for row, digest in rows))


def write_contract_lives(db: Database, rows: Sequence[ContractLife]) -> None:
    """Store contracts' first days, replacing those of the same contracts."""
    _write(db, CONTRACT_LIVES, ({"ts": midnight_utc(row.delivery), **values_of(row)} for row in rows))


def write_main_override(db: Database, row: MainOverride) -> None:
    """Store a version of an overridden main contract."""
    _write(db, MAIN_OVERRIDES, [values_of(row)])


def write_witness(db: Database, rows: Sequence[WitnessAnswer]) -> None:
    """Store the provider's answers about its bars, replacing those of the same symbol-days."""
    _write(db, WITNESS, (_at_midnight(row) for row in rows))


def write_daily_agg(db: Database, rows: Sequence[DailyAgg]) -> None:
    """Store stored-day rows, replacing those of the same symbol-days."""
    _write(
        db,
        DAILY_AGG,
        (
            _at_midnight(row)
            | {"first_datetime_ns": epoch_ns(row.first_tick), "last_datetime_ns": epoch_ns(row.last_tick)}
            for row in rows
        ),
    )


def write_manifests(db: Database, rows: Sequence[Manifest]) -> None:
    """Store manifests, replacing those of the same id."""
    _write(db, MANIFESTS, (_at_midnight(row) for row in rows))


def write_aggregated(db: Database, rows: Sequence[AggregatedRow]) -> None:
    """Store the parts of an aggregated manifest. Parts of the same id have the same content and are replaced."""
    _write(db, AGGREGATED, (_at_midnight(row) for row in rows))


def write_exceptions(db: Database, rows: Sequence[DayException]) -> None:
    """Store what operators accepted or revoked. Rows of the same symbol-day need different instants."""
    _write(db, EXCEPTIONS, (values_of(row) for row in rows))


def send_metrics(db: Database, rows: Sequence[Metric]) -> None:
    """Commit measured values and return: they show a moment later."""
    _send(db, METRICS, (values_of(row) for row in rows))


def write_gaps(db: Database, rows: Sequence[GapRow]) -> None:
    """Store gaps of judged days again, each in place of the one that begins with it."""
    _write(db, VALIDATE_GAPS, ({**values_of(row), "live": True} for row in rows))


def write_verdicts(db: Database, verdicts: Sequence[DayVerdict], metrics: Sequence[Metric] = ()) -> None:
    """Store verdicts: what the days give to baselines, gaps (a day's new ones replace its old ones at one instant),
    quality, and the summary last.

    `metrics` travel with them and are not waited for.
    """
    sent = _send_verdicts(db, verdicts)
    send_metrics(db, metrics)
    db.await_applied(*sent)


def write_bars(db: Database, days: Sequence[DayBars]) -> None:
    """Store the bars of different days in place of those that are stored, each day's at one instant, and what they were
    made of."""
    db.await_applied(*_send_bars(db, days))


def write_stored(
    db: Database,
    verdicts: Sequence[DayVerdict],
    manifests: Sequence[Manifest],
    aggs: Sequence[DailyAgg],
    metrics: Sequence[Metric] = (),
    unjudged: Sequence[BaselineDay] = (),
    bars: Sequence[DayBars] = (),
) -> None:
    """Store all that is recorded of stored days: verdicts, bars and manifests, and once they show, the stored-day rows.

    `unjudged` is what days without a verdict give to baselines. One wait for all tables; where a stored-day row stands,
    everything else of the day does. `metrics` travel with them and are not waited for.
    """
    sent = [*_send(db, BASELINES, (values_of(row) for row in unjudged)), *_send_verdicts(db, verdicts)]
    sent += _send_bars(db, bars)
    sent += _send(db, MANIFESTS, (_at_midnight(manifest) for manifest in manifests))
    send_metrics(db, metrics)
    db.await_applied(*sent)
    write_daily_agg(db, aggs)


def _send_verdicts(db: Database, verdicts: Sequence[DayVerdict]) -> list[str]:
    if not verdicts:
        return []
    gaps = [{**values_of(gap), "live": True} for verdict in verdicts for gap in verdict.gaps]
    return [
        *_send(db, BASELINES, (values_of(verdict.baseline) for verdict in verdicts)),
        *_send(db, VALIDATE_GAPS, [*gaps, *_vanished_gaps(db, verdicts)]),
        *_send(db, FIELD_QUALITY, (values_of(verdict.quality) for verdict in verdicts)),
        *_send(db, VALIDATE_SUMMARY, (values_of(verdict.coverage) for verdict in verdicts)),
    ]


def _send_bars(db: Database, days: Sequence[DayBars]) -> list[str]:
    return [*send_bars(db, days), *_send(db, BAR_DAYS, (_at_midnight(day.row) for day in days))]


def _write(db: Database, name: str, rows: Iterable[Mapping[str, Any]]) -> None:
    db.await_applied(*_send(db, name, rows))


def _send(db: Database, name: str, rows: Iterable[Mapping[str, Any]]) -> list[str]:
    """Commit rows in one transaction; returns the table to wait for, none where there was no row."""
    table = TABLES[name]
    pending = [dict(row) for row in rows]
    if not pending:
        return []
    with db.sender() as sender, sender.transaction(table.base) as transaction:
        for row in pending:
            put_row(transaction, table, row)
    return [table.base]


def _schedule_values(row: ScheduleDay, schedule_hash: str, now: datetime) -> dict[str, Any]:
    symbol, values = parse_symbol(row.symbol), values_of(row)
    values[CONTRACT_IN_SCHEDULE] = values.pop("contract")
    return values | {
        "ts": midnight_utc(row.trading_day),
        "exchange": symbol.exchange.value,
        "variety": symbol.product.lower(),
        "schedule_hash": schedule_hash,
        "updated_at": now,
    }


def _at_midnight(row: DailyAgg | Manifest | AggregatedRow | WitnessAnswer | BarDay) -> dict[str, Any]:
    return {"ts": midnight_utc(row.trading_day), **values_of(row)}


def _vanished_gaps(db: Database, verdicts: Sequence[DayVerdict]) -> list[dict[str, Any]]:
    """The keys of stored gaps that a new verdict on their day doesn't have, as rows that hide them."""
    days = {(verdict.coverage.symbol, verdict.coverage.trading_day) for verdict in verdicts}
    kept = {(gap.symbol, gap.trading_day, gap.start_ts) for verdict in verdicts for gap in verdict.gaps}
    places, symbols = bound_list(sorted({symbol for symbol, _ in days}))
    bounds = gap_bounds(min(day for _, day in days), max(day for _, day in days))
    found = db.rows(
        "gap_keys",
        f"SELECT symbol, trading_day, start_ts FROM {VALIDATE_GAPS}"  # noqa: S608 - our own names; values are bound
        f" WHERE ts >= %s AND ts < %s AND symbol IN ({places})",
        [*bounds, *symbols],
    )
    return [
        {"ts": start, "symbol": symbol, "trading_day": day, "start_ts": start, "live": False}
        for symbol, day, start in ((row[0], row[1], row[2].replace(tzinfo=UTC)) for row in found)
        if (symbol, date.fromisoformat(day)) in days and (symbol, date.fromisoformat(day), start) not in kept
    ]
