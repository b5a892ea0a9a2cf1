"""Both readers against the real exchange: what arrives is what was served, bit for bit."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import pytest

from ghtrader_assets.clock import SYSTEM_CLOCK
from ghtrader_assets.errors import IngestState
from ghtrader_assets.exchange.contracts import contract_named
from ghtrader_assets.exchange.daily import DEFAULT_SEED, life_of
from ghtrader_assets.tq.fetch import Reader
from ghtrader_assets.tq.pool import FetchPool
from ghtrader_assets_tests.tq.conftest import QUICK, Exchange, assert_same, request_of, served

Pools = dict[Reader, FetchPool]

DAYS = [
    ("SHFE.cu2603", date(2026, 1, 6)),  # five levels, several pages
    ("SHFE.au2604", date(2025, 5, 6)),  # no night session after a holiday
    ("CZCE.SR605", date(2025, 6, 3)),  # two ticks in one second
    ("CZCE.SR605", date(2025, 5, 26)),  # Monday with Friday's night session
    ("CFFEX.IF2602", date(2025, 12, 29)),  # one level, no night session
    ("INE.sc2603", date(2025, 3, 10)),  # one level, night until 02:30
    ("DCE.m2605", date(2025, 5, 23)),
    ("GFEX.lc2603", date(2025, 3, 19)),
]


@pytest.fixture(scope="module")
def pools(exchange_process: Exchange, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pools]:
    """A pool that reads with tqsdk alone and one that reads with the lean reader where it can."""
    provider, home = exchange_process.provider(), tmp_path_factory.mktemp("home")
    with (
        FetchPool(provider, 1, home, SYSTEM_CLOCK, fast_history="off", timing=QUICK) as plain,
        FetchPool(provider, 1, home, SYSTEM_CLOCK, fast_history="on", timing=QUICK) as lean,
    ):
        yield {"tqsdk": plain, "lean": lean}


@pytest.mark.parametrize("reader", ["tqsdk", "lean"])
def test_days_arrive_as_served(pools: Pools, exchange: Exchange, reader: Reader) -> None:
    fetched = list(pools[reader].fetch([request_of(contract, day) for contract, day in DAYS]))
    assert {(item.request.contract, item.request.window.trading_day) for item in fetched} == set(DAYS)
    for item in fetched:
        assert (item.state, item.reason, item.stats.reader) == (IngestState.COMPLETE, "", reader)
        assert_same(item.frame, served(item.request.contract, item.request.window.trading_day))


@pytest.mark.parametrize("kind", ["ms", "quoted", "extra_keys", "patches"])
def test_odd_encodings_read_alike(pools: Pools, exchange: Exchange, kind: str) -> None:
    contract, day = "SHFE.au2604", date(2025, 4, 21)
    exchange.fault(kind, symbol=contract)
    [plain] = pools["tqsdk"].fetch([request_of(contract, day)])
    [lean] = pools["lean"].fetch([request_of(contract, day)])
    for item, reader in ((plain, "tqsdk"), (lean, "lean")):
        assert (item.state, item.reason, item.stats.reader) == (IngestState.COMPLETE, "", reader)
    assert plain.frame is not None
    assert_same(lean.frame, plain.frame)
    if kind == "ms":
        assert (plain.frame["datetime_ns"] % 10_000_000 != 0).any()
    elif kind == "quoted":
        assert plain.frame["average"].is_nan().any()
    else:
        assert_same(plain.frame, served(contract, day))


@pytest.mark.parametrize("reader", ["tqsdk", "lean"])
def test_the_last_day_of_a_contract_is_whole(pools: Pools, exchange: Exchange, reader: Reader) -> None:
    """Nothing follows it: the quote is the second witness, and the lean reader leaves such a day to tqsdk."""
    contract = contract_named("GFEX.lc2503", 1)
    assert contract is not None
    last = life_of(contract, DEFAULT_SEED).days[-1]
    [fetched] = pools[reader].fetch([request_of(contract.text, last)])
    assert (fetched.state, fetched.reason, fetched.stats.reader) == (IngestState.COMPLETE, "", "tqsdk")
    assert_same(fetched.frame, served(contract.text, last))
