"""Taking days of a symbol, or all of it, out of what Dagster records.

Belongs here: events of the symbol's assets. Does not belong here: what else is forgotten (`upkeep.forgetting`).

Dagster wipes whole assets, and hides their events; of single partitions its databases can do nothing. So the events of
the days are deleted, and a whole symbol's assets are wiped besides.
"""

from __future__ import annotations

from typing import Final

import dagster as dg
from sqlalchemy import text

from ghtrader_assets.assets.dagster_internals import SqlEvents
from ghtrader_assets.assets.tables import asset_key
from ghtrader_assets.market.symbols import parse_symbol
from ghtrader_assets.orchestration.names import ALL_TABLES
from ghtrader_assets.questdb.tables.forgetting import DaysOfSymbol
from ghtrader_assets.services.dagster_instance import dagster_home
from ghtrader_assets.settings import Settings

_OF_DAYS: Final = "asset_key = :key AND partition >= :first AND partition <= :last"
_DELETE: Final = (
    f"DELETE FROM asset_event_tags WHERE event_id IN (SELECT id FROM event_logs WHERE {_OF_DAYS})",  # noqa: S608 - bound
    f"DELETE FROM event_logs WHERE {_OF_DAYS}",  # noqa: S608 - bound
)


def wipe_from_dagster(settings: Settings, what: DaysOfSymbol) -> None:
    """Take the days out of the Dagster of the home; nothing where it never ran."""
    if not (settings.home / "dagster" / "history").is_dir():
        return
    with dg.DagsterInstance.from_config(str(dagster_home(settings.home))) as instance:
        wipe_days(instance, what)


def wipe_days(instance: dg.DagsterInstance, what: DaysOfSymbol) -> None:
    """Delete the events of the days of each table of the symbol; of a whole symbol its assets are wiped."""
    keys = [asset_key(parse_symbol(what.symbol), table) for table in ALL_TABLES]
    log = instance.event_log_storage
    if isinstance(log, SqlEvents):
        days = {"first": what.first.isoformat(), "last": what.last.isoformat()}
        with log.index_connection() as connection:
            for key in keys:
                for statement in _DELETE:
                    connection.execute(text(statement), {"key": key.to_string(), **days})
        for key in keys:
            log.wipe_asset_cached_status(key)
    if what.whole:
        instance.wipe_assets(keys)
