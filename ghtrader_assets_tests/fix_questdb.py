"""One real QuestDB for the whole test session, empty for each test module: no order of modules moves a verdict.

Tests of one module keep apart by symbols of their own. Belongs here: the shared server, a symbol that no other test
of its module uses, small tick frames. Does not belong here: servers that a test kills or starves: those it starts
itself (`own_server`).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from string import ascii_lowercase

import numpy as np
import polars as pl
import pytest

from ghtrader_assets.clock import SYSTEM_CLOCK
from ghtrader_assets.market.calendar import TradingCalendar, snapshot_calendar
from ghtrader_assets.market.products import products
from ghtrader_assets.market.ticks import NUMERIC_COLUMNS, DayWindow, tick_frame
from ghtrader_assets.questdb.client.connection import Database
from ghtrader_assets.questdb.client.credentials import Endpoint
from ghtrader_assets.questdb.embedded.server import EmbeddedQuestDB
from ghtrader_assets.questdb.tables.migrations import ensure_schema
from ghtrader_assets.questdb.tables.schema import SCHEMA_VERSION
from ghtrader_assets.questdb.tables.writer import DayLoad

_REAL = {product.code.lower() for product in products()}
_invented = (
    f"KQ.m@{exchange}.{first}{second}"
    for exchange in ("SHFE", "INE", "DCE", "GFEX")
    for first, second in itertools.permutations(ascii_lowercase, 2)
    if first + second not in _REAL
)


@pytest.fixture(scope="session")
def questdb_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home of the shared server."""
    return tmp_path_factory.mktemp("questdb-home")


@pytest.fixture(scope="session")
def questdb_server(questdb_home: Path) -> Iterator[Endpoint]:
    """The shared server's endpoint; it stops with the session. Developer mode lets a test suspend a table."""
    server = EmbeddedQuestDB(questdb_home, parameters={"dev.mode.enabled": "true"})
    endpoint = server.start()
    with Database(endpoint) as db:
        ensure_schema(db, questdb_home, SYSTEM_CLOCK)
    yield endpoint
    server.stop()


@pytest.fixture(scope="module")
def questdb_endpoint(questdb_server: Endpoint) -> Endpoint:
    """The shared server's endpoint, with no row of another module in a table of ours."""
    with Database(questdb_server) as db:
        tables = [name for (name,) in db.rows("tables", "SELECT table_name FROM tables() WHERE table_type = 'T'")]
        stored = [name for name in tables if name.startswith("ghtrader_") and name != SCHEMA_VERSION]
        for name in stored:
            db.execute(f"TRUNCATE TABLE {name}")
        db.await_applied(*stored)
    return questdb_server


@pytest.fixture(scope="module")
def db(questdb_endpoint: Endpoint) -> Iterator[Database]:
    """The shared server's database, with its tables made."""
    with Database(questdb_endpoint) as database:
        yield database


@pytest.fixture
def symbol() -> str:
    """A main-contract symbol that no other test of the session uses."""
    return fresh_symbol()


def fresh_symbol() -> str:
    """A symbol that was not handed out before in this session, of a product that there is not.

    Tests name real products, and unknown ones of one letter twice, as `zz`; neither is handed out.
    """
    return next(_invented)


@pytest.fixture(scope="session")
def calendar() -> TradingCalendar:
    return snapshot_calendar()


@pytest.fixture
def load_of(symbol: str, calendar: TradingCalendar) -> Callable[..., DayLoad]:
    """Build the load of a trading day: `load_of(day, rows=…, seed=…)` or `load_of(day, frame=…)`."""

    def build(
        day: date,
        rows: int = 200,
        seed: int = 0,
        frame: pl.DataFrame | None = None,
        name: str = symbol,
        contract: str = "SHFE.cu2602",
    ) -> DayLoad:
        window = calendar.window(day)
        return DayLoad(
            symbol=name,
            trading_day=day,
            window=window,
            contract=contract,
            segment_id=0,
            schedule_hash="0123456789abcdef",
            frame=random_ticks(window, rows, seed) if frame is None else frame,
        )

    return build


def refused_ticks(window: DayWindow, rows: int) -> tuple[DayWindow, pl.DataFrame]:
    """The ticks of a window 70 years before: whole in every way, and QuestDB takes none of them."""
    earlier = 70 * 365 * 86_400 * 10**9
    frame = random_ticks(window, rows).with_columns(pl.col("datetime_ns") - earlier)
    return replace(window, start_ns=window.start_ns - earlier, end_ns=window.end_ns - earlier), frame


def random_ticks(window: DayWindow, rows: int, seed: int = 0) -> pl.DataFrame:
    """A tick frame of half-second stamps, some of them shared, with NaN in places and 0.0 in others."""
    random = np.random.default_rng((seed, window.start_ns))
    slots = (window.end_ns - window.start_ns) // 500_000_000
    columns = {
        "tick_id": np.arange(rows) + random.integers(0, 10**6),
        "datetime_ns": window.start_ns + np.sort(random.integers(0, slots, rows)) * 500_000_000,
    }
    for name in NUMERIC_COLUMNS:
        values = np.round(random.normal(70_000, 500, rows), 1)
        values[random.random(rows) < 0.05] = np.nan
        values[random.random(rows) < 0.05] = 0.0
        columns[name] = values
    return tick_frame(columns)
