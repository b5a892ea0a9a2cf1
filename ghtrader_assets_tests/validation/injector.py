"""Plants faults of known kind, place and size in the ticks of a clean day.

Imports nothing from `ghtrader_assets.validation`: the thresholds below are copied from docs/validation.md, the formulas
are written again, plainly. A day is a dictionary of columns as the exchange's model makes them, and its windows.
"""

from __future__ import annotations

import numpy as np

from ghtrader_assets_tests.validation.jumps import oi_break, oi_jump, price_jump, spread_anomaly, volume_spike
from ghtrader_assets_tests.validation.planting import NS, Day, Plant, Planted, ids_of, insert, size, spot

LEVEL_1 = ("last_price", "volume", "open_interest", "bid_price1", "ask_price1", "highest", "average", "amount")
DOCUMENTED = {
    "gap_s": 5.0,
    "null_l1": 0.01,
    "null_l5": 0.05,
    "null_run": 100,
    "frozen": 120,
    "stray_s": 60,
    "off_grid_ticks": 0.01,
    "reset_share": 0.3,
    "beyond_book": 0.02,
}


def gap(day: Day, random: np.random.Generator, region: slice) -> Planted:
    row = spot(day, random, region, room=60)
    wanted = int(np.ceil(size(random) * DOCUMENTED["gap_s"]))
    first = int(day.seconds[row])
    last = first + wanted - 1
    keep = (day.seconds < first) | (day.seconds > last)
    day.columns = {name: values[keep] for name, values in day.columns.items()}
    ticked = day.seconds
    before, after = int(ticked[ticked < first].max()), int(ticked[ticked > last].min())
    return Planted("gap", gap=(before + 1, after - 1))


def edge_gap(day: Day, random: np.random.Generator, region: slice) -> Planted:
    """Silence from a window's opening, or up to its close."""
    window = day.windows[int(random.integers(0, len(day.windows)))]
    wanted = int(np.ceil(size(random) * DOCUMENTED["gap_s"]))
    seconds = day.seconds
    if random.random() < 0.5:
        first, last = window[0] + 1, window[0] + wanted
    else:
        first, last = window[1] - wanted, window[1] - 1
    keep = (seconds < first) | (seconds > last)
    day.columns = {name: values[keep] for name, values in day.columns.items()}
    strict = day.seconds[(day.seconds > window[0]) & (day.seconds < window[1])]
    if first == window[0] + 1:
        return Planted("gap", gap=(first, int(strict.min()) - 1))
    return Planted("gap", gap=(int(strict.max()) + 1, last))


def stray(day: Day, random: np.random.Generator, region: slice) -> Planted:
    """Ticks in the midday break, one in each of many seconds."""
    wanted = int(np.ceil(size(random) * DOCUMENTED["stray_s"]))
    before = day.windows[-2][1]
    row = int(day.window_rows(day.windows[-2])[-1])
    while row + 1 < day.n and day.seconds[row + 1] < before + 400:
        row += 1
    insert(day, row, wanted)
    day.columns["datetime_ns"][row + 1 : row + 1 + wanted] = (before + 1800 + np.arange(wanted)) * NS
    return Planted("outside_sessions_block", count=wanted)


def null_l1(day: Day, random: np.random.Generator, region: slice) -> Planted:
    wanted = int(np.floor(size(random) * DOCUMENTED["null_l1"] * day.n)) + 1
    rows = np.sort(random.choice(day.n, wanted, replace=False))
    name = LEVEL_1[int(random.integers(0, len(LEVEL_1)))]
    day.columns[name][rows] = np.nan
    return Planted("null_l1", ids_of(day, rows), wanted, implied=_priceless(name))


def zero_price(day: Day, random: np.random.Generator, region: slice) -> Planted:
    """A best price of 0 in place of none."""
    wanted = int(np.floor(size(random) * DOCUMENTED["null_l1"] * day.n)) + 1
    rows = np.sort(random.choice(day.n, wanted, replace=False))
    day.columns[str(random.choice(["bid_price1", "ask_price1"]))][rows] = 0.0
    return Planted("null_l1", ids_of(day, rows), wanted, implied=frozenset({"bid_order", "ask_order"}))


