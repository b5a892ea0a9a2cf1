"""Reading: days prune by `ts`, hostile text finds nothing, a server that is away or refuses us is one clear line."""

from __future__ import annotations

import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date

import pytest
from pydantic import SecretStr

from ghtrader_assets.clock import SYSTEM_CLOCK
from ghtrader_assets.errors import BadInputError, CredentialError, QuestDBError
from ghtrader_assets.market.calendar import TradingCalendar
from ghtrader_assets.market.clock import instant
from ghtrader_assets.questdb.client.connection import Database
from ghtrader_assets.questdb.client.credentials import Endpoint, Login
from ghtrader_assets.questdb.client.sql import instant_literal, literal
from ghtrader_assets.questdb.standing.day_states import read_day_states
from ghtrader_assets.questdb.tables import reader
from ghtrader_assets.questdb.tables.tick_columns import read_ticks
from ghtrader_assets.questdb.tables.writer import DayLoad
from ghtrader_assets_tests.storing import store_days

DAY = date(2026, 1, 6)
LoadOf = Callable[..., DayLoad]

HOSTILE = (
    "' OR 1=1 --",
    "'; DROP TABLE ghtrader_metrics_v1; --",
    "KQ.m@SHFE.cu' UNION SELECT * FROM tables() --",
    'KQ.m@SHFE.cu"',
    "KQ.m@SHFE.cu\\'",
    "%s",
    "$1",
    "KQ.m@SHFE.cu\x00",
    "KQ.m@SHFE.cu\n",
    "ＫＱ．ｍ＠ＳＨＦＥ．ｃｕ",
    "‘’",
    "x" * 10_000,
    "",
)


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_symbols_find_nothing(db: Database, calendar: TradingCalendar, text: str) -> None:
    with pytest.raises(BadInputError, match="is not a symbol"):
        literal(text)
    with pytest.raises(BadInputError):
        read_ticks(db, text, calendar.window(DAY))
    if "\x00" in text:  # The driver refuses it before it reaches a server.
        with pytest.raises(QuestDBError):
            reader.read_schedule(db, text)
        return
    assert reader.read_schedule(db, text) == []
    assert reader.read_summary(db, text, [DAY]) == {}
    assert reader.read_gaps(db, text, [DAY]) == []
    assert reader.read_manifest(db, text) is None
    assert reader.manifests_covering(db, DAY, [text]) == []
    assert reader.read_stored_ranges(db, [text]) == []
    assert read_day_states(db, [text], DAY, DAY, SYSTEM_CLOCK.now()) == []


def test_a_days_ticks_are_found_by_their_interval(db: Database, load_of: LoadOf, calendar: TradingCalendar) -> None:
    list(store_days(db, [load_of(DAY)]))
    window = calendar.window(DAY)
    bounds = (instant(window.start_ns), instant(window.end_ns))
    for statement, values in (
        (
            "EXPLAIN SELECT count(), sum(row_hash) FROM ghtrader_ticks_main_l5_v2"
            " WHERE symbol = %s AND ts >= %s AND ts < %s",
            [load_of(DAY).symbol, *bounds],
        ),
        (
            f"EXPLAIN SELECT ts, seq, last_price FROM ghtrader_ticks_main_l5_v2 WHERE symbol = {literal('SHFE.cu2602')}"
            f" AND ts >= {instant_literal(bounds[0])} AND ts < {instant_literal(bounds[1])}",
            [],
        ),
    ):
        plan = "\n".join(row[0] for row in db.rows("explain", statement, values))
        assert "Interval forward scan on: ghtrader_ticks_main_l5_v2_base" in plan
        assert '("2026-01-05T10:00:00.000000Z","2026-01-06T09:59:59.999999Z")' in plan


def test_every_query_is_measured_by_its_name(questdb_endpoint: Endpoint) -> None:
    seen: list[tuple[str, float]] = []
    with Database(questdb_endpoint, on_query=lambda name, seconds: seen.append((name, seconds))) as db:
        reader.read_stored_ranges(db)
    assert [name for name, _ in seen] == ["coverage"]
    assert seen[0][1] > 0


@pytest.mark.parametrize("prepared", [True, False])
def test_prepared_or_not_the_answers_are_the_same(questdb_endpoint: Endpoint, prepared: bool) -> None:
    with Database(questdb_endpoint, prepared=prepared, max_sessions=1) as db:
        assert {tuple(db.rows("one", "SELECT %s::int + 1", [41])) for _ in range(12)} == {((42,),)}


def test_a_wrong_password_is_named(questdb_endpoint: Endpoint, calendar: TradingCalendar, load_of: LoadOf) -> None:
    wrong = replace(questdb_endpoint, password=SecretStr("wrong"), reader=None)
    with Database(wrong) as db:
        with pytest.raises(CredentialError, match="refuses the user name or password"):
            reader.read_stored_ranges(db)
        with pytest.raises(CredentialError):
            read_ticks(db, "KQ.m@SHFE.cu", calendar.window(DAY))
        failure = next(store_days(db, [load_of(DAY)]))
        assert isinstance(getattr(failure, "error", None), CredentialError)
        with pytest.raises(CredentialError), db.sender() as sender, sender.transaction("ghtrader_metrics_v1") as rows:
            rows.row(symbols={"name": "x"}, at=instant(0))


def test_a_wrong_reader_is_named(questdb_endpoint: Endpoint) -> None:
    wrong = replace(questdb_endpoint, reader=Login("reader", SecretStr("wrong")))
    with Database(wrong, readonly=True) as db, pytest.raises(CredentialError):
        reader.read_stored_ranges(db)


def test_a_server_that_is_away_is_named(calendar: TradingCalendar, load_of: LoadOf) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{closed.getsockname()[1]}"
    with Database(Endpoint(address, address, "u", SecretStr("p"))) as db:
        with pytest.raises(QuestDBError, match=f"QuestDB at {address} is away"):
            reader.read_stored_ranges(db)
        with pytest.raises(QuestDBError, match=f"QuestDB at {address} is away"):
            read_ticks(db, "KQ.m@SHFE.cu", calendar.window(DAY))
        failure = next(store_days(db, [load_of(DAY)]))
        assert "is away" in str(getattr(failure, "error", ""))


def test_a_statement_that_runs_too_long_is_stopped(questdb_endpoint: Endpoint) -> None:
    with (
        Database(questdb_endpoint, statement_timeout_s=1.0) as db,
        pytest.raises(QuestDBError, match="did not answer in time"),
    ):
        db.rows("slow", "SELECT sum(x * rnd_double()) FROM long_sequence(100000000000)")


def test_threads_that_come_and_go_leave_no_connections_behind(db: Database) -> None:
    """Each validation judges in threads of its own, and QuestDB takes 64 connections for bulk reads."""
    for _ in range(80):
        with ThreadPoolExecutor(1) as pool:
            assert pool.submit(db.export, "one", "SELECT 1 one FROM long_sequence(1)").result().height == 1
