"""`bench ingest`: days an hour from the wire to the record, against ghTrader's flow, at three latencies.

Belongs here: the sizes, the measurements, their ratios. Does not belong here: ghTrader's flow (`one_by_one`), the write
path alone (`write`).

At each latency the variants take turns in one run on one store: a part of ghTrader's days, all days through the
plain client, all days through the lean reader, and again. Ours is the whole load: workers started, days fetched,
stored, read back, judged and recorded. ghTrader's flow starts once, its start counts once. Every load of ours finds an
empty store.
"""

from __future__ import annotations

import dataclasses
import os
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import pairwise
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Final, Literal

from ghtrader_assets.context.load import LoadContext
from ghtrader_assets.errors import GhtraderError, IngestState
from ghtrader_assets.loading.days import load_days
from ghtrader_assets.market.symbols import Symbol, parse_symbol
from ghtrader_assets_tests.bench.one_by_one import DROP, OneByOne, one_by_one
from ghtrader_assets_tests.bench.own_exchange import own_exchange
from ghtrader_assets_tests.bench.report import Report, Variant, rounded
from ghtrader_assets_tests.bench.store import empty_ticks, own_store
from ghtrader_assets_tests.model_days import contract_of, store_schedule

SYMBOL: Final = "KQ.m@SHFE.cu"
FIRST_DAY: Final = date(2025, 9, 1)
LATENCIES_MS: Final = (150, 30, 0)
SESSIONS: Final = 4


@dataclass(frozen=True)
class Sizes:
    """Days of a load, and how often each variant has its turn."""

    days: int
    rounds: int


FULL: Final = Sizes(days=20, rounds=3)
QUICK: Final = Sizes(days=6, rounds=1)


@dataclass(slots=True)
class Turns:
    """What a variant's turns took: seconds and CPU seconds of our processes, each for so many days and ticks."""

    seconds: list[float] = field(default_factory=list[float])
    cpu_s: list[float] = field(default_factory=list[float])
    days: list[int] = field(default_factory=list[int])
    ticks: list[int] = field(default_factory=list[int])

    @property
    def days_per_hour(self) -> list[float]:
        return [3600 * days / seconds for days, seconds in zip(self.days, self.seconds, strict=True)]

    @property
    def ticks_per_cpu_s(self) -> list[float]:
        return [ticks / cpu for ticks, cpu in zip(self.ticks, self.cpu_s, strict=True)]

    def figures(self) -> dict[str, float]:
        rates = self.days_per_hour
        named = {"days_per_hour": median(rates), "days_per_hour_low": min(rates), "days_per_hour_high": max(rates)}
        if self.cpu_s:
            named["ticks_per_cpu_s"] = median(self.ticks_per_cpu_s)
        return named | {"ticks_per_day": sum(self.ticks) / sum(self.days)}


@dataclass(slots=True)
class AtLatency:
    """The three variants at one latency. ghTrader's flow is one long turn, cut into parts."""

    latency_ms: int
    one_by_one: Turns = field(default_factory=Turns)
    start_s: float = 0.0
    plain: Turns = field(default_factory=Turns)
    fast: Turns = field(default_factory=Turns)

    @property
    def one_by_one_per_hour(self) -> float:
        return 3600 * sum(self.one_by_one.days) / (self.start_s + sum(self.one_by_one.seconds))

    def ratios(self) -> dict[str, float]:
        return {
            f"{name}_{self.latency_ms}ms": median(turns.days_per_hour) / self.one_by_one_per_hour
            for name, turns in (("plain", self.plain), ("fast", self.fast))
        }

    def variants(self) -> list[Variant]:
        flow = self.one_by_one.figures() | {"days_per_hour": self.one_by_one_per_hour, "start_s": self.start_s}
        return [
            Variant(f"ghTrader's flow, {self.latency_ms} ms", rounded(flow)),
            Variant(f"plain client, {SESSIONS} sessions, {self.latency_ms} ms", rounded(self.plain.figures())),
            Variant(f"fast history, {SESSIONS} sessions, {self.latency_ms} ms", rounded(self.fast.figures())),
        ]


