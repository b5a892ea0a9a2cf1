"""The symbols of the settings, and those of them whose product is unknown to our tables or to the provider.

Belongs here: reading `GHTRADER_SYMBOLS`, and what the provider's main contract table lacked when it was last read.
Does not belong here: reading that table (`reference.main_contracts`), the grammar of symbols (`market.symbols`).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ghtrader_assets.errors import UnknownContractError
from ghtrader_assets.files import put_file
from ghtrader_assets.market.products import products
from ghtrader_assets.market.symbols import Symbol, parse_symbol
from ghtrader_assets.settings import Settings

UNKNOWN_PRODUCT: Final = "unknown_product"
"""The reason of an `unknown_contract` day of a symbol whose product is unknown."""


@dataclass(frozen=True, slots=True)
class UnknownProduct:
    """Why a symbol of the universe can't be loaded: its product is unknown."""

    what: str
    remedy: str

    def __str__(self) -> str:
        return f"{UNKNOWN_PRODUCT}: {self.what}"


def universe_of(settings: Settings) -> list[Symbol]:
    """The symbols of the settings. Raises `BadInputError`, with the right spelling, for a text that is none."""
    return [parse_symbol(text) for text in settings.symbols]


def in_our_tables(symbol: Symbol) -> bool:
    """Whether our product table has the symbol's product."""
    return any((each.exchange, each.code) == (symbol.exchange, symbol.product) for each in products())


def unknown_product(home: Path, symbol: Symbol) -> UnknownProduct | None:
    """Whether our product table, or the provider's main contract table as it was last read, lacks the symbol."""
    if not in_our_tables(symbol):
        codes = " ".join(product.code for product in products() if product.exchange == symbol.exchange)
        return UnknownProduct(
            f"{symbol.exchange} has no product '{symbol.product}' that we know",
            f"take {symbol.text} out of GHTRADER_SYMBOLS, or correct it: known are {codes}",
        )
    if not _lacking(home, symbol).exists():
        return None
    return UnknownProduct(
        f"the provider's main contract table has no {symbol.text}",
        "take it out of GHTRADER_SYMBOLS, or load it once the provider has it: each load asks again",
    )


def unknown_in_universe(settings: Settings, symbol: Symbol) -> UnknownProduct | None:
    """`unknown_product` of a symbol of the settings; None for any other: it may be stored from elsewhere."""
    return unknown_product(settings.home, symbol) if symbol.text in settings.symbols else None


def require_product(home: Path, symbol: Symbol) -> None:
    """Raise `UnknownContractError` for a symbol whose product is unknown."""
    unknown = unknown_product(home, symbol)
    if unknown is not None:
        raise UnknownContractError(str(unknown), unknown.remedy)


def note_product(home: Path, symbol: Symbol, *, known: bool) -> None:
    """Remember whether the provider's table has the symbol."""
    if known:
        _lacking(home, symbol).unlink(missing_ok=True)
    else:
        put_file(_lacking(home, symbol), symbol.text.encode())


def _lacking(home: Path, symbol: Symbol) -> Path:
    return home / "main_contracts" / "lacking" / symbol.key
