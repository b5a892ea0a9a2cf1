"""A platform of one thin symbol: a day of it has a few hundred ticks, and costs what a run and the daemon cost.

Belongs here: that platform, for the long backfill and the example. Does not belong here: the platform that rooms share
(`fix_platform`).
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ghtrader_assets.market.symbols import parse_symbol
from ghtrader_assets_tests.fix_platform import ROOT, RunningPlatform, started_platform

THIN = parse_symbol("KQ.m@CZCE.CY")
"""Of the exchange's model 2. Its days without a baseline are in doubt."""
THIN_GROUP = "thin platform"


@pytest.fixture(scope="session")
def thin_platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningPlatform]:
    """With the example's code location beside ours."""
    settings = {
        "GHTRADER_SYMBOLS": THIN.text,
        "GHTRADER_INGEST_WORKERS": "2",
        "GHTRADER_FAST_HISTORY": "on",
        "GHTRADER_WORKSPACE": str(ROOT / "examples" / "daily_bars" / "workspace.yaml"),
        "DAILY_BARS_SYMBOL": THIN.text,
    }
    with started_platform(tmp_path_factory.mktemp("thin-platform"), **settings) as running:
        yield running
