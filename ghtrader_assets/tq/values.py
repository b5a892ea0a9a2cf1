"""What may stand in an answer with ticks or bars: the protocol's form, and a number wherever a field is a number.

Belongs here: what can't be read, named by tick, before the client's merge makes 0 or NaN of it.
Does not belong here: parsing into columns (`pages`), and what follows for a day (`wholeness`).

A number that the provider does not have is left out, null, or, for a price or an amount, the text "-". Any other
text, "-" for a whole number, a list or a truth value is no number.
"""

# tqsdk has no types.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal, Optional, Union

import msgspec
from tqsdk.objs import Tick

from ghtrader_assets.errors import BrokenDayError
from ghtrader_assets.market.ticks import NUMERIC_COLUMNS
from ghtrader_assets.redaction import redacted_head

DEFAULTS: Final[Mapping[str, float]] = {
    name: float(value) for name, value in Tick(None).items() if name in NUMERIC_COLUMNS
}
"""What the client has for a number that the server leaves out: 0 for some, NaN for others."""

_YEAR_NS: Final = 365 * 86_400 * 10**9
Stamp = Annotated[int, msgspec.Meta(ge=20 * _YEAR_NS, lt=130 * _YEAR_NS)]
"""Epoch nanoseconds between 1990 and 2100: seconds, microseconds and what int64 can't hold are no stamps."""

LARGEST: Final = 1e15
Number = Annotated[float, msgspec.Meta(ge=-LARGEST, le=LARGEST)]
"""A number that a market can have: a float64 holds it to a tenth, a LONG without loss. No infinity is one."""

_WHOLE_NUMBER: Final[Any] = Optional[Number]  # noqa: UP045 - `|` knows no `Annotated` before Python 3.12
_NUMBER: Final[Any] = Union[Number, Literal["-"], None]  # noqa: UP007 - likewise
_WHOLE: Final = frozenset(name for name, value in Tick(None).items() if isinstance(value, int))
_FIELDS: Final[Mapping[str, Any]] = {
    "datetime": Stamp,
    **{name: _WHOLE_NUMBER if name in _WHOLE else _NUMBER for name in NUMERIC_COLUMNS},
}
_TICK: Final = msgspec.defstruct(
    "Tick", [(name, kind | msgspec.UnsetType, msgspec.UNSET) for name, kind in _FIELDS.items()]
)
_MAX_SHOWN: Final = 40
_LOOKED_AT: Final = 2000


class _Bar(msgspec.Struct):
    datetime: Stamp | None = None
    open: float | Literal["-"] | None = None
    high: float | Literal["-"] | None = None
    low: float | Literal["-"] | None = None
    close: float | Literal["-"] | None = None
    volume: float | None = None


class _Series(msgspec.Struct):
    data: dict[int, dict[str, Any] | None] | None = None
    last_id: int | None = None


class _Bars(msgspec.Struct):
    data: dict[int, _Bar | None] | None = None
    last_id: int | None = None


class Patch(msgspec.Struct):
    """One patch of an answer."""

    ticks: dict[str, _Series | None] | None = None
    klines: dict[str, dict[str, _Bars | None] | None] | None = None
    charts: dict[str, dict[str, Any] | None] | None = None
    notify: dict[str, dict[str, Any] | None] | None = None


class Answer(msgspec.Struct):
    """An answer of the market data server, so far as its form is known."""

    data: list[Patch] | None = None


def form_of(answer: Any) -> Answer:
    """A decoded answer in its form. Raises `BrokenDayError` if it has not the protocol's."""
    try:
        return msgspec.convert(answer, Answer, str_keys=True)
    except msgspec.ValidationError as error:
        raise BrokenDayError(f"an answer has not the protocol's form: {error}") from None


class UnreadableTicks:
    """The ticks that came with something that can't be read, of all answers on a session."""

    def __init__(self) -> None:
        self._reasons: dict[str, dict[int, str]] = {}

    def sift(self, answer: Any) -> Answer:
        """Take out of a decoded answer what can't be read in its ticks, and remember which ticks they were.

        Returns the answer's form, as it came.

        Raises `BrokenDayError` if the answer has not the protocol's form.
        """
        form = form_of(answer)
        for patch in answer.get("data") or ():
            for contract, series in (patch.get("ticks") or {}).items():
                for tick_id, tick in ((series or {}).get("data") or {}).items():
                    self._sift_tick(contract, int(tick_id), tick)
        return form

    def _sift_tick(self, contract: str, tick_id: int, tick: dict[str, Any] | None) -> None:
        if tick is None or _reads(tick, _TICK):
            return
        for name in [name for name, kind in _FIELDS.items() if name in tick and not _reads(tick[name], kind)]:
            value = redacted_head(json.dumps(tick.pop(name)), _LOOKED_AT)[:_MAX_SHOWN]
            due = "time" if name == "datetime" else "number"
            reason = f"the {name} of tick {tick_id} is no {due}: {value}"
            self._reasons.setdefault(contract, {}).setdefault(tick_id, reason)

    def among(self, contract: str, first: int, end: int) -> str:
        """What is wrong with the first unreadable tick of ids `[first, end)`, and how many there are; else empty."""
        reasons = self._reasons.get(contract, {})
        found = sorted(tick_id for tick_id in reasons if first <= tick_id < end)
        if not found:
            return ""
        return reasons[found[0]] + (f" (first of {len(found)} such ticks)" if len(found) > 1 else "")


def _reads(value: object, kind: Any) -> bool:
    if isinstance(value, float) and math.isnan(value):  # no number is written as NaN, too
        return kind is not Stamp
    try:
        msgspec.convert(value, kind)
    except msgspec.ValidationError:
        return False
    return True
