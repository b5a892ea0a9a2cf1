"""Reading the store: every query by its name, with bound values and a `ts` range, into typed rows.

Belongs here: what can be asked. Does not belong here: caching, and what is done with an answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final, NamedTuple, TypeVar

from ghtrader_assets.errors import IngestState
from ghtrader_assets.manifests import Manifest
from ghtrader_assets.market.schedule import ScheduleDay
from ghtrader_assets.questdb.client.connection import Database
from ghtrader_assets.questdb.client.sql import bound_list
from ghtrader_assets.questdb.tables.codec import columns_of_kind, rows_of
from ghtrader_assets.questdb.tables.columns import CONTRACT_IN_SCHEDULE
from ghtrader_assets.questdb.tables.rows import (
    AggregatedRow,
    ContractLife,
    DailyAgg,
    DayException,
    MainOverride,
    StandingCoverage,
    StandingVerdict,
    StoredRange,
    WitnessAnswer,
)
from ghtrader_assets.questdb.tables.schema import (
    AGGREGATED,
    BASELINES,
    CONTRACT_LIVES,
    DAILY_AGG,
    EXCEPTIONS,
    FIELD_QUALITY,
    MAIN_OVERRIDES,
    MAIN_SCHEDULE,
    MANIFESTS,
    VALIDATE_GAPS,
    VALIDATE_SUMMARY,
    WITNESS,
)
from ghtrader_assets.validation.verdicts import BaselineDay, CoverageVerdict, GapRow, QualityVerdict, midnight_utc

Row = TypeVar("Row")

FIRST_DAY: Final = date(1990, 1, 1)
LAST_DAY: Final = date(2200, 1, 1)
CLOCKS_DIFFER: Final = timedelta(minutes=1)
"""Clocks of two hosts that are right differ by less."""
LONGEST_BREAK: Final = timedelta(days=20)
"""No two consecutive trading days lie further apart."""

OF_ANY: Final = "symbol IS NOT NULL"
"""Rows that were forgotten have no symbol (`forgetting`): of no question that names none."""

_BOUNDS: Final = (
    "a.symbol, min(a.trading_day), max(a.trading_day), count(), sum(a.rows_total), min(a.first_tick), max(a.last_tick)"
)


class GapSum(NamedTuple):
    """The gaps of a trading day and the seconds in them."""

    gaps: int
    seconds: int


def read_schedule(db: Database, symbol: str, start: date = FIRST_DAY, end: date = LAST_DAY) -> list[ScheduleDay]:
    """The stored schedule of a symbol, by trading day."""
    return read_schedules(db, [symbol], start, end)


def read_schedules(db: Database, symbols: Sequence[str], start: date, end: date) -> list[ScheduleDay]:
    """The stored schedules of symbols in an inclusive range, by trading day."""
    return _select(
        db, "schedule", ScheduleDay, MAIN_SCHEDULE, symbols, start, end,
        columns=f"symbol, trading_day, {CONTRACT_IN_SCHEDULE}, segment_id, is_roll, provisional",
    )  # fmt: skip


def read_contract_lives(db: Database) -> list[ContractLife]:
    """The first trading days that a provider was asked for."""
    return rows_of(
        ContractLife,
        db.rows("contract_lives", f"SELECT {columns_of_kind(ContractLife)} FROM {CONTRACT_LIVES}"),  # noqa: S608 - our own names; values are bound
    )


def read_main_overrides(db: Database, symbols: Sequence[str] = ()) -> list[MainOverride]:
    """Every version of the symbols' overridden main contracts, oldest first; of all symbols where none is named."""
    where, values = _of_symbols("WHERE", symbols)
    found = db.rows(
        "main_overrides",
        f"SELECT {columns_of_kind(MainOverride)} FROM {MAIN_OVERRIDES} {where} ORDER BY ts",  # noqa: S608 - our own names; values are bound
        values,
    )
    return rows_of(MainOverride, found)


def read_daily_agg(db: Database, symbol: str, days: Sequence[date]) -> list[DailyAgg]:
    """The stored-day rows of these days, those that are stored, by trading day."""
    return list(_of_days(db, "daily_agg", DailyAgg, DAILY_AGG, symbol, days).values())


def read_witness(db: Database, symbol: str, days: Sequence[date]) -> dict[date, WitnessAnswer]:
    """What the provider answered about its bars of these days, of those that were requested."""
    return _of_days(db, "witness", WitnessAnswer, WITNESS, symbol, days)


