"""What can be wrong with a platform, once: its name, what it means, and what helps.

Belongs here: every kind of finding with its words and remedy, findings, and what follows from facts alone. `status`,
`doctor`, `/readyz`, Dagster's checks and the page "when something is wrong" all speak by it.
Does not belong here: looking at services and tables (`services.platform`, `services.findings`), showing it (`cli`).

A remedy names what to type between backquotes: a command of ours, or a statement for QuestDB's console. Those that need
a person or root say why.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final, Literal

from ghtrader_assets.market.calendar import HorizonFinding

Level = Literal["ok", "warn", "error"]

STUCK_AFTER: Final = timedelta(minutes=3)
"""A run takes its lock within a minute of its launch, and the platform ends one that has died within another."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at: what it is, how it stands, and what to do if it is wrong.

    `code` is that of the error it comes from (docs/errors.md), if it comes from one; `kind` the name of its
    `FindingKind`; `manual`: a person, or root, has to do it.
    """

    subject: str
    level: Level
    finding: str
    remedy: str = ""
    code: str = ""
    kind: str = ""
    manual: bool = False

    @property
    def line(self) -> str:
        """What was found, and what helps."""
        return f"{self.finding}; {self.remedy}" if self.remedy else self.finding


@dataclass(frozen=True, slots=True)
class FindingKind:
    """Something that can be wrong: `seen` says what it is and does, `remedy` what helps, its places in braces.

    `manual` says why no command of ours does it; empty where one does.
    """

    name: str
    level: Level
    seen: str
    remedy: str
    manual: str = ""

    def found(self, subject: str, finding: str, *, code: str = "", **places: object) -> Finding:
        """A finding of this kind. `places` fill those of the remedy."""
        remedy = self.remedy.format(**places)
        return Finding(subject, self.level, finding, remedy, code, self.name, bool(self.manual))


SERVICE_DOWN: Final = FindingKind(
    "service_down",
    "error",
    "A service does not run, and no supervisor is there to start it.",
    "start it with `ghtrader-assets up`",
)
SERVICE_RETURNING: Final = FindingKind(
    "service_returning",
    "error",
    "A service has ended or does not answer, and `up` runs: it starts the service again by itself.",
    "`up` (process {owner}) starts it again; its last words are in {log}",
    "nothing is to be done but to wait; a service that stays away names its cause in its log",
)
SERVICE_GIVEN_UP: Final = FindingKind(
    "service_given_up",
    "error",
    "A service has ended so often that `up` does not start it again; the others go on.",
    "mend what its log {log} names, then `ghtrader-assets down` and `ghtrader-assets up`",
    "only a person knows what to mend",
)
LOCATION_IN_ERROR: Final = FindingKind(
    "location_in_error",
    "error",
    "Dagster could not load a code location: nothing of it is scheduled, launched or judged.",
    "mend what it names, then start the platform again: `ghtrader-assets down`, `ghtrader-assets up`",
    "only a person knows what a setting or a file should say",
)
HEARTBEAT_OLD: Final = FindingKind(
    "heartbeat_old",
    "error",
    "A daemon of Dagster has given no sign of life: what it does for others stands still.",
    "`up` starts a daemon that hangs again; where none runs, `ghtrader-assets up`",
    "a hung daemon is started again by `up` alone",
)
RUN_WITHOUT_PROCESS: Final = FindingKind(
    "run_without_process",
    "error",
    "A run is being worked on, says Dagster, and has no living process: it holds its slot of the loads, and its days"
    " count as being loaded.",
    "switch the sensor `watch_runs` on in Dagster's web page (Automation): it ends such runs within a minute",
    "the platform does it by itself unless the sensor was switched off by hand",
)
RUN_STOPPED: Final = FindingKind(
    "run_stopped",
    "error",
    "The process of a run was stopped (SIGSTOP, a debugger): it works no more, and keeps its slot of the loads, its"
    " sessions and its days.",
    "`kill -CONT {process}` has it go on; `kill -9 {process}` ends it, and the same command loads its days",
)
LOADS_HELD: Final = FindingKind(
    "loads_held",
    "error",
    "The pool of the loads has no slot: whatever loads waits in the queue.",
    "set the limit of the pool `{pool}` in Dagster's web page (Deployment, Concurrency) to 1 or more",
    "a person has set it to nothing, and may have meant it",
)
TABLE_SUSPENDED: Final = FindingKind(
    "table_suspended",
    "error",
    "QuestDB has suspended a table: it takes writes and shows none.",
    "{remedy}",
)
FOREIGN_COLUMN: Final = FindingKind(
    "foreign_column",
    "warn",
    "A table of ours has a column that is not ours. It is neither read nor written, and does no harm.",
    "`ALTER TABLE {table} DROP COLUMN {column}`, or ask its owner",
)
TABLE_MISSING: Final = FindingKind(
    "table_missing",
    "error",
    "A table or view of ours is missing, or has another shape.",
    "a start of the platform makes what is missing (`ghtrader-assets down`, `ghtrader-assets up`); a table of another"
    " program needs another name before that: `RENAME TABLE {table} TO {table}_of_another`",
    "only a person knows whose table it is",
)
CALENDAR_ENDS: Final = FindingKind(
    "calendar_ends",
    "warn",
    "The calendar ends, or its settled part does, within two months.",
    "`ghtrader-assets calendar --refresh` carries it on by the provider's holiday list, once that covers the year",
)
CALENDAR_ENDED: Final = FindingKind(
    "calendar_ended",
    "error",
    "The calendar has ended: no later trading day is known, loaded or missed.",
    "`ghtrader-assets calendar --refresh`, or a newer release of ghtrader-assets",
)
PROVIDER_RESTS: Final = FindingKind(
    "provider_rests",
    "warn",
    "The provider is under maintenance, and is not asked for a while. Reading and judging go on; loads wait.",
    "nothing: loads go on by themselves",
    "only the provider can end its maintenance",
)
LOAD_OF_THE_FUTURE: Final = FindingKind(
    "load_of_the_future",
    "warn",
    "The last load of a day says that it began later than now: the clock was wrong then, or is now.",
    "see that the clock is right, then `ghtrader-assets backfill {symbol} --from {day} --to {day} --force`",
)
FEED_BEHIND: Final = FindingKind(
    "feed_behind",
    "error",
    "The latest trading day of a symbol that is followed is not there, not judged or not good.",
    "{remedy}",
)
DISK_LOW: Final = FindingKind(
    "disk_low",
    "error",
    "The disk has less room than a load needs. Nothing is half written; reading goes on, loading by itself once there"
    " is room.",
    "free space under {home}",
    "only a person knows what may go",
)
LIMIT_LOW: Final = FindingKind(
    "limit_low",
    "error",
    "The operating system gives QuestDB's process less than its tables need.",
    "{remedy}",
    "it takes root, or another login",
)

KINDS: Final[Mapping[str, FindingKind]] = {
    kind.name: kind
    for kind in (
        SERVICE_DOWN,
        SERVICE_RETURNING,
        SERVICE_GIVEN_UP,
        LOCATION_IN_ERROR,
        HEARTBEAT_OLD,
        RUN_WITHOUT_PROCESS,
        RUN_STOPPED,
        LOADS_HELD,
        TABLE_SUSPENDED,
        FOREIGN_COLUMN,
        TABLE_MISSING,
        CALENDAR_ENDS,
        CALENDAR_ENDED,
        PROVIDER_RESTS,
        LOAD_OF_THE_FUTURE,
        FEED_BEHIND,
        DISK_LOW,
        LIMIT_LOW,
    )
}
"""Every kind, in the order in which a person would mend things."""


@dataclass(frozen=True, slots=True)
class CodeLocation:
    """A code location of Dagster; `error` is the last line of what it failed with, empty where it is loaded."""

    name: str
    error: str


@dataclass(frozen=True, slots=True)
class Daemon:
    """One of Dagster's daemons; `beat_at` is its last heartbeat, None if it never gave one."""

    name: str
    healthy: bool
    beat_at: datetime | None


