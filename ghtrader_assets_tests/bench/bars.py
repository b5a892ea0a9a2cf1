"""`bench bars`: minutes of 250 days from the store, by SAMPLE BY and by pandas; what making a day's bars costs.

Belongs here: the sizes, the measurements, their ratios. Does not belong here: the plain ways (`plain_bars`).

Nine symbols are in the store. All ways alternate in one process, and where they answer differently there is no figure.
"""

# pandas has no types.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import numpy as np

from ghtrader_assets.context.load import LoadContext
from ghtrader_assets.errors import DayStateWarning, GhtraderError
from ghtrader_assets.loading.bars import day_bars, make_bars
from ghtrader_assets.loading.days import load_days
from ghtrader_assets.loading.plan import DayPlan
from ghtrader_assets.market.sessions import DaySessions
from ghtrader_assets.market.symbols import Symbol, parse_symbol
from ghtrader_assets.market.ticks import DayWindow, tick_frame
from ghtrader_assets.questdb.tables.bars import DayBars
from ghtrader_assets.questdb.tables.records import write_bars
from ghtrader_assets.questdb.tables.tick_columns import read_ticks
from ghtrader_assets.store import Store
from ghtrader_assets_tests.bench.own_exchange import own_exchange
from ghtrader_assets_tests.bench.plain_bars import COLUMNS, TICK_COLUMNS, by_pandas, by_sample_by
from ghtrader_assets_tests.bench.report import Report, Variant, Watch, rounded
from ghtrader_assets_tests.bench.store import own_store, reader_settings
from ghtrader_assets_tests.model_days import CHUNK_DAYS, Columns, model_day, store_frames, store_schedule
from ghtrader_assets_tests.true_ticks import SPECS

SYMBOLS: Final = tuple(f"KQ.m@{name}" for name in SPECS)
MODEL_DAY: Final = date(2026, 1, 6)
LAST_DAY: Final = date(2026, 1, 23)
_NOW: Final = datetime(2026, 1, 24, tzinfo=UTC)
HALF_DAY_NS: Final = 12 * 3600 * 10**9


@dataclass(frozen=True)
class Sizes:
    """Stored days a symbol; of the others' ticks one in so many is stored; how often each way is asked; loaded days."""

    days: int
    thinned: int
    asked: int
    plainly: int
    loaded: int


FULL: Final = Sizes(days=250, thinned=10, asked=15, plainly=3, loaded=20)
QUICK: Final = Sizes(days=20, thinned=10, asked=9, plainly=2, loaded=10)


def bench_bars(*, quick: bool) -> Report:
    """Measure all of it. Raises `GhtraderError` where a plain way and ours answer differently."""
    sizes, watch = QUICK if quick else FULL, Watch()
    with own_store() as platform:
        days = _days(platform, parse_symbol(SYMBOLS[0]))[-sizes.days :]
        plans = [store_schedule(platform, parse_symbol(name), days) for name in SYMBOLS]
        for place, own in enumerate(plans):
            _store(platform, own, sizes.thinned if place else 1)
        asked = (SYMBOLS[0], days[0], days[-1])
        with warnings.catch_warnings(), Store(reader_settings(platform)) as store:
            warnings.simplefilter("ignore", DayStateWarning)
            _read(platform, store, asked, [plan.sessions for plan in plans[0]], sizes, watch)
        making_s, loading_s = _making(platform, plans[0][: sizes.loaded])
    figures = {
        f"bars_{sizes.days}_days_ms": watch.of("ours") * 1000,
        "making_ms_a_day": making_s / sizes.loaded * 1000,
        "making_share": making_s / (making_s + loading_s),
    }
    ratios = {
        "stored_vs_sample_by": watch.of("sample by") / watch.of("ours"),
        "stored_vs_pandas": watch.of("pandas") / watch.of("ours"),
    }
    ways = ("ours", "ours, 1h", "ours, 1d", "sample by", "pandas")
    variants = [Variant(f"{name}, {sizes.days} days", rounded({"seconds": watch.of(name)})) for name in ways]
    return Report("bars", variants, rounded(ratios), rounded(figures))


