"""Waiting for backfills of a daemon that may die or hang meanwhile: the supervisor needs a while to start it again.

Belongs here: how long to wait, and what is said. Does not belong here: asking the daemon (`daemon`), keeping it up
(`services.supervisor`).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from ghtrader_assets.errors import RunStoppedError, ServiceError
from ghtrader_assets.loading.outcome import Stopped
from ghtrader_assets.runtime import CODE_SERVER, DAEMON, DAGSTER, RunningProcess, owned_runtime

POLL_S: Final = 1.0
LISTEN_EVERY_S: Final = 5.0
SAY_AFTER_S: Final = 60.0
DEAD_S: Final = 40.0
"""What ended is started again after 16 s at most, or given up."""
GIVE_UP_S: Final = 110.0
"""Each of the daemon's threads is heard every 30 s, and the supervisor ends one that hangs within 100 s. With what
asking takes (`daemon.FOLLOW_TIMEOUT_S`), a wait ends within a minute after a death and 150 s after a hang."""

_PARTS: Final = (DAEMON, CODE_SERVER, DAGSTER)
_SILENT: Final = ServiceError("Dagster's daemon shows no sign of life")
_ANEW: Final = "runs that live go on, the others once `ghtrader-assets down` and `up` have started Dagster anew"
_Signs = tuple[object, frozenset[RunningProcess]]


def await_end(
    home: Path,
    has_ended: Callable[[], bool],
    heartbeats: Callable[[], object],
    announce: Callable[[str], None],
    *,
    stopwatch: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Stopped | None:
    """Return once `has_ended`; or why no process works on it any more, or shows no sign of life for too long.

    `heartbeats` tells when each part of the daemon was heard last. Both raise `ServiceError` while Dagster is away. A
    part that is ended, or started again, by the supervisor is a sign of life as well. `stopwatch` tells seconds.
    """
    signs: _Signs = (None, frozenset())
    heard, unheard = signs[0], _SILENT
    asked_at = seen_at = whole_at = stopwatch()
    said = False
    while True:
        try:
            if has_ended():
                return None
            if stopwatch() - asked_at > LISTEN_EVERY_S:
                asked_at = stopwatch()
                heard, unheard = heartbeats(), _SILENT
        except ServiceError as error:
            unheard = error
        living, missing = _processes(home)
        now = stopwatch()
        if (heard, living) != signs:
            signs, seen_at, said = (heard, living), now, False
        whole_at = whole_at if missing else now
        if stopped := _unattended(home) or _too_long(unheard, missing, now - seen_at, now - whole_at):
            return Stopped(stopped, ServiceError.exit_code)
        if now - seen_at > SAY_AFTER_S and not said:
            said = True
            announce(_unheard(unheard, now - seen_at, "`up` starts again what hangs, and this waits for it"))
        sleep(POLL_S)


def _processes(home: Path) -> tuple[frozenset[RunningProcess], list[str]]:
    """The living processes of Dagster's parts, and the names of the parts that have none."""
    runtime = owned_runtime(home)
    living = [part for part in runtime.services if part.name in _PARTS and part.process.alive] if runtime else []
    names = {part.name for part in living}
    return frozenset(part.process for part in living), [name for name in _PARTS if name not in names]


def _too_long(unheard: ServiceError, missing: list[str], silence_s: float, missing_s: float) -> str:
    """That nothing was heard, or that a part which ended was not started again, for too long; empty before that."""
    if missing_s > DEAD_S:
        return f"{' and '.join(missing)} ended and was not started again within {missing_s:.0f} s; {_ANEW}"
    return _unheard(unheard, silence_s, _ANEW) if silence_s > GIVE_UP_S else ""


def _unheard(why: ServiceError, silence_s: float, helps: str) -> str:
    """Why nothing was heard for so long, and what helps: a stopped run its own remedy, for `up` starts none again."""
    return f"{why.what} since {silence_s:.0f} s; {why.remedy if isinstance(why, RunStoppedError) else helps}"


def _unattended(home: Path) -> str:
    """Why no process keeps up what is waited for; empty where one does."""
    runtime = owned_runtime(home)
    if runtime is None:
        return "the platform that worked on it has ended; what was asked for goes on once `ghtrader-assets up` runs"
    given_up = next((runtime.given_up[name] for name in _PARTS if name in runtime.given_up), "")
    return given_up and f"{given_up}; {_ANEW}"
