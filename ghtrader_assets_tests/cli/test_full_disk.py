"""A disk that fills up in the middle of a load: said in one line, nothing half written, and cured by room.

The disk is a tmpfs that shrinks to what is used once a day is stored, in a mount namespace of its own, which `unshare`
(util-linux) gives to any user. Where QuestDB outlives it, days are named as failed; where it dies, the command ends.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from ghtrader_assets_tests.fix_platform import COMMAND, CommandLine

SYMBOL = "KQ.m@CFFEX.IF"
"""Of one level and without a night session: half the ticks of copper."""
RANGE = ("--from", "2026-01-05", "--to", "2026-01-07")
DAYS = 3

SCRIPT = f"""
set -u
mount -t tmpfs -o size=6g tmpfs "$DISK"
export GHTRADER_HOME="$DISK/home"
mkdir "$GHTRADER_HOME"
{COMMAND} backfill {SYMBOL} {" ".join(RANGE)} >"$OUT/full.txt" 2>"$OUT/full.log" &
until grep -q "day stored" "$OUT/full.log"; do kill -0 $! || exit; sleep 0.2; done
until mount -o "remount,size=$(($(df --output=used -k "$DISK" | tail -n 1) + 4096))k" "$DISK"; do :; done
wait $!; echo $? >"$OUT/full.code"
mount -o remount,size=6g "$DISK"
{COMMAND} backfill {SYMBOL} {" ".join(RANGE)} --json >"$OUT/again.json" 2>"$OUT/again.log"; echo $? >"$OUT/again.code"
"""


@pytest.mark.joint
def test_a_disk_that_fills_up_in_the_middle(bare: CommandLine) -> None:
    disk, out = bare.home / "disk", bare.home / "out"
    disk.mkdir()
    out.mkdir()
    environment = bare.whole_environment(
        {
            "GHTRADER_SYMBOLS": SYMBOL,
            "GHTRADER_MIN_FREE_MB": "0",
            "GHTRADER_INGEST_BATCH_DAYS": "1",
            "GHTRADER_LOG_LEVEL": "info",
            "DISK": str(disk),
            "OUT": str(out),
        }
    )
    subprocess.run(["unshare", "-rm", "sh", "-c", SCRIPT], env=environment, cwd=bare.home, check=True, timeout=1200)

    said = (out / "full.txt").read_text() + (out / "full.log").read_text()
    assert (out / "full.code").read_text().strip() == "3", said
    assert f"the disk under {disk / 'home'} is full" in said
    assert "free space, then run the same command again" in said
    assert "Traceback" not in said

    assert (out / "again.code").read_text().strip() == "0", (out / "again.log").read_text()
    again = json.loads((out / "again.json").read_text())
    assert not again["failed"]
    assert len(again["succeeded"]) + len(again["unchanged"]) == DAYS
    assert again["unchanged"], "a day was stored before the disk was full"
    assert _unmounted(disk)


def _unmounted(disk: Path) -> bool:
    """Whether nothing of it is left outside the namespace."""
    return not any(disk.iterdir())
