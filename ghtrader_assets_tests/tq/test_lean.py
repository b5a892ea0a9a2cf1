"""The lean reader's connection by itself, in a process that is held up."""

from __future__ import annotations

import subprocess
from collections.abc import Callable

from ghtrader_assets_tests.tq.conftest import CANARY, Exchange

HELD_UP = f"""
import time
from datetime import date
from pathlib import Path

import psutil

from ghtrader_assets.clock import SYSTEM_CLOCK
from ghtrader_assets.errors import MaintenanceError
from ghtrader_assets.market.calendar import snapshot_calendar
from ghtrader_assets.tq.lean import LeanConnection
from ghtrader_assets.tq.login import log_in
from ghtrader_assets.tq.pace import Pace
from ghtrader_assets.tq.timing import Timing
from ghtrader_assets.tq.wire import ReadDay, Setup


def established():
    return sum(each.status == "ESTABLISHED" for each in psutil.Process().net_connections())


class HeldUp(Pace):
    asked = 0

    def reserve(self) -> float:
        self.asked += 1
        if self.asked == 1:
            self.before = established()
        while self.asked == 2 and established() >= self.before:
            time.sleep(0.1)
        return super().reserve()


timing = Timing()
auth = log_in(Setup("trader", "{CANARY}", "key", ".", ".", False, timing))
connection = LeanConnection(auth, auth.market_data_url(), HeldUp(Path("."), "key", "pages", 50, SYSTEM_CLOCK), timing)
connection.open()
window = snapshot_calendar().window(date(2025, 4, 21))
try:
    connection.read(ReadDay("SHFE.au2604", "SHFE.au2604", window, 5, "lean"))
except MaintenanceError as error:
    print("maintenance:", error)
"""


def test_what_was_said_before_the_connection_was_reset_counts(
    exchange: Exchange, run_client: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    """The process is held up between two requests; the second finds a connection that was reset long ago, and the
    announcement unread. Seen on a busy machine: the day was asked for again in the maintenance."""
    exchange.fault("maintenance", symbol="SHFE.au2604")
    ran = run_client(exchange, HELD_UP)
    assert ran.stdout.startswith("maintenance:"), ran.stderr