@dataclass(frozen=True, slots=True)
class WorkedOn:
    """A run that Dagster says is being worked on, and since when."""

    run_id: str
    status: str
    since: datetime


def is_well(findings: Collection[Finding]) -> bool:
    """Whether nothing is in error; a warning is no fault."""
    return all(finding.level != "error" for finding in findings)


def service_finding(name: str, said: str, owner: int | None, log: str, code: str = "", given_up: str = "") -> Finding:
    """A service that doesn't run or answer. `owner` is the process of a living `up`, which starts it again, unless it
    has `given_up` for this reason."""
    if owner is None:
        return SERVICE_DOWN.found(name, said, code=code)
    log = log or "in the folder logs of the home"
    if given_up:
        return SERVICE_GIVEN_UP.found(name, f"given up: {given_up}", code=code, log=log)
    return SERVICE_RETURNING.found(name, said, code=code, owner=owner, log=log)


def dagster_findings(locations: Collection[CodeLocation], daemons: Collection[Daemon]) -> Iterator[Finding]:
    """What is wrong in a Dagster that answers."""
    for location in locations:
        if location.error:
            yield LOCATION_IN_ERROR.found(f"code location {location.name}", location.error)
    for daemon in daemons:
        if not daemon.healthy:
            since = "ever" if daemon.beat_at is None else f"since {daemon.beat_at:%Y-%m-%d %H:%M:%S} UTC"
            yield HEARTBEAT_OLD.found(f"Dagster's {daemon.name.lower()} daemon", f"no heartbeat {since}")


