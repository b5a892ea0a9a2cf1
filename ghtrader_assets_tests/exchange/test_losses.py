"""Ticks that a fault takes away, moves in time or writes otherwise, and what it leaves as it is."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import numpy as np
import pytest

from ghtrader_assets.errors import BadInputError
from ghtrader_assets.exchange.faults import Faults, parse_rules
from ghtrader_assets.exchange.history import Series, series_of
from ghtrader_assets.exchange.model import Columns
from ghtrader_assets.exchange.render import PageWriter
from ghtrader_assets.exchange.specs import Model
from ghtrader_assets.market.clock import NS
from ghtrader_assets_tests.true_ticks import MODEL_1, MODEL_2, ticks_of

SYMBOL = "SHFE.ag2602"
DAY = date(2026, 1, 12)
"""A Monday: its night session goes on into Saturday."""
AFTER = date(2026, 1, 13)
BOTH = pytest.mark.parametrize("model", [MODEL_1, MODEL_2], ids=["model 1", "model 2"])


def read(model: Model, *rules: dict[str, Any]) -> Series:
    """The series of a reader who meets these rules."""
    faults = Faults()
    faults.add(json.dumps([{"symbol": SYMBOL, "trading_day": str(DAY), **rule} for rule in rules]).encode())
    found = series_of(SYMBOL, AFTER, faults.content(SYMBOL), model)
    assert found is not None
    return found


def day_of(found: Series, model: Model, day: date = DAY) -> Columns:
    """The columns of a day, which has as many ids as rows, and the next day's ids follow."""
    place = next(item for item in found.days if item.day == day)
    columns = found.columns(place, model.seed)
    assert place.count == len(columns["datetime_ns"])
    assert [item.first_id for item in found.days] == [0, *(item.end_id for item in found.days[:-1])]
    assert found.last_id == found.days[-1].end_id - 1
    return columns


def is_night(stamps: np.ndarray, day: date = DAY) -> np.ndarray:
    return stamps < int(np.datetime64(f"{day}T08:30:00", "ns").astype(np.int64)) - 8 * 3600 * NS


@BOTH
def test_a_cut_takes_the_first_and_the_last_tick_too(model: Model) -> None:
    true = ticks_of(SYMBOL, DAY, model)["datetime_ns"]
    for rule, left in (
        ({"amount": 10, "fraction": 0}, true[10:]),
        ({"amount": 10, "fraction": 1}, true[:-1]),
        ({"amount": 10**9, "fraction": 0}, true[:0]),
        ({"amount": 10**9, "fraction": 0, "session": "night"}, true[~is_night(true)]),
        ({"amount": 10**9, "fraction": 0, "session": "day"}, true[is_night(true)]),
        ({"amount": 5, "fraction": 0, "session": "day"}, np.delete(true, is_night(true).sum() + np.arange(5))),
    ):
        stamps = day_of(read(model, {"kind": "cut", **rule}), model)["datetime_ns"]
        assert np.array_equal(stamps, left), rule


@BOTH
@pytest.mark.parametrize("every", [2, 10, 60, 2000])
def test_thinning_keeps_every_so_manieth_tick(model: Model, every: int) -> None:
    true = ticks_of(SYMBOL, DAY, model)["datetime_ns"]
    stamps = day_of(read(model, {"kind": "thin", "amount": every}), model)["datetime_ns"]
    assert np.array_equal(stamps, true[::every])
    thinned = day_of(read(model, {"kind": "thin", "amount": every, "session": "day"}), model)["datetime_ns"]
    night = is_night(true)
    assert np.array_equal(thinned, np.concatenate((true[night], true[~night][::every])))


@BOTH
def test_one_tick_is_left(model: Model) -> None:
    true = ticks_of(SYMBOL, DAY, model)["datetime_ns"]
    for fraction, place in ((0, 0), (1, -1)):
        stamps = day_of(read(model, {"kind": "one_left", "fraction": fraction}), model)["datetime_ns"]
        assert stamps.tolist() == [true[place]]


