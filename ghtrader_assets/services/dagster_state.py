"""What a running Dagster says of itself and its runs, as facts of the health model.

Belongs here: asking, and when a daemon counts as silent. Does not belong here: what follows from it (`health`), how
Dagster is started and asked (`dagster_instance`), launching runs (`orchestration.daemon`).
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from ghtrader_assets.clock import Clock
from ghtrader_assets.context.store import embedded_service
from ghtrader_assets.dagster_web import DagsterAddress, ask_dagster
from ghtrader_assets.doors.keys import keys_of
from ghtrader_assets.errors import ServiceError
from ghtrader_assets.health import CodeLocation, Daemon, WorkedOn
from ghtrader_assets.runtime import DAGSTER, LOAD_POOL, LOCATION
from ghtrader_assets.services.dagster_instance import dagster_state
from ghtrader_assets.services.processes import PROBE_TIMEOUT_S
from ghtrader_assets.settings import Settings

DAILY_SCHEDULE: Final = "load_trading_days"
SILENT_S: Final = 150.0
"""Dagster's daemons beat every 30 s, and Dagster itself waits half an hour before it calls one unhealthy."""

_ASKED: Final = """
query Work($of: ScheduleSelector!, $pool: String!) {
  scheduleOrError(scheduleSelector: $of) { ... on Schedule { scheduleState { status } } }
  instance { concurrencyLimit(concurrencyKey: $pool) { limit } }
  runsOrError(filter: {statuses: [STARTING, STARTED, CANCELING]}) { ... on Runs { results {
    runId status startTime updateTime repositoryOrigin { repositoryLocationName }
  } } }
}"""


@dataclass(frozen=True, slots=True)
class RunningDagster:
    """What Dagster says. `loads_daily` is None where our code location does not say whether its schedule is on,
    `load_slots` where the loads at once have no limit. `runs` are those of ours that are worked on."""

    locations: tuple[CodeLocation, ...]
    daemons: tuple[Daemon, ...]
    loads_daily: bool | None
    load_slots: int | None
    runs: tuple[WorkedOn, ...]


def read_running_dagster(address: DagsterAddress, clock: Clock) -> RunningDagster | None:
    """Ask the Dagster there; None where it does not answer."""
    try:
        state = dagster_state(address)
        work = _work(address)
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
        loads_daily=_is_on(work["scheduleOrError"].get("scheduleState")),
        load_slots=_limit(work["instance"]["concurrencyLimit"]),
        runs=tuple(_worked_on(run) for run in work["runsOrError"].get("results", ()) if _is_ours(run)),
    )


def loads_daily(settings: Settings) -> bool:
    """Whether the daily schedule is on: as the running Dagster says, as the settings have it where none answers."""
    dagster, said = embedded_service(settings.home, DAGSTER), None
    if dagster is not None:
        with suppress(ServiceError):
            work = _work(DagsterAddress(dagster.urls["http"], keys_of(settings)))
            said = _is_on(work["scheduleOrError"].get("scheduleState"))
    return settings.runs_by_itself if said is None else said


def _work(address: DagsterAddress) -> dict[str, Any]:
    of = {"repositoryLocationName": LOCATION, "repositoryName": "__repository__", "scheduleName": DAILY_SCHEDULE}
    return ask_dagster(address, _ASKED, {"of": of, "pool": LOAD_POOL}, timeout_s=PROBE_TIMEOUT_S)


def _is_on(schedule: dict[str, Any] | None) -> bool | None:
    return None if schedule is None else schedule["status"] == "RUNNING"


def _limit(pool: dict[str, Any] | None) -> int | None:
    return None if pool is None else pool["limit"]


def _is_ours(run: dict[str, Any]) -> bool:
    """A run of another code location holds no lock of ours."""
    origin = run["repositoryOrigin"]
    return origin is None or origin["repositoryLocationName"] == LOCATION


def _worked_on(run: dict[str, Any]) -> WorkedOn:
    return WorkedOn(run["runId"], run["status"], datetime.fromtimestamp(run["startTime"] or run["updateTime"], UTC))


def _last_line(error: str) -> str:
    """What a person has to mend, without the frames that led there."""
    return next((line.strip() for line in reversed(error.splitlines()) if line.strip()), "")
