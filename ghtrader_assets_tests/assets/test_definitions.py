"""Definitions: they load without any service, start nothing, and read like documentation."""

from __future__ import annotations

import os
import runpy
import subprocess
import sys
import warnings
from datetime import date
from pathlib import Path

import dagster as dg
import pytest

from ghtrader_assets.assets.build import build_definitions
from ghtrader_assets.assets.partitions import BACKFILL_POLICY
from ghtrader_assets.clock import SYSTEM_CLOCK
from ghtrader_assets.market.calendar import snapshot_calendar
from ghtrader_assets.orchestration.names import ALL_TABLES
from ghtrader_assets.settings import Settings

ROOT = Path(__file__).resolve().parents[2]

OPENS_NOTHING = """
import socket, subprocess, sys
def refuse(event, arguments):
    if event in ("socket.connect", "subprocess.Popen", "os.fork"):
        raise SystemExit(f"importing did {event}: {arguments}")
import dagster
sys.addaudithook(refuse)
import ghtrader_assets.definitions, ghtrader_assets.cli
print(len(list(ghtrader_assets.definitions.defs.resolve_asset_graph().get_all_asset_keys())))
"""


@pytest.fixture(scope="module")
def definitions() -> dg.Definitions:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of dagster itself: beta arguments, its own use of pydantic
        return build_definitions(Settings(start_date=date(2024, 1, 2), home=Path("/nonexistent")), SYSTEM_CLOCK)


def fresh(home: Path) -> dict[str, str]:
    plain = {name: value for name, value in os.environ.items() if not name.startswith(("GHTRADER_", "DAGSTER_", "TQ"))}
    return {**plain, "HOME": str(home), "PYTHONPATH": str(ROOT)}


@pytest.mark.process
def test_importing_starts_nothing_and_opens_no_connection(tmp_path: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", OPENS_NOTHING], env=fresh(tmp_path), cwd=tmp_path, capture_output=True, text=True,
        timeout=300, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    assert int(ran.stdout) >= 15
    assert not list(tmp_path.rglob("questdb")), "importing made a home"


@pytest.mark.process
@pytest.mark.parametrize("words", [[], ["-w", str(ROOT / "workspace.yaml")]])
@pytest.mark.filterwarnings("ignore")  # of dagster itself: the command is superseded, its own use of pydantic
def test_dagster_validates_them_without_a_service(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], words: list[str]
) -> None:
    """The command as installed, in this process: starting one takes longer than the command."""
    command = Path(sys.executable).with_name("dagster")
    monkeypatch.setattr(sys, "argv", [str(command), "definitions", "validate", *words])
    monkeypatch.setattr(os, "environ", fresh(tmp_path))
    monkeypatch.chdir(tmp_path if words else ROOT)
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(command), run_name="__main__")
    assert not ended.value.code, "".join(capfd.readouterr())


def test_a_partition_is_a_trading_day(definitions: dg.Definitions) -> None:
    key = dg.AssetKey(["KQ_m_SHFE_cu", "ticks"])
    partitions = definitions.resolve_asset_graph().get(key).partitions_def
    assert partitions is not None
    keys = [date.fromisoformat(text) for text in partitions.get_partition_keys()]
    assert keys == snapshot_calendar().days(date(2024, 1, 2), keys[-1])


def test_lineage_of_a_symbol(definitions: dg.Definitions) -> None:
    graph = definitions.resolve_asset_graph()

    def upstream(table: str) -> set[str]:
        return {key.path[-1] for key in graph.get(dg.AssetKey(["KQ_m_SHFE_au", table])).parent_keys}

    assert upstream("ticks") == {"main_schedule"}
    assert (
        upstream("validation_summary")
        == upstream("field_quality")
        == upstream("baseline")
        == upstream("bars_1m")
        == {"ticks"}
    )
    assert upstream("manifest") == {"validation_summary", "field_quality"}


def test_a_backfill_of_all_tables_stays_one_pass_of_runs(definitions: dg.Definitions) -> None:
    """Dagster cuts a backfill where a table depends on other partitions than its own, or is cut otherwise."""
    graph = definitions.resolve_asset_graph()
    keys = [dg.AssetKey(["KQ_m_SHFE_au", table]) for table in ALL_TABLES]
    for key in keys:
        node = graph.get(key)
        assert node.backfill_policy == BACKFILL_POLICY
        assert node.partitions_def == graph.get(keys[0]).partitions_def
        for parent in node.parent_keys & set(keys):
            mapping = graph.get_partition_mapping(key, parent)
            assert isinstance(mapping, (dg.IdentityPartitionMapping, dg.TimeWindowPartitionMapping)), (key, parent)
            offsets = getattr(mapping, "start_offset", 0), getattr(mapping, "end_offset", 0)
            assert offsets == (0, 0), (key, parent)


def test_the_catalog_reads_like_documentation(definitions: dg.Definitions) -> None:
    graph = definitions.resolve_asset_graph()
    for table in ALL_TABLES:
        node = graph.get(dg.AssetKey(["KQ_m_SHFE_ag", table]))
        assert "KQ.m@SHFE.ag" in (node.description or "")
        assert node.group_name == "KQ_m_SHFE_ag"
        assert node.owners
        assert node.kinds == {"questdb", "python"}
        columns = node.metadata["dagster/column_schema"].columns
        assert all(column.type for column in columns)
        assert [column.name for column in columns if not column.description] == []
        assert node.automation_condition is None, "its evaluations list every partition"


def test_the_judging_sensor_runs_by_default(definitions: dg.Definitions) -> None:
    (sensor,) = [sensor for sensor in definitions.sensors or [] if sensor.name == "judge_changed_days"]
    assert sensor.default_status == dg.DefaultSensorStatus.RUNNING


def test_column_lineage_names_columns_that_exist(definitions: dg.Definitions) -> None:
    graph = definitions.resolve_asset_graph()

    def columns(key: dg.AssetKey) -> set[str]:
        return {column.name for column in graph.get(key).metadata["dagster/column_schema"].columns}

    for table in ALL_TABLES:
        key = dg.AssetKey(["KQ_m_SHFE_au", table])
        lineage = graph.get(key).metadata["dagster/column_lineage"].deps_by_column
        assert bool(lineage) == (table != "main_schedule")
        assert lineage.keys() <= columns(key), table
        for sources in lineage.values():
            for source in sources:
                assert source.asset_key in graph.get(key).parent_keys, (table, source)
                assert source.column_name in columns(source.asset_key), (table, source)


@pytest.mark.filterwarnings("ignore")  # of dagster itself
def test_a_contracts_feed_ends_and_is_never_stale() -> None:
    settings = Settings(start_date=date(2024, 1, 2), home=Path("/nonexistent"), symbols=("KQ.m@CZCE.SR", "CZCE.SR609"))
    graph = build_definitions(settings, SYSTEM_CLOCK).resolve_asset_graph()
    policies = {
        name: graph.get(dg.AssetKey([name, "ticks"])).freshness_policy for name in ("KQ_m_CZCE_SR", "CZCE_SR609")
    }
    assert policies["KQ_m_CZCE_SR"] is not None
    assert policies["CZCE_SR609"] is None
