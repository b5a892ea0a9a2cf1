"""How values get into statements.

Belongs here: lists of bound values, and the only functions that put a value into SQL text, for statements that know no
bound parameters. Everything else binds.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from ghtrader_assets.errors import BadInputError

_HARMLESS: Final = re.compile(r"[A-Za-z0-9@._-]{1,64}")


def literal(text: str) -> str:
    """A symbol as an SQL literal. Raises `BadInputError` for anything outside the characters of symbols."""
    if _HARMLESS.fullmatch(text) is None:
        raise BadInputError(f"{text[:80]!r} is not a symbol", "write it as TqSdk does, such as KQ.m@SHFE.cu")
    return f"'{text}'"


def instant_literal(at: datetime) -> str:
    """A UTC datetime as an SQL literal."""
    return f"'{at:%Y-%m-%dT%H:%M:%S.%f}Z'"


def bound_list(values: Sequence[str]) -> tuple[str, list[str]]:
    """Places and values of a bound list, filled up with the last value to 1, 2, 4, 8, … places.

    So that questions about any number of symbols are few statements, and stay prepared.
    """
    if not values:
        return "", []
    places = 1 << (len(values) - 1).bit_length()
    return ", ".join(["%s"] * places), [*values, *([values[-1]] * (places - len(values)))]
