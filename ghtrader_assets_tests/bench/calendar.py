"""`bench calendar`: how long definitions of ten years and sixty symbols take to load, and each query of the calendar.

Belongs here: the queries and their times. Does not belong here: what a fresh process loads (`load_definitions`).
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from functools import partial
from statistics import median
from time import perf_counter
from typing import Final, TypeVar

from ghtrader_assets.errors import ServiceError
from ghtrader_assets.market.calendar import dump_calendar, parse_calendar, snapshot_calendar
from ghtrader_assets.market.expiry import last_trading_day
from ghtrader_assets.market.products import product_on, products
from ghtrader_assets.market.schedule import build_schedule
from ghtrader_assets.market.sessions import day_sessions
from ghtrader_assets.market.symbols import parse_symbol
from ghtrader_assets_tests.bench.report import Report, Variant, rounded

Asked = TypeVar("Asked")

LIMIT_DEFINITIONS_S: Final = 8.0
LIMIT_QUERY_MS: Final = 1.0
_FIRST, _LAST = date(2016, 11, 22), date(2026, 11, 20)
_LOAD: Final = ("-m", "ghtrader_assets_tests.bench.load_definitions")


def bench_calendar(*, quick: bool = False) -> Report:
    """Loads definitions in fresh processes, asks each query of ten years of days. Times are medians."""
    loads = [_load_definitions() for _ in range(1 if quick else 3)]
    definitions = {name: median(load[name] for load in loads) for name in loads[0]}
    whole_s = definitions["import_s"] + definitions["build_s"]
    queries = _queries(200 if quick else 2_000)
    slowest_ms = max(queries.values()) / 1e3
    return Report(
        name="calendar",
        variants=[
            Variant("definitions of ten years", rounded({**definitions, "whole_s": whole_s})),
            Variant("one query, microseconds", rounded(queries)),
            Variant("whole ranges, seconds", rounded(_ranges())),
        ],
        ratios=rounded({
            "definitions_within_8_s": LIMIT_DEFINITIONS_S / whole_s,
            "slowest_query_within_1_ms": LIMIT_QUERY_MS / slowest_ms,
        }),
    )  # fmt: skip


def _load_definitions() -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        ran = subprocess.run([sys.executable, *_LOAD], cwd=folder, capture_output=True, text=True, check=False)
    if ran.returncode:
        raise ServiceError(f"the definitions did not load: {ran.stderr.strip().splitlines()[-1]}")
    figures: dict[str, float] = json.loads(ran.stdout)
    return figures


def _queries(count: int) -> dict[str, float]:
    """The median microseconds of each query, each for many days; `sessions_new` are days not queried before."""
    calendar, copper = snapshot_calendar(), parse_symbol("KQ.m@SHFE.cu")
    days = calendar.days(_FIRST, _LAST)[-count:]
    instants = [calendar.window(day).start_ns + 3_600_000_000_000 for day in days]
    silver, bond = parse_symbol("KQ.m@SHFE.ag"), parse_symbol("CFFEX.T2612")
    return {
        "is_trading_day": _microseconds(calendar.is_trading_day, days),
        "previous": _microseconds(calendar.previous, days),
        "next": _microseconds(calendar.next, days),
        "window": _microseconds(calendar.window, days),
        "trading_day_of_instant": _microseconds(calendar.trading_day_of, instants),
        "days_of_a_month": _microseconds(lambda day: calendar.days(day - timedelta(days=30), day), days),
        "sessions_new": _microseconds(lambda day: day_sessions(silver, day, calendar), days),
        "sessions_again": _microseconds(lambda day: day_sessions(silver, day, calendar), days),
        "sessions_of_a_bond": _microseconds(lambda day: day_sessions(bond, day, calendar), days),
        "last_trading_day": _microseconds(partial(last_trading_day, bond, calendar), days),
        "terms": _microseconds(lambda day: product_on(copper, day), days),
    }


def _ranges() -> dict[str, float]:
    """Seconds of what covers ten years at once."""
    calendar = snapshot_calendar()
    days = calendar.days(_FIRST, _LAST)
    alias = parse_symbol("KQ.m@SHFE.rb")
    changes = [(day, f"SHFE.rb{day:%y%m}") for day in days[::80]]
    symbols = [
        parse_symbol(product.alias) for product in products() if product.delisted is None and product.listed <= _FIRST
    ]
    return {
        "snapshot_parsed": _seconds(lambda: parse_calendar(dump_calendar(calendar), "a copy")),
        "schedule_of_a_symbol": _seconds(lambda: build_schedule(alias.text, changes, calendar, _FIRST, _LAST, _LAST)),
        f"sessions_of_{len(symbols)}_symbols": _seconds(
            lambda: [day_sessions(symbol, day, calendar) for symbol in symbols for day in days]
        ),
    }


def _microseconds(query: Callable[[Asked], object], asked: Sequence[Asked]) -> float:
    times: list[float] = []
    for item in asked:
        started = perf_counter()
        query(item)
        times.append(perf_counter() - started)
    return 1e6 * median(times)


def _seconds(work: Callable[[], object]) -> float:
    started = perf_counter()
    work()
    return perf_counter() - started
