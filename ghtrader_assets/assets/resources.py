"""The resource through which assets reach store and provider.

Belongs here: opening the platform inside a run. Does not belong here: settings or secrets as run config, which
Dagster stores in clear: they are read from the environment of the run's process.
"""

from __future__ import annotations

from contextlib import AbstractContextManager

import dagster as dg

from ghtrader_assets.context.load import LoadContext, open_load
from ghtrader_assets.logs import attach
from ghtrader_assets.settings import load_settings


class PlatformResource(dg.ConfigurableResource[LoadContext]):
    """Opens QuestDB and the tick provider that the settings and the runtime file name, for as long as an op runs."""

    def opened(self, workers: str | None = None) -> AbstractContextManager[LoadContext]:
        """The platform of this process's settings; `workers` is a run's own number of TqSdk sessions."""
        settings = load_settings()
        attach(settings.log_level)
        if workers is not None:
            settings = settings.model_copy(update={"ingest_workers": int(workers)})
        return open_load(settings)
