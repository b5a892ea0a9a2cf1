"""The products the embedded exchange serves, and what is typical of each: price, activity, months, rolls, stamps.

Belongs here: what the figures of `specs.toml` mean, a table a product.
Does not belong here: tick size and multiplier (`market.products`), hours (`market.sessions`), any arithmetic.

The figures are plausible, not measured: they make a market that looks right, not one that happened.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from importlib import resources
from typing import Final, Literal

import msgspec

from ghtrader_assets.market.products import Product, product_of
from ghtrader_assets.market.symbols import Exchange

ModelNumber = Literal[1, 2]
DEFAULT_MODEL: Final[ModelNumber] = 2
Stamps = Literal["half", "second", "milli"]
"""`half`: on the 0.5 s grid; `second`: whole seconds, up to two ticks in one; `milli`: any millisecond."""


@dataclass(frozen=True, slots=True)
class Model:
    """Which market is served: the same model and seed give the same ticks on every machine."""

    number: ModelNumber
    seed: int


@dataclass(frozen=True, slots=True)
class Spec:
    """How one product trades. `category` is TqSdk's.

    `model` is the model of the market that trades it so; `since` the first model that lists it.
    `level_2021` and `level_2026` are the prices around which its level wanders at the start of those years;
    `daily_vol` is the standard deviation of a day's log return; `fill` the share of half seconds in which a main
    contract ticks; `lots` the median volume of a trading tick; `open_interest` a main contract's; `carry` the
    log price step per month of delivery. `main_months` are the delivery months that become main contracts; such
    a contract hands over on the `roll_day`-th trading day of the month `roll_months` before its delivery, or, for
    `roll_months` 0, `roll_day` trading days before its last. `limit` is how far a price may move in a day.
    """

    exchange: Exchange
    code: str
    category: str
    stamps: Stamps
    level_2021: float
    level_2026: float
    daily_vol: float
    fill: float
    lots: float
    open_interest: int
    carry: float
    months: tuple[int, ...]
    main_months: tuple[int, ...]
    roll_months: int
    roll_day: int
    life_months: int = 12
    first_delivery_year: int = 2021
    wide_spread: float = 0.12
    limit: float = 0.08
    since: ModelNumber = 1
    model: ModelNumber = 1

    @property
    def key(self) -> str:
        """`SHFE.cu`: the product in TqSdk's continuous table."""
        return f"{self.exchange}.{self.code}"

    @property
    def product(self) -> Product:
        return product_of(self.exchange, self.code)


_FILE: Final = resources.files("ghtrader_assets.exchange") / "specs.toml"


@cache
def specs_of(model: ModelNumber) -> dict[str, Spec]:
    """`SHFE.cu` → its spec, in the order in which the exchange of that model lists them."""
    every = msgspec.toml.decode(_FILE.read_bytes(), type=dict[Literal["product"], list[Spec]])["product"]
    return {spec.key: replace(spec, model=model) for spec in every if spec.since <= model}
