"""The Dagster that runs for a home, over its GraphQL: launching backfills, following them, reloading definitions.

Belongs here: what is said to Dagster's GraphQL. Does not belong here: deciding which days need it (`upkeep.due`), and
running without a daemon (`assets.run_here`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from importlib import resources
from pathlib import Path
from typing import Any, Final

from ghtrader_assets.dagster_web import DagsterAddress, ask_dagster
from ghtrader_assets.doors.keys import keys_of
from ghtrader_assets.errors import RunStoppedError, ServiceError
from ghtrader_assets.health import RUN_STOPPED
from ghtrader_assets.loading.outcome import CANCELLED, Stopped
from ghtrader_assets.market.symbols import Symbol
from ghtrader_assets.orchestration.launcher import Progress
from ghtrader_assets.orchestration.names import EXIT_CODE, INTERRUPTED, LAUNCH_TAG, LAUNCHED_BY_TAG
from ghtrader_assets.orchestration.runs import Needs, days_by_need, in_groups, tables_for
from ghtrader_assets.orchestration.vigil import await_end
from ghtrader_assets.runtime import DAGSTER, LOCATION, owned_runtime, stopped_run
from ghtrader_assets.settings import Settings

_OPERATIONS: Final = resources.files("ghtrader_assets.orchestration").joinpath("daemon.graphql").read_text("utf-8")

FINISHED: Final = frozenset({"COMPLETED", "COMPLETED_SUCCESS", "COMPLETED_FAILED", "FAILED", "CANCELED"})
REQUEST_TIMEOUT_S: Final = 60
FOLLOW_TIMEOUT_S: Final = 10
"""Of questions that are asked again: an answer that takes longer is waited for by the next."""

Share = tuple[tuple[Symbol, ...], tuple[date, ...], tuple[str, ...]]
"""Symbols, days and tables of one backfill."""


@dataclass(frozen=True, slots=True)
class Backfill:
    """A backfill of the daemon."""

    dagster: DagsterAddress
    backfill_id: str

    def status(self) -> str:
        """The daemon's word for how far it is. Raises `ServiceError`."""
        said = _ask(self.dagster, "Status", {"id": self.backfill_id}, FOLLOW_TIMEOUT_S)
        answer = said["partitionBackfillOrError"]
        if answer["__typename"] != "PartitionBackfill":
            raise ServiceError(f"Dagster does not know backfill {self.backfill_id}", "look at its Runs page")
        return str(answer["status"])

    def stops(self) -> list[Stopped]:
        """What ended the backfill itself, or steps of its runs before they had done with their days."""
        answer = _ask(self.dagster, "Failures", {"id": self.backfill_id, "tag": "dagster/backfill"})
        error = answer["partitionBackfillOrError"].get("error")
        runs = answer["runsOrError"].get("results", [])
        events = [event for run in runs for event in run["eventConnection"]["events"]]
        steps = [_stopped(event) for event in events if event.get("error") or event.get("failureMetadata")]
        cancelled = [CANCELLED for run in runs if run["status"] == "CANCELED"]
        return ([Stopped(error["message"].strip())] if error else []) + steps + cancelled


@dataclass(frozen=True, slots=True)
class DaemonLauncher:
    """Backfills of the daemon, which cuts the days of each into runs itself, by the policy of the assets."""

    home: Path
    dagster: DagsterAddress
    retries_maintenance = True

    @property
    def when_interrupted(self) -> str:
        """See `Launcher`."""
        return f"what was launched goes on without this command; follow or stop it at {self.dagster}/runs"

    def run_ids(self, launch: str) -> list[str]:
        """See `Launcher`."""
        answer = _ask(self.dagster, "RunIds", {"tag": LAUNCH_TAG, "value": launch}, FOLLOW_TIMEOUT_S)
        return [str(run["runId"]) for run in answer["runsOrError"].get("results", [])]

    def run(self, needs: Needs, tables: Sequence[str], tags: Mapping[str, str], progress: Progress) -> list[Stopped]:
        """One backfill for each group of symbols that need the same days; see `Launcher`."""
        backfills = [launch_backfill(self.dagster, *share, tags) for share in _shares(needs, tables)]
        for backfill in backfills:
            progress.announce(f"backfill {self.dagster}/runs/b/{backfill.backfill_id}")
        stopped = await_end(
            self.home,
            lambda: all(backfill.status() in FINISHED for backfill in backfills),
            lambda: self._signs_of_life(tags[LAUNCH_TAG]),
            progress.announce,
        )
        if stopped:
            progress.announce(f"this waits no longer: {self.when_interrupted}")
            return [stopped]
        return [stop for backfill in backfills for stop in backfill.stops()]

    def _signs_of_life(self, launch: str) -> object:
        """`_heartbeats`. Raises `RunStoppedError`, too, where a run of the launch is stopped."""
        for run_id in self.run_ids(launch):
            if (process := stopped_run(self.home, run_id)) is not None:
                what = f"process {process} of run {run_id} is stopped"
                raise RunStoppedError(what, RUN_STOPPED.remedy.format(process=process))
        return _heartbeats(self.dagster)