def null_l5(day: Day, random: np.random.Generator, region: slice) -> Planted:
    wanted = int(np.floor(size(random) * DOCUMENTED["null_l5"] * day.n)) + 1
    rows = np.sort(random.choice(day.n, wanted, replace=False))
    side, level = random.choice(["bid", "ask"]), int(random.integers(2, 6))
    day.columns[f"{side}_price{level}"][rows] = np.nan
    return Planted("null_l5", ids_of(day, rows), wanted)


def null_run(day: Day, random: np.random.Generator, region: slice) -> Planted:
    wanted = int(np.floor(size(random) * DOCUMENTED["null_run"])) + 1
    row = int(random.integers(region.start + 1, region.stop - wanted - 1))
    name = LEVEL_1[int(random.integers(0, 5))]
    day.columns[name][row : row + wanted] = np.nan
    implied = frozenset({"null_l1"}) if wanted > DOCUMENTED["null_l1"] * day.n else frozenset[str]()
    return Planted("null_run", ids_of(day, [row]), 1, implied=implied | _priceless(name))


def _priceless(name: str) -> frozenset[str]:
    """What more than a few trades without a last price break too."""
    return frozenset({"volume_without_price"}) if name == "last_price" else frozenset()


def crossed(day: Day, random: np.random.Generator, region: slice) -> Planted:
    row = spot(day, random, region)
    bid, ask = day.columns["bid_price1"], day.columns["ask_price1"]
    bid[row], ask[row] = ask[row], bid[row]
    return Planted("crossed", ids_of(day, [row]), 1)


def locked(day: Day, random: np.random.Generator, region: slice) -> Planted:
    row = spot(day, random, region)
    day.columns["ask_price1"][row] = day.columns["bid_price1"][row]
    return Planted("locked", ids_of(day, [row]), 1)


def bid_order(day: Day, random: np.random.Generator, region: slice) -> Planted:
    return _swap_levels(day, random, region, "bid")


def ask_order(day: Day, random: np.random.Generator, region: slice) -> Planted:
    return _swap_levels(day, random, region, "ask")


def _swap_levels(day: Day, random: np.random.Generator, region: slice, side: str) -> Planted:
    row = spot(day, random, region)
    near = int(random.integers(2, 5))
    inner, outer = day.columns[f"{side}_price{near}"], day.columns[f"{side}_price{near + 1}"]
    inner[row], outer[row] = outer[row], inner[row]
    return Planted(f"{side}_order", ids_of(day, [row]), 1)


def frozen(day: Day, random: np.random.Generator, region: slice) -> Planted:
    length = int(np.floor(size(random) * DOCUMENTED["frozen"])) + 1
    row = spot(day, random, region, room=length + 2)
    names = [name for name in day.columns if name.startswith(("bid_", "ask_"))]
    first, last = row, row + length - 1
    for name in names:
        day.columns[name][first : last + 1] = day.columns[name][first]
    while all(day.columns[name][first - 1] == day.columns[name][first] for name in names):
        first -= 1
    twins = frozenset({"duplicate_row"}) if day.whole_seconds else frozenset[str]()
    return Planted("frozen_book", ids_of(day, [first]), 1, implied=twins)


def quoted(day: Day, random: np.random.Generator, row: int, what: str) -> str:
    """A price or volume of the book that is there: a pinned market has one side of it."""
    names = [name for name in day.columns if name.startswith((f"bid_{what}", f"ask_{what}"))]
    there = [name for name in names if day.columns[name][row] > 0]
    assert there, "an empty book"
    return str(random.choice(there))


def negative_price(day: Day, random: np.random.Generator, region: slice) -> Planted:
    row = spot(day, random, region)
    day.columns[quoted(day, random, row, "price")][row] *= -1
    return Planted("negative_price", ids_of(day, [row]), 1)