def read_witness_digests(db: Database, symbols: Sequence[str], start: date, end: date) -> dict[tuple[str, date], str]:
    """The digest of each answer about the bars of these symbols' days in an inclusive range; failures have none."""
    places, names = bound_list(symbols)
    found = db.rows(
        "witness_digests",
        f"SELECT symbol, trading_day, digest FROM {WITNESS}"  # noqa: S608 - our own names; values are bound
        f" WHERE ts >= %s AND ts <= %s AND symbol IN ({places}) AND length(digest) > 0",
        [midnight_utc(start), midnight_utc(end), *names],
    )
    return {(symbol, date.fromisoformat(day)): digest for symbol, day, digest in found}


def read_summary(db: Database, symbol: str, days: Sequence[date]) -> dict[date, CoverageVerdict]:
    """The coverage verdicts of these days, those that are stored."""
    return _of_days(db, "summary", CoverageVerdict, VALIDATE_SUMMARY, symbol, days)


def read_quality(db: Database, symbol: str, days: Sequence[date]) -> dict[date, QualityVerdict]:
    """The field quality of these days, those that are stored."""
    return _of_days(db, "quality", QualityVerdict, FIELD_QUALITY, symbol, days)


def read_standing_coverage(db: Database, symbol: str, days: Sequence[date]) -> dict[date, StandingCoverage]:
    """How these days stand by coverage, those that are judged."""
    return _of_days(db, "coverage_standing", StandingCoverage, VALIDATE_SUMMARY, symbol, days)


def read_days_witnessed_as(db: Database, symbol: str, witness: str) -> list[date]:
    """The judged days of a symbol of which the provider's bars say this, by day."""
    found = db.rows(
        "witnessed_as",
        f"SELECT trading_day FROM {VALIDATE_SUMMARY} WHERE symbol = %s AND witness = %s ORDER BY ts",  # noqa: S608 - our own names; values are bound
        [symbol, witness],
    )
    return [date.fromisoformat(day) for (day,) in found]


def read_standing_quality(db: Database, symbol: str, days: Sequence[date]) -> dict[date, StandingVerdict]:
    """How these days stand by field quality, those that are judged."""
    return _of_days(db, "quality_decision", StandingVerdict, FIELD_QUALITY, symbol, days)


def read_baselines(db: Database, symbols: Sequence[str], start: date, end: date) -> list[BaselineDay]:
    """What the days of an inclusive range give to baselines, by trading day."""
    return _select(db, "baselines", BaselineDay, BASELINES, symbols, start, end)


def read_gaps(db: Database, symbol: str, days: Sequence[date]) -> list[GapRow]:
    """The gaps of these days, those that are judged, in time order."""
    if not days:
        return []
    start, end = min(days), max(days)
    where = "symbol = %s AND trading_day >= %s AND trading_day <= %s AND ts >= %s AND ts < %s"
    values = [symbol, start.isoformat(), end.isoformat(), *gap_bounds(start, end)]
    found = _rows(db, "gaps", GapRow, f"{VALIDATE_GAPS} WHERE {where}", values)
    wanted = set(days)
    return sorted((gap for gap in found if gap.trading_day in wanted), key=lambda gap: gap.start_ts)


def read_gap_sums(db: Database, symbol: str, start: date, end: date) -> dict[date, GapSum]:
    """The gaps of a symbol's judged days in an inclusive range, those that have any."""
    found = db.rows(
        "gap_sums",
        f"SELECT trading_day, count(), sum(duration_s) FROM {VALIDATE_GAPS} WHERE symbol = %s AND ts >= %s AND ts < %s",  # noqa: S608 - our own names; values are bound
        [symbol, *gap_bounds(start, end)],
    )
    sums = {date.fromisoformat(day): GapSum(int(gaps), int(seconds)) for day, gaps, seconds in found}
    return {day: gap_sum for day, gap_sum in sums.items() if start <= day <= end}


def gap_bounds(start: date, end: date) -> tuple[datetime, datetime]:
    """Between which instants (UTC, the second excluded) the gaps of an inclusive range of trading days begin.

    A night session belongs to the next trading day, which a holiday may part from it.
    """
    return midnight_utc(start) - LONGEST_BREAK, midnight_utc(end) + timedelta(days=2)


