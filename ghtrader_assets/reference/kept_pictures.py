"""Small pictures that are drawn once for each state of what they show, and kept under `GHTRADER_HOME`.

Belongs here: keeping them. Does not belong here: drawing (`pictures`, which is imported only when something has to be
drawn: matplotlib takes a while to load).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from ghtrader_assets.files import put_file
from ghtrader_assets.market.symbols import parse_symbol
from ghtrader_assets.reference.rolls import Segment

SMALL_DPI: Final = 64


def kept_roll_history(home: Path, segments: Sequence[Segment]) -> bytes:
    """A PNG of the roll history, some 20 kB. Raises `BadInputError` where there is nothing to draw."""
    state = hashlib.sha256(repr(segments).encode()).hexdigest()[:16]
    folder = home / "pictures" / (parse_symbol(segments[0].symbol).key if segments else "nothing")
    path = folder / f"rolls-{state}.png"
    try:
        return path.read_bytes()
    except FileNotFoundError:
        from ghtrader_assets.reference.pictures import roll_history  # noqa: PLC0415

        content = roll_history(segments, "png", SMALL_DPI)
    for former in folder.glob("rolls-*.png"):
        former.unlink(missing_ok=True)
    put_file(path, content)
    return content
