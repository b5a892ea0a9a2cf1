"""Trust in the lean reader: earned per exchange, recorded, lost at the first difference."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from ghtrader_assets.clock import SYSTEM_CLOCK
from ghtrader_assets.errors import IngestState
from ghtrader_assets.tq.pool import FetchPool
from ghtrader_assets.tq.trust import MAX_PROOFS, FastHistory, versions
from ghtrader_assets.tq.trust import log as trust_log
from ghtrader_assets_tests.tq.conftest import QUICK, Exchange, assert_same, request_of, served

pytestmark = pytest.mark.usefixtures("tqsdk_once")

SHFE = [request_of("SHFE.au2604", date(2025, 4, day)) for day in (21, 22, 23, 24)]
CZCE = request_of("CZCE.SR605", date(2025, 5, 26))
SERVER = "127.0.0.1:1"


def test_trust_is_earned_on_the_first_day_of_each_exchange(exchange: Exchange, home: Path) -> None:
    requests = [*SHFE, CZCE]
    with FetchPool(exchange.provider(), 2, home, SYSTEM_CLOCK, timing=QUICK) as pool:
        fetched = list(pool.fetch(requests))
    assert {item.state for item in fetched} == {IngestState.COMPLETE}
    readers = {item.request: item.stats.reader for item in fetched}
    assert [readers[request] for request in requests] == ["tqsdk", "lean", "lean", "lean", "tqsdk"]
    for item in fetched:
        assert_same(item.frame, served(item.request.contract, item.request.window.trading_day))
    record = json.loads((home / "fast_history.json").read_text())[exchange.provider().server]
    assert record["versions"] == versions()
    assert set(record["agreed"]) == {"SHFE", "CZCE"}
    assert record["days"] == {"SHFE": 1, "CZCE": 1}


def test_one_proof_at_a_time_and_no_end_of_trying(tmp_path: Path) -> None:
    trust = FastHistory(tmp_path, SERVER, "auto", SYSTEM_CLOCK)
    for _ in range(MAX_PROOFS):
        assert trust.mode_for(SHFE[0], allowed=True) == "both"
        assert trust.mode_for(SHFE[1], allowed=True) is None
        assert trust.mode_for(SHFE[1], allowed=False) == "tqsdk"
        assert trust.mode_for(CZCE, allowed=True) in ("both", None)
        trust.settled(SHFE[0], proved=False)
    assert trust.mode_for(SHFE[1], allowed=True) == "tqsdk"


class Heard(logging.Handler):
    """What a logger itself was told, whoever set up the root logger before."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[tuple[int, str]] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append((record.levelno, record.getMessage()))


@pytest.fixture
def heard() -> Iterator[Heard]:
    handler = Heard()
    trust_log.addHandler(handler)
    yield handler
    trust_log.removeHandler(handler)


def test_a_difference_switches_the_server_back(tmp_path: Path, heard: Heard) -> None:
    trust = FastHistory(tmp_path, SERVER, "auto", SYSTEM_CLOCK)
    trust.agreed(CZCE)
    assert trust.mode_for(CZCE, allowed=True) == "lean"
    plain, lean = pl.DataFrame({"last_price": [1.0]}), pl.DataFrame({"last_price": [2.0]})
    trust.differed(SHFE[0], plain, lean)
    [(level, line)] = heard.lines
    assert level == logging.ERROR
    assert "fast history is switched off for 127.0.0.1:1" in line
    for again in (trust, FastHistory(tmp_path, SERVER, "auto", SYSTEM_CLOCK)):
        assert again.mode_for(CZCE, allowed=True) == "tqsdk"
    record = json.loads((tmp_path / "fast_history.json").read_text())[SERVER]
    kept = tmp_path / record["difference"]["frames"]
    assert pl.read_parquet(kept / "tqsdk.parquet").equals(plain)
    assert pl.read_parquet(kept / "lean.parquet").equals(lean)
    assert FastHistory(tmp_path, "127.0.0.1:2", "auto", SYSTEM_CLOCK).mode_for(CZCE, allowed=True) == "both"
    assert FastHistory(tmp_path, SERVER, "on", SYSTEM_CLOCK).mode_for(CZCE, allowed=True) == "lean"
    assert FastHistory(tmp_path, SERVER, "off", SYSTEM_CLOCK).mode_for(CZCE, allowed=True) == "tqsdk"


def test_no_frame_is_written_over_what_a_link_names(tmp_path: Path) -> None:
    trust = FastHistory(tmp_path, SERVER, "auto", SYSTEM_CLOCK)
    frame = pl.DataFrame({"last_price": [1.0]})
    trust.differed(SHFE[0], frame, frame)
    (kept,) = tmp_path.rglob("lean.parquet")
    victim = tmp_path / "victim"
    victim.write_text("mine")
    kept.unlink()
    kept.symlink_to(victim)
    trust.differed(SHFE[0], frame, frame)
    assert victim.read_text() == "mine"
    assert pl.read_parquet(kept).equals(frame)


def test_other_versions_earn_trust_anew(tmp_path: Path) -> None:
    trust = FastHistory(tmp_path, SERVER, "auto", SYSTEM_CLOCK)
    trust.agreed(SHFE[0])
    path = tmp_path / "fast_history.json"
    path.write_text(path.read_text().replace(versions(), "tqsdk 3.9.0"))
    assert FastHistory(tmp_path, SERVER, "auto", SYSTEM_CLOCK).mode_for(SHFE[1], allowed=True) == "both"
    path.write_text("not JSON")
    assert FastHistory(tmp_path, SERVER, "auto", SYSTEM_CLOCK).mode_for(SHFE[1], allowed=True) == "both"
