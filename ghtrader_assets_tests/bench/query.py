"""`bench query`: coverage, multi-symbol questions, bulk reads, latency after loads, each against the plain way.

Belongs here: the sizes, the measurements, their ratios. Does not belong here: the queries (`questdb.tables.reader`).

The plain ways are ghTrader's: coverage by a scan of the ticks, a statement a symbol, rows over psycopg into a frame.
They alternate with ours in one process on one store; where answers differ there is no figure at all.
"""

from __future__ import annotations

import json
import subprocess
import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from time import perf_counter
from typing import Any, Final

import numpy as np
import pandas as pd
import polars as pl
import psycopg

from ghtrader_assets.clock import SYSTEM_CLOCK
from ghtrader_assets.context.load import LoadContext
from ghtrader_assets.errors import DayStateWarning, GhtraderError
from ghtrader_assets.market.clock import instant
from ghtrader_assets.market.symbols import Symbol, parse_symbol
from ghtrader_assets.market.ticks import NUMERIC_COLUMNS, DayWindow, tick_frame
from ghtrader_assets.questdb.client.credentials import Endpoint
from ghtrader_assets.questdb.client.pg_session import PG_DATABASE
from ghtrader_assets.questdb.tables.reader import read_stored_ranges
from ghtrader_assets.questdb.tables.records import write_daily_agg
from ghtrader_assets.questdb.tables.rows import DailyAgg
from ghtrader_assets.questdb.tables.schema import TICKS
from ghtrader_assets.questdb.tables.whole_days import read_whole_day
from ghtrader_assets.settings import Settings
from ghtrader_assets.store import Store
from ghtrader_assets_tests.bench.afar import read_in_turn, reader_environment, served_by_dashboard
from ghtrader_assets_tests.bench.report import Report, Variant, rounded
from ghtrader_assets_tests.bench.store import own_store, reader_settings
from ghtrader_assets_tests.model_days import Columns, fill, model_day

SYMBOLS: Final = ("KQ.m@SHFE.ag", "KQ.m@SHFE.au", "KQ.m@SHFE.cu")
LAST_DAY: Final = date(2026, 1, 9)
MODEL_DAY: Final = date(2026, 1, 6)
RESAMPLES: Final = 2000
ASKED_A_SIDE: Final = 1000
"""Each load is followed by some hundred milliseconds of queries, not only by the first few: those meet a server that
still removes the files that were replaced."""


@dataclass(frozen=True)
class Sizes:
    """Stored days a symbol, of them full ones of the first symbol; ticks of a thin day; how often things are asked."""

    days: int
    full_days: int
    thin_rows: int
    asked: int
    scans: int
    reads: int
    cycles: int
    load_days: int


FULL: Final = Sizes(days=250, full_days=31, thin_rows=4_850, asked=500, scans=25, reads=9, cycles=11, load_days=4)
QUICK: Final = Sizes(days=40, full_days=6, thin_rows=1_000, asked=200, scans=10, reads=4, cycles=10, load_days=1)

Seconds = dict[str, list[float]]


def bench_query(*, quick: bool) -> Report:
    """Measure all of it. Raises `GhtraderError` when a plain way and ours answer differently."""
    sizes = QUICK if quick else FULL
    symbols = [parse_symbol(item) for item in SYMBOLS]
    with own_store() as platform:
        days = platform.calendar.days(date(2024, 6, 3), LAST_DAY)[-sizes.days :]
        models = {symbol.text: model_day(symbol, MODEL_DAY) for symbol in symbols}
        for symbol in symbols:
            full = days[-sizes.full_days :] if symbol is symbols[0] else []
            fill(platform, symbol, _frames(platform, models[symbol.text], days, full, sizes))
        settings = reader_settings(platform)
        with Store(settings) as kept, Store(settings.model_copy(update={"coverage_cache": "off"})) as asking:
            coverage = _coverage(kept, asking, platform, sizes)
            reads = _reads(asking, platform, days[-1], sizes)
            with served_by_dashboard(settings) as remote:
                afar = read_in_turn(asking, remote, SYMBOLS[0], days[-sizes.full_days :], sizes.reads)
            memory = _range_memory(settings, days[-sizes.full_days : -1])
            loads = _loads(asking, platform, symbols[0], models[SYMBOLS[0]], days, sizes)
            many = _many_symbols(asking, platform, days, sizes)
    return _report(coverage, reads, afar, memory, loads, many)


