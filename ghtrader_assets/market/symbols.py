"""The names of futures: TqSdk's symbols of a main contract or a single contract, and how they map.

Belongs here: the symbol grammar of the six futures exchanges, alias to contract and back.
Does not belong here: which products exist (`products`), which contract is the main one on a day (`schedule`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import lru_cache
from typing import Final, Literal

from ghtrader_assets.errors import BadInputError


class Exchange(StrEnum):
    """The six futures exchanges, as TqSdk spells them."""

    SHFE = "SHFE"
    INE = "INE"
    DCE = "DCE"
    CZCE = "CZCE"
    CFFEX = "CFFEX"
    GFEX = "GFEX"


Kind = Literal["main", "contract"]

_UPPER_CASE: Final = (Exchange.CZCE, Exchange.CFFEX)
_ALIAS: Final = re.compile(
    r"KQ\.(?P<kind>[mid])@(?P<exchange>[A-Z]{3,5})\.(?P<product>[A-Za-z]{1,2})(?P<average>(?:_f)?)"
)
_CONTRACT: Final = re.compile(
    r"(?P<exchange>[A-Z]{3,5})\.(?P<product>[A-Za-z]{1,2})(?P<digits>[0-9]{3,4})(?P<average>F?)"
)
_MEANT: Final = re.compile(
    r"(?P<alias>KQ\.[a-z]@)?(?P<exchange>[a-z]{3,5})\.(?P<product>[a-z]{1,2}?)(?P<digits>\d{3,4})?(?P<average>_f|(?<=\d)f)?",
    re.IGNORECASE | re.ASCII,
)
"""A symbol, whatever the case of its letters and the length of its year."""
_REMEDY: Final = "write it as TqSdk does: KQ.m@SHFE.cu, SHFE.cu2602, CZCE.SR609"
_YEARLESS: Final = 3
"""So many digits name a month and the year in its decade: of the 2020s where the exchange writes four."""
_MAIN: Final = "KQ.m@"
_AVERAGE: Final = "_f"
_AVERAGED: Final = ("l", "v", "pp")


@dataclass(frozen=True, slots=True)
class Symbol:
    """A parsed symbol. `product` is spelt as TqSdk does: 'cu', CZCE 'SR', CFFEX 'IF'.

    `digits` are the delivery year and month of a contract ('2602', CZCE '609'), empty for an alias. DCE settles a
    contract such as 'l2602F' by the month's average price: another product than 'l2602', which we call 'l_f'; TqSdk
    has no main contract of it.
    """

    text: str
    kind: Kind
    exchange: Exchange
    product: str
    digits: str = ""

    @property
    def key(self) -> str:
        """The symbol in letters that Dagster keys and file names allow: 'KQ_m_SHFE_cu'."""
        return self.text.replace(".", "_").replace("@", "_")

    @property
    def code(self) -> str:
        """The contract without its exchange, 'cu2602'; the product of an alias."""
        return self.text.rpartition(".")[2]

    @property
    def alias(self) -> str:
        """The main-contract symbol of the same product: 'KQ.m@SHFE.cu'."""
        return f"{_MAIN}{self.exchange}.{self.product}"


@lru_cache(maxsize=65_536)
def parse_symbol(text: str) -> Symbol:
    """Parse a symbol. Raises BadInputError for anything but the exact spelling TqSdk uses, and for an index.

    The remedy is the right spelling where the text shows what is meant.
    """
    try:
        return _parsed(text)
    except BadInputError as error:
        meant = _meant(text)
        raise BadInputError(error.what, f"write {meant}" if meant else error.remedy) from None


def parse_product(text: str) -> Symbol:
    """The main-contract symbol of a product: of `SHFE.cu`, or of any symbol of it. Raises BadInputError."""
    is_code = "@" not in text and not any(letter.isdigit() for letter in text)
    if is_code and _ALIAS.fullmatch(f"{_MAIN}{text}") is None:
        raise BadInputError(f"{text[:80]!r} is no product", "write it as SHFE.cu, or name any symbol of it")
    return parse_symbol(parse_symbol(f"{_MAIN}{text}" if is_code else text).alias)


def _parsed(text: str) -> Symbol:
    match = _ALIAS.fullmatch(text) or _CONTRACT.fullmatch(text)
    if match is None:
        raise BadInputError(f"{text[:80]!r} is no futures symbol", _REMEDY)
    parts = match.groupdict()
    try:
        exchange = Exchange(parts["exchange"])
    except ValueError:
        raise BadInputError(f"'{text}' names no exchange of {', '.join(Exchange)}", _REMEDY) from None
    product = parts["product"]
    spelt = product.upper() if exchange in _UPPER_CASE else product.lower()
    if product != spelt:
        raise BadInputError(f"'{text}': {exchange} spells the product '{spelt}'", _REMEDY)
    kind = parts.get("kind")
    if kind not in (None, "m"):
        raise BadInputError(f"'{text}' is an index, which has no ticks of its own", _REMEDY)
    digits = parts.get("digits", "")
    if digits:
        _require_month(text, exchange, digits)
    if parts["average"]:
        product = _averaged(text, exchange, product)
    return Symbol(text, "main" if kind else "contract", exchange, product, digits)


def _meant(text: str) -> str:
    """The symbol that a misspelt text stands for; empty where it shows none."""
    match = _MEANT.fullmatch(text.strip())
    exchange = match["exchange"].upper() if match else ""
    if match is None or exchange not in tuple(Exchange):
        return ""
    product = match["product"].upper() if exchange in _UPPER_CASE else match["product"].lower()
    digits, average = match["digits"] or "", match["average"] or ""
    if exchange == Exchange.CZCE:
        digits = digits[-3:]
    elif len(digits) == _YEARLESS:
        digits = f"2{digits}"
    average = average and (_AVERAGE if match["alias"] else "F")
    meant = f"{'KQ.m@' if match['alias'] else ''}{exchange}.{product}{digits}{average}"
    try:
        return _parsed(meant).text
    except BadInputError:
        return ""


def depth(exchange: Exchange) -> int:
    """How many book levels TqSdk's tick history delivers: 5 for SHFE, 1 for the others."""
    return 5 if exchange is Exchange.SHFE else 1


