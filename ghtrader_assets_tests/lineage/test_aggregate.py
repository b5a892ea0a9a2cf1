"""Aggregated manifests and their verification, on a real store: same bytes for same content, every change named."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ghtrader_assets.clock import SYSTEM_CLOCK, Clock
from ghtrader_assets.context.store import StoreContext
from ghtrader_assets.errors import BadInputError, IngestState
from ghtrader_assets.lineage.aggregate import (
    aggregate,
    aggregated_path,
    canonical,
    day_line,
    record_aggregated,
    stored_aggregated,
)
from ghtrader_assets.lineage.verify import differences_of, verify_manifest
from ghtrader_assets.loading.record import daily_agg
from ghtrader_assets.manifests import Manifest, write_manifest_file
from ghtrader_assets.market.calendar import TradingCalendar
from ghtrader_assets.market.symbols import parse_symbol
from ghtrader_assets.market.ticks import five_level_rows
from ghtrader_assets.questdb.client.connection import Database
from ghtrader_assets.questdb.tables.reader import GapSum
from ghtrader_assets.questdb.tables.records import write_stored
from ghtrader_assets.questdb.tables.rows import DayState
from ghtrader_assets.questdb.tables.writer import DayLoad
from ghtrader_assets.settings import Settings
from ghtrader_assets_tests.fix_questdb import random_ticks
from ghtrader_assets_tests.fix_store import begin, put

DAYS = (date(2025, 12, 30), date(2025, 12, 31), date(2026, 1, 5))
LoadOf = Callable[..., DayLoad]


@dataclasses.dataclass(frozen=True)
class Desk:
    """A store to look at, with a home for files."""

    settings: Settings
    calendar: TradingCalendar
    database: Database
    clock: Clock = SYSTEM_CLOCK

    def load(self, load: DayLoad) -> Manifest:
        """Store and record a day."""
        begun, stored = begin(self.database, load), put(self.database, load)
        ended = dataclasses.replace(
            begun,
            outcome=IngestState.COMPLETE,
            reason="",
            rows=stored.rows,
            five_level_rows=five_level_rows(load.frame),
            same_instant_rows=int((load.frame["seq"] > 0).sum()),
            first_tick=stored.first_tick,
            last_tick=stored.last_tick,
            digest=stored.digest,
            replaced=stored.replaced,
            finished=datetime.now(UTC),
        )
        write_manifest_file(self.settings.home, ended)
        write_stored(self.database, [], [ended], [daily_agg(ended)])
        return ended


@pytest.fixture
def desk(db: Database, calendar: TradingCalendar, tmp_path: Path) -> Desk:
    return Desk(Settings(home=tmp_path, start_date=date(2025, 1, 2)), calendar, db)


def test_the_same_content_gives_the_same_bytes_and_a_change_is_named(desk: Desk, symbol: str, load_of: LoadOf) -> None:
    parsed = parse_symbol(symbol)
    for day in DAYS:
        desk.load(load_of(day))
    first = aggregate(desk, [parsed], DAYS[0], DAYS[-1])
    path = record_aggregated(desk, first)
    assert path == aggregated_path(desk.settings.home, first.manifest_id)
    assert path.read_bytes() == first.content == stored_aggregated(desk, first.manifest_id).content
    assert aggregate(desk, [parsed, parsed], DAYS[0], DAYS[-1]) == first
    assert verify_manifest(desk, first.manifest_id) == []
    assert [symbol["n_days"] for symbol in first.symbols] == [3]
    assert first.document["totals"]["rows"] == 600

    desk.load(load_of(DAYS[1]))
    again = aggregate(desk, [parsed], DAYS[0], DAYS[-1])
    assert again.manifest_id != first.manifest_id, "another load stands behind a day"
    assert again.document["totals"]["digest"] == first.document["totals"]["digest"]
    assert {(item.trading_day, item.column) for item in verify_manifest(desk, first.manifest_id)} == {
        ("2025-12-31", "load")
    }

    desk.load(load_of(DAYS[1], seed=7))
    columns = {(item.trading_day, item.column) for item in verify_manifest(desk, first.manifest_id)}
    assert columns == {("2025-12-31", name) for name in ("load", "digest", "ticks.digest")}
    assert {item.column for item in verify_manifest(desk, first.manifest_id, ticks=False)} == {"load", "digest"}


def test_ticks_changed_behind_the_tables_are_found(desk: Desk, symbol: str, load_of: LoadOf) -> None:
    loaded = desk.load(load_of(DAYS[0]))
    made = aggregate(desk, [parse_symbol(symbol)], DAYS[0], DAYS[0])
    record_aggregated(desk, made)
    assert verify_manifest(desk, loaded.manifest_id) == []
    frame = random_ticks(desk.calendar.window(DAYS[0]), 200)
    put(desk.database, load_of(DAYS[0], frame=frame.with_columns(last_price=pl.lit(1.0))))
    (found,) = verify_manifest(desk, loaded.manifest_id)
    assert (found.trading_day, found.column, found.stated) == (str(DAYS[0]), "digest", loaded.digest)
    (found,) = verify_manifest(desk, made.manifest_id)
    assert (found.trading_day, found.column) == (str(DAYS[0]), "ticks.digest")
    assert verify_manifest(desk, made.manifest_id, ticks=False) == []


def test_a_manifest_whose_file_was_edited_is_found(desk: Desk, symbol: str, load_of: LoadOf) -> None:
    loaded = desk.load(load_of(DAYS[0]))
    write_manifest_file(desk.settings.home, dataclasses.replace(loaded, rows=7))
    (found,) = verify_manifest(desk, loaded.manifest_id)
    assert (found.column, found.stated, found.found) == ("file.rows", 200, 7)
    made = aggregate(desk, [parse_symbol(symbol)], DAYS[0], DAYS[0])
    path = record_aggregated(desk, made)
    path.write_bytes(made.content + b"\n")
    assert [item.column for item in verify_manifest(desk, made.manifest_id)] == ["file"]


def test_a_contract_stands_for_the_days_of_its_main_symbol(desk: Desk, symbol: str, load_of: LoadOf) -> None:
    product = symbol.removeprefix("KQ.m@")
    contract, later = parse_symbol(f"{product}2602"), parse_symbol(f"{product}2603")
    for day, stood in zip(DAYS, (contract, contract, later), strict=True):
        desk.load(load_of(day, contract=stood.text))
    made = aggregate(desk, [contract], DAYS[0], DAYS[-1])
    assert [day["day"] for day in made.symbols[0]["days"]] == [str(day) for day in DAYS[:2]]
    assert all(day["code"] for day in made.symbols[0]["days"])
    record_aggregated(desk, made)
    assert verify_manifest(desk, made.manifest_id) == []
    assert aggregate(desk, [contract], DAYS[2], DAYS[2]).document["totals"]["n_days"] == 0


def test_what_can_not_be_verified_is_bad_usage(desk: Desk, symbol: str, load_of: LoadOf) -> None:
    failed = begin(desk.database, load_of(DAYS[0]))
    for unknown in ("agg-00", "20260105T000000-00000000", failed.manifest_id):
        with pytest.raises(BadInputError):
            verify_manifest(desk, unknown)
    with pytest.raises(BadInputError):
        aggregate(desk, [parse_symbol(symbol)], date(2026, 1, 3), date(2026, 1, 4))


def test_what_changed_between_two_loads(desk: Desk, symbol: str, load_of: LoadOf) -> None:
    before, after = desk.load(load_of(DAYS[0])), desk.load(load_of(DAYS[0], rows=150, contract="SHFE.cu2603"))
    changed = differences_of(before, after)
    assert changed["rows"] == (200, 150)
    assert changed["contract"] == ("SHFE.cu2602", "SHFE.cu2603")
    assert {"digest", "manifest_id", "started"} <= changed.keys()
    assert not {"symbol", "trading_day", "code_version", "schema_hash"} & changed.keys()
    assert differences_of(before, before) == {}


@given(
    st.dictionaries(st.text(max_size=4), st.integers() | st.text(max_size=6) | st.lists(st.integers(), max_size=3)),
    st.randoms(),
)
def test_canonical_bytes_do_not_depend_on_the_order_of_keys(document: dict[str, object], random: object) -> None:
    items = list(document.items())
    random.shuffle(items)  # type: ignore[attr-defined]
    assert canonical(dict(items)) == canonical(document)
    assert json.loads(canonical(document)) == document


def test_an_unjudged_day_counts_no_gaps(desk: StoreContext) -> None:
    day = DayState(
        symbol="KQ.m@SHFE.cu", trading_day=DAYS[0], rows=3, contract="SHFE.cu2602", ingest_state="complete",
        coverage_state="", quality_state="", state="unjudged", reason="", digest="d", manifest_id="m",
    )  # fmt: skip
    assert day_line(day, None, GapSum(2, 9))["gaps"] == 0
    judged = dataclasses.replace(day, coverage_state="warn")
    assert day_line(judged, None, GapSum(2, 9))["gap_seconds"] == 9
    assert "rows" not in day_line(dataclasses.replace(day, ingest_state="missing"), None, None)
