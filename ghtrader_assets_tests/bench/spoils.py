"""Ways to spoil a stretch of a good day that a provider may find, and which rules must tell.

Belongs here: whole stretches whose values are of another place or unit. Does not belong here: single ticks that are
wrong (the validation tests' injector), ticks that are gone, tests.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from functools import cache
from typing import Any, Final

import numpy as np

from ghtrader_assets.market.clock import NS
from ghtrader_assets.validation.evidence import Evidence
from ghtrader_assets.validation.verdicts import BaselineDay
from ghtrader_assets.validation.windows import Baselines
from ghtrader_assets_tests.bench.truth_days import SymbolDay, days_of, numbered, verdict_on

Columns = dict[str, Any]
Spoil = Callable[[SymbolDay, Columns, float], slice]

DAY: Final = date(2025, 12, 9)
"""A day like others, with a night before it where the product has one."""
PRODUCTS: Final = ("SHFE.cu", "CFFEX.IF", "CZCE.SR", "INE.bc")
HISTORY: Final = 8
PRICES: Final = ("last_price", "highest", "lowest", "average", "bid_price", "ask_price")


@cache
def day_of(product: str, day: date = DAY) -> SymbolDay:
    return next(each for each in days_of(product) if each.day == day)


@cache
def given_by(day: SymbolDay) -> BaselineDay:
    return verdict_on(day, numbered(day.columns)).baseline


@cache
def evidence_of(product: str) -> Evidence:
    """The baseline of the days before the day."""
    place = day_of(product).place
    return Baselines(given_by(each) for each in days_of(product)[place - HISTORY : place]).before(DAY)


def columns_of(day: SymbolDay) -> Columns:
    copied = {name: values.astype(np.float64) for name, values in day.columns.items() if name != "datetime_ns"}
    return numbered(copied | {"datetime_ns": day.columns["datetime_ns"].copy()})


def while_open(day: SymbolDay, columns: Columns, place: float, seconds: int) -> slice:
    """The rows of so many seconds of the day's longest window, from a place (0..1) in it on."""
    window = max(day.sessions.windows, key=lambda each: each.end_ns - each.start_ns)
    begins = window.start_ns + 120 * NS + int(place * (window.end_ns - window.start_ns - (seconds + 240) * NS))
    first, stop = np.searchsorted(columns["datetime_ns"], (begins, begins + seconds * NS))
    return slice(int(first), int(stop))


def session_rows(day: SymbolDay, columns: Columns, session: str) -> slice:
    first, last = day.span(session)
    low, high = np.searchsorted(columns["datetime_ns"], ((first - 300) * NS, (last + 300) * NS))
    return slice(int(low), int(high))


def counted_late(day: SymbolDay, columns: Columns, place: float) -> slice:
    """Volume and amount stand still for twenty minutes and catch up."""
    rows = while_open(day, columns, place, 1200)
    for name in ("volume", "amount"):
        columns[name][rows] = columns[name][rows.start]
    return rows


def sides_swapped(day: SymbolDay, columns: Columns, place: float) -> slice:
    rows = while_open(day, columns, place, 3600)
    for kind in ("price1", "volume1"):
        bid, ask = columns[f"bid_{kind}"][rows].copy(), columns[f"ask_{kind}"][rows].copy()
        columns[f"bid_{kind}"][rows], columns[f"ask_{kind}"][rows] = ask, bid
    return rows


def range_begun_anew(day: SymbolDay, columns: Columns, place: float) -> slice:
    rows = slice(while_open(day, columns, place, 60).start, None)
    columns["highest"][rows] = np.maximum.accumulate(columns["last_price"][rows])
    columns["lowest"][rows] = np.minimum.accumulate(columns["last_price"][rows])
    return rows


def no_interest_in_a_session(day: SymbolDay, columns: Columns, place: float) -> slice:
    rows = session_rows(day, columns, day.names[int(place * len(day.names))])
    columns["open_interest"][rows] = 0.0
    return rows


def tenfold_prices(day: SymbolDay, columns: Columns, place: float) -> slice:
    rows = session_rows(day, columns, day.names[int(place * len(day.names))])
    for name in columns:
        if name.startswith(PRICES):
            columns[name][rows] *= 10
    return rows


def tenfold_amounts(day: SymbolDay, columns: Columns, place: float) -> slice:
    rows = slice(int(np.searchsorted(columns["datetime_ns"], day.sessions.windows[-1].start_ns)), None)
    columns["amount"][rows] += 9 * (columns["amount"][rows] - columns["amount"][rows.start])
    return rows


def backwards(day: SymbolDay, columns: Columns, place: float) -> slice:
    """The ticks of a session the other way round, ids and stamps given anew."""
    rows = session_rows(day, columns, day.names[int(place * len(day.names))])
    for name, values in columns.items():
        if name not in ("tick_id", "datetime_ns"):
            values[rows] = values[rows][::-1].copy()
    return rows


def another_contract(day: SymbolDay, columns: Columns, place: float) -> slice:
    """Ten minutes of a contract that trades a third as much, some price ticks away."""
    rows = while_open(day, columns, place, 600)
    for name in columns:
        if name.startswith(PRICES):
            columns[name][rows] += 7 * day.product.price_tick
        elif name in ("volume", "amount", "open_interest"):
            columns[name][rows] = np.rint(columns[name][rows] / 3)
    return rows


def price_stands_still(day: SymbolDay, columns: Columns, place: float) -> slice:
    rows = while_open(day, columns, place, 3600)
    columns["last_price"][rows] = columns["last_price"][rows.start]
    return rows


def no_best_bid(day: SymbolDay, columns: Columns, place: float) -> slice:
    rows = while_open(day, columns, place, 1800)
    for name in ("bid_price1", "bid_volume1"):
        columns[name][rows] = 0.0
    return rows


def book_of_volumes(day: SymbolDay, columns: Columns, place: float) -> slice:
    """The best bid's price and volume have changed places."""
    columns["bid_price1"], columns["bid_volume1"] = columns["bid_volume1"], columns["bid_price1"]
    return slice(0, None)


def tenfold_averages(day: SymbolDay, columns: Columns, place: float) -> slice:
    rows = session_rows(day, columns, day.names[int(place * len(day.names))])
    columns["average"][rows] *= 10
    return rows


SPOILS: Final[dict[Spoil, set[str]]] = {
    book_of_volumes: {"quote_off_scale"},
    tenfold_averages: {"quote_off_scale"},
    counted_late: {"uncounted_trade"},
    sides_swapped: {"crossed"},
    range_begun_anew: {"range_monotone"},
    tenfold_amounts: {"amount_off_scale"},
    another_contract: {"volume_monotone"},
    no_best_bid: {"null_l1", "null_run"},
    tenfold_prices: {"amount_off_scale"},
    backwards: {"volume_monotone"},
}
"""What must be in error, and the rules that must say so."""
