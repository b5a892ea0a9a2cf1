"""What a load needs, opened once and handed down.

Belongs here: the record itself. Does not belong here: finding the services (`services.connect`).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from ghtrader_assets.market.calendar import TradingCalendar
from ghtrader_assets.market.session_events import SessionEvent
from ghtrader_assets.questdb.connection import Database
from ghtrader_assets.settings import Settings
from ghtrader_assets.tq.provider import Provider
from ghtrader_assets.tq.timing import Timing


class Shelf(Protocol):
    """What looking at the store needs: settings, calendar and database, and nobody who delivers ticks."""

    @property
    def settings(self) -> Settings: ...

    @property
    def calendar(self) -> TradingCalendar: ...

    @property
    def database(self) -> Database: ...


@dataclass(frozen=True, slots=True)
class Platform:
    """Settings, calendar, store and tick provider of one process, and the operator's own session events.

    `now_ns` tells the instant (epoch nanoseconds) by which trading days count as complete.
    """

    settings: Settings
    calendar: TradingCalendar
    database: Database
    provider: Provider
    operator_events: tuple[SessionEvent, ...] = ()
    now_ns: Callable[[], int] = time.time_ns

    @property
    def timing(self) -> Timing:
        return timing_of(self.settings)


def timing_of(settings: Settings) -> Timing:
    """Waits and limits of fetching, with the account's rates from the settings."""
    return Timing(sessions_per_minute=settings.sessions_per_minute, pages_per_s=settings.pages_per_second)


def utc_now() -> datetime:
    return datetime.now(tz=UTC)


def utc_now_ns() -> int:
    """This instant, epoch nanoseconds."""
    return time.time_ns()
