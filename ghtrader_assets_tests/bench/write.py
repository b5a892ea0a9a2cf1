"""`bench write`: the write path alone, with full read-back, against a row loop over tick objects, on one server.

Belongs here: the sizes, the measurements, their ratios. Does not belong here: fetching, judging, recording.

All variants alternate in one run, each on an empty table. Ours ends when every day was read back and its digest
compared; the row loop ends when its rows show. It is how vnpy_questdb 1.0.0 writes: one call with what one query
brought, here a day; a sender for each call; each tick an object with an attribute a number and a zone-aware time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, make_dataclass
from datetime import UTC, date, datetime
from operator import attrgetter
from statistics import median
from time import perf_counter
from typing import Any, Final

from questdb import Sender

from ghtrader_assets.context.load import LoadContext
from ghtrader_assets.errors import GhtraderError
from ghtrader_assets.market.clock import NS, SHANGHAI
from ghtrader_assets.market.symbols import parse_symbol
from ghtrader_assets.market.ticks import NUMERIC_COLUMNS
from ghtrader_assets.questdb.client.connection import Database
from ghtrader_assets.questdb.tables.schema import TABLES, TICKS
from ghtrader_assets.questdb.tables.writer import DayLoad, Readback, Result
from ghtrader_assets_tests.bench.report import Report, Variant, rounded
from ghtrader_assets_tests.bench.store import empty_ticks, own_store
from ghtrader_assets_tests.model_days import day_loads
from ghtrader_assets_tests.storing import store_days

SYMBOL: Final = "KQ.m@SHFE.cu"
FIRST_DAY: Final = date(2025, 9, 1)
BASE: Final = TABLES[TICKS].base
POOLED: Final = "ours, batches of 10 days, sender pool"
SINGLE: Final = "ours, batches of 1 day, sender pool"
UNPOOLED: Final = "ours, batches of 10 days, one sender"
CHECKSUM: Final = "ours, batches of 10 days, read back by checksum"
ROW_LOOP: Final = "row loop over tick objects"


@dataclass(frozen=True)
class Sizes:
    """Days that ours stores in a turn, days of the row loop, and turns of each."""

    days: int
    loop_days: int
    rounds: int


FULL: Final = Sizes(days=20, loop_days=3, rounds=3)
QUICK: Final = Sizes(days=10, loop_days=1, rounds=2)


INTEGERS: Final = ("datetime_ns", "tick_id", "seq")
_TickData: Final[Any] = make_dataclass(
    "_TickData", ["symbol", "contract", "trading_day", "datetime", *INTEGERS, *NUMERIC_COLUMNS]
)
"""A tick as an object with attributes, which is what vn.py hands to a database."""
_columns_of: Final = attrgetter(*INTEGERS, *NUMERIC_COLUMNS)


def bench_write(*, quick: bool) -> Report:
    """Measure all ways to write the same days. Raises `GhtraderError` if a day is not stored as it was given."""
    sizes = QUICK if quick else FULL
    rates: dict[str, list[float]] = {}
    with own_store() as platform, Database(platform.database.endpoint, sender_pool=False) as unpooled:
        days = platform.calendar.days(FIRST_DAY, date(2026, 1, 9))[: sizes.days]
        loads = day_loads(platform, parse_symbol(SYMBOL), days)
        ticks = [_tick_objects(load) for load in loads[: sizes.loop_days]]
        _ours(platform, platform.database, loads[:3], 10)
        for _ in range(sizes.rounds):
            rates.setdefault(POOLED, []).append(_ours(platform, platform.database, loads, 10))
            rates.setdefault(SINGLE, []).append(_ours(platform, platform.database, loads, 1))
            rates.setdefault(UNPOOLED, []).append(_ours(platform, unpooled, loads, 10))
            rates.setdefault(CHECKSUM, []).append(_ours(platform, platform.database, loads, 10, "checksum"))
            rates.setdefault(ROW_LOOP, []).append(_row_loop(platform, ticks))
    rate = {name: median(values) for name, values in rates.items()}
    ratios = {
        "write_vs_row_loop": rate[POOLED] / rate[ROW_LOOP],
        "batches_of_10_vs_1": rate[POOLED] / rate[SINGLE],
        "sender_pool_vs_one": rate[POOLED] / rate[UNPOOLED],
        "checksum_vs_full": rate[CHECKSUM] / rate[POOLED],
    }
    variants = [
        Variant(name, rounded({"rows_s": median(values), "rows_s_low": min(values), "rows_s_high": max(values)}))
        for name, values in rates.items()
    ]
    return Report("write", variants, rounded(ratios), figures=rounded({"write_rows_s": rate[POOLED]}))


def _ours(
    platform: LoadContext, database: Database, loads: Sequence[DayLoad], batch: int, readback: Readback = "full"
) -> float:
    """Rows a second until the last day was read back; batches follow each other without waiting."""
    empty_ticks(platform)
    rows = sum(load.frame.height for load in loads)
    started = perf_counter()
    results: list[Result] = list(store_days(database, loads, readback, batch_days=batch))
    seconds = perf_counter() - started
    failed = [str(result.load) for result in results if not hasattr(result, "digest")]
    if failed or len(results) != len(loads):
        raise GhtraderError(f"not stored: {failed}")
    return rows / seconds


def _tick_objects(load: DayLoad) -> list[Any]:
    return [
        _TickData(
            load.symbol,
            load.contract,
            load.trading_day.isoformat(),
            datetime.fromtimestamp(row["datetime_ns"] / NS, tz=SHANGHAI),
            *(row[name] for name in (*INTEGERS, *NUMERIC_COLUMNS)),
        )
        for row in load.frame.iter_rows(named=True)
    ]


def _row_loop(platform: LoadContext, days: Sequence[Sequence[Any]]) -> float:
    """Rows a second until they show."""
    empty_ticks(platform)
    rows = sum(len(ticks) for ticks in days)
    started = perf_counter()
    for ticks in days:
        _save_ticks(platform.database, ticks)
    seconds = perf_counter() - started
    [(count,)] = platform.database.rows("bench", f"SELECT count() FROM {BASE}")
    if count != rows:
        raise GhtraderError(f"the row loop stored {count} of {rows} rows")
    return rows / seconds


def _save_ticks(database: Database, ticks: Sequence[Any]) -> None:
    """One `row` call a tick, the client's own batches, then wait until all is applied."""
    endpoint = database.endpoint
    with Sender.from_conf(  # pyright: ignore[reportUnknownMemberType] - questdb's own types are partial
        f"http::addr={endpoint.http};", username=endpoint.user, password=endpoint.password.get_secret_value()
    ) as sender:
        for tick in ticks:
            sender.row(
                BASE,
                symbols={
                    "symbol": tick.symbol,
                    "trading_day": tick.trading_day,
                    "underlying_contract": tick.contract,
                },
                columns=dict(zip((*INTEGERS, *NUMERIC_COLUMNS), _columns_of(tick), strict=True)),
                at=tick.datetime.astimezone(UTC),
            )
        sender.flush()  # pyright: ignore[reportUnknownMemberType] - questdb's own types are partial
    database.await_applied(BASE)
