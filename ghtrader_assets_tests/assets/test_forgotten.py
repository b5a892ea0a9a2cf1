"""What Dagster records of days and symbols that are forgotten: nothing, and of all others what it did."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import dagster as dg
import pytest

from ghtrader_assets.assets.forgetting import wipe_days, wipe_from_dagster
from ghtrader_assets.assets.materializations import DATA_VERSION
from ghtrader_assets.assets.tables import asset_key
from ghtrader_assets.market.symbols import parse_symbol
from ghtrader_assets.orchestration.names import ALL_TABLES
from ghtrader_assets.questdb.tables.forgetting import DaysOfSymbol
from ghtrader_assets.questdb.tables.reader import FIRST_DAY, LAST_DAY
from ghtrader_assets.services.dagster_instance import dagster_home
from ghtrader_assets.settings import Settings

COPPER, GOLD = parse_symbol("KQ.m@SHFE.cu"), parse_symbol("KQ.m@SHFE.au")
DAYS = ("2025-12-01", "2025-12-02", "2025-12-03")
SOME = DaysOfSymbol(COPPER.text, date(2025, 12, 2), date(2025, 12, 3), whole=False)
ALL = DaysOfSymbol(COPPER.text, FIRST_DAY, LAST_DAY, whole=True)


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    """One as a home has it, with three days of two symbols."""
    dagster_home(tmp_path)
    with dg.DagsterInstance.from_config(str(tmp_path / "dagster")) as made:
        for symbol in (COPPER, GOLD):
            for table in ALL_TABLES:
                for day in DAYS:
                    event = dg.AssetMaterialization(asset_key(symbol, table), partition=day, tags={DATA_VERSION: day})
                    made.report_runless_asset_event(event)
        yield made


def test_days_are_missing_and_the_others_stay(instance: dg.DagsterInstance) -> None:
    for _ in range(2):
        wipe_days(instance, SOME)
        for table in ALL_TABLES:
            assert instance.get_materialized_partitions(asset_key(COPPER, table)) == {DAYS[0]}
            assert instance.get_materialized_partitions(asset_key(GOLD, table)) == set(DAYS)
    versions = instance.event_log_storage.get_latest_tags_by_partition(
        asset_key(COPPER, "ticks"), dg.DagsterEventType.ASSET_MATERIALIZATION, [DATA_VERSION]
    )
    assert set(versions) == {DAYS[0]}


def test_a_whole_symbol_is_unknown_and_can_be_loaded_again(instance: dg.DagsterInstance) -> None:
    for _ in range(2):
        wipe_days(instance, ALL)
        for table in ALL_TABLES:
            key = asset_key(COPPER, table)
            assert instance.get_latest_materialization_event(key) is None
            assert instance.get_materialized_partitions(key) == set()
    assert instance.get_materialized_partitions(asset_key(GOLD, "ticks")) == set(DAYS)
    instance.report_runless_asset_event(dg.AssetMaterialization(asset_key(COPPER, "ticks"), partition=DAYS[1]))
    assert instance.get_materialized_partitions(asset_key(COPPER, "ticks")) == {DAYS[1]}


def test_a_home_whose_dagster_never_ran_has_nothing_to_wipe(tmp_path: Path) -> None:
    wipe_from_dagster(Settings(home=tmp_path), ALL)  # type: ignore[call-arg]
    assert list(tmp_path.iterdir()) == []
