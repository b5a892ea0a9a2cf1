"""Sessions that hold what another day's did: a day delivered twice, under two dates.

Belongs here: what names the content of a session whatever its date, and which contents the days before had.
Does not belong here: ticks delivered twice within a day (`quality.sequence`).

Lots and last prices name it, from the second tick on: the first one's lots hang on what was before. Each hour of a
session has a name of its own, so that a tick or two taken out, or changed, leave the others. Where few ticks trade they
may be alike by chance, and are not named.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Final
from zlib import crc32

import numpy as np

from ghtrader_assets.validation.evidence import Evidence
from ghtrader_assets.validation.intake import Floats
from ghtrader_assets.validation.traded import Tape

NAMED_TRADES: Final = 50
HOUR_S: Final = 3600
CONTENT: Final = "content"
"""The family of the baseline's values that say whether a session held one of these contents, names of 16 hex digits:
`content/night/0123456789abcdef.fedcba9876543210`."""
BETWEEN: Final = "."


def contents_of(tape: Tape) -> dict[str, str]:
    """The names of each session's contents, of all of it and of its hours, that have `NAMED_TRADES` trading ticks."""
    found: dict[str, str] = {}
    hours = (tape.ticks.seconds // HOUR_S).astype(np.float64)
    for session in dict.fromkeys(window.session for window in tape.ticks.windows):
        lots, prices = tape.lots_in(session), tape.in_session(session, tape.ticks.numbers["last_price"])
        edges = np.flatnonzero(np.diff(tape.in_session(session, hours))) + 1
        parts = [slice(1, len(lots))]
        parts += (
            [slice(int(begin) + 1, int(end)) for begin, end in pairwise((0, *edges, len(lots)))] if len(edges) else []
        )
        names = [_named(lots[part], prices[part]) for part in parts]
        if any(names):
            found[session] = BETWEEN.join(name for name in names if name)
    return found


def repeated_of(contents: Mapping[str, str], evidence: Evidence) -> tuple[str, ...]:
    """The sessions of whose contents one is that of a day before, where there is a baseline."""
    if not evidence.baseline_days:
        return ()
    return tuple(name for name, content in contents.items() if evidence.baseline_value(f"{CONTENT}/{name}/{content}"))


def _named(lots: Floats, prices: Floats) -> str:
    if np.count_nonzero(lots > 0) < NAMED_TRADES:
        return ""
    return f"{crc32(lots.tobytes()):08x}{crc32(prices.tobytes()):08x}"
