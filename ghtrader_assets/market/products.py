"""The futures products of the six exchanges: names, contract terms, and since when.

Belongs here: the product table, price tick and multiplier, and their former values where an exchange changed them.
Does not belong here: trading hours (`sessions`) and single contracts: TqSdk's own instrument data has the last word.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from functools import cache, lru_cache

from ghtrader_assets.errors import BadInputError
from ghtrader_assets.market.data_files import is_verified, records, rows
from ghtrader_assets.market.symbols import Exchange, Symbol, delivery_month


class Liquidity(StrEnum):
    """How often a product's main contract ticks: most seconds, about once a minute, a few times a session."""

    LIQUID = "liquid"
    THIN = "thin"
    VERY_THIN = "very_thin"


@dataclass(frozen=True, kw_only=True)
class Product:
    """A product with its contract terms.

    `price_tick` in the quote unit, `multiplier` in quote units a lot. `listed` is the first trading day (2004-01-01
    for what is older), `delisted` the last one of a product that ended, `successor` the code that followed it.
    `source` says who states the terms; `verified`: it is a document that was opened.
    """

    exchange: Exchange
    code: str
    name_en: str
    name_zh: str
    price_tick: float
    multiplier: int
    listed: date
    delisted: date | None = None
    successor: str = ""
    source: str
    verified: bool

    @property
    def alias(self) -> str:
        """TqSdk's main-contract symbol of the product."""
        return f"KQ.m@{self.exchange}.{self.code}"


@cache
def products() -> tuple[Product, ...]:
    """Every product known, with its present terms."""
    return records(Product, "products.csv")


def product_of(exchange: Exchange, code: str) -> Product:
    """The product with its present terms. Raises BadInputError for one that is not in the table."""
    found = _by_code().get((exchange, code))
    if found is None:
        known = " ".join(product.code for product in products() if product.exchange == exchange)
        raise BadInputError(f"{exchange} has no product '{code}' that we know", f"known are {known}")
    return found


def liquidity_of(code: str) -> Liquidity:
    """How often the main contract of a product ticks; liquid where the table does not name it."""
    return _liquidity().get(code, Liquidity.LIQUID)


@lru_cache(maxsize=65_536)
def product_on(symbol: Symbol, day: date) -> Product:
    """The product of `symbol` with the terms of trading day `day`.

    Some terms changed for all contracts on a day, some for contracts from a delivery month on: the latter need a
    contract symbol; an alias gets the terms of the newer contracts. Raises BadInputError for an unknown product.
    """
    product = product_of(symbol.exchange, symbol.product)
    delivery = f"{delivery_month(symbol, day):%Y-%m}" if symbol.digits else "9999-12"
    former = [
        row
        for row in _former_terms()
        if (row["exchange"], row["code"]) == (symbol.exchange, symbol.product)
        and (day.isoformat() <= row["last_day"] or delivery <= row["last_delivery"])
    ]
    if not former:
        return product
    row = min(former, key=lambda row: row["last_day"] or row["last_delivery"])
    return replace(
        product,
        price_tick=float(row["price_tick"]),
        multiplier=int(row["multiplier"]),
        source=row["source"],
        verified=is_verified(row),
    )


@dataclass(frozen=True, slots=True)
class TermsFinding:
    """A contract term that differs between our table and a provider, on a trading day."""

    contract: str
    day: date
    term: str
    ours: float
    theirs: float

    def __str__(self) -> str:
        return f"{self.contract} {self.term} on {self.day}: {self.ours:g} in our table, {self.theirs:g} at the provider"


def compare_terms(contract: Symbol, day: date, price_tick: float, multiplier: int) -> list[TermsFinding]:
    """Where a provider's price tick and multiplier of a contract differ from the ones in force on `day` here."""
    ours = product_on(contract, day)
    pairs = (("price tick", ours.price_tick, price_tick), ("multiplier", ours.multiplier, multiplier))
    return [TermsFinding(contract.text, day, term, mine, theirs) for term, mine, theirs in pairs if mine != theirs]


@cache
def _former_terms() -> tuple[dict[str, str], ...]:
    return tuple(rows("product_terms.csv"))


@cache
def _liquidity() -> dict[str, Liquidity]:
    return {code: Liquidity(row["liquidity"]) for row in rows("liquidity.csv") for code in row["products"].split()}


@cache
def _by_code() -> dict[tuple[Exchange, str], Product]:
    return {(product.exchange, product.code): product for product in products()}
