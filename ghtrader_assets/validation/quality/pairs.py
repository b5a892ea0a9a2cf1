"""Fields of one tick that must agree: what trades has a volume and a price, and what moves moves in all of them.

Belongs here: contradictions between columns, each a fault of its own whatever the other rules say.
Does not belong here: values that are missing (`nulls`) or that can't be by themselves (`values`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Final

import numpy as np

from ghtrader_assets.validation.gaps import runs
from ghtrader_assets.validation.intake import OUTSIDE, Bools, Floats
from ghtrader_assets.validation.quality.rules import Part, Parts, QualityDay, Rule, nothing_checked, whole

_TOTALS: Final = ("volume", "amount")
SCALE_MOST: Final = 1.25
"""A window's amounts are at most so many times off its lots x prices x multiplier: no day's prices move as far."""
QUOTED_MOST: Final = 2
"""A price of a tick is at most so many times its last price, or that part of it: a day's limits are a fifth apart."""
STILL_TIMES: Final = 10
"""A column that does not keep one value all day may not keep one for so many times as many changes of the others."""
COUNTED_WITHIN: Final = 20
"""No exchange counts a trade so many ticks after the open interest that it changes."""
_ANY_TRADE: Final = "trade"
_MAIN_ALONE: Final = "volume"
_MOVES_WITH: Final = {
    _MAIN_ALONE: ("bid_price1", "ask_price1"),
    "open_interest": (_ANY_TRADE,),
    "last_price": ("bid_price1", "ask_price1"),
    "average": ("last_price", "amount"),
    "bid_price1": ("last_price", "ask_price1"),
    "ask_price1": ("last_price", "bid_price1"),
    "bid_volume1": ("bid_price1",),
    "ask_volume1": ("ask_price1",),
}
"""What can't move often on a day on which the column has one value. A pinned market keeps its price while volume and
open interest move, so prices are measured by prices alone; the highest and the lowest may be the day's first
(`_filled_in`). Only a main contract trades on every day on which its quotes move."""


def amount_without_volume(day: QualityDay) -> Parts:
    """Ticks with an amount traded and a volume of 0."""
    return whole((day.column("amount") > 0) & (day.column("volume") == 0), day.ticks.n)


def volume_without_price(day: QualityDay) -> Parts:
    """Of the ticks that traded, those whose last price is missing or 0."""
    volume, last = day.column("volume"), day.column("last_price")
    traded = volume > np.concatenate(([0.0], volume[:-1]))
    return whole(traded & (np.isnan(last) | (last == 0)), int(np.count_nonzero(traded)))


def uncounted(day: QualityDay) -> Parts:
    """Per column of volume and amount the ticks that show a trade while it stands still."""
    trades = _trades(day)
    checked = int(np.count_nonzero(trades))
    return {name: Part(1 + np.flatnonzero(trades & ~_grows(day.column(name))), checked) for name in _TOTALS}


def constant(day: QualityDay) -> Parts:
    """Per column the first tick of each run in which it keeps one value while those it moves with move often."""
    least = day.policy.value("CONSTANT_MIN_MOVES")
    found: dict[str, Part] = {}
    for name, partners in _MOVES_WITH.items() if day.ticks.n > least else ():
        if name == _MAIN_ALONE and not day.is_main:
            continue
        values = day.column(name)
        same = values[1:] == values[:-1]
        starts, lengths = runs(same)
        long = lengths >= (least if same.all() else STILL_TIMES * least)
        starts, lengths = starts[long], lengths[long]
        for each in partners if len(starts) else ():
            moves = np.concatenate(([0], np.cumsum(_moves(day, each))))
            often = moves[starts + lengths] - moves[starts] >= (least if same.all() else STILL_TIMES * least)
            starts, lengths = starts[often], lengths[often]
        found[name] = Part(starts, 1)
    if found:
        still = (*_still_all_day(day, least), *_filled_in(day, least))
        found |= {name: Part(np.zeros(1, dtype=np.int64), 1) for name in still}
    return found or nothing_checked()


def _still_all_day(day: QualityDay, least: float) -> Iterator[str]:
    """Deeper volumes that have one value all day while their own prices move often, prices while the best one does."""
    for name in day.book_columns[4:]:
        if _is_one(day.column(name)):
            side = name.partition("_")[0]
            price = name.replace("volume", "price") if "_volume" in name else f"{side}_price1"
            if np.count_nonzero(_changes(day.column(price))) >= least:
                yield name


def _filled_in(day: QualityDay, least: float) -> Iterator[str]:
    """Highest and lowest of the whole day in every tick, the first one too: a call auction trades at one price."""
    last = day.column("last_price")
    if day.ticks.window_of[0] != OUTSIDE or day.column("volume")[0] <= 0 or np.count_nonzero(_changes(last)) < least:
        return
    for name in ("highest", "lowest"):
        values = day.column(name)
        if values[0] != last[0] and _is_one(values):
            yield name


