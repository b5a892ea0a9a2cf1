"""A home of a benchmark's own, as a command finds one: its settings in the environment, its services on free ports.

Belongs here: what benchmarks of whole commands and runs share. Does not belong here: a store without a home's services
(`store`).
"""

from __future__ import annotations

import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from ghtrader_assets.services.dagster_instance import dagster_environment
from ghtrader_assets.settings import Settings, load_settings

PORTS: Final = ("QUESTDB_HTTP", "QUESTDB_PG", "DAGSTER", "DASHBOARD", "EXCHANGE")


@contextmanager
def own_home(home: Path, **settings: str) -> Generator[Settings]:
    """Settings of the home, in this process's environment too: that is where a run reads them.

    They are given by the names of their variables, without the prefix.
    """
    ours = {f"GHTRADER_{name}_PORT": "0" for name in PORTS}
    ours |= {f"GHTRADER_{name}": value for name, value in settings.items()} | dagster_environment(home)
    before = {name: os.environ.get(name) for name in ours}
    os.environ.update(ours)
    try:
        yield load_settings()
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
