"""What the embedded exchange should deliver: a contract's trading day straight from the model, ids included.

Where nothing else is said it is of model 1, whose figures tests hold.
"""

from __future__ import annotations

from datetime import date
from typing import Final

import numpy as np

from ghtrader_assets.errors import BadInputError
from ghtrader_assets.exchange.bars import MINUTE_NS
from ghtrader_assets.exchange.contracts import contract_named
from ghtrader_assets.exchange.daily import DEFAULT_SEED, life_of
from ghtrader_assets.exchange.history import columns_of, series_of
from ghtrader_assets.exchange.model import Columns
from ghtrader_assets.exchange.revisions import Revision
from ghtrader_assets.exchange.specs import Model, specs_of

MODEL_1: Final = Model(1, DEFAULT_SEED)
MODEL_2: Final = Model(2, DEFAULT_SEED)
SPECS: Final = specs_of(MODEL_1.number)


def ticks_of(contract: str, trading_day: date, model: Model = MODEL_1) -> Columns:
    """The ticks of a contract's trading day, in order.

    Returns `tick_id` and `datetime_ns` (int64) and, as float64, the numbers that this exchange's history delivers:
    the seven of the tape and five book levels for SHFE, one for the others. Raises BadInputError for a contract that
    does not exist or does not trade on that day.
    """
    known = contract_named(contract, model.number)
    if known is None:
        raise BadInputError(f"the embedded exchange has no contract {contract}")
    life = life_of(known, model.seed)
    if trading_day not in life.days:
        raise BadInputError(f"{contract} does not trade on {trading_day}")
    first_id = int(life.counts[: life.index(trading_day)].sum())
    columns = columns_of(known, trading_day, frozenset[Revision](), model.seed)
    ids = np.arange(first_id, first_id + len(columns["datetime_ns"]), dtype=np.int64)
    numbers = {name: values.astype(np.float64) for name, values in columns.items() if name != "datetime_ns"}
    return {"tick_id": ids, "datetime_ns": columns["datetime_ns"].copy(), **numbers}


def bars_of(contract: str, trading_day: date, model: Model) -> Columns:
    """The 1-minute bars of a contract's trading day, in order, as this exchange delivers them."""
    series = series_of(contract, trading_day, frozenset[Revision](), model, MINUTE_NS)
    assert series is not None
    return series.columns(series.days[-1], model.seed)
