"""Query hygiene: days prune by `ts`, one statement for many symbols, sessions shared and bounded, readers read only."""

from __future__ import annotations

import itertools
import re
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from typing import Any

import pytest
from psycopg_pool import PoolTimeout

from ghtrader_assets.clock import SYSTEM_CLOCK
from ghtrader_assets.errors import BadInputError, QuestDBError
from ghtrader_assets.market.calendar import TradingCalendar
from ghtrader_assets.market.clock import instant
from ghtrader_assets.questdb.client.connection import Database
from ghtrader_assets.questdb.client.credentials import Endpoint
from ghtrader_assets.questdb.standing.day_states import read_day_states
from ghtrader_assets.questdb.tables import reader
from ghtrader_assets.questdb.tables.whole_days import _is_settled, read_whole_day
from ghtrader_assets.questdb.tables.writer import DayLoad
from ghtrader_assets_tests.storing import store_days
from ghtrader_assets_tests.waiting import HANGS_S

START, DAY = date(2026, 1, 5), date(2026, 1, 6)
LoadOf = Callable[..., DayLoad]


class Recording(Database):
    """A database that keeps the queries that it gets."""

    def __init__(self, endpoint: Endpoint, **more: Any) -> None:
        super().__init__(endpoint, **more)
        self.asked: list[tuple[str, str, list[Any]]] = []

    def rows(self, name: str, statement: str, parameters: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        self.asked.append((name, statement, list(parameters)))
        return super().rows(name, statement, parameters)

    def arrow(self, name: str, statement: str) -> Any:
        self.asked.append((name, statement, []))
        return super().arrow(name, statement)


@pytest.fixture
def recording(questdb_endpoint: Endpoint) -> Iterator[Recording]:
    with Recording(questdb_endpoint, readonly=True) as db:
        yield db


QUESTIONS: dict[str, Callable[[Database, str], object]] = {
    "schedule": lambda db, symbol: reader.read_schedule(db, symbol, START, DAY),
    "daily_agg": lambda db, symbol: reader.read_daily_agg(db, symbol, [START, DAY]),
    "daily_aggs": lambda db, symbol: reader.read_daily_aggs(db, [symbol, "KQ.m@SHFE.cu"], START, DAY),
    "summary": lambda db, symbol: reader.read_summary(db, symbol, [DAY]),
    "quality": lambda db, symbol: reader.read_quality(db, symbol, [DAY]),
    "gaps": lambda db, symbol: reader.read_gaps(db, symbol, [DAY]),
    "manifests": lambda db, symbol: reader.read_manifests(db, symbol, [DAY]),
    "manifests_covering": lambda db, _: reader.manifests_covering(db, DAY),
    "day_states": lambda db, symbol: read_day_states(db, [symbol, "KQ.m@SHFE.cu"], START, DAY, SYSTEM_CLOCK.now()),
}


@pytest.mark.parametrize("name", QUESTIONS)
def test_questions_about_days_read_their_partitions_only(recording: Recording, symbol: str, name: str) -> None:
    """The plan of what was really asked scans an interval of `ts`, and so no other partition."""
    QUESTIONS[name](recording, symbol)
    assert recording.asked
    for asked, statement, values in list(recording.asked):
        plan = "\n".join(row[0] for row in recording.rows("explain", f"EXPLAIN {statement}", values))
        assert "Interval forward scan on: ghtrader_" in plan, f"{asked}\n{plan}"
        assert re.search(r'intervals: \[\("202[56]-', plan), f"{asked}\n{plan}"


def test_a_bulk_read_of_a_day_reads_its_partition_only(
    recording: Recording, db: Database, symbol: str, calendar: TradingCalendar, load_of: LoadOf
) -> None:
    list(store_days(db, [load_of(DAY)]))
    with pytest.raises(BadInputError):
        read_whole_day(recording, symbol, calendar.window(DAY))
    from ghtrader_assets.questdb.tables.whole_days import _read

    assert _read(recording, symbol, calendar.window(DAY), ["last_price"]).num_rows == 200
    name, statement, _ = recording.asked[-1]
    assert name == "whole_day"
    assert re.match(r"SELECT datetime_ns, seq, last_price FROM", statement), "only the columns asked for"
    plan = "\n".join(row[0] for row in recording.rows("explain", f"EXPLAIN {statement}"))
    assert '("2026-01-05T10:00:00.000000Z","2026-01-06T09:59:59.999999Z")' in plan


@pytest.mark.parametrize(("count", "places"), [(1, 1), (2, 2), (3, 4), (5, 8), (20, 32)])
def test_many_symbols_are_one_statement(recording: Recording, symbol: str, count: int, places: int) -> None:
    """A bound list filled up to a power of two: the answer is the same, and few statements need preparing."""
    names = [f"{symbol}{chr(97 + number)}" for number in range(count)]
    assert reader.read_stored_ranges(recording, names) == []
    assert [(asked[0], asked[1].count("%s"), len(asked[2])) for asked in recording.asked] == [
        ("coverage", places, places)
    ]


def test_sessions_are_shared_and_bounded(questdb_endpoint: Endpoint) -> None:
    """Sixteen threads on two sessions all get their answers; the third session is never opened."""
    with Database(questdb_endpoint, readonly=True, max_sessions=2) as db:
        with ThreadPoolExecutor(16) as pool:
            answers = list(pool.map(lambda n: db.rows("one", "SELECT %s::int", [n])[0][0], range(64)))
        assert answers == list(range(64))
        assert db._pool.get_stats()["pool_size"] <= 2


@pytest.mark.parametrize(("statement_timeout_s", "answered"), [(HANGS_S, True), (0.5, False)])
def test_a_session_is_waited_for_as_long_as_a_statement_may_take(
    questdb_endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch, statement_timeout_s: float, answered: bool
) -> None:
    """A server that opens sessions slowly once failed a load with "all sessions are busy" after five seconds."""
    with (
        Database(questdb_endpoint, max_sessions=1, statement_timeout_s=statement_timeout_s) as db,
        ThreadPoolExecutor(1) as pool,
    ):
        refusals = itertools.count(1)
        refused_twice, lend = threading.Event(), db._pool.getconn

        def refuse_soon() -> Any:
            """What the pool does, without its five seconds."""
            try:
                return lend(timeout=0.1)
            except PoolTimeout:
                if next(refusals) == 2:
                    refused_twice.set()
                raise

        with db.session():
            monkeypatch.setattr(db._pool, "getconn", refuse_soon)
            asked = pool.submit(db.rows, "one", "SELECT 1::int")
            asked.add_done_callback(lambda _: refused_twice.set())
            assert refused_twice.wait(HANGS_S)
            if not answered:
                with pytest.raises(QuestDBError, match=r"all sessions to QuestDB at .* are busy"):
                    asked.result(HANGS_S)
        if answered:
            assert asked.result(HANGS_S) == [(1,)]


def test_repeated_statements_are_prepared(questdb_endpoint: Endpoint) -> None:
    with Database(questdb_endpoint, max_sessions=1) as db:
        for _ in range(8):
            reader.read_stored_ranges(db, ["KQ.m@SHFE.cu"])
        with db.session() as session:
            assert any(b"ghtrader_main_l5_daily_agg_v2" in statement for statement, _ in session._prepared._names)


def test_a_reader_changes_nothing(recording: Recording) -> None:
    for statement in (
        "TRUNCATE TABLE ghtrader_metrics_v1",
        "DROP TABLE ghtrader_metrics_v1",
        "CREATE TABLE hostile (x INT)",
        "INSERT INTO ghtrader_metrics_v1 (ts, name) VALUES (0, 'x')",
        "ALTER TABLE ghtrader_metrics_v1 ADD COLUMN hostile INT",
    ):
        with pytest.raises(QuestDBError):
            recording.rows("hostile", statement)
    assert reader.read_stored_ranges(recording, ["KQ.m@SHFE.cu"]) is not None


def test_a_foreign_open_attempt_is_looked_for_in_the_days_own_rows(recording: Recording, symbol: str) -> None:
    from ghtrader_assets.questdb.tables.rows import DailyAgg

    now = instant(1_767_700_000 * 10**9)
    agg = DailyAgg(
        symbol=symbol, trading_day=DAY, rows_total=0, updated_at=now, contract="", digest="", first_tick=None,
        last_tick=None, upstream="", manifest_id="x",
    )  # fmt: skip
    assert _is_settled(recording, agg)
    _, statement, values = recording.asked[-1]
    plan = "\n".join(row[0] for row in recording.rows("explain", f"EXPLAIN {statement}", values))
    assert "Interval forward scan on: ghtrader_manifests_v1" in plan