def negative_volume(day: Day, random: np.random.Generator, region: slice) -> Planted:
    row = spot(day, random, region)
    day.columns[quoted(day, random, row, "volume")][row] *= -1
    return Planted("negative_volume", ids_of(day, [row]), 1)


def off_grid(day: Day, random: np.random.Generator, region: slice) -> Planted:
    row = spot(day, random, region)
    off = size(random) * DOCUMENTED["off_grid_ticks"] * day.tick
    day.columns[quoted(day, random, row, "price")][row] += off * random.choice([-1, 1])
    return Planted("off_grid", ids_of(day, [row]), 1)


def outside_range(day: Day, random: np.random.Generator, region: slice) -> Planted:
    last, high, low = (day.columns[name] for name in ("last_price", "highest", "lowest"))
    for _ in range(5000):
        row = spot(day, random, region)
        steps = int(random.integers(1, 4))
        for beyond in (high[row] + steps * day.tick, low[row] - steps * day.tick):
            if max(abs(beyond - last[row - 1]), abs(beyond - last[row + 1])) <= 4 * day.tick:
                last[row] = beyond
                return Planted("outside_range", ids_of(day, [row]), 1)
        if random.random() < 0.01:
            low[row] = last[row] + steps * day.tick
            return Planted("outside_range", ids_of(day, [row]), 1, implied=frozenset({"range_monotone"}))
    raise AssertionError("no place for the fault")


def range_reset(day: Day, random: np.random.Generator, region: slice) -> Planted:
    """The day's highest or lowest begins anew at some tick."""
    last, high, low = (day.columns[name] for name in ("last_price", "highest", "lowest"))
    for _ in range(5000):
        row = spot(day, random, region)
        if last[row] < high[row - 1]:
            high[row:] = np.maximum.accumulate(last[row:])
            return Planted("range_monotone", ids_of(day, [row]), 1)
        if last[row] > low[row - 1]:
            low[row:] = np.minimum.accumulate(last[row:])
            return Planted("range_monotone", ids_of(day, [row]), 1)
    raise AssertionError("no place for the fault")


def beyond_book(day: Day, random: np.random.Generator, region: slice) -> Planted:
    """Last prices two price ticks below both bids, or above both asks, inside the day's range."""
    columns, wide = day.columns, 2 * day.tick
    below = np.minimum(columns["bid_price1"], np.roll(columns["bid_price1"], 1)) - wide
    above = np.maximum(columns["ask_price1"], np.roll(columns["ask_price1"], 1)) + wide
    traded = np.zeros(day.n, dtype=np.bool_)
    for window in day.windows:
        rows = day.window_rows(window)
        traded[rows[1:]] = np.diff(columns["volume"][rows]) > 0
    fits_below, fits_above = traded & (below >= columns["lowest"]), traded & (above <= columns["highest"])
    wanted = int(np.floor(size(random) * DOCUMENTED["beyond_book"] * np.count_nonzero(traded))) + 1
    fits = fits_below if np.count_nonzero(fits_below) >= np.count_nonzero(fits_above) else fits_above
    rows = np.sort(random.choice(np.flatnonzero(fits), wanted, replace=False))
    columns["last_price"][rows] = (below if fits is fits_below else above)[rows]
    return Planted("last_beyond_book", ids_of(day, rows), wanted)


def off_scale(day: Day, random: np.random.Generator, region: slice) -> Planted:
    """Amounts of one window in another unit."""
    rows = day.window_rows(day.windows[int(random.integers(0, len(day.windows)))])
    amount = day.columns["amount"]
    more = (float(random.choice([2, 5, 10, 1000])) - 1) * (amount[rows] - amount[rows[0]])
    amount[rows] += more
    amount[rows[-1] + 1 :] += more[-1]
    return Planted("amount_off_scale", ids_of(day, [rows[0]]), 1)


def volume_monotone(day: Day, random: np.random.Generator, region: slice) -> Planted:
    return _dip(day, random, region, "volume")


def amount_monotone(day: Day, random: np.random.Generator, region: slice) -> Planted:
    return _dip(day, random, region, "amount")


