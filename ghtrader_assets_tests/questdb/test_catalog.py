"""Every column of every table has a meaning, written once, and the page in docs/ shows it."""

from __future__ import annotations

from ghtrader_assets.questdb.tables.columns import DESCRIPTIONS, IN_TABLE
from ghtrader_assets.questdb.tables.schema import TABLES, TICK_GAPS
from ghtrader_assets_tests.questdb.tables_page import PAGE, ROW_MEANINGS, meanings, page


def test_every_column_of_every_table_has_a_description() -> None:
    missing = [f"{table}.{name}" for table, name, meaning in meanings() if not meaning]
    assert missing == [], "say in questdb/tables/columns.toml what these columns mean"


def test_every_table_says_what_one_row_is() -> None:
    assert ROW_MEANINGS.keys() == {*TABLES, TICK_GAPS}


def test_no_description_is_left_of_a_column_that_is_gone() -> None:
    columns = {(table, name) for table, name, _ in meanings()}
    assert {(table, name) for table, names in IN_TABLE.items() for name in names} <= columns
    assert DESCRIPTIONS.keys() == {name for table, name in columns if name not in IN_TABLE.get(table, {})}


def test_descriptions_are_one_line_without_a_full_stop() -> None:
    for table, name, meaning in meanings():
        assert meaning == meaning.strip().rstrip("."), f"{table}.{name}"
        assert "|" not in meaning, f"{table}.{name}"
        assert "\n" not in meaning, f"{table}.{name}"


def test_the_page_is_what_the_code_says() -> None:
    written = PAGE.read_text(encoding="utf-8")
    assert written == page(), "run `python -m ghtrader_assets_tests.questdb.tables_page`"
