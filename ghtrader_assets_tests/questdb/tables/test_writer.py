"""Storing a day: exact replacement, whatever was stored before; the read-back finds what another hand changed."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from ghtrader_assets.errors import BadInputError, ReadBackError
from ghtrader_assets.market.calendar import TradingCalendar
from ghtrader_assets.market.clock import instant
from ghtrader_assets.market.ticks import NUMERIC_COLUMNS, TICK_SCHEMA, DayWindow, content_digest, tick_frame
from ghtrader_assets.questdb.client.connection import Database
from ghtrader_assets.questdb.client.credentials import Endpoint
from ghtrader_assets.questdb.tables.tick_columns import even_slices, read_ticks
from ghtrader_assets.questdb.tables.writer import DayLoad, StoredDay, StoreFailure, require_content, store_batch
from ghtrader_assets_tests.fix_questdb import fresh_symbol, random_ticks, refused_ticks
from ghtrader_assets_tests.storing import store_days
from ghtrader_assets_tests.waiting import HANGS_S, await_that

DAY = date(2026, 1, 6)
NEXT = date(2026, 1, 7)
FRIDAY, MONDAY = date(2026, 1, 9), date(2026, 1, 12)

LoadOf = Callable[..., DayLoad]


def stored(db: Database, *loads: DayLoad, readback: Any = "full") -> dict[date, StoredDay]:
    results = {}
    for result in store_days(db, loads, readback):
        assert isinstance(result, StoredDay), result
        results[result.load.trading_day] = result
    return results


def assert_stored(db: Database, load: DayLoad) -> None:
    """Stored equals loaded, row for row and column for column; NaN equals NaN and nothing else."""
    wanted = load.frame.sort(pl.col("datetime_ns") // 1000, "seq", maintain_order=True)
    assert_frame_equal(read_ticks(db, load.symbol, load.window), wanted, check_exact=True)


@pytest.mark.parametrize("readback", ["full", "checksum"])
def test_what_is_stored_is_what_was_loaded(db: Database, load_of: LoadOf, readback: str) -> None:
    load = load_of(DAY, rows=3000)
    result = stored(db, load, readback=readback)[DAY]
    assert (result.rows, result.replaced, result.digest) == (3000, "new", content_digest(load.frame))
    assert result.first_tick == instant(int(load.frame["datetime_ns"].to_numpy().min()))
    assert result.last_tick == instant(int(load.frame["datetime_ns"].to_numpy().max()))
    assert_stored(db, load)


def test_the_same_content_is_not_written_again(db: Database, load_of: LoadOf) -> None:
    stored(db, load_of(DAY))
    before = _transactions(db)
    again = stored(db, load_of(DAY))[DAY]
    assert again.replaced == "unchanged"
    assert _transactions(db) == before


def test_another_contract_is_written_though_the_ticks_are_the_same(db: Database, load_of: LoadOf) -> None:
    stored(db, load_of(DAY))
    assert stored(db, load_of(DAY, contract="SHFE.cu2603"))[DAY].replaced == "changed"


def test_a_day_without_ticks_hides_what_was_there(db: Database, load_of: LoadOf) -> None:
    stored(db, load_of(DAY), load_of(NEXT))
    result = stored(db, load_of(DAY, frame=pl.DataFrame(schema=TICK_SCHEMA)))[DAY]
    assert (result.rows, result.first_tick) == (0, None)
    assert_stored(db, load_of(DAY, frame=pl.DataFrame(schema=TICK_SCHEMA)))
    assert_stored(db, load_of(NEXT))


def test_friday_night_belongs_to_monday(db: Database, load_of: LoadOf, calendar: TradingCalendar) -> None:
    friday, monday = load_of(FRIDAY), load_of(MONDAY)
    stored(db, friday, monday)
    assert monday.window.start_ns == friday.window.end_ns
    stored(db, load_of(MONDAY, rows=10, seed=5))
    assert_stored(db, friday)


OneTick = tuple[int, float]
ticks_of_a_day = st.lists(
    st.tuples(st.integers(0, 12), st.sampled_from([0.0, 1.0, 2.5, float("nan"), -0.0])), max_size=12
)


@settings(deadline=None, max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(versions=st.lists(ticks_of_a_day, min_size=1, max_size=5), readback=st.sampled_from(["full", "checksum"]))
def test_the_last_load_is_what_is_stored(
    db: Database, load_of: LoadOf, calendar: TradingCalendar, versions: list[list[OneTick]], readback: str
) -> None:
    """Fewer, more, other rows, several ticks in one instant, NaN and 0.0: stored is the last load, exactly."""
    name = fresh_symbol()
    window = calendar.window(DAY)
    neighbour = load_of(NEXT, rows=5, name=name)
    stored(db, neighbour)
    for version in versions:
        load = load_of(DAY, frame=_few_ticks(window, version), name=name)
        assert stored(db, load, readback=readback)[DAY].digest == content_digest(load.frame)
        assert_stored(db, load)
    assert_stored(db, neighbour)


def test_a_reader_sees_one_whole_version(db: Database, load_of: LoadOf) -> None:
    versions = [load_of(DAY, rows=rows, seed=seed) for seed, rows in enumerate([4000, 3000, 5000, 2500])]
    others = [load_of(NEXT, rows=3000, seed=seed, name=fresh_symbol()) for seed in range(len(versions))]
    stored(db, versions[0])
    whole = {content_digest(load.frame) for load in versions}
    seen: list[str] = []
    stop = threading.Event()

    def look() -> None:
        while not stop.is_set():
            seen.append(content_digest(read_ticks(db, versions[0].symbol, versions[0].window)))

    reader = threading.Thread(target=look)
    reader.start()
    for load, other in zip(versions[1:], others[1:], strict=True):
        stored(db, other, load)
        await_that("a look at the version", lambda load=load: seen[-1:] == [content_digest(load.frame)])
    stop.set()
    reader.join(HANGS_S)
    assert set(seen) <= whole


def test_two_writers_of_one_day_leave_one_of_their_versions(
    db: Database, questdb_endpoint: Endpoint, load_of: LoadOf
) -> None:
    """Two processes (two databases here) that replace a day at the same time: never a mixture of both."""
    stored(db, load_of(DAY, rows=500, seed=9))
    with Database(questdb_endpoint) as other:
        for seed in range(4):
            ours, theirs = load_of(DAY, rows=400, seed=seed), load_of(DAY, rows=600, seed=100 + seed)
            writers = [
                threading.Thread(target=lambda who, load: list(store_days(who, [load])), args=(who, load))
                for who, load in ((db, ours), (other, theirs))
            ]
            for writer in writers:
                writer.start()
            for writer in writers:
                writer.join()
            found = content_digest(read_ticks(db, ours.symbol, ours.window))
            assert found in {content_digest(ours.frame), content_digest(theirs.frame)}


def test_one_sender_does_for_all(questdb_endpoint: Endpoint, load_of: LoadOf) -> None:
    loads = [load_of(day, rows=100) for day in (DAY, NEXT, FRIDAY, MONDAY)]
    with Database(questdb_endpoint, sender_pool=False) as database:
        assert len(stored(database, *loads)) == 4


def test_many_readers_at_once(db: Database, load_of: LoadOf) -> None:
    load = load_of(DAY, rows=5000)
    stored(db, load)
    with ThreadPoolExecutor(16) as pool:
        found = pool.map(lambda _: content_digest(read_ticks(db, load.symbol, load.window)), range(48))
        assert set(found) == {content_digest(load.frame)}


def test_only_the_day_at_fault_is_lost(db: Database, load_of: LoadOf) -> None:
    good, after = load_of(DAY), load_of(MONDAY)
    bad = load_of(NEXT, frame=random_ticks(good.window, 20))
    results = {result.load.trading_day: result for result in store_days(db, [good, bad, after], "full")}
    failure = results[NEXT]
    assert isinstance(failure, StoreFailure)
    assert isinstance(failure.error, BadInputError)
    assert "20 of 20 rows lie outside the trading day" in str(failure.error)
    assert isinstance(results[DAY], StoredDay)
    assert isinstance(results[MONDAY], StoredDay)
    assert_stored(db, good)
    assert_stored(db, after)


def test_many_symbols_share_a_days_transaction_and_a_refused_one_takes_none_with_it(
    db: Database, load_of: LoadOf
) -> None:
    loads = [load_of(DAY, rows=300, seed=seed, name=fresh_symbol()) for seed in range(4)]
    before = _transactions(db)
    assert {type(result) for result in store_batch(db, loads)} == {StoredDay}
    assert _transactions(db) == before + 1

    changed = [replace(load, frame=random_ticks(load.window, 250, 9)) for load in loads]
    window, frame = refused_ticks(loads[2].window, 20)
    refused = replace(changed[2], window=window, frame=frame)
    results = store_batch(db, [*changed[:2], refused, changed[3]])
    assert [type(result) for result in results] == [StoredDay, StoredDay, StoreFailure, StoredDay]
    assert _transactions(db) == before + 1 + 3
    for load in (*changed[:2], loads[2], changed[3]):
        assert_stored(db, load)


@pytest.mark.parametrize("full_at", [101, 200])
def test_a_batch_ends_with_the_day_that_fills_it(db: Database, load_of: LoadOf, full_at: int) -> None:
    loads = [load_of(day, rows=100, seed=full_at) for day in (DAY, NEXT, FRIDAY, MONDAY)]
    before = _transactions(db)
    assert len(list(store_days(db, loads, "full", batch_rows=full_at))) == 4
    assert _transactions(db) == before + 2


def test_one_changed_cell_is_found_and_the_day_is_named(db: Database, load_of: LoadOf) -> None:
    load = load_of(DAY)
    digest = stored(db, load)[DAY].digest
    require_content(read_ticks(db, load.symbol, load.window), load.symbol, DAY, digest)
    stamp = int(load.frame["datetime_ns"][7])
    _change_one_cell(db, load.symbol, stamp)
    with pytest.raises(ReadBackError, match=rf"{load.symbol} {DAY}"):
        require_content(read_ticks(db, load.symbol, load.window), load.symbol, DAY, digest)
    assert stored(db, load)[DAY].replaced == "changed"
    assert_stored(db, load)


@pytest.mark.parametrize("number", [1, 2, 3, 7])
def test_a_day_read_in_slices_is_the_day(db: Database, load_of: LoadOf, number: int) -> None:
    """Wherever it is cut: evenly, at a tick, before the first tick and after the last one."""
    load = load_of(DAY, rows=200)
    found = stored(db, load)[DAY]
    assert found.first_tick is not None
    assert found.last_tick is not None
    evenly = even_slices([(found.first_tick, found.last_tick)], number)
    assert len(evenly) == number - 1
    at_ticks = tuple(instant(at) for at in load.frame["datetime_ns"].unique().sort()[::20])
    around = (instant(load.window.start_ns), found.first_tick, found.last_tick, instant(load.window.end_ns))
    for slices in (evenly, at_ticks, around):
        assert content_digest(read_ticks(db, load.symbol, load.window, slices)) == found.digest


@given(st.lists(st.tuples(st.integers(1, 20_000), st.integers(0, 20_000)), min_size=1, max_size=5), st.integers(1, 9))
def test_slices_hold_equal_shares_of_the_open_hours(hours: list[tuple[int, int]], number: int) -> None:
    """`hours` are the seconds that each session is open, and those it is closed after it."""
    spans: list[tuple[datetime, datetime]] = []
    opens = datetime(2026, 1, 5, 13, tzinfo=UTC)
    for open_s, closed_s in hours:
        spans.append((opens, opens + timedelta(seconds=open_s)))
        opens = spans[-1][1] + timedelta(seconds=closed_s)
    bounds = [spans[0][0], *even_slices(spans, number), spans[-1][1]]
    shares = [
        sum((max(min(end, high) - max(start, low), timedelta()) for start, end in spans), timedelta())
        for low, high in pairwise(bounds)
    ]
    assert len(shares) == number
    assert max(shares) - min(shares) < timedelta(milliseconds=1)


def _change_one_cell(db: Database, symbol: str, stamp: int) -> None:
    db.execute(
        "UPDATE ghtrader_ticks_main_l5_v2_base SET bid_price3 = 1.25"
        " WHERE symbol = %s AND datetime_ns = %s AND seq = 0",
        [symbol, stamp],
    )
    db.await_applied("ghtrader_ticks_main_l5_v2_base")


def _transactions(db: Database) -> int:
    table = "ghtrader_ticks_main_l5_v2_base"
    return db.rows("txn", "SELECT sequencerTxn FROM wal_tables() WHERE name = %s", [table])[0][0]


def _few_ticks(window: DayWindow, version: list[OneTick]) -> pl.DataFrame:
    ordered = sorted(version, key=lambda tick: tick[0])
    columns: dict[str, Any] = {
        "tick_id": np.arange(len(ordered)),
        "datetime_ns": np.array([window.start_ns + second * 1_000_000_000 for second, _ in ordered], dtype=np.int64),
    }
    columns |= dict.fromkeys(NUMERIC_COLUMNS, np.array([value for _, value in ordered], dtype=np.float64))
    return tick_frame(columns)
