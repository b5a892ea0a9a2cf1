"""The embedded Dagster: its home, its configuration, and the `dagster dev` process that serves the UI and the daemon.

Belongs here: how Dagster is started. Does not belong here: what it runs (`assets`), so nothing imports dagster.
"""

from __future__ import annotations

import subprocess
from importlib import resources
from pathlib import Path
from typing import Final

import requests

from ghtrader_assets.errors import BadInputError
from ghtrader_assets.ports import LOOPBACK
from ghtrader_assets.services.processes import spawn, wait_ready

CONFIGURATION: Final = "dagster.yaml"
START_DEADLINE_S: Final = 180.0
EVALUATION_TIMEOUT_S: Final = "300"
"""Dagster's own is a minute, which a daily comparison of sixty symbols' ten years can pass on a busy machine."""
WORKSPACE: Final = Path(__file__).with_name("workspace.yaml")


def dagster_home(home: Path) -> Path:
    """The `DAGSTER_HOME` of a `GHTRADER_HOME`, made and configured where it isn't yet."""
    folder = home / "dagster"
    folder.mkdir(parents=True, exist_ok=True)
    wanted = resources.files("ghtrader_assets.services").joinpath(CONFIGURATION).read_text(encoding="utf-8")
    configuration = folder / CONFIGURATION
    if not configuration.exists():
        configuration.write_text(wanted, encoding="utf-8")
    return folder


def dagster_environment(home: Path) -> dict[str, str]:
    """What a Dagster process of this home needs in its environment."""
    return {
        "DAGSTER_HOME": str(dagster_home(home)),
        "DAGSTER_DISABLE_TELEMETRY": "1",
        "DAGSTER_SCHEDULE_GRPC_TIMEOUT_SECONDS": EVALUATION_TIMEOUT_S,
        "DAGSTER_SENSOR_GRPC_TIMEOUT_SECONDS": EVALUATION_TIMEOUT_S,
        "GHTRADER_HOME": str(home),
        "PYTHONWARNINGS": "ignore",
    }


def start_dagster(
    home: Path, port: int, log: Path, workspace: Path | None = None
) -> tuple[subprocess.Popen[bytes], str]:
    """Start UI and daemon on the loopback address; returns the process and the UI's URL once it answers.

    `workspace` is a file whose code locations are loaded in addition to ours; `BadInputError` where there is none.
    """
    if workspace is not None and not workspace.is_file():
        raise BadInputError(f"GHTRADER_WORKSPACE={workspace} is no file", "name a workspace.yaml, or unset it")
    url = f"http://{LOOPBACK}:{port}"
    workspaces = [word for file in (WORKSPACE, workspace) if file is not None for word in ("-w", str(file))]
    arguments = ["-m", "dagster", "dev", *workspaces, "-h", LOOPBACK, "-p", str(port)]
    process = spawn([*arguments, "--log-level", "warning"], log, dagster_environment(home))
    wait_ready("Dagster", process, log, lambda: _definitions_loaded(url), START_DEADLINE_S)
    return process, url


def _definitions_loaded(url: str) -> bool:
    query = "{ workspaceOrError { ... on Workspace { locationEntries { loadStatus } } } }"
    try:
        answer = requests.post(f"{url}/graphql", json={"query": query}, timeout=5)
        entries = answer.json()["data"]["workspaceOrError"]["locationEntries"]
    except (requests.RequestException, ValueError, KeyError):
        return False
    return bool(entries) and all(entry["loadStatus"] == "LOADED" for entry in entries)
