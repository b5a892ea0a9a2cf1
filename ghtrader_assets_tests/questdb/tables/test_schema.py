"""The tables: ghTrader's columns and ours are there; a table of another shape is refused, not altered."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import psycopg
import pytest

from ghtrader_assets.clock import SYSTEM_CLOCK
from ghtrader_assets.errors import ForeignTableError, QuestDBError
from ghtrader_assets.manifests import Manifest
from ghtrader_assets.questdb.client.connection import Database
from ghtrader_assets.questdb.client.credentials import Endpoint
from ghtrader_assets.questdb.embedded.parameters import packaged_text, parameter_findings
from ghtrader_assets.questdb.tables import schema
from ghtrader_assets.questdb.tables.columns import column
from ghtrader_assets.questdb.tables.migrations import ensure_schema, foreign_columns_of_all, shape_findings
from ghtrader_assets.questdb.tables.rows import DailyAgg, Metric, SchemaVersion
from ghtrader_assets.questdb.tables.schema import TABLES, Table, ensure_table
from ghtrader_assets.validation.verdicts import CoverageVerdict, GapRow, QualityVerdict
from ghtrader_assets_tests.fix_exchange import ROOT
from ghtrader_assets_tests.questdb.tables_page import TICK_GAPS_COLUMNS
from ghtrader_assets_tests.waiting import HANGS_S

BOOK = [f"{side}_{kind}{level}" for level in range(1, 6) for side in ("bid", "ask") for kind in ("price", "volume")]
GHTRADER = {
    schema.TICKS: {
        "SYMBOL": "symbol trading_day dataset_version ticks_kind underlying_contract schedule_hash",
        "TIMESTAMP": "ts",
        "LONG": "datetime_ns row_hash segment_id",
        "DOUBLE": " ".join(["last_price average highest lowest volume amount open_interest", *BOOK]),
    },
    schema.MAIN_SCHEDULE: {
        "TIMESTAMP": "ts updated_at",
        "SYMBOL": "exchange variety trading_day main_contract schedule_hash",
        "LONG": "segment_id",
    },
    schema.VALIDATE_SUMMARY: {
        "TIMESTAMP": "ts last_tick_ts updated_at",
        "SYMBOL": "symbol trading_day cadence_mode schedule_hash",
        "LONG": "expected_seconds expected_seconds_strict seconds_with_ticks seconds_with_two_plus observed_segments"
        " total_segments missing_day missing_segments missing_seconds gap_bucket_2_5 gap_bucket_6_15 gap_bucket_16_30"
        " gap_bucket_gt_30 gap_count_gt_30 missing_half_seconds session_end_lag_s max_gap_s",
        "DOUBLE": "two_plus_ratio missing_seconds_ratio gap_threshold_s",
    },
    schema.VALIDATE_GAPS: {
        "TIMESTAMP": "ts start_ts end_ts updated_at",
        "SYMBOL": "symbol trading_day session tqsdk_status schedule_hash",
        "LONG": "duration_s",
    },
    schema.FIELD_QUALITY: {
        "TIMESTAMP": "ts updated_at",
        "SYMBOL": "symbol trading_day ticks_kind dataset_version",
        "LONG": "rows_total price_jump_outliers volume_spike_outliers spread_anomaly_outliers bid_ask_cross_violations"
        " bid_order_violations ask_order_violations negative_volume_violations negative_price_violations",
        "DOUBLE": "bid_price1_null_rate ask_price1_null_rate last_price_null_rate volume_null_rate"
        " open_interest_null_rate l5_fields_null_rate",
    },
    schema.DAILY_AGG: {
        "TIMESTAMP": "ts updated_at",
        "SYMBOL": "symbol trading_day ticks_kind dataset_version",
        "LONG": "rows_total first_datetime_ns last_datetime_ns",
    },
}


@pytest.mark.parametrize("table", GHTRADER)
def test_ghtraders_columns_are_kept(table: str) -> None:
    ours = {column.name: column.type for column in TABLES[table].columns}
    wanted = {name: kind for kind, names in GHTRADER[table].items() for name in names.split()}
    assert {name: ours.get(name) for name in wanted} == wanted


def test_ghtraders_derived_gap_table_is_a_view(db: Database) -> None:
    with db.session() as session:
        cursor = session.execute("SELECT * FROM ghtrader_tick_gaps_v2")
        assert cursor.description is not None
        assert [column.name for column in cursor.description] == list(TICK_GAPS_COLUMNS)


@pytest.mark.parametrize(
    ("table", "kind"),
    [
        (schema.VALIDATE_SUMMARY, CoverageVerdict),
        (schema.VALIDATE_GAPS, GapRow),
        (schema.FIELD_QUALITY, QualityVerdict),
        (schema.DAILY_AGG, DailyAgg),
        (schema.MANIFESTS, Manifest),
        (schema.METRICS, Metric),
        (schema.SCHEMA_VERSION, SchemaVersion),
    ],
)
def test_every_field_of_a_row_is_a_column(table: str, kind: type[Any]) -> None:
    fields = {field.name for field in dataclasses.fields(kind)}
    extra = {column.name for column in TABLES[table].columns} - fields
    assert fields <= {column.name for column in TABLES[table].columns}
    assert extra <= {"ts", "first_datetime_ns", "last_datetime_ns"}


def test_making_the_tables_again_changes_nothing(db: Database, questdb_home: Path) -> None:
    before = db.rows("tables", "SELECT table_name, directoryName FROM tables() ORDER BY table_name")
    ensure_schema(db, questdb_home, SYSTEM_CLOCK)
    assert db.rows("tables", "SELECT table_name, directoryName FROM tables() ORDER BY table_name") == before
    assert shape_findings(db) == {}


def test_every_table_is_wal_and_deduplicated(db: Database) -> None:
    found = db.rows("tables", "SELECT table_name, walEnabled, dedup, partitionBy FROM tables()")
    state = {name: rest for name, *rest in found}
    for table in TABLES.values():
        assert state[table.base] == [True, True, table.partition_by]


def test_another_shape_is_refused(db: Database) -> None:
    def table(*names: str, keys: tuple[str, ...] = ("ts", "symbol"), partition_by: str = "YEAR") -> Table:
        columns = [column("ts", "TIMESTAMP"), column("symbol", "SYMBOL"), *(column(name, "LONG") for name in names)]
        return Table("ghtrader_shape_test", tuple(columns), partition_by, keys)

    ensure_table(db, table("old", "kept"))
    ensure_table(db, table("old", "kept"))
    for other, complaint in (
        (table("old", "kept", "seq"), "column seq should be LONG and is missing"),
        (table("old", "kept", keys=("ts", "symbol", "old")), "its keys are"),
        (table("old", "kept", partition_by="DAY"), "partitioned by YEAR"),
    ):
        with pytest.raises(ForeignTableError, match=complaint):
            ensure_table(db, other)
    as_view = dataclasses.replace(table("old", "kept"), hides_dead_rows=True)
    with pytest.raises(QuestDBError):
        ensure_table(db, as_view)


def test_a_column_besides_ours_is_another_programs_and_in_nobodys_way(db: Database) -> None:
    """Of a table and of one behind a view: they are written and read as before, and dropping it leaves ours."""
    for name in (schema.METRICS, schema.VALIDATE_GAPS):
        table = TABLES[name]
        db.execute(f"ALTER TABLE {table.base} ADD COLUMN strangers LONG")  # type: ignore[arg-type]
        db.await_applied(table.base)
        try:
            ensure_table(db, table)
            assert shape_findings(db) == {}
            assert foreign_columns_of_all(db) == {table.base: ["strangers"]}
        finally:
            db.execute(f"ALTER TABLE {table.base} DROP COLUMN strangers")  # type: ignore[arg-type]
            db.await_applied(table.base)
        assert (shape_findings(db), foreign_columns_of_all(db)) == ({}, {})


def test_the_settings_that_operators_get_are_the_ones_we_run() -> None:
    shipped = ROOT / "infra" / "questdb" / "server.conf"
    assert shipped.read_text(encoding="utf-8") == packaged_text("server.conf")


def test_the_running_server_has_every_setting(db: Database) -> None:
    assert [str(finding) for finding in parameter_findings(db, "live") if not finding.ok] == []
    assert [finding.name for finding in parameter_findings(db, "bulk") if not finding.ok] == ["cairo.wal.max.lag.size"]


def test_readers_can_change_nothing(questdb_endpoint: Endpoint) -> None:
    with Database(questdb_endpoint, readonly=True) as reader:
        assert reader.rows("count", "SELECT count() FROM ghtrader_ticks_main_l5_v2")
        for statement in (
            "DROP TABLE ghtrader_metrics_v1",
            "TRUNCATE TABLE ghtrader_metrics_v1",
            "INSERT INTO ghtrader_metrics_v1 (ts, name) VALUES (now(), 'x')",
            "UPDATE ghtrader_metrics_v1 SET value = 0",
        ):
            with pytest.raises(QuestDBError, match="denied"):
                reader.execute(statement)


def test_nobody_enters_without_a_password(questdb_endpoint: Endpoint) -> None:
    import requests

    for path in ("/exec?query=SELECT%201", "/exp?query=SELECT%201", "/write", "/imp", "/chk?j=x"):
        for login in (None, ("admin", "quest")):
            with requests.request(
                "POST" if path in ("/write", "/imp") else "GET",
                f"http://{questdb_endpoint.http}{path}",
                auth=login,
                timeout=HANGS_S,
            ) as response:
                assert response.status_code == 401, path
    host, _, port = questdb_endpoint.pg.rpartition(":")
    for user, password in (("admin", "quest"), ("user", "quest"), (questdb_endpoint.user, "quest")):
        with pytest.raises(psycopg.OperationalError, match="invalid username/password"):
            psycopg.connect(host=host, port=int(port), user=user, password=password, dbname="qdb")