@BOTH
def test_a_shift_moves_the_day_or_a_session(model: Model) -> None:
    true = ticks_of(SYMBOL, DAY, model)
    shifted = day_of(read(model, {"kind": "shift", "offset_s": 29}), model)
    assert np.array_equal(shifted["datetime_ns"], true["datetime_ns"] + 29 * NS)
    assert np.array_equal(shifted["volume"], true["volume"])
    night = is_night(true["datetime_ns"])
    part = day_of(read(model, {"kind": "shift", "offset_s": -2, "session": "day"}), model)["datetime_ns"]
    assert np.array_equal(part, true["datetime_ns"] - np.where(night, 0, 2 * NS))


@BOTH
def test_a_block_is_moved_by_days_and_ids_follow_the_stamps(model: Model) -> None:
    true = ticks_of(SYMBOL, DAY, model)
    midnight = int(np.datetime64("2026-01-10T00:00:00", "ns").astype(np.int64)) - 8 * 3600 * NS
    saturday = np.flatnonzero((true["datetime_ns"] >= midnight) & is_night(true["datetime_ns"]))
    fraction = saturday[0] / (len(true["datetime_ns"]) - 1)
    rule = {"kind": "moved", "amount": len(saturday), "fraction": fraction, "offset_days": 2}
    moved = day_of(read(model, rule), model)
    assert (np.diff(moved["datetime_ns"]) >= 0).all()
    assert np.array_equal(moved["datetime_ns"][saturday], true["datetime_ns"][saturday] + 2 * 86_400 * NS)
    assert np.array_equal(moved["volume"], true["volume"]), "Monday's small hours come before Monday's day"


@BOTH
def test_values_and_stamps_are_written_otherwise(model: Model) -> None:
    writer = PageWriter(model.seed, cache_bytes=60_000_000)
    true = ticks_of(SYMBOL, DAY, model)
    for kind in ("text_values", "text_stamps", "far_stamps"):
        found = read(model, {"kind": kind})
        first = next(item.first_id for item in found.days if item.day == DAY)
        tick = json.loads(b"{" + writer.patches(found, first, first + 1)[0] + b"}")[str(first)]
        stamp, price = int(true["datetime_ns"][0]), float(true["last_price"][0])
        assert tick["datetime"] == {"text_stamps": str(stamp), "far_stamps": 1000 * stamp}.get(kind, stamp)
        assert tick["last_price"] == (str(price) if kind == "text_values" else price)
        assert tick["volume"] == (str(int(true["volume"][0])) if kind == "text_values" else true["volume"][0])


def test_other_days_and_bars_are_left_alone() -> None:
    found = read(MODEL_2, {"kind": "cut", "amount": 100, "fraction": 0}, {"kind": "shift", "offset_s": 5})
    assert np.array_equal(day_of(found, MODEL_2, AFTER)["datetime_ns"], ticks_of(SYMBOL, AFTER, MODEL_2)["datetime_ns"])
    faults = Faults()
    about = {"symbol": SYMBOL, "trading_day": str(DAY)}
    faults.add(json.dumps([{"kind": "cut", **about}, {"kind": "hole", "bars": True, **about}]).encode())
    assert {revision.kind for revision in faults.content(SYMBOL, of_bars=True)} == {"hole"}
    assert [rule.hits for rule in faults.rules] == [0, 1]


@pytest.mark.parametrize(
    ("rule", "named"),
    [
        ({"kind": "cut"}, "trading_day"),
        ({"kind": "hole", "session": "day", "trading_day": "2026-01-06"}, "session"),
        ({"kind": "shift", "bars": True, "trading_day": "2026-01-06"}, "bars"),
        ({"kind": "thin", "amount": 0, "trading_day": "2026-01-06"}, "amount"),
        ({"kind": "cut", "session": "noon", "trading_day": "2026-01-06"}, "session"),
    ],
)
def test_what_means_nothing_is_refused_by_name(rule: dict[str, Any], named: str) -> None:
    with pytest.raises(BadInputError, match=named):
        parse_rules(json.dumps([rule]).encode())
