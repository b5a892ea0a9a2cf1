"""Whether the plain client gets what it asked for: ticks and bars that are new, not messages. Worker processes only.

Belongs here: counting what each answer brings, and what of it is too much or too little for one call of the client.
Does not belong here: the form of answers (`values`), reading a day (`client`), the lean reader's counting (`pages`).
"""

from __future__ import annotations

import time
from typing import Final

from ghtrader_assets.tq.bounds import BEYOND_TICKS, no_progress, oversized
from ghtrader_assets.tq.values import Answer, Patch

_PATIENCE: Final = 2
"""The client by itself waits 30 s for a message: it gets one and a half times that, and more."""


class Intake:
    """What has come since a call of the client began. `left_id` is where its last page was said to begin."""

    def __init__(self) -> None:
        self.left_id = -1
        self._most = 0
        self._rows = 0
        self._messages = 0
        self._progress_at = 0.0

    def begin(self, expected: int) -> None:
        """Count anew, for a call that brings so many rows at most."""
        self.left_id, self._rows, self._messages = -1, 0, 0
        self._most, self._progress_at = expected + BEYOND_TICKS, time.monotonic()

    def note(self, answer: Answer) -> None:
        """Count an answer. Raises `UnfitAnswerError` for more than the call can bring."""
        self._messages += 1
        before = self._rows
        for patch in answer.data or ():
            self._rows += _rows_of(patch)
            for chart in (patch.charts or {}).values():
                left_id = (chart or {}).get("left_id")
                self.left_id = left_id if isinstance(left_id, int) else self.left_id
        if self._rows > before:
            self._messages, self._progress_at = 0, time.monotonic()
        if self._rows > self._most > 0:
            raise oversized(f"{self._rows:,} ticks or bars came for one request")

    def require(self, patience_s: float) -> None:
        """Raise `BrokenDayError` if messages come, and for too long nothing of what was asked for in them."""
        waited_s = time.monotonic() - self._progress_at
        if self._messages > _PATIENCE and waited_s > _PATIENCE * patience_s:
            raise no_progress(waited_s)


def _rows_of(patch: Patch) -> int:
    """How many ticks and bars a patch brings."""
    ticks = sum(len(series.data or ()) for series in (patch.ticks or {}).values() if series is not None)
    durations = [by_duration or {} for by_duration in (patch.klines or {}).values()]
    bars = [series for by_duration in durations for series in by_duration.values() if series is not None]
    return ticks + sum(len(series.data or ()) for series in bars)
