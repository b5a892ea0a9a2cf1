"""What model 2 of the exchange has and model 1 has not reaches the store's side whole, through both readers."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from pydantic import SecretStr

from ghtrader_assets.clock import SYSTEM_CLOCK
from ghtrader_assets.errors import IngestState
from ghtrader_assets.market.ticks import tick_frame
from ghtrader_assets.tq.fetch import Reader
from ghtrader_assets.tq.pool import FetchPool
from ghtrader_assets.tq.provider import Provider
from ghtrader_assets_tests.fix_exchange import started_exchange
from ghtrader_assets_tests.tq.conftest import QUICK, assert_same, request_of
from ghtrader_assets_tests.true_ticks import MODEL_2, ticks_of

pytestmark = [pytest.mark.joint, pytest.mark.usefixtures("tqsdk_once")]

DAYS = [
    ("SHFE.wr2605", date(2026, 1, 6)),  # ten ticks
    ("SHFE.wr2605", date(2026, 5, 15)),  # its last day
    ("DCE.rr2605", date(2026, 1, 6)),  # ten ticks a session
    ("CZCE.CY605", date(2026, 1, 12)),  # a tick a minute, Friday's night session
    ("CFFEX.T2603", date(2026, 3, 13)),  # its last day, a half day
    ("SHFE.au2404", date(2024, 2, 5)),  # limit up: no asks
    ("SHFE.cu2208", date(2022, 6, 24)),  # limit down: no bids
    ("SHFE.cu2103", date(2021, 1, 27)),  # a halt
]


@pytest.mark.parametrize(("mode", "reader"), [("off", "tqsdk"), ("on", "lean")])
def test_days_of_model_2_arrive_as_served(mode: str, reader: Reader, tmp_path: Path) -> None:
    with started_exchange(tmp_path / "exchange", model=2) as control:
        provider = Provider("quant", SecretStr("quant"), control.environment, "embedded")
        with FetchPool(provider, 1, tmp_path, SYSTEM_CLOCK, fast_history=mode, timing=QUICK) as pool:
            fetched = list(pool.fetch([request_of(contract, day) for contract, day in DAYS]))
    assert {(item.request.contract, item.request.window.trading_day) for item in fetched} == set(DAYS)
    for item in fetched:
        contract, day = item.request.contract, item.request.window.trading_day
        assert (item.state, item.reason) == (IngestState.COMPLETE, ""), (contract, day)
        assert_same(item.frame, tick_frame(ticks_of(contract, day, MODEL_2)))
    assert reader in {item.stats.reader for item in fetched}
