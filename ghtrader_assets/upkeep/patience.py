"""Waiting until the provider is back from maintenance, for a command that loads in its own process.

Belongs here: how long to wait, the budget, the days to ask for again. Does not belong here: runs under Dagster, whose
days end as `maintenance` and are requested again by the repair sensor; the circuit breaker (`tq.breaker`).
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import Final

from ghtrader_assets.context.load import LoadContext
from ghtrader_assets.tq.breaker import Breaker

JITTER_S: Final = 60.0
"""Commands that waited for the same moment do not all begin at once."""
STEP_S: Final = 1.0


class Patience:
    """The budget of one command, `GHTRADER_MAINTENANCE_WAIT_S` seconds in all."""

    def __init__(self, context: LoadContext, sleep: Callable[[float], None] = time.sleep) -> None:
        self._breaker = Breaker(context.settings.home, context.provider, context.timing, context.clock)
        self._left_s = context.settings.maintenance_wait_s
        self._sleep = sleep

    def wait(self, show: Callable[[float], None]) -> bool:
        """Wait until the provider may be asked again, telling `show` the seconds left; False if the budget is short."""
        seconds = self._breaker.reopens_in() + random.uniform(0.0, JITTER_S)  # noqa: S311 - spreads waits, keeps no secret
        if seconds > self._left_s:
            return False
        self._left_s -= seconds
        while seconds > 0:
            show(seconds)
            self._sleep(min(STEP_S, seconds))
            seconds -= STEP_S
        return True
