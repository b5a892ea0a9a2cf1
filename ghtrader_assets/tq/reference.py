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
from datetime import date, datetime
from typing import Annotated, Any, Final, Optional, cast

import msgspec
import pandas as pd
import requests
from tqsdk import calendar

from ghtrader_assets.errors import BrokenDayError, FetchError
from ghtrader_assets.tq.login import LoggedIn

_ANY_DAY: Final = date(2024, 1, 2)
_MOST_CHANGES: Final = 20_000
"""As many as trading days in 80 years: a main contract changes once a month at most."""
_Span = Annotated[
    list[Annotated[str, msgspec.Meta(pattern=r"^\d\d:\d\d:\d\d$")]], msgspec.Meta(min_length=2, max_length=2)
]
LONGEST_NAME: Final = 40
"""So many letters of what the table calls a contract are kept."""


class _Terms(msgspec.Struct):
    """What an instrument can be: the form and the bounds of a `market_data.Instrument`."""

    price_tick: Annotated[float, msgspec.Meta(gt=0, le=1e6)]
    multiplier: Annotated[float, msgspec.Meta(ge=1, le=1e6, multiple_of=1)]
    trading_time: dict[str, Annotated[list[_Span], msgspec.Meta(max_length=12)]]
    expire_s: Optional[Annotated[float, msgspec.Meta(ge=0, le=1e11)]]  # noqa: UP045 - `|` knows no `Annotated`


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
    assert calendar.rest_days_df is not None  # noqa: S101 - narrows a type
    return msgspec.json.encode([day.date().isoformat() for day in calendar.rest_days_df["date"]])


def main_contracts(auth: LoggedIn, symbols: Sequence[str]) -> bytes:
    """The continuous table's changes of each symbol that it has: `{symbol: [["20260105", "SHFE.cu2602"], …]}`.

    tqsdk lays the table out on trading days and asks for the holiday list first. The changes are the same on any
    calendar: it is given one without holidays, so that a bad list does not cost the main contracts.
    """
    calendar.rest_days_df = pd.DataFrame({"date": pd.Series(dtype="datetime64[ns]")})
    try:
        table = calendar.TqContCalendar(_ANY_DAY, _ANY_DAY, symbols=[], headers=auth.headers).continuous
        known = [symbol for symbol in symbols if symbol in (table or {})]
        return msgspec.json.encode({symbol: _changes(cast("Mapping[str, Any]", table)[symbol]) for symbol in known})
    except requests.exceptions.JSONDecodeError:
        raise _no_table("answers no JSON (an error page?)") from None
    except requests.RequestException:
        raise
    except (AttributeError, LookupError, TypeError, ValueError):
        raise _no_table("has another form than changes by product: [YYYYMMDD, contract]") from None
    finally:
        calendar.rest_days_df = None


def _changes(changes: Sequence[tuple[object, object]]) -> list[tuple[date, str]]:
    """A product's changes. Raises `ValueError` or `TypeError` for other things, and for more than a product has."""
    if len(changes) > _MOST_CHANGES:
        raise ValueError
    return [(datetime.strptime(str(day)[:9], "%Y%m%d").date(), _name(name)) for day, name in changes]  # noqa: DTZ007


def _name(contract: object) -> str:
    """What the table calls a contract, in printable letters of bounded number, whatever it is; empty for none."""
    text = "" if contract is None else str(contract)
    return "".join(letter for letter in text[:LONGEST_NAME] if letter.isprintable())


def _no_holiday_list(what: str) -> FetchError:
    return _no_such("holiday list", "TQ_CHINESE_HOLIDAY_URL", what)


def _no_table(what: str) -> FetchError:
    return _no_such("table of main contracts", "TQ_CONT_TABLE_URL", what)


def _no_such(thing: str, variable: str, what: str) -> FetchError:
    place = os.environ.get(variable, "tqsdk's own address").rpartition("@")[2]  # no user, no password
    return BrokenDayError(f"the provider's {thing} at {place} {what}", f"check {variable}")


def instruments(quote: Callable[[str], Mapping[str, Any]], contracts: Sequence[str]) -> bytes:
    """Each contract as a `market_data.Instrument`. What tqsdk does not know is NaN, in JSON null."""
    return msgspec.json.encode({contract: _instrument(contract, quote(contract)) for contract in contracts})


def _instrument(contract: str, quote: Mapping[str, Any]) -> dict[str, Any]:
    hours = quote.get("trading_time") or {}  # of a type of tqsdk's, with other things than hours in it
    expires = quote["expire_datetime"]
    said = {
        "price_tick": quote["price_tick"],
        "multiplier": quote["volume_multiple"],
        "trading_time": {name: hours[name] for name in ("day", "night") if isinstance(hours.get(name), list)}
        if isinstance(hours, Mapping)
        else hours,
        "expire_s": None if expires != expires else expires,  # noqa: PLR0124 - NaN
    }
    try:
        terms = msgspec.convert(said, _Terms)
    except msgspec.ValidationError as error:
        raise BrokenDayError(f"what the provider says of {contract} can't be: {error}") from None
    return {"contract": contract, **msgspec.to_builtins(terms), "multiplier": int(terms.multiplier)}