def run_findings(
    runs: Collection[WorkedOn], living: Callable[[str], bool], stopped: Callable[[str], int | None], now: datetime
) -> Iterator[Finding]:
    """The runs that hold what they don't use: worked on, and without a process for longer than `STUCK_AFTER`, or in one
    that is stopped, whose number `stopped` gives."""
    for run in runs:
        began = f"{run.status} since {run.since:%Y-%m-%d %H:%M:%S} UTC, and its process"
        if (process := stopped(run.run_id)) is not None:
            yield RUN_STOPPED.found(f"run {run.run_id}", f"{began} {process} is stopped", process=process)
        elif now - run.since > STUCK_AFTER and not living(run.run_id):
            yield RUN_WITHOUT_PROCESS.found(f"run {run.run_id}", f"{began} is gone")


def pool_findings(pool: str, slots: int | None) -> Iterator[Finding]:
    """A pool that was closed; None where it was not set."""
    if slots is not None and slots < 1:
        yield LOADS_HELD.found(f"pool {pool}", "it has no slot, so nothing is loaded", pool=pool)


def horizon_finding(horizon: HorizonFinding) -> Finding:
    """How far the calendar reaches."""
    if horizon.days_ahead < 0:
        return CALENDAR_ENDED.found("calendar", str(horizon))
    if not horizon.ok:
        return CALENDAR_ENDS.found("calendar", str(horizon))
    return Finding("calendar", "ok", str(horizon))


def future_finding(symbol: str, day: date, started: datetime) -> Finding:
    """A day whose last load began later than now."""
    said = f"its last load says that it began at {started:%Y-%m-%d %H:%M} UTC"
    return LOAD_OF_THE_FUTURE.found(f"{symbol} {day}", said, symbol=symbol, day=day)


def foreign_column_findings(foreign: Mapping[str, Collection[str]]) -> Iterator[Finding]:
    """The columns of each table that are not ours."""
    for table, columns in foreign.items():
        for column in columns:
            yield FOREIGN_COLUMN.found(table, f"has a column {column} that is not ours", table=table, column=column)
