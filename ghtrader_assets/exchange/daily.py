"""What each contract does on each trading day, before any tick: closes, open interest, activity, tick counts.

Belongs here: cheap deterministic figures per contract-day, vectorised over a contract's life. They are what lets
years of history have contiguous ids without being stored: a day's tick count is known without making its ticks.
Does not belong here: the ticks (`model`), ids across days (`history`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Final
from zlib import crc32

import numpy as np
import numpy.typing as npt

from ghtrader_assets.exchange.contracts import MADE_WITH, Contract, places_when_made, position
from ghtrader_assets.exchange.plans import LIQUID, occasion, tick_count
from ghtrader_assets.exchange.specs import Spec
from ghtrader_assets.market.calendar import snapshot_calendar
from ghtrader_assets.settings import EMBEDDED_FIRST_DAY

DEFAULT_SEED: Final = 20210104

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_ANCHORS: Final = (date(2021, 1, 4), date(2026, 1, 5))
_HANDOVER_DAYS: Final = 5.0
"""How many trading days it takes for most open interest to move to the next main contract."""

_LEFT_QUIET: Final = 0.01
"""What is left of the quiet half seconds on a day whose night session fell away: with 25,000 ticks its cadence is the
fixed one, in which two seconds of a hundred without their two ticks are a fault (docs/validation.md)."""

_TURNED_OVER: Final = 2.2
"""In model 2 a day trades at least so many times what its open interest changes by."""


@dataclass(frozen=True)
class SimulatedLife:
    """A contract's days, aligned arrays: `days[i]` closed at `close[i]` ticks after opening at `open[i]`, and so on.

    Prices are whole numbers of the price ticks that the contract has on that day; `open_interest` is at the close,
    `open_interest_before` one day earlier; `activity` is 1 for a main contract; `lots` the median volume of a tick that
    trades; `fill` the share of half seconds with a tick; `counts` the ticks of the day.
    """

    contract: Contract
    days: tuple[date, ...]
    open_ticks: Ints
    close_ticks: Ints
    previous_close_ticks: Ints
    open_interest: Ints
    open_interest_before: Ints
    activity: Floats
    lots: Floats
    fill: Floats
    counts: Ints

    def index(self, day: date) -> int:
        """The place of `day` in the arrays. Raises ValueError if the contract does not trade on it."""
        return self.days.index(day)


def stream(seed: int, *names: object) -> np.random.Generator:
    """The random numbers that belong to `names`, the same on every machine."""
    words = [crc32(str(name).encode()) for name in names]
    return np.random.Generator(np.random.SFC64(np.random.SeedSequence([seed, *words])))


@lru_cache(maxsize=1024)
def life_of(contract: Contract, seed: int) -> SimulatedLife:
    """All days of a contract up to its expiry or the calendar's horizon, whatever the clock says."""
    days = tuple(contract.days(snapshot_calendar().horizon))
    if not days:
        nothing, none = np.empty(0), np.empty(0, dtype=np.int64)
        return SimulatedLife(contract, days, none, none, none, none, none, nothing, nothing, nothing, none)
    start = position(days[0])
    places = np.arange(start - 1, start + len(days))
    price_ticks = np.array([contract.terms(day).price_tick for day in days])
    prices = _prices(contract, places, price_ticks, seed)
    interest = _open_interest(contract, places, seed)
    gaps = _overnight(contract.spec, seed)[places[1:] - _base()]
    activity = _activity(contract, places[1:])
    fill = _fill(contract, days, activity, seed)
    shares = zip(days, fill.tolist(), strict=True)
    counts = np.array([tick_count(contract, day, share, seed) for day, share in shares], dtype=np.int64)
    return SimulatedLife(
        contract=contract,
        days=days,
        open_ticks=np.rint(prices[:-1] * np.exp(gaps) / price_ticks).astype(np.int64),
        close_ticks=np.rint(prices[1:] / price_ticks).astype(np.int64),
        previous_close_ticks=np.rint(prices[:-1] / price_ticks).astype(np.int64),
        open_interest=interest[1:],
        open_interest_before=interest[:-1],
        activity=activity,
        lots=_lots(contract, places[1:], activity, np.abs(np.diff(interest)) / counts, seed),
        fill=fill,
        counts=counts,
    )


def _base() -> int:
    """The position of the last trading day before the exchange's first: where all per-product paths begin."""
    return position(EMBEDDED_FIRST_DAY) - 1


@lru_cache(maxsize=64)
def _log_level(spec: Spec, seed: int) -> Floats:
    """The product's log price level at each close since `_base()`: anchored, wandering, with bounded steps."""
    count = position(snapshot_calendar().horizon) - _base() + 1
    noise = np.clip(stream(seed, spec.key, "level").standard_normal(count), -2.2, 2.2) * spec.daily_vol
    for index, sign in _limit_moves(spec, seed).items():
        noise[index] = np.log1p(sign * spec.limit)
    wander = np.empty(count)
    value = 0.0
    for index, step in enumerate(noise.tolist()):
        value = 0.985 * value + step
        wander[index] = value
    first, second = (position(day) - _base() for day in _ANCHORS)
    trend = np.log(spec.level_2026 / spec.level_2021) / (second - first)
    places = np.minimum(np.arange(count), second)
    return np.log(spec.level_2021) + trend * places + wander


