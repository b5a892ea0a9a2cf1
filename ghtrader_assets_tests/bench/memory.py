"""`bench memory`: resident memory of the workers, and of the process that stores, over 60 days and 4 sessions.

Belongs here: the sizes, the measurements, their figures. Does not belong here: rates (`ingest`).
"""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Final, Literal

import psutil

from ghtrader_assets.context.load import LoadContext
from ghtrader_assets.errors import GhtraderError, IngestState
from ghtrader_assets.loading.days import load_days
from ghtrader_assets.market.symbols import Symbol, parse_symbol
from ghtrader_assets.tq import fork_server
from ghtrader_assets_tests.bench.own_exchange import own_exchange
from ghtrader_assets_tests.bench.report import Report, Variant, rounded
from ghtrader_assets_tests.bench.store import own_store
from ghtrader_assets_tests.model_days import store_schedule

SYMBOL: Final = "KQ.m@SHFE.cu"
FIRST_DAY: Final = date(2025, 8, 1)
SESSIONS: Final = 4
SETTLED_AFTER_DAYS: Final = 5
MB: Final = 2**20


@dataclass(frozen=True)
class Sizes:
    """Days that the four workers read together, with each reader."""

    fast_days: int
    plain_days: int


FULL: Final = Sizes(fast_days=60, plain_days=60)
QUICK: Final = Sizes(fast_days=20, plain_days=8)


@dataclass(slots=True)
class _Course:
    """Megabytes after each recorded day: the largest worker's and the storing process's."""

    worker: list[float] = field(default_factory=list[float])
    own: list[float] = field(default_factory=list[float])

    def figures(self) -> dict[str, float]:
        settled = self.worker[SETTLED_AFTER_DAYS:]
        half = len(settled) // 2
        return {
            "days": len(self.worker),
            "worker_mb_max": max(self.worker),
            "worker_mb_first_half_max": max(settled[:half]),
            "worker_mb_second_half_max": max(settled[half:]),
            "storing_process_mb_first_half_max": max(self.own[SETTLED_AFTER_DAYS : SETTLED_AFTER_DAYS + half]),
            "storing_process_mb_second_half_max": max(self.own[SETTLED_AFTER_DAYS + half :]),
        }


def bench_memory(*, quick: bool) -> Report:
    """Load the days with each reader and watch. Raises `GhtraderError` if a day is not complete."""
    sizes = QUICK if quick else FULL
    symbol = parse_symbol(SYMBOL)
    with (
        own_store(ingest_workers=SESSIONS, readback="checksum") as platform,
        tempfile.TemporaryDirectory(prefix="ghtrader-bench-") as folder,
        own_exchange(Path(folder), 0) as server,
    ):
        days = platform.calendar.days(FIRST_DAY, date(2026, 1, 9))[: max(sizes.fast_days, sizes.plain_days)]
        store_schedule(platform, symbol, days)
        served = dataclasses.replace(platform, provider=server)
        fast = _watched(served, symbol, days[: sizes.fast_days], "on")
        plain = _watched(served, symbol, days[: sizes.plain_days], "off")
    named = {"fast history": fast.figures(), "plain client": plain.figures()}
    variants = [Variant(f"{name}, {SESSIONS} workers", rounded(figures)) for name, figures in named.items()]
    figures = {
        "fast_worker_mb": named["fast history"]["worker_mb_max"],
        "plain_worker_mb": named["plain client"]["worker_mb_max"],
        "fast_growth": _growth(named["fast history"]),
        "plain_growth": _growth(named["plain client"]),
    }
    return Report("memory", variants, {}, figures=rounded(figures))


def _growth(figures: dict[str, float]) -> float:
    """The second half's maximum over the first half's: 1 is flat."""
    return figures["worker_mb_second_half_max"] / figures["worker_mb_first_half_max"]


def _watched(
    platform: LoadContext, symbol: Symbol, days: Sequence[date], fast_history: Literal["on", "off"]
) -> _Course:
    settings = platform.settings.model_copy(update={"fast_history": fast_history})
    course = _Course()
    own = psutil.Process()
    loading = dataclasses.replace(platform, settings=settings)
    for outcome in load_days(loading, {symbol: days}, "bench", must_judge=True, on_retry=_refuse):
        if outcome.state != IngestState.COMPLETE:
            raise GhtraderError(f"{outcome.trading_day} is {outcome.state.value}: {outcome.failure}")
        fork_servers = [item for item in own.children() if fork_server.__name__ in item.cmdline()]
        workers = [worker for item in fork_servers for worker in item.children()]
        course.worker.append(max((worker.memory_info().rss / MB for worker in workers), default=0.0))
        course.own.append(own.memory_info().rss / MB)
    return course


def _refuse(line: str) -> None:
    raise GhtraderError(f"an attempt failed where nothing should: {line}")
