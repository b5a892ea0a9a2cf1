"""How much of an answer is taken in, and what an answer beyond it is called.

Belongs here: the figures, each with why it is so much; counting against them; the errors that name what is beyond.
Does not belong here: waits (`timing`), what can't be read in a tick (`values`), what follows for a day (`attempts`).

Nothing that the provider says sizes anything before it was held against these.
"""

from __future__ import annotations

from typing import Final

from ghtrader_assets.errors import AnswerFault, BrokenDayError, UnfitAnswerError

MEGABYTE: Final = 1 << 20
MESSAGE_BYTES: Final = 64 * MEGABYTE
"""The longest websocket message, expanded: ten times a page of 10,000 ticks with five levels."""
DAY_TICKS: Final = 200_000
"""The ticks that one trading day of a contract may have: six a second in the longest sessions (9.25 h). Exchanges send
two, and four at most."""
TICK_BYTES: Final = 2048
"""The bytes of a page for each of its ticks: over three times what five levels take."""
BEYOND_TICKS: Final = 20_000
"""So many ticks may come beyond what was asked for: two of the widest pages, as of a server that repeats itself."""
BODY_BYTES: Final = 16 * MEGABYTE
"""The longest answer over HTTP, expanded: tables of main contracts take one, the others less."""
WORKER_BYTES: Final = 2048 * MEGABYTE
"""What a worker may take of memory on top of what it was born with: twice what the longest days take."""


class Allowance:
    """What one reader may still be sent: bytes and ticks, by what it asked for."""

    def __init__(self) -> None:
        self._ticks = BEYOND_TICKS
        self._bytes = 0

    def expect(self, ticks: int) -> None:
        """So many more ticks were asked for."""
        self._ticks += ticks

    def take(self, size: int) -> None:
        """Count an answer of this many bytes, before anything is made of it. Raises `UnfitAnswerError`."""
        self._bytes += size
        if self._bytes > self._ticks * TICK_BYTES:
            raise oversized(f"{self._bytes:,} bytes came for {self._ticks - BEYOND_TICKS:,} ticks that were asked for")

    def hold(self, ticks: int) -> None:
        """Take note of how many different ticks have come. Raises `UnfitAnswerError`."""
        if ticks > self._ticks:
            raise oversized(f"{ticks:,} ticks came, {self._ticks - BEYOND_TICKS:,} were asked for")


def oversized(what: str) -> UnfitAnswerError:
    return UnfitAnswerError(f"{AnswerFault.OVERSIZED}: {what}")


def oversized_message() -> UnfitAnswerError:
    return oversized(f"a message is longer than {MESSAGE_BYTES:,} bytes")


def too_deep() -> UnfitAnswerError:
    return UnfitAnswerError(f"{AnswerFault.TOO_DEEP}: the answer is nested deeper than any answer of the protocol")


def out_of_memory() -> UnfitAnswerError:
    return UnfitAnswerError(f"{AnswerFault.WORKER_MEMORY}: the answer takes more memory than a worker may have")


def implausible(what: str) -> UnfitAnswerError:
    return UnfitAnswerError(f"{AnswerFault.IMPLAUSIBLE}: {what}")


def no_progress(seconds: float) -> BrokenDayError:
    return BrokenDayError(f"{AnswerFault.NO_PROGRESS}: messages came for {seconds:g} s, and nothing of what was asked")


def not_json(what: str) -> BrokenDayError:
    return BrokenDayError(f"{AnswerFault.NOT_JSON}: {what}")
