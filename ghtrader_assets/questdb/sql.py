"""Values inside statements that know no bound parameters.

Belongs here: the only function that puts a value into SQL text. Everything else binds.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Final

from ghtrader_assets.errors import BadInputError

_HARMLESS: Final = re.compile(r"[A-Za-z0-9@._-]{1,64}")


def literal(text: str) -> str:
    """A symbol as an SQL literal. Raises `BadInputError` for anything outside the characters of symbols."""
    if _HARMLESS.fullmatch(text) is None:
        raise BadInputError(f"{text[:80]!r} is not a symbol", "write it as TqSdk does, such as KQ.m@SHFE.cu")
    return f"'{text}'"


def instant(epoch_ns: int) -> datetime:
    """Epoch nanoseconds as the UTC datetime that bounds a `ts` range, cut to microseconds."""
    seconds, nanos = divmod(epoch_ns, 1_000_000_000)
    return datetime.fromtimestamp(seconds, tz=UTC).replace(microsecond=nanos // 1000)


def instant_literal(epoch_ns: int) -> str:
    """The same as an SQL literal."""
    return f"'{instant(epoch_ns):%Y-%m-%dT%H:%M:%S.%f}Z'"
