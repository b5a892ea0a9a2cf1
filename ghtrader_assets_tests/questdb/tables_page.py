"""docs/tables.md from the code: `python -m ghtrader_assets_tests.questdb.tables_page` writes it.

Belongs here: the page's form, and what a row of each table is.
Does not belong here: what columns mean (`questdb.tables.columns`).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from ghtrader_assets.questdb.tables.columns import CONTRACT_IN_SCHEDULE, CONTRACT_IN_TICKS, description_of
from ghtrader_assets.questdb.tables.schema import TABLES, TICK_GAPS, Table

PAGE: Final = Path(__file__).parents[2] / "docs" / "tables.md"
TICK_GAPS_COLUMNS: Final = tuple(
    """
    ts symbol trading_day ticks_kind dataset_version tick_count_actual tick_count_expected_min tick_count_expected_max
    median_interval_ms p95_interval_ms p99_interval_ms max_interval_ms abnormal_gaps_count critical_gaps_count
    largest_gap_duration_ms schedule_hash updated_at
    """.split()  # noqa: SIM905
)

ROW_MEANINGS: Final = {
    "ghtrader_ticks_main_l5_v2": "A tick of a symbol's main contract. A view: rows that a later load of their day does "
    "not have are hidden",
    "ghtrader_main_schedule_v2": "The main contract of a symbol on one trading day",
    "ghtrader_main_l5_daily_agg_v2": "A stored trading day of a symbol: written last, once its ticks were read back. "
    "Coverage queries read this table, never the ticks",
    "ghtrader_main_l5_validate_summary_v2": "The coverage verdict of a symbol's trading day: the present one alone",
    "ghtrader_main_l5_validate_gaps_v2": "A gap of a judged trading day: a run of seconds without a tick inside one "
    "session window. A view: gaps that a later judgement does not find are hidden",
    "ghtrader_field_quality_v2": "The field-quality verdict of a symbol's trading day: the present one alone",
    "ghtrader_baselines_v1": "What a stored trading day of a symbol gives to the baselines of later days",
    "ghtrader_manifests_v1": "One attempt to load one trading day of a symbol; the same is in a file under manifests/",
    "ghtrader_aggregated_manifests_v1": "One calendar year of one symbol in an aggregated manifest",
    "ghtrader_metrics_v1": "A measured value",
    "ghtrader_exceptions_v1": "An operator's word that a trading day stays as it stands (`accept`), or the end of it",
    "ghtrader_tick_gaps_v2": "A judged trading day as ghTrader's readers know it: a view of the coverage verdict. "
    "Its tick counts are counts of seconds, as ghTrader defines them",
    "ghtrader_contract_lives_v1": "The first trading day of a contract, as the provider was asked for it",
    "ghtrader_main_overrides_v1": "A version of what a person says of the main contract of some trading days",
    "ghtrader_witness_v1": "What the provider answered when it was asked for its own bars of a symbol's trading day",
    "ghtrader_bars_v1": "A minute of the sessions of a symbol's trading day, traded in or not. A view: minutes that "
    "later bars of their day do not have are hidden",
    "ghtrader_bar_days_v1": "A trading day of a symbol of which bars are stored, and what they were made of",
    "ghtrader_schema_version_v1": "A version of the tables that the store was brought to",
}
"""What one row of each table is."""

_HEAD: Final = """# Tables

<!-- Written by `python -m ghtrader_assets_tests.questdb.tables_page` from `columns.toml`; don't edit. -->

Every table is WAL with deduplication: a row with the key of a stored row replaces it. Instants are UTC,
trading days text. ghTrader's tables keep its names and columns, and have further ones.

A contract, such as SHFE.cu2602, is `contract` in Python, in JSON, in exported files and in our own tables. ghTrader's
name stays where its readers look for it: `{ticks}` in the tick table and in its functions, `{schedule}`
in the schedule.
"""


def page() -> str:
    """The whole page."""
    parts = [
        _HEAD.format(ticks=CONTRACT_IN_TICKS, schedule=CONTRACT_IN_SCHEDULE),
        *(_section(table) for table in TABLES.values()),
        _view_section(),
    ]
    return "\n".join(parts)


def meanings() -> Iterator[tuple[str, str, str]]:
    """Table, column and meaning of every column, the views' and the base tables' own ones included."""
    columns = {
        **{table.name: [column.name for column in table.base_columns] for table in TABLES.values()},
        TICK_GAPS: TICK_GAPS_COLUMNS,
    }
    for table, names in columns.items():
        for name in names:
            yield table, name, description_of(table, name)


def _section(table: Table) -> str:
    hidden = f" Rows are written to `{table.base}`, which also has `live`." if table.hides_dead_rows else ""
    keys = ", ".join(f"`{key}`" for key in table.keys)
    lines = [
        f"| `{column.name}` | {column.type} | {description_of(table.name, column.name)} |" for column in table.columns
    ]
    return "\n".join(
        (
            f"## {table.name}\n",
            f"{ROW_MEANINGS[table.name]}.{hidden} Partitioned by {table.partition_by}; key: {keys}.\n",
            "| column | type | meaning |\n|---|---|---|",
            *lines,
            "",
        )
    )


def _view_section() -> str:
    lines = [f"| `{name}` | {description_of(TICK_GAPS, name)} |" for name in TICK_GAPS_COLUMNS]
    return "\n".join(
        (f"## {TICK_GAPS}\n", f"{ROW_MEANINGS[TICK_GAPS]}.\n", "| column | meaning |\n|---|---|", *lines, "")
    )


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