@lru_cache(maxsize=64)
def _overnight(spec: Spec, seed: int) -> Floats:
    """The log gap from the last close to each day's opening auction."""
    count = position(snapshot_calendar().horizon) - _base() + 1
    draws = np.clip(stream(seed, spec.key, "overnight").standard_normal(count), -2.0, 2.0)
    return 0.2 * spec.daily_vol * draws


@lru_cache(maxsize=64)
def _limit_moves(spec: Spec, seed: int) -> dict[int, int]:
    """The days since `_base()` on which the product ends at its limit: 1 up, -1 down."""
    calendar = snapshot_calendar()
    days = enumerate(calendar.days(EMBEDDED_FIRST_DAY, calendar.horizon), start=1)
    found = ((index, occasion(spec, day, seed)) for index, day in days)
    signs = {"limit_up": 1, "limit_down": -1}
    return {index: signs[special.kind] for index, special in found if special is not None and special.kind in signs}


def _prices(contract: Contract, places: Ints, price_ticks: Floats, seed: int) -> Floats:
    """The closes at `places`, one more than days with `price_ticks`; a limit day's is the limit to the tick."""
    spec = contract.spec
    levels = _log_level(spec, seed)[places - _base()]
    expiry = _counted(places, places_when_made(contract).last_day, contract.last_day)
    months_ahead = (expiry - places) / 20.5
    prices = np.exp(levels + spec.carry * months_ahead)
    for index, sign in _limit_moves(spec, seed).items():
        here = index + _base() - int(places[0])
        if 0 < here < len(prices):
            tick = price_ticks[here - 1]
            prices[here] = int(round(prices[here - 1] / tick) * (1 + sign * spec.limit)) * tick
    return prices


def _counted(places: Ints, when_made: int, day: date) -> Ints:
    """The place of a contract's `day` for each of `places`: `when_made` up to the end of the models' calendar."""
    return np.where(places <= position(MADE_WITH), when_made, position(day))


def _share(contract: Contract, places: Ints) -> Floats:
    """The contract's share of a main contract's activity at each close, 0.5 at both of its handovers."""
    if contract.main_from is None or contract.main_until is None:
        return np.full(len(places), 0.03)
    served_as_main, made = contract.main_from > EMBEDDED_FIRST_DAY, places_when_made(contract)
    starts = _counted(places, made.main_from, contract.main_from)
    ends = _counted(places, made.main_until, contract.main_until)
    rise = (places - (starts - 1.5)) / _HANDOVER_DAYS if served_as_main else 30.0
    fall = (places - (ends - 1.5)) / _HANDOVER_DAYS
    share = 1 / (1 + np.exp(-rise)) / (1 + np.exp(fall))
    return np.clip(share, 0.02, 1.0)


def _open_interest(contract: Contract, places: Ints, seed: int) -> Ints:
    draws = stream(seed, contract.spec.key, "interest").standard_normal(1 + int(places[-1]) - _base())
    tide = 1 + 0.01 * np.clip(draws, -2, 2)[places - _base()]
    return np.maximum(np.rint(contract.spec.open_interest * _share(contract, places) * tide), 10).astype(np.int64)


def _activity(contract: Contract, places: Ints) -> Floats:
    """How busy the contract is: 1 for the main one, less for the one handing over, little for the others."""
    activity = 0.75 * _share(contract, places)
    if contract.main_from is not None and contract.main_until is not None:
        is_main = (places >= position(max(contract.main_from, EMBEDDED_FIRST_DAY))) & (
            places < position(contract.main_until)
        )
        activity[is_main] = 1.0
    return activity


@lru_cache(maxsize=64)
def _busy(spec: Spec, seed: int) -> Floats:
    """How much larger than usual a product's trades are on each day since `_base()`: days like their neighbours."""
    count = position(snapshot_calendar().horizon) - _base() + 1
    draws = np.clip(stream(seed, spec.key, "busy").standard_normal(count), -2.5, 2.5)
    busy = np.empty(count)
    value = 0.0
    for index, draw in enumerate(draws.tolist()):
        value = 0.7 * value + 0.25 * draw
        busy[index] = value
    return np.exp(busy)


def _lots(contract: Contract, places: Ints, activity: Floats, moved_a_tick: Floats, seed: int) -> Floats:
    """The median volume of a tick that trades, which is about the mean of all ticks.

    `moved_a_tick` is the day's change of open interest over its ticks.
    """
    usual = contract.spec.lots * (0.3 + 0.7 * activity)
    if contract.spec.model == 1:
        return usual
    return np.maximum(usual * _busy(contract.spec, seed)[places - _base()], _TURNED_OVER * moved_a_tick)


def _fill(contract: Contract, days: tuple[date, ...], activity: Floats, seed: int) -> Floats:
    """The share of half seconds that tick. A day whose night session fell away is denser: one session trades it all."""
    spec = contract.spec
    draws = stream(seed, contract.text, "fill").uniform(0.93 if spec.model == 1 else 0.85, 1.04, len(activity))
    usual = np.minimum(spec.fill * activity * draws, 0.8)
    with_night = np.array([contract.sessions(day).has_night for day in days])
    if not with_night.any() or spec.fill < LIQUID:
        return usual
    crowded = 1 - _LEFT_QUIET * (1 - np.minimum(spec.fill * draws, 0.8))
    return np.where(with_night, usual, np.minimum(activity, 1.0) * crowded)
