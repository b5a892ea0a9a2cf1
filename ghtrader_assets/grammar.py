"""Grammars of what is typed or sent: a day, a manifest's id; and how much of a text that is refused is said again.

Belongs here: forms that several rooms read, each in one place. Does not belong here: symbols (`market.symbols`), and
whether what is named exists.
"""

from __future__ import annotations

import re
from datetime import date
from typing import Final

from ghtrader_assets.errors import BadInputError

FIRST_DAY: Final = date(1990, 1, 1)
LAST_DAY: Final = date(2099, 12, 31)
"""No Chinese future traded before; and arithmetic with days has room on both sides."""
DAY_FORM: Final = "write it as YYYY-MM-DD"
ID_FORM: Final = "`manifests --covering DAY` lists them"

_DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_MANIFEST_ID: Final = re.compile(r"\d{8}T\d{6}-[0-9a-f]{8}|agg-[0-9a-f]{32}", re.ASCII)
_SHOWN: Final = 80


def quoted(text: object) -> str:
    """A text from outside as one line of a message may hold it: quoted, without control characters, not too long."""
    whole = str(text)
    return repr(whole) if len(whole) <= _SHOWN else f"{whole[:_SHOWN]!r}… ({len(whole):,} characters)"


def day_of(text: object, where: str = "") -> date:
    """The day that a text names as YYYY-MM-DD, and in no other form. Raises `BadInputError`; `where` it stands."""
    told = f"{where} {quoted(text)}".strip()
    if not isinstance(text, str) or _DAY.fullmatch(text) is None:
        raise BadInputError(f"{told} is no date", DAY_FORM)
    try:
        return bounded_day(date.fromisoformat(text), where)
    except ValueError:
        raise BadInputError(f"{told} is no date", DAY_FORM) from None


def bounded_day(day: date, where: str = "") -> date:
    """The day, unless no calendar could hold it. Raises `BadInputError`."""
    if not FIRST_DAY <= day <= LAST_DAY:
        raise BadInputError(f"{where} {day} is no day of a market".strip(), f"name one from {FIRST_DAY} to {LAST_DAY}")
    return day


def manifest_id_of(text: object) -> str:
    """The text, if it is a manifest's id: that of a load, or of an aggregated one. Raises `BadInputError`."""
    if not isinstance(text, str) or _MANIFEST_ID.fullmatch(text) is None:
        raise BadInputError(f"{quoted(text)} is no manifest's id", ID_FORM)
    return text