def bench_ingest(*, quick: bool) -> Report:
    """Measure all variants at all latencies. Raises `GhtraderError` if a day is not complete or rows differ."""
    sizes = QUICK if quick else FULL
    symbol = parse_symbol(SYMBOL)
    with own_store(ingest_workers=SESSIONS) as platform:
        days = platform.calendar.days(FIRST_DAY, date(2026, 1, 9))[: sizes.days]
        store_schedule(platform, symbol, days)
        found = [_at_latency(platform, symbol, days, latency, sizes.rounds) for latency in LATENCIES_MS]
    ratios = {name: value for item in found for name, value in item.ratios().items()}
    fastest = median(found[-1].fast.ticks_per_cpu_s)
    variants = [variant for item in found for variant in item.variants()]
    return Report("ingest", variants, rounded(ratios), figures=rounded({"fast_ticks_per_cpu_s": fastest}))


def _at_latency(platform: LoadContext, symbol: Symbol, days: Sequence[date], latency_ms: int, rounds: int) -> AtLatency:
    found = AtLatency(latency_ms)
    with (
        tempfile.TemporaryDirectory(prefix="ghtrader-bench-") as folder,
        own_exchange(Path(folder), latency_ms) as server,
    ):
        served = dataclasses.replace(platform, provider=server)
        _ours(served, symbol, days, "on", Turns())
        with one_by_one(platform.database, server, Path(folder)) as (flow, start_s):
            found.start_s = start_s
            for part in _parts(days, rounds):
                _theirs(served, flow, symbol, part, found.one_by_one)
                _ours(served, symbol, days, "off", found.plain)
                _ours(served, symbol, days, "on", found.fast)
        platform.database.execute(DROP)
    if not found.one_by_one.ticks or sum(found.one_by_one.ticks) != found.fast.ticks[0]:
        raise GhtraderError("ghTrader's flow and ours did not load the same number of ticks")
    return found


def _parts(days: Sequence[date], rounds: int) -> Iterator[Sequence[date]]:
    """The days in order, cut into `rounds` parts."""
    edges = [round(number * len(days) / rounds) for number in range(rounds + 1)]
    return (days[low:high] for low, high in pairwise(edges))


def _theirs(platform: LoadContext, flow: OneByOne, symbol: Symbol, days: Sequence[date], turns: Turns) -> None:
    started, ticks = perf_counter(), 0
    for day in days:
        ticks += flow.load(symbol.text, contract_of(symbol, day), platform.calendar.window(day))[0]
    turns.seconds.append(perf_counter() - started)
    turns.days.append(len(days))
    turns.ticks.append(ticks)


def _ours(
    platform: LoadContext, symbol: Symbol, days: Sequence[date], fast_history: Literal["on", "off"], turns: Turns
) -> None:
    empty_ticks(platform)
    settings = platform.settings.model_copy(update={"fast_history": fast_history})
    loading = dataclasses.replace(platform, settings=settings)
    cpu, started, ticks = _cpu_seconds(), perf_counter(), 0
    for outcome in load_days(loading, {symbol: days}, "bench", must_judge=True, on_retry=_refuse):
        if outcome.state != IngestState.COMPLETE or outcome.manifest is None:
            raise GhtraderError(f"{outcome.trading_day} is {outcome.state.value}: {outcome.failure}")
        ticks += outcome.manifest.rows
    turns.seconds.append(perf_counter() - started)
    turns.cpu_s.append(_cpu_seconds() - cpu)
    turns.days.append(len(days))
    turns.ticks.append(ticks)


def _refuse(line: str) -> None:
    raise GhtraderError(f"an attempt failed where nothing should: {line}")


def _cpu_seconds() -> float:
    """CPU seconds of this process and of its children that have ended: the workers, not the servers."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system
