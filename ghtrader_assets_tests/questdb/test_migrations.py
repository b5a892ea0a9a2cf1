"""An older home becomes one of this version: nothing of it is lost."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from ghtrader_assets.clock import SYSTEM_CLOCK
from ghtrader_assets.context.store import StoreContext, open_store, open_writable_store
from ghtrader_assets.errors import GhtraderError, ServiceError, VersionError
from ghtrader_assets.lineage.aggregate import aggregated_path, day_lines, stored_aggregated
from ghtrader_assets.lineage.verify import verify_manifest
from ghtrader_assets.manifests import manifest_document, manifest_files, read_manifest_file
from ghtrader_assets.market.symbols import parse_symbol
from ghtrader_assets.market.ticks import content_digest
from ghtrader_assets.questdb.client.connection import Database
from ghtrader_assets.questdb.tables import migrations, reader
from ghtrader_assets.questdb.tables.migrations import (
    ensure_schema,
    foreign_columns_of_all,
    home_version,
    require_version,
    shape_findings,
    store_version,
)
from ghtrader_assets.questdb.tables.schema import (
    MANIFESTS,
    SCHEMA_VERSION,
    VALIDATE_SUMMARY,
)
from ghtrader_assets.questdb.tables.steps import FIRST_VERSION, STEPS, STORE_VERSION
from ghtrader_assets.questdb.tables.tick_columns import read_ticks
from ghtrader_assets.reading.overview import days_of
from ghtrader_assets.services.findings import find_all
from ghtrader_assets.upkeep import wanted
from ghtrader_assets.upkeep.causes import Cause
from ghtrader_assets.upkeep.due import Need
from ghtrader_assets.upkeep.repair import RepairPlan, read_plan
from ghtrader_assets_tests.fix_old_home import OLD_SYMBOLS
from ghtrader_assets_tests.questdb.old_store import ADDED, CHANGED, OldHome

pytestmark = [pytest.mark.service, pytest.mark.xdist_group("old-home")]

DAYS = [date(2026, 1, day) for day in (5, 6, 7, 8)]
SR, RB = OLD_SYMBOLS
OPEN, IN_PART = (RB, "2026-01-07"), (RB, "2026-01-06")
NOW = datetime(2026, 1, 9, tzinfo=UTC)
_OF_THREE = '{{"outcome": {}, "reason": {}, "upstream": {}}}'
NO_MANIFESTS = [
    *("", "{", "[]", "{}", "null", "3", '{"outcome": "failed"}', "[" * 100_000, '{"outcome": ' * 100_000),
    *(_OF_THREE.format('"failed"', '""', wrong) for wrong in ("null", "3", "[]", "{}", "true")),
    *(_OF_THREE.format(wrong, wrong, '"partial:x"') for wrong in ("null", "3", "[]", "{}", "true")),
    _OF_THREE.format('"failed"', '"\\ud800"', '"partial:x"'),
]
"""What a file may hold that is no manifest of any version."""


def as_json(value: Any) -> Any:
    return json.loads(json.dumps(value, default=str))


def migrated(document: dict[str, Any]) -> dict[str, Any]:
    """What becomes of a manifest, or a stored-day row, of the old home."""
    key = (document["symbol"], document["trading_day"])
    if key == OPEN:
        return document | {"partial": False, "outcome": "running", "finished": None}
    if key == IN_PART:
        return document | {"partial": True, "upstream": document["upstream"].removeprefix("partial:")}
    return document | {"partial": False}


def renamed(document: dict[str, Any]) -> dict[str, Any]:
    """What becomes of a stored-day row or a verdict of the old home: the column of its load has a new name."""
    return {"manifest_id" if name == "load_id" else name: value for name, value in document.items()}


def plan_of(context: StoreContext, running: tuple[str, ...] = ()) -> RepairPlan:
    symbols = [parse_symbol(text) for text in OLD_SYMBOLS]
    return read_plan(context, symbols, DAYS[0], DAYS[-1], NOW, running)


CODES_NOW = {"the day was never loaded": "never_loaded"}
"""What was a sentence in version 1."""


def test_the_home_of_version_1_reads_back_as_it_was(old: OldHome) -> None:
    with open_writable_store(old.settings):
        pass
    with open_store(old.settings) as context:
        for symbol in OLD_SYMBOLS:
            for state in days_of(context, parse_symbol(symbol), DAYS[0], DAYS[-1]):
                told = old.expected.day(symbol, state.trading_day.isoformat())
                wanted_day = told["day"] | (
                    {"ingest_state": "running", "state": "running"} if (symbol, told["trading_day"]) == OPEN else {}
                )
                wanted_day["reason"] = CODES_NOW.get(wanted_day["reason"], wanted_day["reason"])
                assert as_json(asdict(state)) == wanted_day | {"accepted": None, "wrong_main": None, "witness": ""}
                _same_day(context, symbol, state.trading_day, told)
        for name, rows in old.expected.aggregated.items():
            assert as_json([asdict(item) for item in reader.read_aggregated(context.database, name)]) == rows
            kept = stored_aggregated(context, name)
            assert kept.manifest_id == name
            assert aggregated_path(old.home, name).read_bytes() == kept.content
        (in_part,) = day_lines(context, parse_symbol(RB), DAYS[1], DAYS[1])
        (load,) = old.expected.day(*IN_PART)["manifests"]
        assert in_part["upstream"] == load["upstream"], "the same content gives the same aggregated manifest"
        files = {file.stem: manifest_document(read_manifest_file(file)) for file in manifest_files(old.home)}
        told = [item for day in old.expected.days for item in day["manifests"]]
        assert files == {item["manifest_id"]: migrated(item) for item in told}


def _same_day(context: StoreContext, symbol: str, day: date, told: dict[str, Any]) -> None:
    database = context.database
    ticks = read_ticks(database, symbol, context.calendar.window(day))
    digest = content_digest(ticks) if ticks.height else ""
    assert {"rows": ticks.height, "digest": digest} == told["ticks"]
    attempts = sorted(reader.read_manifests(database, symbol, [day]), key=lambda manifest: manifest.started)
    assert [manifest_document(attempt) for attempt in attempts] == [migrated(item) for item in told["manifests"]]
    for name, read in (("coverage", reader.read_summary), ("quality", reader.read_quality)):
        verdict = read(database, symbol, [day]).get(day)
        stated = told["verdicts"][name]
        unsaid = {"gap_seconds_lost": None, "baseline_days": None}
        named = dict.fromkeys(ADDED[VALIDATE_SUMMARY], "") | unsaid if name == "coverage" else {}
        assert as_json(asdict(verdict) if verdict else None) == (renamed(stated) | named if stated else None)
    gaps = as_json([asdict(gap) for gap in reader.read_gaps(database, symbol, [day])])
    assert gaps == [gap | {"lots_across": None} for gap in told["gaps"]]
    stored = reader.read_daily_agg(database, symbol, [day])
    assert as_json([asdict(item) for item in stored]) == [
        renamed(migrated(item)) for item in [told["coverage_row"]] if item
    ]
    for item in stored:
        assert verify_manifest(context, item.manifest_id) == []


def test_the_plan_knows_what_was_killed_and_what_was_in_progress(old: OldHome) -> None:
    old.migrate()
    with open_store(old.settings) as context:
        plan = plan_of(context)
        found = {(item.symbol.text, item.trading_day.isoformat()): item.cause for item in plan.planned}
        loads = {key: cause for key, cause in found.items() if cause not in {Cause.STALE, Cause.UNJUDGED}}
        assert loads == {
            OPEN: Cause.INTERRUPTED,
            IN_PART: Cause.PARTIAL,
            (SR, "2026-01-07"): Cause.FAILED,
            (SR, "2026-01-08"): Cause.MISSING,
            (RB, "2026-01-08"): Cause.MISSING,
        }
        ((run_id,),) = context.database.rows("run", f"SELECT run_id FROM {MANIFESTS} WHERE outcome = 'running'")
        (in_hand,) = plan_of(context, (run_id,)).running
        assert (in_hand.symbol.text, in_hand.trading_day.isoformat()) == OPEN


def test_verdicts_that_newer_rules_make_due_are_listed_and_left(old: OldHome, monkeypatch: pytest.MonkeyPatch) -> None:
    before = old.rows()
    old.migrate()
    monkeypatch.setattr(wanted, "RULE_VERSION", "of tomorrow")
    with open_store(old.settings) as context:
        stale = {
            (item.symbol.text, item.trading_day.isoformat()) for item in plan_of(context).planned
            if (item.cause, item.need) == (Cause.STALE, Need.JUDGEMENT)
        }  # fmt: skip
    assert stale == {(SR, "2026-01-05"), (SR, "2026-01-06"), (RB, "2026-01-05")}
    after = old.rows()
    for name, frame in before.items():
        if name not in CHANGED:
            renamed_frame = frame.rename({"load_id": "manifest_id"}, strict=False)
            assert renamed_frame.equals(after[name].select(renamed_frame.columns)), name


def test_migrating_again_changes_nothing(old: OldHome) -> None:
    assert (store_version(old.database), home_version(old.home)) == (FIRST_VERSION, FIRST_VERSION)
    old.migrate()
    rows, files = old.rows(), old.files()
    committed = "SELECT name, sequencerTxn FROM wal_tables() ORDER BY name"
    transactions = old.database.rows("wal", committed)
    old.migrate()
    assert old.database.rows("wal", committed) == transactions
    assert (store_version(old.database), home_version(old.home)) == (STORE_VERSION, STORE_VERSION)
    assert shape_findings(old.database) == {}
    old.assert_same(rows, files)


def test_a_newer_store_or_home_is_refused_in_one_line(old: OldHome) -> None:
    old.migrate()
    migrations._record(old.database, STORE_VERSION + 1, SYSTEM_CLOCK)
    newer = rf"the store is of version {STORE_VERSION + 1}, newer than the {STORE_VERSION} of this code"
    told = f"{newer}; use a newer ghtrader-assets"
    _assert_refused(old, told)
    with pytest.raises(VersionError, match=told), open_store(old.settings) as context:
        context.database.rows("version", "SELECT 1")
    old.make_old_again()
    (old.home / "manifests" / "version").write_text(f"{STORE_VERSION + 1}\n")
    _assert_refused(old, f"the home .* is of version {STORE_VERSION + 1}")
    assert store_version(old.database) == FIRST_VERSION, "a home that is newer leaves the store alone"


def _assert_refused(old: OldHome, told: str) -> None:
    before = old.rows()
    with pytest.raises(GhtraderError, match=told) as refused:
        old.migrate()
    assert "\n" not in str(refused.value)
    after = old.rows()
    assert all(frame.equals(after[name]) for name, frame in before.items())


def test_a_table_of_another_program_is_refused_before_any_is_altered(old: OldHome) -> None:
    old.execute(f"ALTER TABLE {MANIFESTS} RENAME COLUMN outcome TO of_another")
    old.database.await_applied(MANIFESTS)
    with pytest.raises(GhtraderError, match=f"table {MANIFESTS} in QuestDB is not ours: column outcome should be"):
        old.migrate()
    assert store_version(old.database) == FIRST_VERSION
    old.execute(f"ALTER TABLE {MANIFESTS} RENAME COLUMN of_another TO outcome")
    old.database.await_applied(MANIFESTS)


def test_a_column_of_another_program_outlives_a_migration(old: OldHome) -> None:
    old.execute(f"ALTER TABLE {MANIFESTS} ADD COLUMN of_another LONG")
    old.database.await_applied(MANIFESTS)
    old.migrate()
    assert foreign_columns_of_all(old.database) == {MANIFESTS: ["of_another"]}
    assert store_version(old.database) == STORE_VERSION
    old.execute(f"ALTER TABLE {MANIFESTS} DROP COLUMN of_another")
    old.database.await_applied(MANIFESTS)


def test_readers_say_what_to_run_and_need_no_write_permission(old: OldHome) -> None:
    told = r"of version 1, and this code reads version \d+; run `ghtrader-assets up`"
    with pytest.raises(VersionError, match=told), open_store(old.settings) as context:
        context.database.rows("version", "SELECT 1")
    assert store_version(old.database) == FIRST_VERSION
    old.migrate()
    with Database(old.database.endpoint, readonly=True) as readonly:
        require_version(readonly)


def test_doctor_shows_the_version_and_what_is_pending(old: OldHome) -> None:
    def versions() -> dict[str, tuple[str, str]]:
        found = [item for item in find_all(old.settings, SYSTEM_CLOCK) if item.subject.startswith("version of ")]
        return {item.subject.removeprefix("version of the "): (item.level, item.finding) for item in found}

    before = versions()
    assert before.keys() == {"store", "manifests"}
    for level, said in before.values():
        assert level == "warn"
        assert all(f"{step.version}: {step.says}" in said for step in STEPS)
    assert not [item for item in find_all(old.settings, SYSTEM_CLOCK) if item.subject in CHANGED], (
        "pending columns are no other shape"
    )
    old.migrate()
    assert versions() == {
        "store": ("ok", f"{STORE_VERSION}, this code's"),
        "manifests": ("ok", f"{STORE_VERSION}, this code's"),
    }


def test_a_damaged_manifest_or_version_is_said(old: OldHome) -> None:
    first = next(manifest_files(old.home))
    damaged = {first.with_name(f"20260105T080000-{nth:08x}.json"): text for nth, text in enumerate(NO_MANIFESTS)}
    for path, text in damaged.items():
        path.write_text(text)
    old.migrate()
    assert {path: path.read_text() for path in damaged} == damaged
    assert home_version(old.home) == STORE_VERSION
    (old.home / "manifests" / "version").write_text("three")
    with pytest.raises(ServiceError, match="version can't be read"):
        old.migrate()


def test_a_fresh_store_is_of_this_version(old: OldHome, tmp_path: Path) -> None:
    """Also one whose first start was killed before its version was recorded."""
    assert [step.version for step in STEPS] == list(range(FIRST_VERSION + 1, STORE_VERSION + 1))
    old.migrate()
    old.execute(f"TRUNCATE TABLE {SCHEMA_VERSION}")
    old.database.await_applied(SCHEMA_VERSION)
    assert store_version(old.database) == FIRST_VERSION
    rows = old.rows()
    ensure_schema(old.database, tmp_path, SYSTEM_CLOCK)
    assert (store_version(old.database), home_version(tmp_path)) == (STORE_VERSION, STORE_VERSION)
    after = old.rows()
    assert all(frame.equals(after[name]) for name, frame in rows.items())


def test_dagster_opens_what_the_old_one_left(old: OldHome) -> None:
    folder = old.home / "dagster"
    with dg.DagsterInstance.from_config(str(folder)) as instance:
        runs = instance.get_runs()
        assert {run.status.value for run in runs} == {"SUCCESS", "FAILURE", "STARTED"}
        keys = {key.to_user_string() for key in instance.get_asset_keys()}
        assert "KQ_m_CZCE_SR/ticks" in keys
        told = old.expected.day(SR, "2026-01-06")["day"]
        found = instance.get_latest_data_version_record(
            dg.AssetKey(["KQ_m_CZCE_SR", "ticks"]), partition_key="2026-01-06"
        )
        assert found is not None
        assert found.asset_materialization is not None
        assert found.asset_materialization.tags is not None
        assert found.asset_materialization.tags["dagster/data_version"] == told["digest"]
