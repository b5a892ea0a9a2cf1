"""The configuration of the embedded Dagster: ours is renewed at each start, a person's is kept."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import yaml

from ghtrader_assets.services.dagster_instance import CONFIGURATION, WRITTEN, dagster_home, workspace_files


def others(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if path.name not in (CONFIGURATION, WRITTEN)]


def test_what_an_earlier_version_wrote_is_renewed(tmp_path: Path) -> None:
    folder = dagster_home(tmp_path)
    wanted = (folder / CONFIGURATION).read_text()
    assert "ghtrader_loads" in wanted
    old = "run_coordinator: {module: of, class: long_ago}\n"
    (folder / CONFIGURATION).write_text(old)
    dagster_home(tmp_path)
    assert (folder / CONFIGURATION).read_text() == wanted
    (kept,) = others(folder)
    assert kept.read_text() == old, "whoever wrote it, it is there"


def test_what_we_wrote_ourselves_is_renewed_without_a_trace(tmp_path: Path) -> None:
    folder = dagster_home(tmp_path)
    wanted = (folder / CONFIGURATION).read_text()
    (folder / CONFIGURATION).write_text("telemetry: {enabled: false}\n")
    (folder / WRITTEN).write_text(sha256(b"telemetry: {enabled: false}\n").hexdigest())
    dagster_home(tmp_path)
    assert (folder / CONFIGURATION).read_text() == wanted
    assert others(folder) == []


def test_a_home_that_needs_nothing_is_left_as_it_is(tmp_path: Path) -> None:
    folder = dagster_home(tmp_path)
    before = {path: path.stat().st_mtime_ns for path in folder.iterdir()}
    dagster_home(tmp_path)
    assert {path: path.stat().st_mtime_ns for path in folder.iterdir()} == before


def test_the_workspace_names_our_code_server(tmp_path: Path) -> None:
    (file,) = workspace_files(tmp_path, Path("/run/code"), None)
    (entry,) = yaml.safe_load(file.read_text())["load_from"]
    assert entry == {"grpc_server": {"location_name": "ghtrader_assets", "host": "localhost", "socket": "/run/code"}}