def _report(
    coverage: Seconds,
    reads: Seconds,
    afar: Seconds,
    memory: Mapping[str, float],
    loads: Mapping[str, Seconds],
    many: Seconds,
) -> Report:
    (rows,), (range_rows,) = set(reads["rows"]), set(afar["rows"])
    variants = {
        "coverage, cached": _quantiles(coverage["cached"]),
        "coverage, from the table of stored days": _quantiles(coverage["table"]),
        "coverage, scanning ticks as ghTrader does": _quantiles(coverage["scan"]),
        "20 symbols, one statement": _quantiles(many["one"]),
        "20 symbols, one by one": _quantiles(many["each"]),
        "a symbol-day to Arrow, proved whole": {"rows_s": rows / _median(reads["arrow"]), "rows": rows},
        "a symbol-day to pandas, proved whole": {"rows_s": rows / _median(reads["pandas"])},
        "a symbol-day, five columns to Arrow": {"rows_s": rows / _median(reads["five"])},
        "a symbol-day, psycopg rows to pandas": {"rows_s": rows / _median(reads["psycopg"])},
        "a range to Arrow": dict(memory),
        "a range to Arrow, from a local store": {"rows_s": range_rows / _median(afar["local"])},
        "a range to Arrow, from a remote store on loopback": {"rows_s": range_rows / _median(afar["remote"])},
        "a symbol-day to Arrow, from a remote store on loopback": {"rows_s": rows / _median(afar["remote_day"])},
        **{
            f"{name}, before and after bulk loads": {
                "before_ms": 1000 * _median(sides["before"]),
                "after_ms": 1000 * _median(sides["after"]),
                "queries_a_side": len(sides["after"]),
                "median_ratio": _median(sides["after"]) / _median(sides["before"]),
                "median_ratio_upper95": _upper_bound(sides["before"], sides["after"]),
            }
            for name, sides in loads.items()
        },
    }
    ratios = {
        "coverage_cache_vs_scan": _median(coverage["scan"]) / _median(coverage["cached"]),
        "coverage_table_vs_scan": _median(coverage["scan"]) / _median(coverage["table"]),
        "multi_symbol_vs_one_by_one": _median(many["each"]) / _median(many["one"]),
        "arrow_vs_psycopg": _median(reads["psycopg"]) / _median(reads["arrow"]),
        "remote_vs_local_rows": _median(afar["local"]) / _median(afar["remote"]),
        "remote_vs_local_rows_of_a_day": _median(afar["local_day"]) / _median(afar["remote_day"]),
        "range_peak_memory_over_size": memory["peak_bytes"] / memory["result_bytes"],
        "latency_after_bulk_upper95": max(_upper_bound(load["before"], load["after"]) for load in loads.values()),
    }
    named = [Variant(name, rounded(figures)) for name, figures in variants.items()]
    figures = {
        "coverage_cached_p95_ms": _p95(coverage["cached"]),
        "coverage_table_p95_ms": _p95(coverage["table"]),
        "coverage_scan_p95_ms": _p95(coverage["scan"]),
        "arrow_rows_s": rows / _median(reads["arrow"]),
    }
    return Report("query", named, rounded(ratios), rounded(figures))