def _is_one(values: Floats) -> bool:
    """Whether all are the same. Two looks spare most columns the third."""
    return bool(values[0] == values[-1] == values[len(values) // 2]) and bool((values == values[0]).all())


def off_scale(day: QualityDay) -> Parts:
    """The first tick of each window in which an amount is no longer lots x last price x multiplier.

    One of the three is in another unit there than it was, or than it should be. An exchange whose amounts leave the
    multiplier out all day is left alone, where it is one that may.
    """
    volume, amount, last = (day.column(name) for name in (*_TOTALS, "last_price"))
    begins: dict[int, int] = {}
    sums: dict[int, tuple[float, float]] = {}
    for span, window in day.ticks.window_runs:
        if window != OUTSIDE:
            with np.errstate(over="ignore", invalid="ignore"):
                worth = float((np.diff(volume[span]) * last[span][1:]).sum())
                paid = float(amount[span][-1] - amount[span][0])
            before = sums.get(window, (0.0, 0.0))
            sums[window] = (before[0] + paid, before[1] + worth)
            begins.setdefault(window, span.start)
    shown = {window: paid / worth for window, (paid, worth) in sums.items() if paid > 0 and worth > 0}
    legal = (day.multiplier, 1.0) if day.may_leave_multiplier_out else (day.multiplier,)
    usual = next((each for each in legal if _agreeing(shown, each) >= len(shown) / 2), day.multiplier)
    rows = [begins[window] for window, times in shown.items() if not _agree(times, usual)]
    return {"": Part(np.array(sorted(rows), dtype=np.int64), len(shown))}


def quotes_off_scale(day: QualityDay) -> Parts:
    """Per price column the ticks in which it is far from the last price, so that one of the two is no price of it."""
    last = day.column("last_price")
    found: dict[str, Part] = {}
    for name in ("highest", "lowest", "average", *(each for each in day.book_columns if "_price" in each)):
        values = day.column(name)
        known = (values > 0) & (last > 0)
        off = known & ((values / QUOTED_MOST > last) | (last / QUOTED_MOST > values))
        found[name] = Part(np.flatnonzero(off), int(np.count_nonzero(known)))
    return found


def _agreeing(shown: Mapping[int, float], usual: float) -> int:
    return sum(_agree(each, usual) for each in shown.values())


def _agree(times: float, usual: float) -> bool:
    return usual / SCALE_MOST <= times <= usual * SCALE_MOST


def _trades(day: QualityDay) -> Bools:
    """Which ticks (from the second on) show a trade: only one changes a last price, and it adds to both totals.

    Only one changes the open interest of a session too. A pinned market shows it by that alone; where volume may come
    some ticks later, it shows one that the volume has not counted for `COUNTED_WITHIN` ticks.
    """
    last, volume = day.column("last_price"), day.column("volume")
    trades = _changes(last) | _grows(volume) | _grows(day.column("amount"))
    still = np.flatnonzero(volume[COUNTED_WITHIN:] == volume[:-COUNTED_WITHIN]) + COUNTED_WITHIN - 1
    still = still[day.same_window[still]]
    if len(still):
        trades[still] |= _changes(day.column("open_interest"))[still]
    return trades


def _grows(values: Floats) -> Bools:
    return values[1:] > values[:-1]


def _changes(values: Floats) -> Bools:
    """At which ticks a column is another than at the tick before, both known."""
    return (values[1:] != values[:-1]) & ~np.isnan(values[1:]) & ~np.isnan(values[:-1])


def _moves(day: QualityDay, name: str) -> Bools:
    """At which ticks (from the second on) a column moves."""
    return _trades(day) if name == _ANY_TRADE else _changes(day.column(name))


_rule: Final = partial(Rule, severity="error", family="pairs")
RULES: Final = (
    _rule("amount_without_volume", says="amount traded without a volume", check=amount_without_volume),
    _rule(
        "volume_without_price",
        says="volume traded without a price",
        check=volume_without_price,
        limit="NULL_L1_MAX_RATE",
        needs_sequence=True,
    ),
    _rule(
        "uncounted_trade",
        says="trades that volume or amount does not count",
        check=uncounted,
        limit="NULL_L1_MAX_RATE",
        needs_sequence=True,
        worst_part=True,
    ),
    _rule(
        "amount_off_scale",
        says="amounts that are not lots times price times multiplier",
        check=off_scale,
        needs_sequence=True,
    ),
    _rule(
        "quote_off_scale",
        says="prices of one tick on different levels",
        check=quotes_off_scale,
        limit="NULL_L1_MAX_RATE",
        worst_part=True,
    ),
    _rule(
        "constant_column",
        says="column that stands still while others move",
        check=constant,
        needs_sequence=True,
        sources=("CONSTANT_MIN_MOVES",),
    ),
)
