"""A drop of a symbol's rate: told from another reader's pace, from a short history, and from nothing unusual."""

from __future__ import annotations

import dataclasses
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ghtrader_assets.errors import IngestState
from ghtrader_assets.manifests import Manifest
from ghtrader_assets.questdb.client.connection import Database
from ghtrader_assets.questdb.tables.records import write_manifests
from ghtrader_assets.upkeep.rates import LEAST_DAYS, rate_drops, read_loads
from ghtrader_assets_tests.made_manifest import manifest

FIRST = date(2026, 1, 5)
ROWS = 99_000


def rates_of(*rows_per_s: float, symbol: str = "KQ.m@SHFE.cu", reader: str = "lean") -> list[Manifest]:
    """Days loaded one after the other, a minute apart."""
    start = datetime(2026, 2, 1, tzinfo=UTC)
    return [
        manifest(
            symbol=symbol,
            trading_day=FIRST + timedelta(days=number),
            finished=start + timedelta(minutes=number),
            reader=reader,
            rows=ROWS,
            download_s=ROWS / rate,
            store_s=0.0,
            readback_s=0.0,
        )
        for number, rate in enumerate(rows_per_s)
    ]


def test_a_day_far_below_the_median_is_a_drop() -> None:
    [drop] = rate_drops(rates_of(90, 100, 110, 100, 5, 29), 0.3)
    assert (drop.rows_per_s, drop.median_rows_per_s, drop.days) == (pytest.approx(29), 100, 5)
    assert drop.trading_day == FIRST + timedelta(days=5)
    assert "29% of the median 100" in str(drop)


def test_what_is_no_drop() -> None:
    assert rate_drops(rates_of(90, 100, 110, 100, 5, 30), 0.3) == []
    assert rate_drops(rates_of(100, 100, 100, 100, 1), 0.3) == []
    assert rate_drops([], 0.3) == []
    slower = dataclasses.replace(rates_of(*[100] * 9, 9)[-1], reader="tqsdk")
    assert rate_drops([*rates_of(*[100] * 9), slower], 0.3) == []
    *before, last = rates_of(100, 100, 100, 100, 100, 1)
    for untimed in ({"rows": 0}, {"download_s": 0.0}, {"finished": None}):
        assert rate_drops([*before, dataclasses.replace(last, **untimed)], 0.3) == []  # type: ignore[arg-type]


@settings(deadline=None, max_examples=60)
@given(st.lists(st.floats(1, 1e6), max_size=30), st.floats(0, 1), st.randoms(use_true_random=False))
def test_order_does_not_matter_and_symbols_stay_apart(values: list[float], share: float, random: object) -> None:
    rates = rates_of(*values)
    other = rates_of(*[100] * 10, 1, symbol="KQ.m@SHFE.au")
    mixed = [*rates, *other]
    random.shuffle(mixed)  # type: ignore[attr-defined]
    drops = rate_drops(rates, share)
    assert sorted(map(str, rate_drops(mixed, share))) == sorted(map(str, [*drops, *rate_drops(other, share)]))
    assert all(drop.share < share and drop.days >= LEAST_DAYS for drop in drops)
    assert rate_drops(rates, 0.0) == []


def test_rates_are_read_from_the_manifests_of_complete_days(db: Database, symbol: str) -> None:
    ended = datetime(2026, 2, 1, tzinfo=UTC)
    manifests = [
        manifest(
            manifest_id=f"20260201T00000{number}-{symbol[-2:]}",
            symbol=symbol,
            trading_day=FIRST + timedelta(days=number),
            outcome=IngestState.COMPLETE,
            rows=1000,
            download_s=1.0,
            store_s=0.5,
            readback_s=0.5 if number < 5 else 18.5,
            finished=ended + timedelta(minutes=number),
        )
        for number in range(6)
    ]
    failed = dataclasses.replace(
        manifests[0], manifest_id=f"short-{symbol[-2:]}", outcome=IngestState.SHORT, finished=ended + timedelta(hours=1)
    )
    write_manifests(db, [*manifests, failed])
    [drop] = rate_drops(read_loads(db, symbol), 0.3)
    assert (drop.trading_day, drop.rows_per_s, drop.median_rows_per_s) == (FIRST + timedelta(days=5), 50.0, 500.0)
