"""The contracts of a product, as a question to a store.

Belongs here: the question alone. Does not belong here: which contracts are listed (`market.listed`).
"""

from __future__ import annotations

from abc import ABC

from ghtrader_assets.market.listed import ListedContract, contracts_on
from ghtrader_assets.market.products import product_of
from ghtrader_assets.market.symbols import parse_product
from ghtrader_assets.questdb.standing.obstacles import read_first_days
from ghtrader_assets.store.arguments import Day, texts_given
from ghtrader_assets.store.checked import CheckedStore
from ghtrader_assets.store.questions import question


class ContractQueries(CheckedStore, ABC):
    """Which contracts there are next to the main one."""

    @question
    def contracts(self, product: str, day: Day) -> list[ListedContract]:
        """The contracts of a product that are listed on a trading day, by delivery, whether or not any is stored.

        `product` is `SHFE.cu`, or any symbol of it. First and last day are those of the exchanges' rules, which
        `verified` says were read in a document, or what the provider was asked; price tick (in the quote unit) and
        multiplier (quote units a lot) are those of the day. Raises `BadInputError` for a product that we don't know.
        """
        (text,) = texts_given("product", [product])
        symbol = parse_product(text)
        known = product_of(symbol.exchange, symbol.product)
        return contracts_on(known, self._day(day), self.calendar, read_first_days(self.database))