def read_manifest(db: Database, manifest_id: str) -> Manifest | None:
    """One manifest by its id."""
    found = _rows(db, "manifest", Manifest, f"{MANIFESTS} WHERE manifest_id = %s AND {OF_ANY}", [manifest_id])
    return next(iter(found), None)


def manifests_covering(db: Database, day: date, symbols: Sequence[str] = ()) -> list[Manifest]:
    """Every load attempt of a trading day, oldest first; of all symbols where none is named."""
    return sorted(
        _select(db, "manifests_covering", Manifest, MANIFESTS, symbols, day, day), key=lambda manifest: manifest.started
    )


def read_manifests(db: Database, symbol: str, days: Sequence[date]) -> list[Manifest]:
    """Every load attempt of the symbol from the first to the last of these days, by trading day."""
    return _select(db, "manifests", Manifest, MANIFESTS, [symbol], min(days), max(days)) if days else []


def read_manifests_of_runs(
    db: Database, symbols: Sequence[str], start: date, end: date, run_ids: Sequence[str]
) -> dict[tuple[str, date], Manifest]:
    """The attempt of each symbol's day of an inclusive range by one of these runs, of those that they attempted."""
    where, values = _of_symbols("AND", symbols)
    places, runs = bound_list(run_ids)
    rest = f"{MANIFESTS} WHERE ts >= %s AND ts <= %s AND run_id IN ({places}) {where} ORDER BY started"
    found = _rows(db, "manifests_of_runs", Manifest, rest, [midnight_utc(start), midnight_utc(end), *runs, *values])
    return {(manifest.symbol, manifest.trading_day): manifest for manifest in found}


def read_open_manifests(db: Database) -> list[Manifest]:
    """The attempts that have begun and not ended."""
    return _rows(db, "open_manifests", Manifest, f"{MANIFESTS} WHERE finished = NULL AND {OF_ANY}", [])


def read_future_loads(db: Database, symbols: Sequence[str], now: datetime) -> list[tuple[str, date, datetime]]:
    """The days of these symbols whose last committed attempt says that it began later than `now`, and when.

    Rows of one day stand in the order in which they were committed, whatever their clocks said.
    """
    places, names = bound_list(symbols)
    found = db.rows(
        "future_loads",
        "SELECT symbol, trading_day, began FROM (SELECT symbol, trading_day, last(started) began"  # noqa: S608 - our own names; values are bound
        f" FROM {MANIFESTS} WHERE symbol IN ({places})) WHERE began > %s ORDER BY symbol, trading_day",
        [*names, now + CLOCKS_DIFFER],
    )
    return [(symbol, date.fromisoformat(day), began.replace(tzinfo=UTC)) for symbol, day, began in found]


def read_last_loads(db: Database, symbol: str, limit: int) -> list[Manifest]:
    """The symbol's complete loads that ended last, at most `limit`, newest first."""
    where = "symbol = %s AND outcome = %s ORDER BY finished DESC LIMIT %s"
    values = [symbol, IngestState.COMPLETE.value, limit]
    return _rows(db, "last_loads", Manifest, f"{MANIFESTS} WHERE {where}", values)


def read_stored_ranges(db: Database, symbols: Sequence[str] = ()) -> list[StoredRange]:
    """What is stored of each symbol, from the table of stored days; of all symbols where none is named."""
    where, values = _of_symbols("WHERE", symbols)
    return _rows(db, "coverage", StoredRange, f"{DAILY_AGG} a {where} ORDER BY symbol", values, _BOUNDS)


def read_five_level_bounds(db: Database, symbols: Sequence[str]) -> list[StoredRange]:
    """What is stored of each symbol on days whose load, by its manifest, has a row of more than one level."""
    places, values = bound_list(symbols)
    joined = "a.symbol = m.symbol AND a.manifest_id = m.manifest_id AND a.trading_day = m.trading_day"
    where = f"a.symbol IN ({places}) AND m.five_level_rows > 0"
    tables = f"{DAILY_AGG} a JOIN {MANIFESTS} m ON {joined} WHERE {where} ORDER BY a.symbol"
    return _rows(db, "five_level_bounds", StoredRange, tables, values, _BOUNDS)


def read_latest(db: Database, symbols: Sequence[str] = ()) -> list[DailyAgg]:
    """The stored-day row of each symbol's last stored day, by symbol; of all symbols where none is named."""
    where, values = _of_symbols("WHERE", symbols)
    found = _rows(db, "latest", DailyAgg, f"{DAILY_AGG} {where} LATEST ON ts PARTITION BY symbol", values)
    return sorted(found, key=lambda row: row.symbol)


