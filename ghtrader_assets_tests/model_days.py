"""Days of the embedded exchange's market model, stored and recorded as a load would leave them, without fetching.

Belongs here: what tests of several rooms and benchmarks share of it. Does not belong here: whose store it is, and
records without ticks (`made_records`).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, Final

import numpy.typing as npt
import polars as pl

from ghtrader_assets.clock import SYSTEM_CLOCK
from ghtrader_assets.context.load import LoadContext
from ghtrader_assets.errors import IngestState
from ghtrader_assets.exchange.contracts import main_contract
from ghtrader_assets.loading.plan import DayPlan, plan_day
from ghtrader_assets.loading.record import begin_attempts, daily_agg
from ghtrader_assets.manifests import Manifest
from ghtrader_assets.market.schedule import ScheduleDay, schedule_hash
from ghtrader_assets.market.symbols import Symbol
from ghtrader_assets.market.ticks import NUMERIC_COLUMNS, tick_frame
from ghtrader_assets.questdb.tables.records import write_schedules, write_stored
from ghtrader_assets.questdb.tables.writer import DayLoad, StoredDay, StoreFailure
from ghtrader_assets_tests.storing import store_days
from ghtrader_assets_tests.true_ticks import SPECS, ticks_of

CHUNK_DAYS: Final = 10
_KEPT: Final = frozenset({"tick_id", "datetime_ns", *NUMERIC_COLUMNS})

Columns = dict[str, npt.NDArray[Any]]


def model_day(symbol: Symbol, day: date) -> Columns:
    """The columns of a trading day of the symbol's main contract, as the embedded exchange would deliver them."""
    columns = ticks_of(contract_of(symbol, day), day)
    return {name: values for name, values in columns.items() if name in _KEPT}


def store_schedule(platform: LoadContext, symbol: Symbol, days: Sequence[date]) -> list[DayPlan]:
    """Store the schedule of these days, as the embedded exchange has it, and return their plans."""
    rows = [
        ScheduleDay(symbol.text, day, contract_of(symbol, day), 0, is_roll=False, provisional=False) for day in days
    ]
    digest = schedule_hash(rows)
    write_schedules(platform.database, {digest: rows}, SYSTEM_CLOCK.now())
    return [plan_day(platform, symbol, row, digest) for row in rows]


def fill(platform: LoadContext, symbol: Symbol, frames: Mapping[date, pl.DataFrame]) -> None:
    """Store and record each day with its frame, and the schedule they belong to."""
    plans = store_schedule(platform, symbol, list(frames))
    for start in range(0, len(plans), CHUNK_DAYS):
        store_frames(platform, plans[start : start + CHUNK_DAYS], frames)


def store_frames(platform: LoadContext, plans: Sequence[DayPlan], frames: Mapping[date, pl.DataFrame]) -> None:
    """Store planned days and record them as complete loads, not judged. Raises the error of a day that fails."""
    begun = {attempt.trading_day: attempt for attempt in begin_attempts(platform, plans, "bench")}
    loads = [_day_load(plan, frames[plan.trading_day]) for plan in plans]
    manifests = [
        _manifest(begun[result.load.trading_day], result) for result in store_days(platform.database, loads, "checksum")
    ]
    write_stored(platform.database, [], manifests, [daily_agg(manifest) for manifest in manifests])


def day_loads(platform: LoadContext, symbol: Symbol, days: Sequence[date]) -> list[DayLoad]:
    """Days of the market model, planned and ready to be stored."""
    plans = store_schedule(platform, symbol, days)
    return [_day_load(plan, tick_frame(model_day(symbol, plan.trading_day))) for plan in plans]


def _day_load(plan: DayPlan, frame: pl.DataFrame) -> DayLoad:
    return DayLoad(
        symbol=plan.symbol.text,
        trading_day=plan.trading_day,
        window=plan.window,
        contract=plan.schedule.contract,
        segment_id=plan.schedule.segment_id,
        schedule_hash=plan.schedule_hash,
        frame=frame,
    )


def _manifest(begun: Manifest, stored: StoredDay | StoreFailure) -> Manifest:
    if isinstance(stored, StoreFailure):
        raise stored.error
    return dataclasses.replace(
        begun,
        outcome=IngestState.COMPLETE,
        reason="",
        rows=stored.rows,
        first_tick=stored.first_tick,
        last_tick=stored.last_tick,
        digest=stored.digest,
        replaced=stored.replaced,
        finished=SYSTEM_CLOCK.now(),
    )


def contract_of(symbol: Symbol, day: date) -> str:
    """The main contract of the day, as the embedded exchange has it."""
    return main_contract(SPECS[f"{symbol.exchange.value}.{symbol.product}"], day).text
