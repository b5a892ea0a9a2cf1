"""The Python API for researchers: `ghtrader_assets.connect()` and the store it opens.

Belongs here: typed queries of ticks, coverage and lineage, as pandas, Arrow or polars.
Does not belong here: SQL and bulk reads (`questdb`), starting services (`services`), any write.
"""

from __future__ import annotations

from ghtrader_assets.errors import DayStateWarning
from ghtrader_assets.store.api import Store
from ghtrader_assets.store.opening import connect

__all__ = ["DayStateWarning", "Store", "connect"]