def read_daily_aggs(db: Database, symbols: Sequence[str], start: date, end: date) -> list[DailyAgg]:
    """The stored-day rows of symbols, by default all, in an inclusive range of trading days."""
    return _select(db, "daily_aggs", DailyAgg, DAILY_AGG, symbols, start, end)


def read_exceptions(db: Database, symbol: str, start: date, end: date) -> dict[date, DayException]:
    """The last exception or revocation of each day of an inclusive range, of those that have one."""
    found = db.rows(
        "exceptions",
        f"SELECT {columns_of_kind(DayException)} FROM {EXCEPTIONS} WHERE symbol = %s AND trading_day >= %s"  # noqa: S608 - our own names; values are bound
        " AND trading_day <= %s LATEST ON ts PARTITION BY symbol, trading_day",
        [symbol, start.isoformat(), end.isoformat()],
    )
    return {row.trading_day: row for row in rows_of(DayException, found)}


def read_begun(db: Database, symbols: Sequence[str]) -> dict[str, tuple[date, date]]:
    """Of each symbol of which a day was stored or a load began: the first and the last such trading day."""
    places, values = bound_list(symbols)
    found = db.rows(
        "begun",
        f"SELECT symbol, min(ts), max(ts) FROM (SELECT symbol, ts FROM {MANIFESTS} WHERE symbol IN ({places})"  # noqa: S608 - our own names; values are bound
        f" UNION ALL SELECT symbol, ts FROM {DAILY_AGG} WHERE symbol IN ({places}))",
        [*values, *values],
    )
    return {symbol: (first.date(), last.date()) for symbol, first, last in found}


def read_newest_days(db: Database, symbols: Sequence[str]) -> dict[str, tuple[date, datetime]]:
    """Of each symbol with a stored day: its last trading day, and when last a day of it was stored (UTC)."""
    places, values = bound_list(symbols)
    found = db.rows(
        "newest_days",
        f"SELECT symbol, max(ts), max(updated_at) FROM {DAILY_AGG} WHERE symbol IN ({places})",  # noqa: S608 - our own names; values are bound
        values,
    )
    return {symbol: (last.date(), loaded.replace(tzinfo=UTC)) for symbol, last, loaded in found}


def read_aggregated(db: Database, manifest_id: str) -> list[AggregatedRow]:
    """The parts of an aggregated manifest, by symbol and day; empty where it is unknown."""
    found = _rows(db, "aggregated", AggregatedRow, f"{AGGREGATED} WHERE manifest_id = %s", [manifest_id])
    return sorted(found, key=lambda row: (row.symbol, row.trading_day))


def _of_days(
    db: Database, name: str, kind: type[Row], table: str, symbol: str, days: Sequence[date]
) -> dict[date, Row]:
    if not days:
        return {}
    wanted = set(days)
    found: list[Any] = list(_select(db, name, kind, table, [symbol], min(days), max(days)))
    return {row.trading_day: row for row in found if row.trading_day in wanted}


def _select(
    db: Database,
    name: str,
    kind: type[Row],
    table: str,
    symbols: Sequence[str],
    start: date,
    end: date,
    columns: str = "",
) -> list[Row]:
    """Rows of a small table for symbols and an inclusive range of trading days, by trading day."""
    where, values = _of_symbols(" AND", symbols)
    rest = f"{table} WHERE ts >= %s AND ts <= %s{where} ORDER BY ts"
    return _rows(db, name, kind, rest, [midnight_utc(start), midnight_utc(end), *values], columns)


def _rows(
    db: Database, name: str, kind: type[Row], rest: str, values: Sequence[object], columns: str = ""
) -> list[Row]:
    """Rows of a dataclass by what follows FROM; `columns` where they are not called as its fields are."""
    return rows_of(kind, db.rows(name, f"SELECT {columns or columns_of_kind(kind)} FROM {rest}", values))  # noqa: S608 - our own names; values are bound


def _of_symbols(keyword: str, symbols: Sequence[str]) -> tuple[str, list[str]]:
    """The condition that a row is of one of the symbols, and its values; of any, where no symbol is named."""
    places, values = bound_list(symbols)
    return f"{keyword} symbol IN ({places})" if symbols else f"{keyword} {OF_ANY}", values
