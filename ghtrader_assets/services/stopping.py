"""Stopping the embedded services of a home from outside: their owner, or what a killed owner left.

Belongs here: which processes are ended, and in which order. Does not belong here: starting them, and an owner's own end
(`embedded`).
"""

from __future__ import annotations

import contextlib
from typing import Final

import psutil

from ghtrader_assets.questdb.embedded.server import STOP_GRACE_S as QUESTDB_GRACE_S
from ghtrader_assets.runtime import QUESTDB, Runtime, forget_runtime, read_runtime
from ghtrader_assets.services.processes import STOP_GRACE_S, ask_to_end, end, stop_tree
from ghtrader_assets.settings import Settings
from ghtrader_assets.tether import UNWIND_S

OWNER_STOPS_WITHIN_S: Final = UNWIND_S + 7 * STOP_GRACE_S + 2 * QUESTDB_GRACE_S
"""What an owner takes at most to stop its services, if each uses up its own deadline."""


def stop_services(settings: Settings) -> bool:
    """Stop the services of this home from outside: their owner, or what a killed owner left. False: none ran.

    An owner that does not stop them in time is killed alone: its services end with it, QuestDB in order.
    """
    runtime = read_runtime(settings.home)
    if runtime is None:
        return False
    if runtime.owner.alive:
        with contextlib.suppress(psutil.NoSuchProcess):
            owner = psutil.Process(runtime.owner.pid)
            ask_to_end(owner)
            end([owner], OWNER_STOPS_WITHIN_S)
    stop_left_behind(settings, runtime)
    return True


def stop_left_behind(settings: Settings, runtime: Runtime) -> None:
    """What a killed owner left: the others first, QuestDB last and in order."""
    left = [service for service in runtime.services if service.process.alive]
    for service in sorted(left, key=lambda service: service.name == QUESTDB):
        if service.name == QUESTDB:
            with contextlib.suppress(psutil.NoSuchProcess):
                server = psutil.Process(service.process.pid)
                ask_to_end(server)
                end([server], QUESTDB_GRACE_S)
        else:
            stop_tree(service.process.pid)
    forget_runtime(settings.home)