def _frames(
    platform: LoadContext, model: Columns, days: Sequence[date], full: Sequence[date], sizes: Sizes
) -> dict[date, pl.DataFrame]:
    """Days of the model's shape: all ticks of the full ones, as many as wanted of the others."""
    base = platform.calendar.window(MODEL_DAY)
    thin = {name: values[:: len(values) // sizes.thin_rows][: sizes.thin_rows] for name, values in model.items()}
    return {
        day: tick_frame(_moved(model if day in full else thin, base, platform.calendar.window(day))) for day in days
    }


def _moved(columns: Columns, base: DayWindow, window: DayWindow) -> Columns:
    """The columns on another day, by the distance to its end; what would lie before the day is left out."""
    stamps = columns["datetime_ns"] + (window.end_ns - base.end_ns)
    kept = stamps >= window.start_ns
    return {**{name: values[kept] for name, values in columns.items()}, "datetime_ns": stamps[kept]}


def _coverage(kept: Store, asking: Store, platform: LoadContext, sizes: Sizes) -> Seconds:
    seconds: Seconds = {"cached": [], "table": [], "scan": []}
    endpoint = platform.database.endpoint
    for number in range(sizes.asked):
        cached = _timed(seconds["cached"], lambda: kept.coverage(*SYMBOLS))
        table = _timed(seconds["table"], lambda: asking.coverage(*SYMBOLS))
        _require(cached == table, "cached and stored coverage")
        if number % (sizes.asked // sizes.scans) == 0:
            scanned = _timed(seconds["scan"], lambda: _scan(endpoint))
            ours = [(item.symbol, str(item.first_day), str(item.last_day), item.n_days) for item in table]
            _require(scanned == ours, "coverage by table and by scan")
    del seconds["cached"][0], seconds["table"][0]
    return seconds


def _scan(endpoint: Endpoint) -> list[tuple[Any, ...]]:
    """ghTrader's coverage: a connection a call, bounds and distinct trading days from the ticks themselves."""
    places = ", ".join(["%s"] * len(SYMBOLS))
    statement = (
        "SELECT symbol, min(cast(trading_day AS string)), max(cast(trading_day AS string)),"
        f" count_distinct(cast(trading_day AS string)), min(datetime_ns), max(datetime_ns) FROM {TICKS}"
        f" WHERE symbol IN ({places}) AND ticks_kind = %s AND dataset_version = %s"
        " GROUP BY symbol ORDER BY symbol"
    )
    with _plain_connection(endpoint) as connection:
        return [row[:4] for row in connection.execute(statement, [*SYMBOLS, "main_l5", "v2"]).fetchall()]  # type: ignore[arg-type]


def _reads(store: Store, platform: LoadContext, day: date, sizes: Sizes) -> Seconds:
    symbol, window, workers = SYMBOLS[0], platform.calendar.window(day), store.settings.read_workers
    seconds: Seconds = {"arrow": [], "pandas": [], "five": [], "psycopg": [], "rows": []}
    five = ["datetime", "last_price", "volume", "bid_price1", "ask_price1"]
    for _ in range(sizes.reads):
        arrow = _timed(seconds["arrow"], lambda: read_whole_day(store.database, symbol, window, workers=workers).ticks)
        _timed(seconds["five"], lambda: read_whole_day(store.database, symbol, window, five, workers=workers))
        with warnings.catch_warnings(action="ignore", category=DayStateWarning):  # the days are not judged
            _timed(seconds["pandas"], lambda: store.ticks(symbol, day))
        plain = _timed(seconds["psycopg"], lambda: _plain_frame(platform.database.endpoint, symbol, window))
        same = plain["last_price"].fillna(0).sum() == arrow["last_price"].to_pandas().fillna(0).sum()
        _require(len(plain) == arrow.num_rows and same, "a day by Arrow and by psycopg")
        seconds["rows"].append(arrow.num_rows)
    return seconds


def _plain_frame(endpoint: Endpoint, symbol: str, window: DayWindow) -> pd.DataFrame:
    """The same columns as rows over psycopg, in its faster binary form, on a connection that is open already."""
    names = ["tick_id", "datetime_ns", "seq", *NUMERIC_COLUMNS]
    statement = f"SELECT {', '.join(names)} FROM {TICKS} WHERE symbol = %s AND ts >= %s AND ts < %s"
    with _plain_connection(endpoint) as connection:
        values = [symbol, instant(window.start_ns), instant(window.end_ns)]
        rows = connection.execute(statement, values, binary=True).fetchall()  # type: ignore[arg-type]
        return pd.DataFrame(rows, columns=names)


def _plain_connection(endpoint: Endpoint) -> psycopg.Connection[tuple[Any, ...]]:
    host, _, port = endpoint.pg.rpartition(":")
    return psycopg.connect(
        host=host,
        port=int(port),
        user=endpoint.user,
        password=endpoint.password.get_secret_value(),
        dbname=PG_DATABASE,
        autocommit=True,
    )


def _range_memory(settings: Settings, days: Sequence[date]) -> dict[str, float]:
    """What a process of its own says about reading the range. Sizes in bytes."""
    words = [sys.executable, "-m", "ghtrader_assets_tests.bench.range_memory", SYMBOLS[0], str(days[0]), str(days[-1])]
    ran = subprocess.run(words, env=reader_environment(settings), check=False, capture_output=True, text=True)
    if ran.returncode:
        raise GhtraderError(f"reading a range failed: {ran.stderr[-500:]}")
    return {"days": len(days), **json.loads(ran.stdout)}


def _loads(
    store: Store, platform: LoadContext, symbol: Symbol, model: Columns, days: Sequence[date], sizes: Sizes
) -> dict[str, Seconds]:
    """Queries before and after each of several bulk loads that replace full days by other content."""
    seconds: dict[str, Seconds] = {"a symbol-day's ticks": {}, "coverage": {}}
    full = days[-sizes.full_days :]
    asked = -(-ASKED_A_SIDE // sizes.cycles)
    for cycle in range(sizes.cycles):
        _ask(store, platform, full, seconds, "before", asked)
        chosen = [full[(cycle * sizes.load_days + number) % len(full)] for number in range(sizes.load_days)]
        changed = {**model, "bid_volume1": model["bid_volume1"] + cycle + 1}
        fill(platform, symbol, _frames(platform, changed, chosen, chosen, sizes))
        _ask(store, platform, full, seconds, "after", asked)
    return seconds


def _ask(
    store: Store, platform: LoadContext, days: Sequence[date], seconds: Mapping[str, Seconds], side: str, asked: int
) -> None:
    statement = f"SELECT count(), sum(volume) FROM {TICKS} WHERE symbol = %s AND ts >= %s AND ts < %s"
    for number in range(asked):
        window = platform.calendar.window(days[number % len(days)])
        values = [SYMBOLS[0], instant(window.start_ns), instant(window.end_ns)]
        ticks, coverage = (second.setdefault(side, []) for second in seconds.values())
        _timed(ticks, lambda values=values: store.database.rows("bench_day", statement, values))
        _timed(coverage, lambda: store.coverage(*SYMBOLS))


def _many_symbols(store: Store, platform: LoadContext, days: Sequence[date], sizes: Sizes) -> Seconds:
    """20 symbols, 17 of them with stored-day rows only."""
    others = [f"KQ.m@DCE.{letter}" for letter in "abcdefghijklmnopq"]
    now = SYSTEM_CLOCK.now()
    write_daily_agg(
        platform.database,
        [
            DailyAgg(
                symbol=symbol, trading_day=day, rows_total=1, updated_at=now, contract="", digest="", first_tick=now,
                last_tick=now, upstream="", manifest_id="",
            )
            for symbol in others
            for day in days
        ],
    )  # fmt: skip
    seconds: Seconds = {"one": [], "each": []}
    names = sorted([*SYMBOLS, *others])
    for _ in range(sizes.asked // 5):
        together = _timed(seconds["one"], lambda: read_stored_ranges(store.database, names))
        single = _timed(
            seconds["each"], lambda: [row for name in names for row in read_stored_ranges(store.database, [name])]
        )
        _require(together == single, "20 symbols together and one by one")
    return seconds


def _timed(seconds: list[float], work: Callable[[], Any]) -> Any:
    started = perf_counter()
    result = work()
    seconds.append(perf_counter() - started)
    return result


def _require(same: bool, what: str) -> None:
    if not same:
        raise GhtraderError(f"the benchmark's two ways disagree: {what}")


def _median(seconds: Sequence[float]) -> float:
    return float(np.median(seconds))


def _p95(seconds: Sequence[float]) -> float:
    """Milliseconds."""
    return 1000 * float(np.quantile(seconds, 0.95))


def _quantiles(seconds: Sequence[float]) -> dict[str, float]:
    return {"p50_ms": 1000 * _median(seconds), "p95_ms": _p95(seconds), "n": len(seconds)}


def _upper_bound(before: Sequence[float], after: Sequence[float]) -> float:
    """The 95 % upper bound of the ratio of medians, by a seeded bootstrap over both sides."""
    draw = np.random.default_rng(8)
    old, new = np.asarray(before), np.asarray(after)
    medians = [np.median(side[draw.integers(0, len(side), (RESAMPLES, len(side)))], axis=1) for side in (new, old)]
    return float(np.quantile(medians[0] / medians[1], 0.95))
