"""What all connections of one exchange process share: clock, model, faults, caches, the record of requests.

Belongs here: shared state and the one worker thread that makes ticks.
Does not belong here: any protocol.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from typing import Any, Final, TypeVar, TypeVarTuple

from ghtrader_assets.clock import Clock
from ghtrader_assets.exchange.faults import Faults
from ghtrader_assets.exchange.render import PageWriter
from ghtrader_assets.exchange.specs import Model
from ghtrader_assets.market.calendar import snapshot_calendar
from ghtrader_assets.market.schedule import last_completed_day, present_trading_day

MAX_REQUESTS: Final = 50_000
T = TypeVar("T")
Ts = TypeVarTuple("Ts")


class Market:
    """One exchange's state. Ticks are made in a single worker thread, so the event loop keeps its pace."""

    def __init__(self, model: Model, latency_s: float, cache_bytes: int, clock: Clock) -> None:
        self.model = model
        self.latency_s = latency_s
        self._clock = clock
        self.faults = Faults()
        self.writer = PageWriter(model.seed, cache_bytes)
        self.requests: deque[dict[str, Any]] = deque(maxlen=MAX_REQUESTS)
        self.log = logging.getLogger("ghtrader_assets.exchange")
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="ticks")
        self._asked = 0

    def last_served(self) -> date:
        """The last completed trading day by the clock: nothing after it is served."""
        return last_completed_day(snapshot_calendar(), self._clock.now_ns())

    def today(self) -> date:
        """The trading day of this moment, or the calendar's last one after its horizon."""
        return present_trading_day(snapshot_calendar(), self._clock.now_ns())

    def record(self, kind: str, **details: Any) -> None:
        """Note a request for the control endpoint."""
        self._asked += 1
        self.requests.append({"n": self._asked, "time": self._clock.now_s(), "kind": kind, **details})

    async def in_thread(self, work: Callable[[*Ts], T], *args: *Ts) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work, *args)

    def close(self) -> None:
        self._thread.shutdown(wait=False, cancel_futures=True)
