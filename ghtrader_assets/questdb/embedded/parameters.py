"""QuestDB's settings: what we ask of a server, by mode, and whether a running one has it.

Belongs here: `server.conf` (shipped with this module), the modes, the comparison with `SHOW PARAMETERS`.
Does not belong here: ports and log-ins, which the embedded server is given by environment (`server`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib import resources
from typing import Final, Literal

from ghtrader_assets.questdb.client.connection import Database

Mode = Literal["live", "bulk"]

MODE_PARAMETERS: Final[dict[Mode, dict[str, str]]] = {
    "live": {"cairo.wal.max.lag.size": "75M"},
    "bulk": {"cairo.wal.max.lag.size": "400M"},
}
"""What a mode sets: how many bytes of waiting transactions are applied in one go. The more, the less a partition is
rewritten and the later the first of them shows. The other lag settings of 9.3.4 (`cairo.o3.max.lag`, `o3MaxLag`,
`cairo.wal.max.lag.txn.count`) did nothing for WAL tables (docs/decisions/questdb-modes.md)."""

_UNITS: Final = {"": 1, "k": 2**10, "m": 2**20, "g": 2**30}
_LISTENERS: Final = ("http.net.bind.to", "pg.net.bind.to")
_LOOPBACK: Final = re.compile(r"127(\.[0-9]+){3}:[0-9]+")


@dataclass(frozen=True, slots=True)
class ParameterFinding:
    """A setting of a running server and the value we ask for."""

    name: str
    wanted: str
    found: str
    ok: bool

    def __str__(self) -> str:
        return f"{self.found}" if self.ok else f"is {self.found}, should be {self.wanted}"


def packaged_text(name: str) -> str:
    """The text of `server.conf` or `log.conf`, shipped with this module."""
    return resources.files("ghtrader_assets.questdb.embedded").joinpath(name).read_text(encoding="utf-8")


def wanted_parameters(mode: Mode) -> dict[str, str]:
    """Every setting that `server.conf` and the mode fix, by QuestDB's name."""
    lines = (
        line.partition("=")
        for line in packaged_text("server.conf").splitlines()
        if "=" in line and not line.startswith("#")
    )
    return {name.strip(): value.strip() for name, _, value in lines} | MODE_PARAMETERS[mode]


def parameter_findings(db: Database, mode: Mode) -> list[ParameterFinding]:
    """Each wanted setting and the running server's, by `SHOW PARAMETERS`."""
    found = {row[0]: row[2] or "" for row in db.rows("parameters", "SHOW PARAMETERS")}
    return [_finding(name, wanted, found.get(name, "absent")) for name, wanted in wanted_parameters(mode).items()]


def _finding(name: str, wanted: str, found: str) -> ParameterFinding:
    if name in _LISTENERS:
        return ParameterFinding(name, "127.0.0.1:<port>", found, _LOOPBACK.fullmatch(found) is not None)
    return ParameterFinding(name, wanted, found, _amount(wanted, name) == _amount(found, name))


def _amount(value: str, name: str) -> str | int:
    """A value in a form that compares: sizes in bytes, times in milliseconds, anything else as written."""
    time = re.fullmatch(r"([0-9]+)m", value) if name.endswith(".timeout") else None
    if time is not None:
        return int(time[1]) * 60_000
    size = re.fullmatch(r"([0-9]+)([kKmMgG]?)", value)
    return value.lower() if size is None else int(size[1]) * _UNITS[size[2].lower()]
