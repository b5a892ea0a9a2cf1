"""The resource through which assets, checks and sensors reach settings, clock, store and provider.

Belongs here: opening store and provider by the settings that the definitions were built with. Does not belong here:
settings or secrets as run config, which Dagster stores in clear.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass

import dagster as dg

from ghtrader_assets.clock import Clock
from ghtrader_assets.context.load import LoadContext, open_load
from ghtrader_assets.context.store import StoreContext, open_writable_store
from ghtrader_assets.logs import attach
from ghtrader_assets.orchestration.names import WORKERS_TAG
from ghtrader_assets.redaction import no_secret_raised
from ghtrader_assets.settings import Settings, checked


@dataclass(frozen=True, slots=True)
class Platform:
    """Opens QuestDB and the tick provider that the settings and the runtime file name, for as long as an op runs."""

    settings: Settings
    clock: Clock

    @contextmanager
    def store(self) -> Generator[StoreContext]:
        """The store alone, for what needs no provider: checks, plans, judging what is stored."""
        attach(self.settings.log_level)
        with no_secret_raised(), open_writable_store(self.settings, self.clock) as opened:
            yield opened

    @contextmanager
    def opened(self, workers: str | None = None) -> Generator[LoadContext]:
        """Store and provider; `workers` is a run's own number of TqSdk sessions, within the bounds of the setting's."""
        attach(self.settings.log_level)
        settings = self.settings
        if workers is not None:
            own = {"ingest_workers": checked("ingest_workers", workers, f"the run's tag {WORKERS_TAG}")}
            settings = settings.model_copy(update=own)
        with no_secret_raised(), open_load(settings, self.clock) as opened:
            yield opened


PlatformResource = dg.ResourceParam[Platform]
"""How an op or a sensor asks for the platform by the name of its argument."""
