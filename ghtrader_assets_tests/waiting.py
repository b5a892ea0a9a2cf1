"""Waiting in tests: for what happens, never for a time. The one number here ends a test that hangs.

Belongs here: the guard, and looking until something holds. Does not belong here: what is waited for.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final, TypeVar

import pytest

HANGS_S: Final = 300.0
"""Nothing that works takes this long, however busy the machine: whoever waits so long waits in vain."""

_LOOK_AGAIN_S: Final = 0.05

Found = TypeVar("Found")


def await_that(what: str, holds: Callable[[], Found]) -> Found:
    """Look until `holds` returns something true, and return it."""
    give_up_at = time.monotonic() + HANGS_S
    while not (found := holds()):
        if time.monotonic() > give_up_at:
            pytest.fail(f"{what}: not within {HANGS_S:.0f} s")
        time.sleep(_LOOK_AGAIN_S)
    return found
