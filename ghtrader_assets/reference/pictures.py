"""The roll history as a picture, drawn without a display, and the small ones that are kept under `GHTRADER_HOME`.

Belongs here: plots. Does not belong here: the figures they show (`rolls`). Drawing imports matplotlib, which takes half
a second.
"""

# matplotlib's keyword arguments have no types.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
from __future__ import annotations

import hashlib
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from ghtrader_assets.errors import BadInputError
from ghtrader_assets.files import put_file, whole_file
from ghtrader_assets.market.symbols import parse_symbol
from ghtrader_assets.reference.rolls import Segment

FORMATS: Final = ("png", "svg")
SMALL_DPI: Final = 64
LABELLED: Final = 45
"""So many contracts are named on the axis; of a longer history every second, third … is."""

_BAR: Final = "#2a6fbb"
_PROVISIONAL: Final = "#e08a1e"
_INK: Final = "#333333"


def draw_roll_history(segments: Sequence[Segment], target: Path) -> None:
    """Write the roll history to a .png or .svg file. Raises `BadInputError` for another suffix or nothing to draw."""
    chosen = target.suffix.lower().lstrip(".")
    if chosen not in FORMATS:
        raise BadInputError(f"{target} is neither .png nor .svg", "name the picture one of them")
    content = roll_history(segments, chosen)
    try:
        with whole_file(target) as file:
            file.write(content)
    except OSError as error:
        raise BadInputError(f"{target} can't be written: {error.strerror}", "choose another file") from None


def kept_roll_history(home: Path, segments: Sequence[Segment]) -> Path:
    """Where the PNG of the roll history is, some 20 kB. Raises `BadInputError` where there is nothing to draw."""
    state = hashlib.sha256(repr(segments).encode()).hexdigest()[:16]
    folder = home / "pictures" / (parse_symbol(segments[0].symbol).key if segments else "nothing")
    path = folder / f"rolls-{state}.png"
    if not path.exists():
        content = roll_history(segments, "png", SMALL_DPI)
        for former in folder.glob("rolls-*.png"):
            former.unlink(missing_ok=True)
        put_file(path, content)
    return path


def roll_history(segments: Sequence[Segment], chosen: str, dpi: int = 110) -> bytes:
    """A bar for each main contract from its first to its last trading day, oldest at the top. Same rows, same bytes."""
    from matplotlib import rc_context  # noqa: PLC0415 - half a second, only where a picture is drawn
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter, date2num  # noqa: PLC0415
    from matplotlib.figure import Figure  # noqa: PLC0415

    if not segments:
        raise BadInputError("there is no main contract to draw in this range", "choose a range with trading days")
    figure = Figure(figsize=(9.0, max(2.4, 1.2 + 0.16 * min(len(segments), 70))), dpi=dpi, layout="constrained")
    axes = figure.add_subplot()
    starts = [float(date2num(segment.first_day)) for segment in segments]
    lengths = [float(date2num(segment.last_day)) - start + 1 for segment, start in zip(segments, starts, strict=True)]
    colours = [_PROVISIONAL if segment.provisional else _BAR for segment in segments]
    axes.barh(range(len(segments)), lengths, left=starts, height=0.72, color=colours)
    every = -(-len(segments) // LABELLED)
    named = range(0, len(segments), every)
    axes.set_yticks(list(named), [segments[index].contract.partition(".")[2] for index in named], fontsize=7)
    axes.invert_yaxis()
    axes.margins(y=0.01)
    axes.xaxis_date()
    locator = AutoDateLocator()
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))
    axes.grid(visible=True, axis="x", color="#dddddd", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.tick_params(colors=_INK, length=0)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.set_title(_title(segments), loc="left", fontsize=10, color=_INK)
    with rc_context({"svg.hashsalt": "ghtrader-assets", "svg.fonttype": "none"}), io.BytesIO() as content:
        figure.savefig(content, format=chosen, metadata={"Date": None} if chosen == "svg" else {"Software": None})
        return content.getvalue()


def _title(segments: Sequence[Segment]) -> str:
    first, last = segments[0], segments[-1]
    rolls = sum(segment.is_roll for segment in segments)
    title = f"Main contracts of {first.symbol}, {first.first_day} to {last.last_day}: {rolls} rolls"
    return f"{title} (orange: may still change)" if last.provisional else title
