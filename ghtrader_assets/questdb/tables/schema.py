"""The tables: one list of columns each, from which DDL, writing and reading follow.

Belongs here: names, columns, partitions, keys, views; making them and refusing a store of another shape.
Does not belong here: what is written into them (`writer`, `records`) and read from them (`reader`), and bringing the
tables of an older version to this one (`migrations`).

ghTrader's tables and columns come under their own names, so its readers run unchanged; the others are ours. All tables
are WAL with deduplication. Where rows can disappear (ticks, gaps, bars), ghTrader's name is a view of the live rows of
a base table: QuestDB deletes no rows, so a row that a later load doesn't have is written again with `live = false`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Final, LiteralString, cast

import polars as pl

from ghtrader_assets.bars.frame import FIGURES
from ghtrader_assets.errors import ForeignTableError
from ghtrader_assets.manifests import Manifest
from ghtrader_assets.market.ticks import NUMERIC_COLUMNS
from ghtrader_assets.questdb.client.connection import Database
from ghtrader_assets.questdb.tables.columns import Column, column, columns_of_row
from ghtrader_assets.questdb.tables.rows import (
    AggregatedRow,
    BarDay,
    ContractLife,
    DailyAgg,
    DayException,
    MainOverride,
    Metric,
    SchemaVersion,
    WitnessAnswer,
)
from ghtrader_assets.validation.verdicts import BaselineDay, CoverageVerdict, GapRow, QualityVerdict

TICKS: Final = "ghtrader_ticks_main_l5_v2"
MAIN_SCHEDULE: Final = "ghtrader_main_schedule_v2"
DAILY_AGG: Final = "ghtrader_main_l5_daily_agg_v2"
VALIDATE_SUMMARY: Final = "ghtrader_main_l5_validate_summary_v2"
VALIDATE_GAPS: Final = "ghtrader_main_l5_validate_gaps_v2"
FIELD_QUALITY: Final = "ghtrader_field_quality_v2"
BASELINES: Final = "ghtrader_baselines_v1"
MANIFESTS: Final = "ghtrader_manifests_v1"
AGGREGATED: Final = "ghtrader_aggregated_manifests_v1"
METRICS: Final = "ghtrader_metrics_v1"
EXCEPTIONS: Final = "ghtrader_exceptions_v1"
CONTRACT_LIVES: Final = "ghtrader_contract_lives_v1"
MAIN_OVERRIDES: Final = "ghtrader_main_overrides_v1"
WITNESS: Final = "ghtrader_witness_v1"
SCHEMA_VERSION: Final = "ghtrader_schema_version_v1"
BARS: Final = "ghtrader_bars_v1"
BAR_DAYS: Final = "ghtrader_bar_days_v1"
TICK_GAPS: Final = "ghtrader_tick_gaps_v2"
BASE_SUFFIX: Final = "_base"

_TS: Final = column("ts", "TIMESTAMP")
_SYMBOL: Final = column("symbol", "SYMBOL")
_LIVE: Final = column("live", "BOOLEAN")


def live_query(base: str, columns: Iterable[str]) -> str:
    """What the view of a base table's live rows selects."""
    return f"SELECT {', '.join(columns)} FROM {base} WHERE live"  # noqa: S608 - our own names; values are bound


@dataclass(frozen=True, slots=True)
class Table:
    """A table as readers see it: with `hides_dead_rows`, a view of a base table's live rows."""

    name: str
    columns: tuple[Column, ...]
    partition_by: str
    keys: tuple[str, ...]
    hides_dead_rows: bool = False

    @property
    def base(self) -> str:
        """The name under which rows are written."""
        return self.name + BASE_SUFFIX if self.hides_dead_rows else self.name

    @property
    def base_columns(self) -> tuple[Column, ...]:
        return (*self.columns, _LIVE) if self.hides_dead_rows else self.columns

    @property
    def symbol_columns(self) -> tuple[str, ...]:
        return tuple(each.name for each in self.columns if each.type == "SYMBOL")

    @property
    def ddl(self) -> list[str]:
        columns = ", ".join(each.ddl for each in self.base_columns)
        statements = [
            f"CREATE TABLE IF NOT EXISTS {self.base} ({columns}) TIMESTAMP(ts)"
            f" PARTITION BY {self.partition_by} WAL DEDUP UPSERT KEYS({', '.join(self.keys)})"
        ]
        if self.hides_dead_rows:
            statements.append(f"CREATE VIEW IF NOT EXISTS {self.name} AS ({self.live_query})")
        return statements

    @property
    def live_query(self) -> str:
        return live_query(self.base, [each.name for each in self.columns])