def delivery_month(contract: Symbol, near: date) -> date:
    """The first day of a contract's delivery month.

    CZCE writes the year's last digit only: the delivery month is the one nearest to `near`, a day on which the
    contract trades, or once did.
    """
    if not contract.digits:
        raise BadInputError(f"'{contract.text}' is no single contract", _REMEDY)
    year, month = int(contract.digits[:-2]), int(contract.digits[-2:])
    if contract.exchange is not Exchange.CZCE:
        return date(2000 + year if year < 90 else 1900 + year, month, 1)
    decade = near.year - near.year % 10
    candidates = (date(start + year, month, 1) for start in (decade - 10, decade, decade + 10))
    return min(candidates, key=lambda candidate: abs(candidate - near))


def contract_symbol(alias: Symbol, delivery: date) -> Symbol:
    """The contract of an alias's product that delivers in the month of `delivery`."""
    year = f"{delivery.year % 10}" if alias.exchange is Exchange.CZCE else f"{delivery.year % 100:02d}"
    suffix = "F" if alias.product.endswith(_AVERAGE) else ""
    return parse_symbol(f"{alias.exchange}.{alias.product.removesuffix(_AVERAGE)}{year}{delivery.month:02d}{suffix}")


def parse_main_contract(symbol: Symbol, text: str) -> Symbol | None:
    """The contract that a text names as the main one of an alias; None where it is none of the alias's product."""
    try:
        contract = parse_symbol(text)
    except BadInputError:
        return None
    return contract if contract.digits and contract.alias == symbol.alias else None


def _require_month(text: str, exchange: Exchange, digits: str) -> None:
    wanted = 3 if exchange is Exchange.CZCE else 4
    if len(digits) != wanted or not 1 <= int(digits[-2:]) <= 12:
        pattern = "year's last digit and month, as in 609" if wanted == 3 else "year and month, as in 2602"
        raise BadInputError(f"'{text}': {exchange} numbers a contract by the {pattern}", _REMEDY)


def _averaged(text: str, exchange: Exchange, product: str) -> str:
    if exchange is not Exchange.DCE or product not in _AVERAGED:
        raise BadInputError(f"'{text}': only DCE has monthly averages, of {', '.join(_AVERAGED)}", _REMEDY)
    return f"{product}{_AVERAGE}"