def _dip(day: Day, random: np.random.Generator, region: slice, name: str) -> Planted:
    row = spot(day, random, region)
    values = day.columns[name]
    if random.random() < 0.3:
        values[row] = values[min(day.n - 1, row + 40)] + 1 + random.integers(0, 5)
        while not (values[row + 1] < values[row] and values[row] > values[row - 1]):
            values[row] += 1
    else:
        values[row] = values[row - 1] * random.uniform(0.2, 0.98)
    return Planted(f"{name}_monotone", ids_of(day, [row]), 1)


def day_reset(day: Day, random: np.random.Generator, region: slice) -> Planted:
    share = min(0.95, size(random) * DOCUMENTED["reset_share"])
    for name in ("volume", "amount"):
        day.columns[name] += share / (1 - share) * day.columns[name][-1]
    return Planted("day_reset", ids_of(day, [0]), 2)


def regressing_time(day: Day, random: np.random.Generator, region: slice) -> Planted:
    stamps = day.columns["datetime_ns"]
    while True:
        row = spot(day, random, region)
        if stamps[row - 1] < stamps[row] < stamps[row + 1] < stamps[row + 2]:
            stamps[row], stamps[row + 1] = stamps[row + 1], stamps[row]
            return Planted("regressing_time", ids_of(day, [row + 1]), 1)


def hash_collision(day: Day, random: np.random.Generator, region: slice) -> Planted:
    row = spot(day, random, region)
    day.columns.setdefault("bid_volume5", np.full(day.n, np.nan))
    day.columns["bid_volume5"][row] = np.nan
    insert(day, row)
    day.columns["bid_volume5"][row + 1] = 0.0
    implied = frozenset[str]() if day.whole_seconds else frozenset({"duplicate_time"})
    return Planted("hash_collision", ids_of(day, [row + 1]), 1, implied=implied)


def duplicate_row(day: Day, random: np.random.Generator, region: slice) -> Planted:
    row = spot(day, random, region)
    same_id = bool(random.random() < 0.5)
    insert(day, row, new_ids=not same_id)
    implied = frozenset[str]() if day.whole_seconds else frozenset({"duplicate_time"})
    return Planted("duplicate_row", ids_of(day, [row + 1]), 1, implied=implied)


def duplicate_time(day: Day, random: np.random.Generator, region: slice) -> Planted:
    row = spot(day, random, region)
    day.columns["datetime_ns"][row] = day.columns["datetime_ns"][row - 1]
    return Planted("duplicate_time", ids_of(day, [row]), 1)


ANY_DEPTH: dict[str, Plant] = {
    "gap": gap,
    "edge_gap": edge_gap,
    "stray": stray,
    "null_l1": null_l1,
    "null_run": null_run,
    "crossed": crossed,
    "locked": locked,
    "frozen": frozen,
    "negative_price": negative_price,
    "negative_volume": negative_volume,
    "off_grid": off_grid,
    "outside_range": outside_range,
    "volume_monotone": volume_monotone,
    "amount_monotone": amount_monotone,
    "day_reset": day_reset,
    "regressing_time": regressing_time,
    "hash_collision": hash_collision,
    "duplicate_row": duplicate_row,
    "oi_jump": oi_jump,
    "price_jump": price_jump,
    "volume_spike": volume_spike,
    "spread_anomaly": spread_anomaly,
    "zero_price": zero_price,
    "range_reset": range_reset,
    "beyond_book": beyond_book,
    "off_scale": off_scale,
    "oi_break": oi_break,
}
HALF_SECONDS: dict[str, Plant] = {"duplicate_time": duplicate_time}
FIVE_LEVELS: dict[str, Plant] = {"null_l5": null_l5, "bid_order": bid_order, "ask_order": ask_order}
PLANTS = {**ANY_DEPTH, **HALF_SECONDS, **FIVE_LEVELS}
WHOLE_DAY = frozenset(
    {"stray", "null_l1", "null_l5", "day_reset", "edge_gap", "zero_price", "beyond_book", "off_scale", "oi_break"}
)
"""Faults that are not confined to a region of the day."""