_DAY_KEYS: Final = ("ts", "symbol", "trading_day")

TABLES: Final = {
    table.name: table
    for table in (
        Table(
            TICKS,
            (
                _SYMBOL,
                _TS,
                column("datetime_ns", "LONG"),
                column("trading_day", "SYMBOL"),
                column("row_hash", "LONG"),
                *(column(name, "DOUBLE") for name in NUMERIC_COLUMNS),
                *(column(name, "SYMBOL") for name in ("dataset_version", "ticks_kind", "underlying_contract")),
                column("segment_id", "LONG"),
                column("schedule_hash", "SYMBOL"),
                column("tick_id", "LONG"),
                column("seq", "INT"),
            ),
            "WEEK",
            ("ts", "symbol", "seq"),
            hides_dead_rows=True,
        ),
        Table(
            MAIN_SCHEDULE,
            (
                _TS,
                *(column(name, "SYMBOL") for name in ("exchange", "variety", "trading_day", "main_contract")),
                column("segment_id", "LONG"),
                column("schedule_hash", "SYMBOL"),
                column("updated_at", "TIMESTAMP"),
                _SYMBOL,
                column("is_roll", "BOOLEAN"),
                column("provisional", "BOOLEAN"),
            ),
            "YEAR",
            ("ts", "exchange", "variety", "trading_day", "symbol"),
        ),
        Table(
            DAILY_AGG,
            (_TS, *columns_of_row(DailyAgg), column("first_datetime_ns", "LONG"), column("last_datetime_ns", "LONG")),
            "YEAR",
            (*_DAY_KEYS, "ticks_kind", "dataset_version"),
        ),
        Table(VALIDATE_SUMMARY, columns_of_row(CoverageVerdict), "YEAR", _DAY_KEYS),
        Table(VALIDATE_GAPS, columns_of_row(GapRow), "YEAR", (*_DAY_KEYS, "start_ts"), hides_dead_rows=True),
        Table(FIELD_QUALITY, columns_of_row(QualityVerdict), "YEAR", (*_DAY_KEYS, "ticks_kind", "dataset_version")),
        Table(BASELINES, columns_of_row(BaselineDay), "YEAR", _DAY_KEYS),
        Table(MANIFESTS, (_TS, *columns_of_row(Manifest)), "YEAR", (*_DAY_KEYS, "manifest_id")),
        Table(AGGREGATED, (_TS, *columns_of_row(AggregatedRow)), "YEAR", (*_DAY_KEYS, "manifest_id")),
        Table(METRICS, columns_of_row(Metric), "MONTH", ("ts", "name", "symbol", "trading_day")),
        Table(EXCEPTIONS, columns_of_row(DayException), "YEAR", _DAY_KEYS),
        Table(CONTRACT_LIVES, (_TS, *columns_of_row(ContractLife)), "YEAR", ("ts", "contract")),
        Table(MAIN_OVERRIDES, columns_of_row(MainOverride), "YEAR", ("ts", "symbol")),
        Table(WITNESS, (_TS, *columns_of_row(WitnessAnswer)), "YEAR", _DAY_KEYS),
        Table(
            BARS,
            (
                _SYMBOL,
                _TS,
                column("trading_day", "SYMBOL"),
                column("contract", "SYMBOL"),
                *(column(name, "INT" if kind == pl.Int32 else "DOUBLE") for name, kind in FIGURES.items()),
                column("made_of", "LONG"),
            ),
            "MONTH",
            ("ts", "symbol"),
            hides_dead_rows=True,
        ),
        Table(BAR_DAYS, (_TS, *columns_of_row(BarDay)), "YEAR", _DAY_KEYS),
        Table(SCHEMA_VERSION, columns_of_row(SchemaVersion), "YEAR", ("ts", "version")),
    )
}

