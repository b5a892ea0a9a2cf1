"""The tests' exchange is open at every hour: a run of the suite from 19:00 to 19:30 Beijing passes like any other.

Belongs here: accounts of the tests without the daily window of TqSdk's live service. Does not belong here: tests of
that window, which make a `Provider` of their own.
"""

from __future__ import annotations

from ghtrader_assets.context import load
from ghtrader_assets.tq.provider import Provider

OPEN_COMMAND = """
import sys
sys.path.insert(0, sys.argv.pop(1))
from ghtrader_assets.cli import main
from ghtrader_assets_tests.open_provider import stay_open
stay_open()
main(sys.argv[1:])
"""
"""`python -c` of it, with the folder of the tests before the words, is the command line whose provider is open."""


class OpenProvider(Provider):
    """An account of a server that never closes."""

    @property
    def keeps_maintenance_window(self) -> bool:
        return False


def stay_open() -> None:
    """From now on the accounts that this process takes from its settings are of a server that never closes."""
    load.Provider = OpenProvider  # type: ignore[misc]
