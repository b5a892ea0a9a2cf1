"""Reference data through tqsdk: holidays, main contracts, instruments, as JSON. Worker processes only.

Belongs here: asking tqsdk and nothing else. Does not belong here: the caller's side (`market_data`).
"""

# pyright: reportPrivateUsage=false
# tqsdk is pinned to the byte; what it knows but does not publish is read here and nowhere else.

# tqsdk has no types.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Any, Final

import msgspec
import pandas as pd
import requests
from tqsdk import calendar

from ghtrader_assets.errors import BrokenDayError, FetchError
from ghtrader_assets.tq.login import LoggedIn

_ANY_DAY: Final = date(2024, 1, 2)
LONGEST_NAME: Final = 40
"""So many letters of what the table calls a contract are kept."""


def holidays(auth: LoggedIn, _symbols: Sequence[str]) -> bytes:
    """The provider's list of days without trading other than weekends, as `YYYY-MM-DD`.

    Raises `BrokenDayError` for an answer that is no such list: tqsdk takes whatever comes for one, whatever its HTTP
    status, and falls over it.
    """
    try:
        calendar._init_chinese_rest_days(headers=auth.headers)
    except requests.exceptions.JSONDecodeError:
        raise _no_holiday_list("answers no JSON (an error page?)") from None
    except requests.RequestException:
        raise
    except (AttributeError, LookupError, TypeError, ValueError):
        raise _no_holiday_list("is empty or no list of days (YYYY-MM-DD)") from None
    assert calendar.rest_days_df is not None
    return msgspec.json.encode([day.date().isoformat() for day in calendar.rest_days_df["date"]])


def main_contracts(auth: LoggedIn, symbols: Sequence[str]) -> bytes:
    """The continuous table's changes of each symbol that it has: `{symbol: [["20260105", "SHFE.cu2602"], …]}`.

    tqsdk lays the table out on trading days and asks for the holiday list first. The changes are the same on any
    calendar: it is given one without holidays, so that a bad list does not cost the main contracts.
    """
    calendar.rest_days_df = pd.DataFrame({"date": pd.Series(dtype="datetime64[ns]")})
    try:
        table = calendar.TqContCalendar(_ANY_DAY, _ANY_DAY, symbols=[], headers=auth.headers).continuous
    finally:
        calendar.rest_days_df = None
    assert table is not None
    known = [symbol for symbol in symbols if symbol in table]
    return msgspec.json.encode({symbol: [[str(day), _name(name)] for day, name in table[symbol]] for symbol in known})


def _name(contract: object) -> str:
    """What the table calls a contract, in printable letters of bounded number, whatever it is; empty for none."""
    text = "" if contract is None else str(contract)
    return "".join(letter for letter in text[:LONGEST_NAME] if letter.isprintable())


def _no_holiday_list(what: str) -> FetchError:
    place = os.environ.get("TQ_CHINESE_HOLIDAY_URL", "tqsdk's own address").rpartition("@")[2]  # no user, no password
    return BrokenDayError(f"the provider's holiday list at {place} {what}", "check TQ_CHINESE_HOLIDAY_URL")


def instruments(quote: Callable[[str], Mapping[str, Any]], contracts: Sequence[str]) -> bytes:
    """Each contract as a `market_data.Instrument`. What tqsdk does not know is NaN, in JSON null."""
    return msgspec.json.encode({contract: _instrument(contract, quote(contract)) for contract in contracts})


def _instrument(contract: str, quote: Mapping[str, Any]) -> dict[str, Any]:
    hours = quote.get("trading_time") or {}  # of a type of tqsdk's, with other things than hours in it
    return {
        "contract": contract,
        "price_tick": quote["price_tick"],
        "multiplier": int(quote["volume_multiple"]),
        "trading_time": {session: spans for session, spans in hours.items() if isinstance(spans, list)},
        "expire_s": quote["expire_datetime"],
    }
