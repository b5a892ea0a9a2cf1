"""Tick history of Chinese futures as Dagster assets on QuestDB.

`connect()` is the way in for researchers. Importing the package starts nothing and opens no connection.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from ghtrader_assets.errors import DayStateWarning, PlatformError

if sys.platform == "win32":  # before anything asks for what Windows lacks
    sys.stderr.write(f"error: {PlatformError('ghtrader-assets runs on Linux and macOS').line}\n")
    raise SystemExit(PlatformError.exit_code)

if TYPE_CHECKING:
    from ghtrader_assets.settings import Settings
    from ghtrader_assets.store import Store

__all__ = ["DayStateWarning", "connect"]


def connect(settings: Settings | str | None = None) -> Store:
    """The store of `GHTRADER_HOME`, of other settings, or at an address: `ghtrader://TOKEN@host:8050` of another host.

    Raises `QuestDBError` when no QuestDB runs for the home, `BadInputError` for a malformed setting or address. Close
    it, or use it in a `with`, when done.
    """
    from ghtrader_assets.store import connect as connect_to_store  # noqa: PLC0415 - importing the package stays cheap

    return connect_to_store(settings)
