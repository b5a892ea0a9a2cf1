"""Faults of the campaign on truth that change what stands in the ticks: values, types, order, doubles.

Belongs here: kinds that no rule of coverage is about; most are the validation tests' own, planted by their injector.
Does not belong here: ticks that are gone or moved (`truth_faults`), what must be found (`truth_decidable`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import partial
from typing import Final

import numpy as np

from ghtrader_assets.exchange.daily import life_of
from ghtrader_assets.exchange.history import series_of
from ghtrader_assets.exchange.model import Columns
from ghtrader_assets.exchange.render import PageWriter
from ghtrader_assets.exchange.revisions import Revision, RevisionKind
from ghtrader_assets.market.clock import NS
from ghtrader_assets.market.symbols import Exchange, depth
from ghtrader_assets.tq.values import UnreadableTicks
from ghtrader_assets_tests.bench.truth_days import MODEL, SymbolDay, numbered
from ghtrader_assets_tests.bench.truth_faults import Fault, Kind, Random
from ghtrader_assets_tests.validation.injector import FIVE_LEVELS, HALF_SECONDS, PLANTS
from ghtrader_assets_tests.validation.planting import Day

_LONGEST_PAUSE_S: Final = 15
"""Faults of single ticks are planted where no pause is longer."""
_CACHE_BYTES: Final = 2**24
_CONSTANT: Final = ("last_price", "volume", "amount", "open_interest", "average", "bid_price1", "ask_price1")
_TOTALS: Final = ("volume", "amount")
_BY_COVERAGE: Final = frozenset({"gap", "edge_gap", "stray"})
"""Kinds of the injector that coverage finds: `truth_faults` has its own of them."""


def _unreadable(day: SymbolDay, share: float, random: Random, *, kind: RevisionKind) -> Fault | None:
    """An answer whose values are of another type, `share` of the day asked for; read as the client's answers are."""
    contract = day.contract
    life = life_of(contract, MODEL.seed)
    place = life.index(day.day)
    first, count = int(life.counts[:place].sum()), int(life.counts[place])
    asked = max(1, round(share * count))
    series = series_of(contract.text, day.day, frozenset({Revision(kind, day.day)}), MODEL)
    assert series is not None
    found = UnreadableTicks()
    for page in PageWriter(MODEL.seed, _CACHE_BYTES).pages(series, first, first + asked):
        found.sift({"data": [{"ticks": {contract.text: {"data": json.loads(b"{" + page + b"}")}}}]})
    said = found.among(contract.text, first, first + asked)
    return Fault("", "", day, "unreadable", {}, day.names, unreadable=said, must_error=True)


def _copied(day: SymbolDay) -> Columns:
    return numbered({name: values.astype(np.float64) for name, values in day.columns.items()}) | {
        "datetime_ns": day.columns["datetime_ns"].copy()
    }


def _valued(day: SymbolDay, columns: Columns, rule: str) -> Fault:
    return Fault("", "", day, "value", columns, day.names, rule=rule, must_error=True)


def _constant(day: SymbolDay, level: float, random: Random) -> Fault | None:
    """A column that has one value all day."""
    columns, name = _copied(day), _CONSTANT[int(level)]
    columns[name][:] = columns[name][int(random.integers(len(columns[name])))]
    return _valued(day, columns, "uncounted_trade" if name in _TOTALS else "constant_column")


def _stalled(day: SymbolDay, share: float, random: Random) -> Fault | None:
    """Volume and amount that stand still for the last `share` of the day."""
    columns = _copied(day)
    start = round((1 - share) * len(columns["volume"]))
    for name in _TOTALS:
        columns[name][start:] = columns[name][start] if start else 0
    return _valued(day, columns, "uncounted_trade")


def _amount_alone(day: SymbolDay, share: float, random: Random) -> Fault | None:
    """Amounts without a volume, in the first `share` of the day."""
    columns = _copied(day)
    columns["volume"][: max(1, round(share * len(columns["volume"])))] = 0
    return _valued(day, columns, "amount_without_volume")


def _unpriced(day: SymbolDay, share: float, random: Random) -> Fault | None:
    """Trades without a last price."""
    columns = _copied(day)
    trades = np.flatnonzero(np.diff(columns["volume"], prepend=0) > 0)
    chosen = random.choice(trades, int(np.ceil(share * len(trades))), replace=False)
    columns["last_price"][chosen] = np.nan
    return _valued(day, columns, "volume_without_price")


def _injected(day: SymbolDay, level: float, random: Random, *, kind: str) -> Fault | None:
    exchange = day.symbol.exchange
    if (kind in FIVE_LEVELS and depth(exchange) < 5) or (kind in HALF_SECONDS and exchange == Exchange.CZCE):
        return None
    windows = tuple((window.start_ns // NS, window.end_ns // NS) for window in day.sessions.windows)
    whole_seconds = exchange == Exchange.CZCE
    spoiled = Day(_copied(day), windows, day.product.price_tick, depth(exchange), whole_seconds, _LONGEST_PAUSE_S)
    try:
        planted = PLANTS[kind](spoiled, random, slice(0, spoiled.n))
    except AssertionError:
        return None
    return Fault("", "", day, "value", spoiled.columns, day.names, rule=planted.rule)


KINDS: Final[Mapping[str, Kind]] = {
    "values as text": Kind((0.005,), partial(_unreadable, kind="text_values")),
    "stamps as text": Kind((0.005,), partial(_unreadable, kind="text_stamps")),
    "stamps beyond int64": Kind((0.005,), partial(_unreadable, kind="far_stamps")),
    "constant column": Kind(tuple(range(len(_CONSTANT))), _constant),
    "volume and amount stalled": Kind((0.5, 1), _stalled),
    "amount without volume": Kind((0.0001, 0.01, 1), _amount_alone),
    "volume without price": Kind((0.02, 0.5, 1), _unpriced),
    **{name: Kind((1,), partial(_injected, kind=name)) for name in PLANTS if name not in _BY_COVERAGE},
}
LIQUID_ONLY: Final = frozenset(PLANTS) | {"volume without price", "constant column", "volume and amount stalled"}
NAMED_LEVELS: Final = {"constant column": _CONSTANT}