def _heartbeats(dagster: DagsterAddress) -> object:
    """When each thread of the daemon was heard last. Raises `ServiceError`, also while it can't load our definitions:
    then it starts no run."""
    answer = _ask(dagster, "Heartbeats", {}, FOLLOW_TIMEOUT_S)
    for entry in answer["workspaceOrError"].get("locationEntries", ()):
        error: dict[str, Any] = entry["locationOrLoadError"] or {}
        if error.get("message") and entry["name"] == LOCATION:
            root = [error, *(link["error"] for link in error["errorChain"])][-1]
            raise ServiceError(f"Dagster can't load our definitions: {root['message'].strip()}")
    return answer["instance"]


def daemon_url(settings: Settings) -> str | None:
    """Where the Dagster of this home answers; None where none runs."""
    runtime = owned_runtime(settings.home)
    dagster = runtime.service(DAGSTER) if runtime else None
    return dagster.urls["http"] if dagster else None


def running_dagster(settings: Settings) -> DagsterAddress | None:
    """The Dagster of this home, to be asked; None where none runs."""
    url = daemon_url(settings)
    return None if url is None else DagsterAddress(url, keys_of(settings))


def launch_backfill(
    dagster: DagsterAddress,
    symbols: Sequence[Symbol],
    days: Sequence[date],
    tables: Sequence[str],
    tags: Mapping[str, str],
) -> Backfill:
    """Ask the daemon for one backfill of `tables` of `symbols` over `days`. Raises `ServiceError`."""
    params = {
        "assetSelection": [{"path": [symbol.key, table]} for symbol in symbols for table in tables],
        "partitionNames": [day.isoformat() for day in days],
        "title": f"{len(days)} trading days of {', '.join(symbol.text for symbol in symbols)}"[:100],
        "tags": [{"key": key, "value": value} for key, value in {LAUNCHED_BY_TAG: "cli", **tags}.items()],
    }
    answer = _ask(dagster, "Launch", {"params": params})["launchPartitionBackfill"]
    if answer["__typename"] != "LaunchBackfillSuccess":
        raise ServiceError(f"Dagster refused the backfill: {answer.get('message', answer['__typename'])}")
    return Backfill(dagster, str(answer["backfillId"]))


def running_runs(settings: Settings) -> frozenset[str]:
    """The ids of the runs that are queued or in progress; none without a running Dagster. Raises `ServiceError`."""
    dagster = running_dagster(settings)
    if dagster is None:
        return frozenset()
    return frozenset(run["runId"] for run in _ask(dagster, "Running", {})["runsOrError"].get("results", []))


def _shares(needs: Needs, tables: Sequence[str]) -> Iterator[Share]:
    sharing: dict[tuple[tuple[date, ...], tuple[str, ...]], list[Symbol]] = {}
    for symbol, need, days in days_by_need(needs):
        if chosen := tables_for(need, tables):
            sharing.setdefault((days, chosen), []).append(symbol)
    for (days, chosen), symbols in sharing.items():
        for group in in_groups(symbols, len(days)):
            yield group, days, chosen


def _stopped(event: dict[str, Any]) -> Stopped:
    """The words and exit code of a `Failure`; of any other exception, what it says itself."""
    failure = event.get("failureMetadata")
    if failure is None:
        error = event["error"]["cause"] or event["error"]
        return CANCELLED if error["className"] == INTERRUPTED else Stopped(str(error["message"]).strip())
    codes = [entry["intValue"] for entry in failure["metadataEntries"] if entry["label"] == EXIT_CODE]
    return Stopped(failure["description"], codes[0] if codes else 1)


def reload_running(settings: Settings) -> str:
    """Have the Dagster of this home, if one runs, read the definitions anew; says what became of it.

    A changed calendar changes partitions by that. Where it can't be done, they change at Dagster's next start.
    """
    dagster = running_dagster(settings)
    if dagster is None:
        return "read at the next start of Dagster"
    try:
        answer = _ask(dagster, "Reload", {"name": LOCATION})["reloadRepositoryLocation"]
    except ServiceError as error:
        return f"read at the next start of Dagster: {error}"
    if answer["__typename"] != "WorkspaceLocationEntry":
        return f"read at the next start of Dagster: it refused to reload: {answer.get('message', answer['__typename'])}"
    return "read anew by the running Dagster"


def _ask(
    dagster: DagsterAddress, operation: str, variables: dict[str, Any], timeout_s: float = REQUEST_TIMEOUT_S
) -> dict[str, Any]:
    return ask_dagster(dagster, _OPERATIONS, variables, operation, timeout_s=timeout_s)
