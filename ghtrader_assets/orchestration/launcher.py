"""Who carries out the work: the daemon of a running platform, or this process.

Belongs here: the interface. Does not belong here: its two implementations (`daemon`, and `assets.run_here`, which
imports dagster), and choosing one (`assets.launchers`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from ghtrader_assets.loading.outcome import Stopped
from ghtrader_assets.orchestration.progress import Progress
from ghtrader_assets.orchestration.runs import Needs


class Launcher(Protocol):
    """Materializes what days need."""

    @property
    def retries_maintenance(self) -> bool:
        """Whether days that met maintenance are loaded later without the caller (the repair sensor does that)."""
        ...

    def run(self, needs: Needs, tables: Sequence[str], tags: Mapping[str, str], progress: Progress) -> list[Stopped]:
        """Materialize `tables` of the days to their end, in runs with these tags.

        Returns what ended runs before their days were done, such as a refused log-in or a full disk. Raises
        `ServiceError` when nothing can be launched.
        """
        ...
