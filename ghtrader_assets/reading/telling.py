"""Telling a reader what an answer doesn't say by itself: warnings, and who hears them.

Belongs here: handing a warning to the caller of this package, or to whoever collects them in the caller's place, as a
server does that answers another process. Does not belong here: what a warning says (`handout`, `stored`).
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

_PACKAGE: Final = __name__.partition(".")[0]
_told: Final[ContextVar[list[Warning] | None]] = ContextVar("told", default=None)


def tell(warning: Warning) -> None:
    """Warn the first caller outside of this package, unless warnings are collected."""
    told = _told.get(None)
    if told is None:
        warnings.warn(warning, stacklevel=_levels_within() + 1)
    else:
        told.append(warning)


@contextmanager
def collected() -> Generator[list[Warning]]:
    """What this thread is told while it is open, for whoever asked: no warning is shown here."""
    told: list[Warning] = []
    token = _told.set(told)
    try:
        yield told
    finally:
        _told.reset(token)


def _levels_within() -> int:
    """How many callers up to the first one outside of this package."""
    levels = 0
    frame = sys._getframe(1)  # pyright: ignore[reportPrivateUsage] - `inspect.stack` reads sources
    while frame is not None and frame.f_globals.get("__name__", "").partition(".")[0] == _PACKAGE:
        levels += 1
        frame = frame.f_back
    return levels
