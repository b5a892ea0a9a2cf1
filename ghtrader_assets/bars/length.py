"""How long a bar is: a time of the clock, a trading day or week, or a number of ticks, lots or CNY.

Belongs here: the texts and what they mean. Does not belong here: what is done with it (`grid`, `longer`, `ticks`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Literal, cast, get_args

from ghtrader_assets.errors import BadInputError
from ghtrader_assets.market.clock import MINUTE_S

HOUR_S: Final = 3600
Unit = Literal["seconds", "days", "weeks", "tick", "volume", "amount"]
Label = Literal["left", "right"]
"""Which end of a bar names it."""
Align = Literal["clock", "session"]
"""Where bars of the clock begin: at full multiples of their length on the clock, or counted from the session's opening
through its trading time, its breaks skipped."""

_TIMES: Final = {"s": 1, "m": MINUTE_S, "h": HOUR_S}
_TIME: Final = re.compile(r"([1-9][0-9]{0,3})([smh])")
_COUNT: Final = re.compile(r"(tick|volume|amount):([1-9][0-9]{0,14})")
_REMEDY: Final = "write 1s to 1h (a length that divides the hour), 1d, 1w, tick:N, volume:N or amount:N"


@dataclass(frozen=True, slots=True)
class BarLength:
    """The length of a bar: `size` of `unit`."""

    unit: Unit
    size: int

    @property
    def is_of_minutes(self) -> bool:
        """Whether such bars are made of 1-minute bars; others need the ticks."""
        return self.unit in ("days", "weeks") or (self.unit == "seconds" and self.size % MINUTE_S == 0)


def bar_length(text: str) -> BarLength:
    """The length that a text names: `1s` to `1h`, `1d`, `1w`, `tick:N`, `volume:N`, `amount:N`.

    A time divides the hour, so that bars begin at the same minutes of each. Raises `BadInputError` for another text.
    """
    text = str(text)
    if text in ("1d", "1w"):
        return BarLength("days" if text == "1d" else "weeks", 1)
    if time := _TIME.fullmatch(text):
        seconds = int(time[1]) * _TIMES[time[2]]
        if seconds <= HOUR_S and HOUR_S % seconds == 0:
            return BarLength("seconds", seconds)
    if count := _COUNT.fullmatch(text):
        return BarLength(cast("Unit", count[1]), int(count[2]))
    raise BadInputError(f"there are no bars of {text[:80]!r}", _REMEDY)


def require_alignment(length: BarLength, label: str, align: str) -> None:
    """Raises `BadInputError` for a label or an alignment that is none, or that bars of this length don't have."""
    if label not in get_args(Label):
        raise BadInputError(f"there is no label={str(label)[:80]!r}", f"choose one of {', '.join(get_args(Label))}")
    if align not in get_args(Align):
        raise BadInputError(f"there is no align={str(align)[:80]!r}", f"choose one of {', '.join(get_args(Align))}")
    if align == "session" and length.unit != "seconds":
        raise BadInputError('align="session" is for bars of 1s to 1h', "leave it out")
