"""The resource through which assets, checks and sensors reach settings, clock, store and provider.

Belongs here: the entry of our code in a process of Dagster's, where settings are read. Does not belong here: settings
or secrets as run config, which Dagster stores in clear: they are read from the environment of the run's process.
"""

from __future__ import annotations

from contextlib import AbstractContextManager

import dagster as dg

from ghtrader_assets.clock import SYSTEM_CLOCK, Clock
from ghtrader_assets.context.load import LoadContext, open_load
from ghtrader_assets.context.store import StoreContext, open_writable_store
from ghtrader_assets.logs import attach
from ghtrader_assets.settings import Settings, load_settings


class PlatformResource(dg.ConfigurableResource[LoadContext]):
    """Opens QuestDB and the tick provider that the settings and the runtime file name, for as long as an op runs."""

    @property
    def settings(self) -> Settings:
        """The settings of this process as they stand now."""
        settings = load_settings()
        attach(settings.log_level)
        return settings

    @property
    def clock(self) -> Clock:
        return SYSTEM_CLOCK

    def store(self) -> AbstractContextManager[StoreContext]:
        """The store alone, for what needs no provider: checks, plans, judging what is stored."""
        return open_writable_store(self.settings, self.clock)

    def opened(self, workers: str | None = None) -> AbstractContextManager[LoadContext]:
        """Store and provider; `workers` is a run's own number of TqSdk sessions."""
        settings = self.settings
        if workers is not None:
            settings = settings.model_copy(update={"ingest_workers": int(workers)})
        return open_load(settings, self.clock)
