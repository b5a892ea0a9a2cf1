"""Choosing who carries out a command's work: the daemon of a running platform, else this process.

Belongs here: the choice, made once a command. Does not belong here: dagster at import: it takes two seconds, which only
a command with work for this process pays.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ghtrader_assets.clock import Clock
from ghtrader_assets.loading.outcome import Stopped
from ghtrader_assets.orchestration.daemon import DaemonLauncher, running_dagster
from ghtrader_assets.orchestration.launcher import Launcher, Progress
from ghtrader_assets.orchestration.names import LAUNCH_TAG
from ghtrader_assets.orchestration.runs import Needs
from ghtrader_assets.services.dagster_instance import dagster_environment
from ghtrader_assets.settings import Settings


def launcher_for(settings: Settings, clock: Clock) -> Launcher:
    """The daemon's launcher where a Dagster runs for this home, else that of this process."""
    dagster = running_dagster(settings)
    return InProcessLauncher(settings, clock) if dagster is None else DaemonLauncher(settings.home, dagster)


@dataclass(frozen=True, slots=True)
class InProcessLauncher:
    """Runs of this process, recorded in the Dagster instance of the home."""

    settings: Settings
    clock: Clock
    _begun: dict[str, list[str]] = field(default_factory=dict[str, list[str]], init=False)
    retries_maintenance = False
    when_interrupted = (
        "its runs end with this command; days that had ended are stored, the same command loads the others"
    )

    def run_ids(self, launch: str) -> list[str]:
        """See `Launcher`. Kept here: asked by another thread, a new home's Dagster would make its tables twice."""
        return list(self._begun.get(launch, ()))

    def run(self, needs: Needs, tables: Sequence[str], tags: Mapping[str, str], progress: Progress) -> list[Stopped]:  # noqa: ARG002 - loads are followed by what they leave
        """The runs one after the other; see `Launcher`."""
        from ghtrader_assets.assets.build import build_definitions  # noqa: PLC0415
        from ghtrader_assets.assets.dead_runs import report_dead_runs  # noqa: PLC0415
        from ghtrader_assets.assets.run_here import run_here  # noqa: PLC0415

        os.environ.update(dagster_environment(self.settings.home))
        report_dead_runs(self.settings, self.clock)
        definitions = build_definitions(self.settings, self.clock)
        begun = self._begun.setdefault(tags.get(LAUNCH_TAG, ""), [])
        return run_here(definitions, self.settings.home, needs, tables, tags, begun)
