"""The products the embedded exchange serves, and what is typical of each: price, activity, months, rolls, stamps.

Belongs here: one row a product, in the words a trader would use for it.
Does not belong here: tick size and multiplier (`market.products`), hours (`market.sessions`), any arithmetic.

The figures are plausible, not measured: they make a market that looks right, not one that happened.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from ghtrader_assets.market.products import Product, product_of
from ghtrader_assets.market.symbols import Exchange

Stamps = Literal["half", "second", "milli"]
"""`half`: on the 0.5 s grid; `second`: whole seconds, up to two ticks in one; `milli`: any millisecond."""

_ALL: Final = tuple(range(1, 13))
_EVEN: Final = (2, 4, 6, 8, 10, 12)
_ODD: Final = (1, 3, 5, 7, 9, 11)


@dataclass(frozen=True, slots=True)
class Spec:
    """How one product trades. `category` is TqSdk's.

    `level_2021` and `level_2026` are the prices around which its level wanders at the start of those years;
    `daily_vol` is the standard deviation of a day's log return; `fill` the share of half seconds in which a main
    contract ticks; `lots` the median volume of a trading tick; `open_interest` a main contract's; `carry` the
    log price step per month of delivery. `main_months` are the delivery months that become main contracts; such
    a contract hands over on the `roll_day`-th trading day of the month `roll_months` before its delivery, or, for
    `roll_months` 0, `roll_day` trading days before its last.
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
    first_delivery: tuple[int, int] = (2021, 1)
    wide_spread: float = 0.12

    @property
    def key(self) -> str:
        """`SHFE.cu`: the product in TqSdk's continuous table."""
        return f"{self.exchange}.{self.code}"

    @property
    def product(self) -> Product:
        return product_of(self.exchange, self.code)


SPECS: Final = {
    spec.key: spec
    for spec in (
        Spec(Exchange.SHFE, "cu", "NONFERROUS_METALS", "half", 58_500, 98_500, 0.011, 0.76, 3, 180_000, 0.0007,
             _ALL, _ALL, roll_months=1, roll_day=3),
        Spec(Exchange.SHFE, "au", "PRECIOUS_METALS", "half", 396, 985, 0.009, 0.74, 6, 160_000, 0.0018,
             _EVEN, _EVEN, roll_months=1, roll_day=12, wide_spread=0.3),
        Spec(Exchange.SHFE, "ag", "PRECIOUS_METALS", "half", 5_650, 17_800, 0.014, 0.78, 18, 320_000, 0.0015,
             _ALL, _EVEN, roll_months=1, roll_day=10),
        Spec(Exchange.SHFE, "rb", "FERROUS", "half", 4_300, 3_120, 0.010, 0.74, 24, 1_500_000, -0.0015,
             _ALL, (1, 5, 10), roll_months=1, roll_day=5, wide_spread=0.03),
        Spec(Exchange.CZCE, "SR", "SOFT_COMMODITY", "second", 5_250, 5_310, 0.008, 0.62, 9, 380_000, -0.0010,
             _ODD, (1, 5, 9), roll_months=1, roll_day=2, wide_spread=0.04),
        Spec(Exchange.DCE, "m", "GREASE", "milli", 3_350, 2_770, 0.009, 0.72, 16, 1_600_000, -0.0020,
             (1, 3, 5, 7, 8, 9, 11, 12), (1, 5, 9), roll_months=2, roll_day=14, wide_spread=0.03),
        Spec(Exchange.CFFEX, "IF", "EQUITY_INDEX", "half", 5_200, 4_680, 0.010, 0.78, 3, 140_000, -0.0025,
             _ALL, _ALL, roll_months=0, roll_day=1, life_months=2, wide_spread=0.4),
        Spec(Exchange.INE, "sc", "OIL", "half", 315, 432, 0.016, 0.70, 3, 32_000, -0.0030,
             _ALL, _ALL, roll_months=1, roll_day=4, wide_spread=0.3),
        Spec(Exchange.GFEX, "lc", "NONFERROUS_METALS", "milli", 240_000, 121_000, 0.018, 0.76, 7, 450_000, 0.0015,
             _ALL, _ODD, roll_months=1, roll_day=5, first_delivery=(2024, 1), wide_spread=0.3),
    )
}  # fmt: skip
"""`SHFE.cu` → its spec, in the order in which the exchange lists them."""
