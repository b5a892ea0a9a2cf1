"""The session table: which hours a product has had since which trading day, and who says so.

Belongs here: the effective-dated rows and the one that holds on a day.
Does not belong here: single days that differed (`session_events`) and instants (`sessions`).
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import Literal

import msgspec

from ghtrader_assets.market.data_files import Hours, hours, is_verified, rows
from ghtrader_assets.market.symbols import Exchange, Symbol

TableSession = Literal["day", "night", "last_day"]
"""'last_day' replaces 'day' on the last trading day of the contract."""

_ANY = "*"


@dataclass(frozen=True, slots=True)
class SessionRow:
    """The hours of a product's session from trading day `first_day` until the next row; product '*' is any other.

    `verified`: the source is a document that was opened.
    """

    exchange: Exchange
    product: str
    session: TableSession
    first_day: date
    hours: Hours
    source: str
    verified: bool


@cache
def session_rows() -> tuple[SessionRow, ...]:
    """The whole table, a row for each exchange, product and change, by day."""
    table = [
        msgspec.convert(_cells(row, exchange, product), SessionRow)
        for row in rows("sessions.csv")
        for exchange in row["exchange"].split()
        for product in row["products"].split()
    ]
    return tuple(sorted(table, key=lambda row: row.first_day))


def _cells(row: dict[str, str], exchange: str, product: str) -> dict[str, object]:
    own = {"exchange": exchange, "product": product, "hours": hours(row["hours"])}
    return {**row, **own, "verified": is_verified(row)}


def product_rows(symbol: Symbol) -> list[SessionRow]:
    """The rows that apply to a symbol's product at any time, by session and day."""
    sessions: tuple[TableSession, ...] = ("night", "day", "last_day")
    return [row for session in sessions for row in _eras(symbol.exchange, symbol.product, session)]


def row_on(symbol: Symbol, session: TableSession, day: date) -> SessionRow | None:
    """The row that holds for a session of the symbol's product on a trading day; None where it has no such session."""
    eras = _eras(symbol.exchange, symbol.product, session)
    index = bisect_right(eras, day, key=lambda row: row.first_day)
    return eras[index - 1] if index else None


@cache
def _eras(exchange: Exchange, product: str, session: TableSession) -> tuple[SessionRow, ...]:
    candidates = [row for row in session_rows() if row.exchange == exchange and row.session == session]
    own = tuple(row for row in candidates if row.product == product)
    return own or tuple(row for row in candidates if row.product == _ANY)
