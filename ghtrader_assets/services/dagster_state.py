"""What a running Dagster says of itself, as facts of the health model, and whether the daily schedule is on.

Belongs here: asking, and when a daemon counts as silent. Does not belong here: what follows from it (`health`), how
Dagster is started and asked (`dagster_instance`), launching runs (`orchestration.daemon`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import requests

from ghtrader_assets.clock import Clock
from ghtrader_assets.errors import ServiceError
from ghtrader_assets.health import CodeLocation, Daemon
from ghtrader_assets.runtime import LOCATION
from ghtrader_assets.services.dagster_instance import dagster_state
from ghtrader_assets.services.processes import PROBE_TIMEOUT_S

DAILY_SCHEDULE: Final = "load_trading_days"
SILENT_S: Final = 150.0
"""Dagster's daemons beat every 30 s, and Dagster itself waits half an hour before it calls one unhealthy."""

_SCHEDULE: Final = """
query Schedule($of: ScheduleSelector!) {
  scheduleOrError(scheduleSelector: $of) { ... on Schedule { scheduleState { status } } }
}"""


@dataclass(frozen=True, slots=True)
class RunningDagster:
    """What Dagster says. `loads_daily` is None where our code location does not say whether its schedule is on."""

    locations: tuple[CodeLocation, ...]
    daemons: tuple[Daemon, ...]
    loads_daily: bool | None


def read_running_dagster(url: str, clock: Clock) -> RunningDagster | None:
    """Ask the Dagster at `url`; None where it does not answer."""
    try:
        state = dagster_state(url)
        loads_daily = _loads_daily(url)
    except ServiceError:
        return None
    beats = {name: datetime.fromtimestamp(beat, UTC) if beat else None for name, beat in state.heartbeats.items()}
    now = clock.now()
    return RunningDagster(
        locations=tuple(CodeLocation(name, _last_line(error)) for name, error in state.locations.items()),
        daemons=tuple(
            Daemon(name, beat is not None and (now - beat).total_seconds() < SILENT_S, beat)
            for name, beat in beats.items()
        ),
        loads_daily=loads_daily,
    )


def _loads_daily(url: str) -> bool | None:
    of = {"repositoryLocationName": LOCATION, "repositoryName": "__repository__", "scheduleName": DAILY_SCHEDULE}
    asked = {"query": _SCHEDULE, "variables": {"of": of}}
    try:
        said: dict[str, Any] = requests.post(f"{url}/graphql", json=asked, timeout=PROBE_TIMEOUT_S).json()["data"]
    except (requests.RequestException, ValueError, KeyError) as error:
        raise ServiceError(f"Dagster at {url} does not answer: {type(error).__name__}") from None
    schedule = said["scheduleOrError"].get("scheduleState")
    return None if schedule is None else schedule["status"] == "RUNNING"


def _last_line(error: str) -> str:
    """What a person has to mend, without the frames that led there."""
    return next((line.strip() for line in reversed(error.splitlines()) if line.strip()), "")
