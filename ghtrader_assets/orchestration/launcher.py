"""Who carries out the work, and who is told how it goes on: what a backfill needs of its caller.

Belongs here: the two interfaces. Does not belong here: the launchers (`daemon`, and `assets.run_here`, which imports
dagster), choosing one (`assets.launchers`), any way of showing progress (`cli.backfill`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from ghtrader_assets.loading.outcome import Stopped
from ghtrader_assets.orchestration.runs import Needs
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


class Launcher(Protocol):
    """Materializes what days need."""

    @property
    def retries_maintenance(self) -> bool:
        """Whether days that met maintenance are loaded later without the caller (the repair sensor does that)."""
        ...

    @property
    def when_interrupted(self) -> str:
        """What becomes of the runs when the command ends before them, and how they are followed or stopped."""
        ...

    def run_ids(self, launch: str) -> list[str]:
        """The ids of the runs so far whose `LAUNCH_TAG` is `launch`. Raises `ServiceError`."""
        ...

    def run(self, needs: Needs, tables: Sequence[str], tags: Mapping[str, str], progress: Progress) -> list[Stopped]:
        """Materialize `tables` of the days to their end, in runs with these tags.

        Returns what ended runs before their days were done, such as a refused log-in or a full disk. Raises
        `ServiceError` when nothing can be launched.
        """
        ...
