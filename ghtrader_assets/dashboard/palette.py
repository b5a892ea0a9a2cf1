"""How states look: a colour that colour-blind eyes tell apart, a mark for those who see no colour, and a word.

Belongs here: one look a state. Does not belong here: what a state means (`validation.states`, `errors`).

Colours are Okabe and Ito's (jfly.uni-koeln.de/color, 2008); all that is not good carries a mark as well.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from ghtrader_assets.errors import IngestState
from ghtrader_assets.questdb.standing.derivation import UNJUDGED
from ghtrader_assets.upkeep.causes import Cause
from ghtrader_assets.validation.verdicts import State

BLUE: Final = "#0072B2"
SKY: Final = "#56B4E9"
GREEN: Final = "#009E73"
YELLOW: Final = "#F0E442"
ORANGE: Final = "#E69F00"
VERMILION: Final = "#D55E00"
PURPLE: Final = "#CC79A7"
INK: Final = "#1b2430"
GREY: Final = "#8a94a3"

Mark = Literal["none", "dot", "half", "cross", "bar", "ring", "post"]


@dataclass(frozen=True, slots=True)
class Look:
    """How a state is shown. `code` is its letter in the heatmap's data, `glyph` its sign next to text."""

    state: str
    code: str
    word: str
    colour: str
    mark: Mark
    glyph: str
    says: str


NOT_LOADED: Final = "not loaded"
ACCEPTED: Final = "accepted"
NOT_BEGUN: Final = "not begun"

LOOKS: Final[tuple[Look, ...]] = (
    Look(State.OK, "o", "ok", GREEN, "none", "●", "stored, read back and judged: nothing to do"),
    Look(State.WARN, "w", "warn", YELLOW, "dot", "◦", "complete; some figure is unusual"),
    Look(State.PARTIAL, "p", "partial", ORANGE, "half", "◐", "a session has no tick at all"),
    Look(State.ERROR, "e", "error", VERMILION, "cross", "✕", "stored, and the policy does not allow it"),
    Look(UNJUDGED, "u", "unjudged", SKY, "ring", "○", "stored and not judged yet"),
    Look(
        NOT_LOADED,
        "f",
        "not loaded",
        PURPLE,
        "bar",
        "▬",
        "nothing is stored: the last load failed, or has not ended; see the day",
    ),
    Look(ACCEPTED, "a", "accepted", BLUE, "post", "◆", "bad, and closed by an operator; see the day"),
    Look(IngestState.MISSING, "m", "missing", "#ffffff", "ring", "□", "expected and never loaded"),
    Look(
        NOT_BEGUN,
        "b",
        "not begun",
        "#f4f6f9",
        "none",
        "–",
        "no part of the history that was begun; `ghtrader-assets backfill` begins it or carries it on",
    ),
    Look(
        IngestState.NOT_LISTED,
        "n",
        "not listed",
        "#e4e8ee",
        "none",
        "·",
        "before the symbol's start or first day, or after its last",
    ),
)
_LOOK_OF: Final = {look.state: look for look in LOOKS}
_BY_STATE: Final = {
    **_LOOK_OF,
    IngestState.COMPLETE: _LOOK_OF[State.OK],
    IngestState.EXPIRED: _LOOK_OF[IngestState.NOT_LISTED],
    Cause.STALE: _LOOK_OF[UNJUDGED],
}
CODES: Final = {look.code: look for look in LOOKS}


def look_of(state: str) -> Look:
    """The look of a state; every way in which a load ended without ticks looks alike."""
    return _BY_STATE.get(state) or _BY_STATE[NOT_LOADED]
