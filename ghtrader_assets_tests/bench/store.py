"""A QuestDB of a benchmark's own, in a temporary home.

Belongs here: opening it, settings of a reader, making days longer, putting its ticks aside. Does not belong here:
filling it with days (`model_days`); what is measured.
"""

from __future__ import annotations

import tempfile
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any, Final, LiteralString, cast

import numpy as np
import numpy.typing as npt
from pydantic import SecretStr

from ghtrader_assets.clock import SYSTEM_CLOCK
from ghtrader_assets.context.load import LoadContext
from ghtrader_assets.market.calendar import snapshot_calendar
from ghtrader_assets.questdb.client.connection import Database
from ghtrader_assets.questdb.embedded.server import EmbeddedQuestDB
from ghtrader_assets.questdb.tables.migrations import ensure_schema
from ghtrader_assets.questdb.tables.schema import TABLES, TICKS, ensure_table
from ghtrader_assets.settings import Settings
from ghtrader_assets.tq.provider import Provider
from ghtrader_assets_tests.model_days import Columns

_aside: Final = count(1)


@contextmanager
def own_store(**settings: Any) -> Generator[LoadContext]:
    """A platform on a QuestDB of its own that vanishes with its data; its provider is never asked."""
    with tempfile.TemporaryDirectory(prefix="ghtrader-bench-") as folder:
        home = Path(folder)
        with EmbeddedQuestDB(home) as server, Database(server.endpoint) as database:
            ensure_schema(database, home, SYSTEM_CLOCK)
            provider = Provider("nobody", SecretStr("nobody"), name="embedded")
            yield LoadContext(
                settings=Settings(home=home, **settings),
                calendar=snapshot_calendar(),
                database=database,
                provider=provider,
            )


def reader_settings(platform: LoadContext) -> Settings:
    """Settings of a reader of the benchmark's own server."""
    endpoint = platform.database.endpoint
    assert endpoint.reader is not None
    return Settings(
        home=platform.settings.home,
        questdb_http=endpoint.http,
        questdb_pg=endpoint.pg,
        questdb_user=endpoint.user,
        questdb_password=endpoint.password,
        questdb_reader_user=endpoint.reader.user,
        questdb_reader_password=endpoint.reader.password,
    )


def stretched(columns: Mapping[str, npt.NDArray[Any]], rows: int) -> Columns:
    """A longer day of the same shape: ticks repeated evenly, each time a little later and with a book of its own."""
    ticks = len(columns["tick_id"])
    source = np.arange(rows) * ticks // rows
    nth = np.arange(rows) - np.searchsorted(source, source)
    longer = {name: values[source] for name, values in columns.items()}
    longer["tick_id"] = np.arange(rows, dtype=np.int64)
    longer["datetime_ns"] = longer["datetime_ns"] + nth * (400_000_000 // -(-rows // ticks) // 1000 * 1000)
    longer["bid_volume1"] = longer["bid_volume1"] + nth
    return longer


def empty_ticks(platform: LoadContext) -> None:
    """Put every stored tick aside, so that the next load stores days for the first time.

    Aside and not away: for minutes after thousands of files were deleted, ext4 looks at each of them again whenever it
    makes a file, and half of what storing costs the kernel was that.
    """
    table, aside = TABLES[TICKS], f"bench_aside_{next(_aside)}"
    platform.database.execute(cast("LiteralString", f"DROP VIEW {table.name}"))
    platform.database.execute(cast("LiteralString", f"RENAME TABLE {table.base} TO {aside}"))
    ensure_table(platform.database, table)
