"""What of the disk each part of a home takes, day by day, and by that when the disk is full.

Belongs here: measuring, the samples that are kept, the forecast. Does not belong here: what is too little for a load
(`loading.disk`), and taking anything away (`assets.retention`).

Measuring looks at every file, of which a home of many years has some 100,000: a running platform does it once a day,
and who asks gets the last sample.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final

from ghtrader_assets.files import put_file
from ghtrader_assets.loading.disk import disk_shortage
from ghtrader_assets.settings import Settings

PARTS: Final = ("questdb", "dagster", "manifests", "logs", "exchange")
"""Folders of a home with a line of their own; what else there is makes another."""
REST: Final = "rest"
KEPT: Final = 60
"""So many daily samples: growth is that of the last two months."""
SOON_FULL_DAYS: Final = 60
FEWEST_DAYS: Final = 3
"""Over less than that a single load decides."""
_BLOCK: Final = 512
"""Bytes of a block as the system counts them, whatever the disk's are."""


@dataclass(frozen=True, slots=True)
class Shares:
    """Bytes on disk of each part of a home on a day, Beijing time."""

    day: date
    parts: dict[str, int]

    @property
    def total(self) -> int:
        return sum(self.parts.values())


@dataclass(frozen=True, slots=True)
class Forecast:
    """The last sample, bytes a calendar day since the oldest one, and the days until the disk is full.

    `growth` is None while the samples are too young to tell, `days_left` where nothing grows either.
    """

    last: Shares
    growth: float | None
    days_left: float | None

    @property
    def is_soon_full(self) -> bool:
        """Whether it is time for a larger disk, which takes its time to come."""
        return self.days_left is not None and self.days_left <= SOON_FULL_DAYS


def shares_path(home: Path) -> Path:
    return home / "shares.json"


def measure(home: Path, day: date) -> Shares:
    """What each part of a home takes now. A file that vanishes meanwhile takes nothing."""
    parts = {part: _taken(home / part) for part in PARTS}
    with os.scandir(home) as entries:
        others = [Path(entry.path) for entry in entries if entry.name not in PARTS]
    return Shares(day, parts | {REST: sum(_taken(path) for path in others)})


def read_shares(home: Path) -> list[Shares]:
    """The samples that are kept, oldest first; none of a file that can't be read."""
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        entries = json.loads(shares_path(home).read_text(encoding="utf-8"))
        return [
            Shares(date.fromisoformat(each["day"]), {str(k): int(v) for k, v in each["parts"].items()})
            for each in entries
        ]
    return []


def note_shares(home: Path, today: date) -> Shares | None:
    """Measure and keep the sample of `today`; None where it is kept already. Raises `OSError`."""
    known = [each for each in read_shares(home) if each.day <= today]
    if known and known[-1].day == today:
        return None
    sample = measure(home, today)
    entries = [{"day": each.day.isoformat(), "parts": each.parts} for each in [*known, sample][-KEPT:]]
    put_file(shares_path(home), json.dumps(entries))
    return sample


def forecast(samples: list[Shares], free: int) -> Forecast | None:
    """How it goes on with `free` bytes left; None without a sample."""
    if not samples:
        return None
    first, last = samples[0], samples[-1]
    days = (last.day - first.day).days
    if days < FEWEST_DAYS:
        return Forecast(last, None, None)
    growth = (last.total - first.total) / days
    return Forecast(last, growth, free / growth if growth > 0 else None)


def disk_sentence(settings: Settings) -> tuple[str, bool]:
    """How much is free, and until when; whether that is too little for a load, or will be soon."""
    free = free_bytes(settings.home)
    found = forecast(read_shares(settings.home), free)
    said = f"{free / 2**30:,.0f} GB of disk free"
    if found is not None and found.days_left is not None:
        said += f", full in {found.days_left:,.0f} days"
    return said, disk_shortage(settings) is not None or (found is not None and found.is_soon_full)


def free_bytes(home: Path) -> int:
    return shutil.disk_usage(home).free


def _taken(path: Path) -> int:
    """Bytes that a file, or all files under a folder, take on the disk: blocks, since QuestDB's files have holes."""
    taken = 0
    with contextlib.suppress(OSError):
        taken = path.lstat().st_blocks * _BLOCK
        if not path.is_symlink():
            taken += _inside(str(path))
    return taken


def _inside(folder: str) -> int:
    """What stands under a folder; nothing of a file, and of what vanishes meanwhile."""
    taken = 0
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            with contextlib.suppress(OSError):
                taken += entry.stat(follow_symlinks=False).st_blocks * _BLOCK
                taken += _inside(entry.path) if entry.is_dir(follow_symlinks=False) else 0
    return taken
