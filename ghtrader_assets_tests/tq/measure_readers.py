"""The two readers side by side: `python -m ghtrader_assets_tests.tq.measure_readers [--days N] [--rounds N]`.

Belongs here: the figures of docs/decisions/fast-history.md. Does not belong here: the whole path with the store
(`ghtrader-assets bench ingest`).

Both readers read the same days of one liquid SHFE contract through a pool, turn by turn, after a day that warms the
pool up. CPU seconds are those of the pool's process and its workers; the exchange runs apart.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from datetime import date
from pathlib import Path
from typing import Any

import psutil
from pydantic import SecretStr

from ghtrader_assets.clock import SYSTEM_CLOCK
from ghtrader_assets.errors import IngestState
from ghtrader_assets.market.calendar import snapshot_calendar
from ghtrader_assets.tq import fork_server
from ghtrader_assets.tq.pool import FetchPool
from ghtrader_assets.tq.provider import Provider
from ghtrader_assets.tq.timing import Timing
from ghtrader_assets_tests.fix_exchange import started_exchange
from ghtrader_assets_tests.tq.conftest import request_of

CONTRACT = "SHFE.cu2510"
FIRST_DAY = date(2025, 8, 5)


def measure(environment: dict[str, str], home: Path, fast_history: Any, sessions: int, days: int) -> dict[str, float]:
    """One turn of one reader: rates over `days` days, the pool warm."""
    calendar = snapshot_calendar()
    every = calendar.days(FIRST_DAY, date(2025, 12, 31))[: days + sessions]
    requests = [request_of(CONTRACT, day) for day in every]
    provider = Provider("measure", SecretStr("unused"), environment, "embedded")
    with FetchPool(provider, sessions, home, SYSTEM_CLOCK, fast_history=fast_history, timing=Timing()) as pool:
        for fetched in pool.fetch(requests[:sessions]):
            assert fetched.state == IngestState.COMPLETE, fetched.reason
        cpu, wall, ticks = cpu_seconds(), time.perf_counter(), 0
        for fetched in pool.fetch(requests[sessions:]):
            assert fetched.state == IngestState.COMPLETE, fetched.reason
            assert fetched.frame is not None
            ticks += fetched.frame.height
        cpu, wall = cpu_seconds() - cpu, time.perf_counter() - wall
        resident = max(worker.memory_info().rss for worker in workers()) / 2**20
    return {
        "ticks_per_cpu_s": ticks / cpu,
        "days_of_40k_ticks_per_hour": ticks / 40_000 / wall * 3600,
        "worker_rss_mb": resident,
    }


def workers() -> list[psutil.Process]:
    fork_servers = [item for item in psutil.Process().children() if fork_server.__name__ in item.cmdline()]
    return [worker for item in fork_servers for worker in item.children()]


def cpu_seconds() -> float:
    """User and system time of this process and its living workers."""
    times = [item.cpu_times() for item in (psutil.Process(), *workers())]
    return sum(item.user + item.system for item in times)


def main() -> None:
    """Measure all variants and print one JSON document."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--days", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    figures: dict[str, dict[str, list[float]]] = {}
    with tempfile.TemporaryDirectory() as scratch:
        for latency in (0, 30, 150):
            with started_exchange(Path(scratch), "--latency-ms", str(latency)) as exchange:
                for _ in range(options.rounds):
                    for setting, reader in (("off", "tqsdk"), ("on", "lean")):
                        for sessions in (1, 4):
                            days = options.days * sessions
                            home = Path(scratch) / f"{reader}-{sessions}"
                            measured_now = measure(exchange.environment, home, setting, sessions, days)
                            kept = figures.setdefault(f"{reader}, {sessions} sessions, {latency} ms", {})
                            for name, value in measured_now.items():
                                kept.setdefault(name, []).append(value)
    summary = {
        variant: {
            name: {"median": round(statistics.median(values)), "low": round(min(values)), "high": round(max(values))}
            for name, values in measured.items()
        }
        for variant, measured in figures.items()
    }
    machine = {"cores": os.cpu_count(), "load": os.getloadavg(), "python": sys.version.split()[0]}
    sys.stdout.write(json.dumps({"machine": machine, "variants": summary}, indent=1) + "\n")


if __name__ == "__main__":
    main()
