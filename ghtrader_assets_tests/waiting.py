"""Waiting in tests: for what happens, never for a time. The one number here ends a test that hangs.

Belongs here: the guard, and looking until something holds. Does not belong here: what is waited for.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final, TypeVar

import pytest

HANGS_S: Final = 900.0
"""Nothing that works takes this long, however busy the machine: whoever waits so long waits in vain."""

_SOONEST_S, _LATEST_S = 0.05, 1.0
"""Looking takes processor time from what is waited for: the longer it takes, the more seldom it is looked for."""

Found = TypeVar("Found")


def await_that(what: str, holds: Callable[[], Found]) -> Found:
    """Look until `holds` returns something true, and return it."""
    began = time.monotonic()
    while not (found := holds()):
        waited = time.monotonic() - began
        if waited > HANGS_S:
            pytest.fail(f"{what}: not within {HANGS_S:.0f} s")
        time.sleep(min(max(_SOONEST_S, waited / 10), _LATEST_S))
    return found
