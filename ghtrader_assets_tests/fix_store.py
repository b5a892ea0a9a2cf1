"""Days stored and recorded as a load leaves them, on the shared QuestDB, and a store that reads them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ghtrader_assets.errors import IngestState
from ghtrader_assets.loading.record import daily_agg
from ghtrader_assets.manifests import Manifest, new_manifest_id
from ghtrader_assets.market.ticks import ROW_HASH_ALGORITHM, SCHEMA_HASH, five_level_rows
from ghtrader_assets.questdb.cache.answers import announce_load
from ghtrader_assets.questdb.client.connection import Database
from ghtrader_assets.questdb.client.credentials import Endpoint
from ghtrader_assets.questdb.tables.records import write_manifests, write_stored
from ghtrader_assets.questdb.tables.writer import DayLoad, StoredDay
from ghtrader_assets.settings import Settings
from ghtrader_assets.store import Store
from ghtrader_assets_tests.pasts import Judged, judge
from ghtrader_assets_tests.storing import store_days

Record = Callable[..., Manifest]


@pytest.fixture
def settings(questdb_endpoint: Endpoint, tmp_path: Path) -> Settings:
    """Settings of a reader of the shared QuestDB, with a home of its own."""
    assert questdb_endpoint.reader is not None
    return Settings(
        home=tmp_path,
        questdb_http=questdb_endpoint.http,
        questdb_pg=questdb_endpoint.pg,
        questdb_user=questdb_endpoint.user,
        questdb_password=questdb_endpoint.password,
        questdb_reader_user=questdb_endpoint.reader.user,
        questdb_reader_password=questdb_endpoint.reader.password,
    )


@pytest.fixture
def store(settings: Settings) -> Iterator[Store]:
    with Store(settings) as opened:
        yield opened


@pytest.fixture
def record(db: Database, settings: Settings) -> Record:
    """Load a day: attempt, ticks, manifest, verdicts of that state, if any, stored-day row, announcement."""

    def recorded(load: DayLoad, state: str = "ok") -> Manifest:
        return finish(db, settings, begin(db, load), load, state)

    return recorded


def begin(db: Database, load: DayLoad) -> Manifest:
    """The manifest of an attempt that begins now, written."""
    started = datetime.now(UTC)
    begun = Manifest(
        manifest_id=new_manifest_id(started),
        run_id="test",
        symbol=load.symbol,
        trading_day=load.trading_day,
        contract=load.contract,
        reason="not finished",
        schema_hash=SCHEMA_HASH,
        row_hash_algorithm=ROW_HASH_ALGORITHM,
        schedule_hash=load.schedule_hash,
        upstream="",
        code_version="test",
        source="embedded",
        readback="full",
        depth=5,
        started=started,
    )
    write_manifests(db, [begun])
    return begun


def put(db: Database, load: DayLoad) -> StoredDay:
    """The day's ticks, stored and read back."""
    (stored,) = store_days(db, [load])
    assert isinstance(stored, StoredDay), stored
    return stored


def finish(db: Database, settings: Settings, begun: Manifest, load: DayLoad, state: str = "ok") -> Manifest:
    """Store the day and record it, judged so; not judged where `state` is empty."""
    stored = put(db, load)
    ended = dataclasses.replace(
        begun,
        outcome=IngestState.COMPLETE,
        reason="",
        rows=stored.rows,
        five_level_rows=five_level_rows(load.frame),
        first_tick=stored.first_tick,
        last_tick=stored.last_tick,
        digest=stored.digest,
        replaced=stored.replaced,
        finished=datetime.now(UTC) + timedelta(microseconds=1),
    )
    if state:
        verdict = Judged(state, ended.digest, f"made_up_{state}")
        judge(db, {(load.symbol, load.trading_day): (verdict, verdict)})
    write_stored(db, [], [ended], [daily_agg(ended)])
    announce_load(settings, db.endpoint)
    return ended
