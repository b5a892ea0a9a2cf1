"""A stored day that is loaded again while the provider's answers have no measure stays as it was."""

from __future__ import annotations

import pytest

from ghtrader_assets_tests.fix_exchange import ExchangeControl
from ghtrader_assets_tests.fix_platform import CommandLine

SYMBOL = "KQ.m@SHFE.au"
SPAN = ("--from", "2026-03-25", "--to", "2026-03-25")


@pytest.mark.joint
def test_what_is_stored_stays_whatever_comes(shared: CommandLine, exchange: ExchangeControl) -> None:
    assert shared.run("backfill", SYMBOL, *SPAN).code == 0
    (before,) = shared.run("days", SYMBOL, *SPAN, "--json").document
    exchange.faults({"kind": "endless", "times": None})
    ran = shared.run("backfill", SYMBOL, *SPAN, "--force", "--json")
    assert ran.code == 1
    (failed,) = ran.document["failed"]
    assert "oversized: " in failed["reason"]
    exchange.reset()
    (after,) = shared.run("days", SYMBOL, *SPAN, "--json").document
    assert (after["rows"], after["digest"], after["coverage_state"]) == (
        before["rows"],
        before["digest"],
        before["coverage_state"],
    )
