"""A disk that fills up in the middle of a load: said in one line, nothing half written, and cured by room.

The disk is a small tmpfs in a mount namespace of its own, which `unshare` (util-linux) gives to any user.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from ghtrader_assets_tests.fix_platform import COMMAND, CommandLine

COPPER = "KQ.m@SHFE.cu"
WEEK = ("--from", "2026-01-05", "--to", "2026-01-09")
SMALL, LARGE = "700m", "4g"

SCRIPT = f"""
set -u
mount -t tmpfs -o size={SMALL} tmpfs "$DISK"
export GHTRADER_HOME="$DISK/home"
mkdir "$GHTRADER_HOME"
{COMMAND} backfill {COPPER} {" ".join(WEEK)} >"$OUT/full.txt" 2>"$OUT/full.log"; echo $? >"$OUT/full.code"
mount -o remount,size={LARGE} "$DISK"
{COMMAND} backfill {COPPER} {" ".join(WEEK)} --json >"$OUT/again.json" 2>"$OUT/again.log"; echo $? >"$OUT/again.code"
"""


def test_a_disk_that_fills_up_in_the_middle(bare: CommandLine) -> None:
    disk, out = bare.home / "disk", bare.home / "out"
    disk.mkdir()
    out.mkdir()
    environment = bare.whole_environment({"GHTRADER_MIN_FREE_MB": "0", "DISK": str(disk), "OUT": str(out)})
    subprocess.run(["unshare", "-rm", "sh", "-c", SCRIPT], env=environment, cwd=bare.home, check=True, timeout=280)

    said = (out / "full.txt").read_text()
    assert (out / "full.code").read_text().strip() == "3", said + (out / "full.log").read_text()
    assert f"the disk under {disk / 'home'} is full" in said
    assert "free space, then run the same command again" in said
    assert "Traceback" not in said + (out / "full.log").read_text()

    assert (out / "again.code").read_text().strip() == "0", (out / "again.log").read_text()
    again = json.loads((out / "again.json").read_text())
    assert not again["failed"]
    assert len(again["succeeded"]) + len(again["unchanged"]) == 5
    assert _unmounted(disk)


def _unmounted(disk: Path) -> bool:
    """Whether nothing of it is left outside the namespace."""
    return not any(disk.iterdir())
