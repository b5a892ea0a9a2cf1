"""What a backfill tells while it goes on. The command line shows it; any other caller may.

Belongs here: the interface. Does not belong here: any way of showing it (`cli.progress`).
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Protocol

from ghtrader_assets.upkeep.due import DayResult


class Progress(Protocol):
    """Told from the caller's thread, but for `day_ended`: that comes from a thread that follows the loads."""

    def announce(self, message: str) -> None:
        """What begins now, or where it can be followed."""
        ...

    def loading(self, total: int) -> AbstractContextManager[None]:
        """`total` days are being loaded while the context is open."""
        ...

    def day_ended(self, result: DayResult) -> None:
        """A day's load has ended. Called once a day, before or shortly after the context of `loading` closes."""
        ...

    def waiting(self, days: int) -> AbstractContextManager[Callable[[float], None]]:
        """`days` days wait for the end of the provider's maintenance; the function is told the seconds left."""
        ...
