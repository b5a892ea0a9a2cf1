"""Waiting for backfills of a daemon that may die or hang meanwhile: whoever keeps it up needs a while for that.

Belongs here: how long to wait, and what is said. Does not belong here: asking the daemon (`daemon`), keeping it up
(`services.supervisor`).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from ghtrader_assets.errors import ServiceError
from ghtrader_assets.loading.outcome import Stopped
from ghtrader_assets.runtime import CODE_SERVER, DAEMON, DAGSTER, owned_runtime

POLL_S: Final = 1.0
LISTEN_EVERY_S: Final = 5.0
SAY_AFTER_S: Final = 60.0
GIVE_UP_S: Final = 300.0
"""Each of the daemon's threads is heard every 30 s, or later where it is busy; one that hangs is started again within
two minutes."""

_GOES_ON: Final = "what was asked for goes on once `ghtrader-assets up` runs"


def await_end(
    home: Path, has_ended: Callable[[], bool], heartbeats: Callable[[], object], announce: Callable[[str], None]
) -> Stopped | None:
    """Return once `has_ended`; or why nobody works on it any more, or is heard of it for too long.

    `heartbeats` tells when each part of the daemon was heard last. Both raise `ServiceError` while Dagster is away.
    """
    heard: object = None
    asked_at = heard_at = time.monotonic()
    said = False
    while True:
        unheard = "Dagster's daemon shows no sign of life"
        try:
            if has_ended():
                return None
            if time.monotonic() - asked_at > LISTEN_EVERY_S:
                asked_at = time.monotonic()
                if (found := heartbeats()) != heard:
                    heard, heard_at, said = found, asked_at, False
        except ServiceError as error:
            unheard = str(error)
        silence = time.monotonic() - heard_at
        if stopped := _nobody(home) or (f"{unheard} since {silence:.0f} s" if silence > GIVE_UP_S else ""):
            return Stopped(f"{stopped}; {_GOES_ON}", ServiceError.exit_code)
        if silence > SAY_AFTER_S and not said:
            said = True
            announce(f"{unheard} since {silence:.0f} s; `up` starts again what hangs, and this waits for it")
        time.sleep(POLL_S)


def _nobody(home: Path) -> str:
    """Why nobody keeps up what is waited for; empty where somebody does."""
    runtime = owned_runtime(home)
    if runtime is None:
        return "the platform that worked on it has ended"
    return next((runtime.given_up[name] for name in (DAEMON, CODE_SERVER, DAGSTER) if name in runtime.given_up), "")
