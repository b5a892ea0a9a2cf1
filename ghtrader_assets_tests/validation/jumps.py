"""Values that jump, as the injector plants them: open interest, price, volume, spread.

Belongs here: jumps. Does not belong here: all other faults, and which there are (`injector`).
"""

from __future__ import annotations

import numpy as np

from ghtrader_assets_tests.validation.planting import Day, Planted, ids_of, size, spot, usual_size

DOCUMENTED = {
    "oi_ratio": 0.05,
    "oi_lots": 100,
    "price_factor": 5,
    "volume_factor": 10,
    "volume_lots": 50,
    "spread_factor": 3,
}


def oi_break(day: Day, random: np.random.Generator, region: slice) -> Planted:
    """Open interest that is another from a window on than trading explains."""
    place = int(random.integers(1, len(day.windows)))
    row, before = int(day.window_rows(day.windows[place])[0]), int(day.window_rows(day.windows[place - 1])[-1])
    interest, volume = day.columns["open_interest"], day.columns["volume"]
    least = max(DOCUMENTED["oi_ratio"] * interest[before], DOCUMENTED["oi_lots"], volume[row] - volume[before])
    interest[row:] += np.ceil(size(random) * least) + interest[before] - interest[row]
    return Planted("oi_jump", ids_of(day, [row]), 1)


def oi_jump(day: Day, random: np.random.Generator, region: slice) -> Planted:
    row = spot(day, random, region)
    interest = day.columns["open_interest"]
    before, change = interest[row - 1], interest[row] - interest[row - 1]
    up = 1 if random.random() < 0.5 else -1
    jump = up * np.ceil(size(random) * max(DOCUMENTED["oi_ratio"] * before, DOCUMENTED["oi_lots"]))
    interest[row:] += jump - change
    return Planted("oi_jump", ids_of(day, [row]), 1)


def price_jump(day: Day, random: np.random.Generator, region: slice) -> Planted:
    row = spot(day, random, region)
    last, up = day.columns["last_price"], (1 if random.random() < 0.5 else -1)
    factor, lasting = size(random), random.random() < 0.5
    limit = DOCUMENTED["price_factor"] * max(usual_size(np.abs(np.diff(last)), day, row), day.tick)
    for _ in range(4):
        step = up * np.ceil(factor * limit / day.tick) * day.tick
        moved = last.copy()
        moved[row : day.n if lasting else row + 1] += step - (last[row] - last[row - 1])
        again = DOCUMENTED["price_factor"] * max(usual_size(np.abs(np.diff(moved)), day, row), day.tick)
        if again == limit:
            break
        limit = again
    day.columns["last_price"] = moved
    high, low = day.columns["highest"], day.columns["lowest"]
    high[row:] = np.maximum(high[row:], np.maximum.accumulate(moved[row:]))
    low[row:] = np.minimum(low[row:], np.minimum.accumulate(moved[row:]))
    return Planted("price_jump", ids_of(day, [row]), 1, implied=frozenset({"last_beyond_book"}))


def volume_spike(day: Day, random: np.random.Generator, region: slice) -> Planted:
    row = spot(day, random, region)
    volume, factor = day.columns["volume"], size(random)
    usual, traded = usual_size(np.diff(volume), day, row), volume[row] - volume[row - 1]
    for _ in range(4):
        spike = np.ceil(factor * max(DOCUMENTED["volume_factor"] * usual, DOCUMENTED["volume_lots"])) + 1
        moved = volume.copy()
        moved[row:] += spike - traded
        usual = usual_size(np.diff(moved), day, row)
    day.columns["volume"] = moved
    day.columns["amount"][row:] += (spike - traded) * day.columns["last_price"][row]
    return Planted("volume_spike", ids_of(day, [row]), 1)


def spread_anomaly(day: Day, random: np.random.Generator, region: slice) -> Planted:
    row, factor = spot(day, random, region), size(random)
    spread = day.columns["ask_price1"] - day.columns["bid_price1"]
    before = float(spread[row])
    for _ in range(4):
        usual = max(usual_size(spread[1:], day, row, steady=False), day.tick)
        spread[row] = np.ceil(factor * DOCUMENTED["spread_factor"] * usual / day.tick) * day.tick
    for name in [name for name in day.columns if name.startswith("ask_price")]:
        day.columns[name][row] += spread[row] - before
    return Planted("spread_anomaly", ids_of(day, [row]), 1)