def _read(
    platform: LoadContext,
    store: Store,
    asked: tuple[str, date, date],
    sessions: Sequence[DaySessions],
    sizes: Sizes,
    watch: Watch,
) -> None:
    columns = ["datetime", *COLUMNS]
    for turn in range(sizes.asked):
        found = watch.time("ours", lambda: store.bars(*asked, columns=columns))
        watch.time("ours, 1h", lambda: store.bars(*asked, "1h", columns=columns))
        watch.time("ours, 1d", lambda: store.bars(*asked, "1d", columns=columns))
        if turn < sizes.plainly:
            _require_same(found, watch.time("sample by", lambda: by_sample_by(platform.database, asked[0], sessions)))
            _require_same(found, watch.time("pandas", lambda: by_pandas(_ticks(store, asked), sessions)))


def _ticks(store: Store, asked: tuple[str, date, date]) -> Iterator[Any]:
    return (ticks for _, ticks in store.stream_ticks(*asked, columns=TICK_COLUMNS))


def _require_same(ours: Any, plain: Any) -> None:
    """Raises `GhtraderError` where the two say something else of any minute."""
    ours = ours[list(COLUMNS)].set_index(ours["datetime"].astype("int64").to_numpy())
    if not ours.index.equals(plain.index) or not np.array_equal(ours.to_numpy(), plain.to_numpy(), equal_nan=True):
        differ = (ours.to_numpy() != plain.to_numpy()).any(axis=1) if len(ours) == len(plain) else []
        raise GhtraderError(f"the bars differ: {len(ours)} and {len(plain)}\n{ours[differ]}\n{plain[differ]}")


def _days(platform: LoadContext, symbol: Symbol) -> list[date]:
    """The trading days on which the symbol has a night."""
    days = platform.calendar.days(date(2024, 9, 2), LAST_DAY)
    return [plan.trading_day for plan in store_schedule(platform, symbol, days) if plan.sessions.has_night]


def _store(platform: LoadContext, plans: Sequence[DayPlan], one_in: int) -> None:
    """Days that look like one another, with their bars."""
    symbol = plans[0].symbol
    model, window = model_day(symbol, MODEL_DAY), platform.calendar.window(MODEL_DAY)
    for start in range(0, len(plans), CHUNK_DAYS):
        chunk = plans[start : start + CHUNK_DAYS]
        frames = {
            plan.trading_day: tick_frame(_moved(model, window, plan.window)).gather_every(one_in) for plan in chunk
        }
        store_frames(platform, chunk, frames)
    failed = [each.failure for each in make_bars(platform, symbol, [plan.trading_day for plan in plans])]
    if any(failed):
        raise GhtraderError(f"bars were not made: {failed}")


def _making(platform: LoadContext, plans: Sequence[DayPlan]) -> tuple[float, float]:
    """Seconds of making and writing the bars of these days again, and of loading them from download to verdict.

    Without latency, and with the fastest reader: a provider that is further away makes the share smaller.
    """
    symbol, days, watch = plans[0].symbol, [plan.trading_day for plan in plans], Watch()
    with TemporaryDirectory(prefix="ghtrader-bench-") as folder, own_exchange(Path(folder), 0) as provider:
        settings = platform.settings.model_copy(update={"fast_history": "on", "ingest_workers": 1})
        served = replace(platform, provider=provider, settings=settings)
        outcomes = list(load_days(served, {symbol: days}, "bench", must_judge=True, on_retry=lambda _: None))
    loads = {each.trading_day: each.manifest for each in outcomes if each.manifest}
    loading = sum(load.download_s + load.store_s + load.readback_s + load.judge_s for load in loads.values())
    frames = [read_ticks(platform.database, symbol.text, plan.window) for plan in plans]
    for start in range(0, len(plans), CHUNK_DAYS):
        made: list[DayBars] = []
        for plan, frame in zip(plans[start : start + CHUNK_DAYS], frames[start : start + CHUNK_DAYS], strict=True):
            of_load = (plan.symbol.text, plan.schedule.contract, plan.sessions, plan.window)
            made.append(watch.time("made", lambda of=of_load, ticks=frame: day_bars(*of, ticks, "", "", _NOW)))
        watch.time("made", lambda made=made: write_bars(platform.database, made))
    return watch.total("made"), loading


def _moved(model: Columns, old: DayWindow, new: DayWindow) -> Columns:
    """The model's day as another one: its night by the windows' beginnings, its day by their ends."""
    stamps = model["datetime_ns"]
    night = stamps < old.start_ns + HALF_DAY_NS
    return model | {"datetime_ns": stamps + np.where(night, new.start_ns - old.start_ns, new.end_ns - old.end_ns)}
