"""The embedded Dagster: its home, its configuration, how each of its processes is started and asked.

Belongs here: command lines, and what a running Dagster says of its daemons and code locations.
Does not belong here: what it runs (`assets`), so nothing imports dagster; watching its processes (`supervisor`).

Three processes: a code server, which loads our definitions and whose children the runs are; the daemon; the web server.
The code server listens on a socket in a folder that only its user can enter, and the workspace file names it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from importlib import resources
from pathlib import Path
from typing import Any, Final

from ghtrader_assets.dagster_web import DagsterAddress, ask_dagster
from ghtrader_assets.errors import BadInputError, ServiceError
from ghtrader_assets.files import put_file
from ghtrader_assets.runtime import LOCATION
from ghtrader_assets.services.processes import PROBE_TIMEOUT_S

CONFIGURATION: Final = "dagster.yaml"
WRITTEN: Final = ".dagster.yaml.written"
"""The digest of the configuration as we wrote it last: what differs from it, a person wrote."""

WORKSPACE: Final = "workspace.yaml"
MODULE: Final = "ghtrader_assets.definitions"
EVALUATION_TIMEOUT_S: Final = "300"
"""Dagster's own is a minute, which a daily comparison of sixty symbols' ten years can pass on a busy machine."""

_STATE: Final = """{
  workspaceOrError { ... on Workspace { locationEntries {
    name loadStatus locationOrLoadError { __typename ... on PythonError { message causes { message } } }
  } } }
  instance { daemonHealth { allDaemonStatuses { daemonType required lastHeartbeatTime } } }
}"""


def dagster_home(home: Path) -> Path:
    """The `DAGSTER_HOME` of a `GHTRADER_HOME`, made where it isn't yet and with the configuration of this version.

    What a person wrote into an earlier one is kept in the same folder, under a name with the time of its last change.
    """
    folder = home / "dagster"
    wanted = resources.files("ghtrader_assets.services").joinpath(CONFIGURATION).read_text(encoding="utf-8")
    configuration, written = folder / CONFIGURATION, folder / WRITTEN
    found = configuration.read_text(encoding="utf-8") if configuration.exists() else wanted
    if found != wanted and _digest(found) != (written.read_text("ascii") if written.exists() else ""):
        changed = datetime.fromtimestamp(configuration.stat().st_mtime, UTC)
        configuration.replace(folder / f"{CONFIGURATION}.{changed:%Y%m%dT%H%M%S}")
    if not configuration.exists() or found != wanted or not written.exists():
        put_file(configuration, wanted)
        put_file(written, _digest(wanted))
    return folder


def _digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()


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


def with_first_place(environment: Mapping[str, str], home: Path) -> dict[str, str]:
    """The environment of a process that loads definitions, its places of modules after one that is none.

    While Dagster loads them it takes the first place away, which it believes to be the folder of a script; Python with
    a safe path has no such place, and would lose the first of `PYTHONPATH`.
    """
    places = [str(home / "dagster" / "no-modules"), *filter(None, [environment.get("PYTHONPATH")])]
    return {**environment, "PYTHONPATH": os.pathsep.join(places)}


def code_server_command(socket: Path) -> list[str]:
    """The server of our definitions. It starts another process that loads them, so that they can be reloaded."""
    served = ("-m", MODULE, "--location-name", LOCATION, "--socket", str(socket))
    return ["-m", "dagster", "code-server", "start", *served, "--log-level", "warning"]


def webserver_command(workspaces: list[Path], port: int, start: str) -> list[str]:
    """Dagster's web server as we run it: `dagster-webserver` itself has no log-in."""
    return ["-m", "ghtrader_assets.assets.web_server", *_named(workspaces), "--port", str(port), "--start", start]


def daemon_command(workspaces: list[Path]) -> list[str]:
    return ["-m", "dagster._daemon", "run", *_named(workspaces), "--log-level", "warning"]


def _named(workspaces: list[Path]) -> list[str]:
    return [word for file in workspaces for word in ("-w", str(file))]


def workspace_files(home: Path, socket: Path, other: Path | None) -> list[Path]:
    """Write the workspace file that names our code server; it, and the `other` whose locations are loaded in addition.

    Raises `BadInputError` where that is no file.
    """
    if other is not None and not other.is_file():
        raise BadInputError(f"GHTRADER_WORKSPACE={other} is no file", "name a workspace.yaml, or unset it")
    ours = dagster_home(home) / WORKSPACE
    server = {"location_name": LOCATION, "host": "localhost", "socket": str(socket)}
    put_file(ours, json.dumps({"load_from": [{"grpc_server": server}]}))  # JSON is YAML
    return [file for file in (ours, other) if file is not None]


@dataclass(frozen=True, slots=True)
class DagsterState:
    """What the web server knows: when each daemon was heard last, in epoch seconds, and how the locations stand.

    A daemon that was never heard has 0. `locations` maps a loaded location to its error, or to the empty text.
    """

    heartbeats: dict[str, float]
    locations: dict[str, str]
    loading: bool


def dagster_state(address: DagsterAddress) -> DagsterState:
    """Ask the web server. Raises `ServiceError` when it does not answer."""
    said = ask_dagster(address, _STATE, timeout_s=PROBE_TIMEOUT_S)
    try:
        entries: list[dict[str, Any]] = said["workspaceOrError"]["locationEntries"]
        daemons: list[dict[str, Any]] = said["instance"]["daemonHealth"]["allDaemonStatuses"]
    except (KeyError, TypeError) as error:
        raise ServiceError(
            f"Dagster at {address} says nothing of itself: {type(error).__name__}", "see `status`"
        ) from None
    found: dict[str, dict[str, Any]] = {entry["name"]: entry["locationOrLoadError"] or {} for entry in entries}
    return DagsterState(
        heartbeats={each["daemonType"]: each["lastHeartbeatTime"] or 0.0 for each in daemons if each["required"]},
        locations={name: _deepest(error) for name, error in found.items()},
        loading=not entries or any(entry["loadStatus"] != "LOADED" for entry in entries),
    )


def _deepest(error: dict[str, Any]) -> str:
    """The message of the cause of all, or of the error itself; empty where there is none."""
    causes = [str(cause["message"]) for cause in error.get("causes") or ()]
    return (causes or [str(error.get("message", ""))])[-1].strip()
