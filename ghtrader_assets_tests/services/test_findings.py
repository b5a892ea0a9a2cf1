"""What `doctor` finds where errors of ours stand behind it: their codes are shown."""

from __future__ import annotations

from pathlib import Path

from ghtrader_assets.clock import SYSTEM_CLOCK
from ghtrader_assets.files import put_file
from ghtrader_assets.market.session_events import events_path
from ghtrader_assets.services.findings import find_all
from ghtrader_assets.settings import Settings


def test_a_finding_has_the_code_of_its_error(tmp_path: Path) -> None:
    put_file(events_path(tmp_path), "no events")
    found = {item.subject: item for item in find_all(Settings(home=tmp_path, symbols=("KQ.m@SHFE.zz",)), SYSTEM_CLOCK)}
    codes = {subject: item.code for subject, item in found.items() if item.code}
    assert codes == {"KQ.m@SHFE.zz": "GHT-423", "session events": "GHT-101", "questdb": "GHT-202", "tables": "GHT-202"}
    assert all(found[subject].level == "error" for subject in codes)
