"""What `doctor` finds where errors of ours stand behind it: their codes are shown."""

from __future__ import annotations

from pathlib import Path

from ghtrader_assets.clock import SYSTEM_CLOCK
from ghtrader_assets.files import put_file
from ghtrader_assets.market.session_events import events_path
from ghtrader_assets.questdb.client.connection import Database
from ghtrader_assets.services.findings import find_all, limit_findings
from ghtrader_assets.settings import Settings


def test_a_finding_has_the_code_of_its_error(tmp_path: Path) -> None:
    put_file(events_path(tmp_path), "no events")
    found = {item.subject: item for item in find_all(Settings(home=tmp_path, symbols=("KQ.m@SHFE.zz",)), SYSTEM_CLOCK)}
    codes = {subject: item.code for subject, item in found.items() if item.code}
    assert codes == {"KQ.m@SHFE.zz": "GHT-423", "session events": "GHT-101", "questdb": "GHT-202", "tables": "GHT-202"}
    assert all(found[subject].level == "error" for subject in codes)


def test_a_suspended_table_is_found_with_its_cause(db: Database, tmp_path: Path) -> None:
    settings = Settings(
        home=tmp_path,
        questdb_http=db.endpoint.http,
        questdb_pg=db.endpoint.pg,
        questdb_user=db.endpoint.user,
        questdb_password=db.endpoint.password,
    )
    db.execute("ALTER TABLE ghtrader_metrics_v1 SUSPEND WAL WITH 24, 'could not open'")
    try:
        found = {item.subject: item for item in find_all(settings, SYSTEM_CLOCK)}
    finally:
        db.execute("ALTER TABLE ghtrader_metrics_v1 RESUME WAL")
        db.await_applied("ghtrader_metrics_v1")
    assert (found["ghtrader_metrics_v1"].level, found["ghtrader_metrics_v1"].code) == ("error", "GHT-214")
    assert "prlimit" in found["ghtrader_metrics_v1"].remedy
    assert found["questdb"].level == "ok", "it answers"


def test_what_the_machine_lacks_is_found_before_anything_runs(tmp_path: Path) -> None:
    home = tmp_path / "not there yet"
    settings = Settings(home=home, min_free_mb=2**40, ingest_workers=64)
    found = {item.subject: item for item in limit_findings(settings, SYSTEM_CLOCK)}
    assert {"open files", "vm.max_map_count", "disk", "memory"} == set(found)
    assert (found["disk"].level, found["disk"].code) == ("error", "GHT-303")
    assert "64 workers" in found["memory"].finding
