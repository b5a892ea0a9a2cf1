"""Sessions that hold what another day's did: a day delivered twice, under two dates.

Belongs here: what names the content of a session whatever its date, and which contents the days before had.
Does not belong here: ticks delivered twice within a day (`quality.sequence`).

Lots and last prices name it, from the second tick on: the first one's lots hang on the session before. Sessions in
which few ticks trade may be alike by chance, and are not named.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from zlib import crc32

import numpy as np

from ghtrader_assets.validation.evidence import Evidence
from ghtrader_assets.validation.traded import Tape

NAMED_TRADES: Final = 50
CONTENT: Final = "content"
"""The family of the baseline's values that say whether a session held a content: `content/night/0123456789abcdef`."""


def contents_of(tape: Tape) -> dict[str, str]:
    """16 hex digits for the content of each session that has `NAMED_TRADES` ticks which traded."""
    found: dict[str, str] = {}
    for name in dict.fromkeys(window.session for window in tape.ticks.windows):
        lots, prices = tape.lots_in(name)[1:], tape.in_session(name, tape.ticks.numbers["last_price"])[1:]
        if np.count_nonzero(lots > 0) >= NAMED_TRADES:
            found[name] = f"{crc32(lots.tobytes()):08x}{crc32(prices.tobytes()):08x}"
    return found


def repeated_of(contents: Mapping[str, str], evidence: Evidence) -> tuple[str, ...]:
    """The sessions whose content is that of one of the days before, where there is a baseline."""
    if not evidence.baseline_days:
        return ()
    return tuple(name for name, content in contents.items() if evidence.baseline_value(f"{CONTENT}/{name}/{content}"))