# Derived from the summary, one to one, as ghTrader defines it: `tick_count_*` count seconds, not ticks.
_TICK_GAPS_QUERY: Final = (
    "SELECT ts, symbol, trading_day, 'main_l5' ticks_kind, 'v2' dataset_version,"  # noqa: S608 - our own names; values are bound
    " seconds_with_ticks tick_count_actual, expected_seconds - missing_seconds tick_count_expected_min,"
    " expected_seconds tick_count_expected_max, null::LONG median_interval_ms, null::LONG p95_interval_ms,"
    " null::LONG p99_interval_ms, max_gap_s * 1000 max_interval_ms,"
    " gap_bucket_2_5 + gap_bucket_6_15 + gap_bucket_16_30 abnormal_gaps_count,"
    " gap_bucket_gt_30 critical_gaps_count, max_gap_s * 1000 largest_gap_duration_ms, schedule_hash, updated_at"
    f" FROM {VALIDATE_SUMMARY}"
)


def make_tables(db: Database) -> None:
    """Make what is missing. Raises `ForeignTableError` for the first table or view of another shape than ours."""
    for table in TABLES.values():
        ensure_table(db, table)
    db.execute(f"CREATE VIEW IF NOT EXISTS {TICK_GAPS} AS ({_TICK_GAPS_QUERY})")


def ensure_table(db: Database, table: Table) -> None:
    """Make one table, with its view, unless it exists. Raises `ForeignTableError` where it has another shape."""
    for statement in table.ddl:
        db.execute(cast("LiteralString", statement))
    require_ours(table, difference_of(db, table))


def require_ours(table: Table, difference: str) -> None:
    """Refuse a table of another shape. Nothing of it is altered: its rows would mean something else.

    Raises `ForeignTableError`.
    """
    if difference:
        raise ForeignTableError(f"table {table.name} in QuestDB is not ours: {difference}")


def difference_of(db: Database, table: Table, to_come: Collection[str] = (), lengths: Collection[str] = ()) -> str:
    """How the table in the store differs from ours, empty if it doesn't.

    Columns `to_come` may be there or not, and partitions be of one of these `lengths`.
    """
    found = base_difference(db, table, to_come, lengths)
    return found if found or to_come else _view_difference(db, table)


def base_difference(db: Database, table: Table, to_come: Collection[str] = (), lengths: Collection[str] = ()) -> str:
    """How the table that rows are written into differs from ours, its view left out; empty if it doesn't."""
    rows = db.rows("tables", "SELECT partitionBy, walEnabled, dedup FROM tables() WHERE table_name = %s", [table.base])
    if not rows:
        return f"{table.base} does not exist"
    ((partition_by, wal, dedup),) = rows
    if not (wal and dedup and partition_by in {table.partition_by, *lengths}):
        return f"it is partitioned by {partition_by}, WAL {wal}, deduplicated {dedup}"
    return _column_difference(db, table, to_come)


def foreign_columns(db: Database, table: Table, to_come: Collection[str] = ()) -> list[str]:
    """The columns of the table in the store that are not ours: another program's, which we neither read nor write."""
    found = db.rows("table_columns", f"SELECT \"column\" FROM table_columns('{table.base}')")  # noqa: S608 - our own names; values are bound
    return sorted({name for (name,) in found} - {each.name for each in table.base_columns} - set(to_come))


def _column_difference(db: Database, table: Table, to_come: Collection[str]) -> str:
    """How our columns and the keys differ. Columns besides ours change nothing of what ours say."""
    found = db.rows("table_columns", f"SELECT \"column\", type, upsertKey FROM table_columns('{table.base}')")  # noqa: S608 - our own names; values are bound
    types = {name: kind for name, kind, _ in found}
    wanted = {each.name: each.type for each in table.base_columns if each.name in types or each.name not in to_come}
    for name, kind in wanted.items():
        if types.get(name) != kind:
            return f"column {name} should be {kind} and is {types.get(name, 'missing')}"
    keys = {name for name, _, key in found if key}
    return "" if keys == set(table.keys) else f"its keys are {sorted(keys)}"


def _view_difference(db: Database, table: Table) -> str:
    if not table.hides_dead_rows:
        return ""
    kinds = db.rows("tables", "SELECT table_type FROM tables() WHERE table_name = %s", [table.name])
    if not kinds:
        return f"the view {table.name} does not exist"
    if kinds[0][0] != "V":
        return "it is a table where we keep a view of live rows"
    status, query = db.rows("views", "SELECT view_status, view_sql FROM views() WHERE view_name = %s", [table.name])[0]
    if status != "valid":
        return f"the view is {status}"
    return "" if query.split() == table.live_query.split() else "the view is another query"
