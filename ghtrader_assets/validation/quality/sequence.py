"""What must hold from tick to tick: time and cumulative columns never fall, nothing is delivered twice.

Belongs here: rules about a tick and the one before it. Does not belong here: single ticks (`values`, `pairs`, `book`).

These rules see every tick of the day, sampled or not.
"""

from __future__ import annotations

from functools import partial
from typing import Final

import numpy as np

from ghtrader_assets.validation.intake import NS, Floats, Ints
from ghtrader_assets.validation.quality.rules import Part, Parts, QualityDay, Rule, nothing_checked

RESET_FACTOR: Final = 100
"""A first tick that carries over the day before shows more than so many usual ticks' volume."""


def regressing(day: QualityDay) -> Parts:
    """Ticks stamped before the tick that precedes them, and ids that fall in the order delivered."""
    stamps = day.ticks.stamps
    rows = 1 + np.flatnonzero(stamps[1:] < stamps[:-1])
    disorder = np.zeros(day.ticks.disorder, dtype=np.int64)
    return {"time": Part(rows, day.ticks.n), "id": Part(disorder, day.ticks.n)}


def falls(day: QualityDay, name: str) -> Parts:
    """Ticks at which a cumulative column is wrong: it falls there, or right after."""
    values, missing = day.column(name), day.ticks.missing(name)
    known = None if missing is None else np.flatnonzero(~missing)
    blamed = _blame(values if known is None else values[known])
    return {"": Part(blamed if known is None else known[blamed], day.ticks.n)}


def narrowing(day: QualityDay) -> Parts:
    """Ticks at which the day's highest falls or its lowest rises, from its first trade on."""
    known = day.column("volume") > 0
    found: dict[str, Part] = {}
    for name, falling in (("highest", True), ("lowest", False)):
        rows = np.flatnonzero(known & (day.column(name) > 0))
        values = day.column(name)[rows]
        narrower = values[1:] < values[:-1] if falling else values[1:] > values[:-1]
        found[name] = Part(rows[1:][narrower], day.ticks.n)
    return found


def carried_over(day: QualityDay) -> Parts:
    """A first tick, no later than the day's opening, that shows much of the day's total already."""
    found: dict[str, Part] = {}
    for name in ("volume", "amount") if day.ticks.n else ():
        values, missing = day.column(name), day.ticks.missing(name)
        first = 0 if missing is None else int(np.argmin(missing))
        known = values if missing is None else values[~missing]
        if (
            len(known) < 3
            or not day.ticks.windows
            or day.ticks.seconds[first] > day.ticks.windows[0].start_ns // NS + 1
        ):
            continue
        carried = _is_carried_over(known, day.policy.value("RESET_MAX_SHARE"))
        found[name] = Part(np.array([first] if carried else [], dtype=np.int64), 1)
    return found or nothing_checked()


def repeated_stamps(day: QualityDay) -> Parts:
    """Ticks that bear the timestamp of the tick before, where the exchange does not stamp whole seconds."""
    if day.repeats_seconds:
        return nothing_checked()
    stamps = day.ticks.stamps
    rows = 1 + np.flatnonzero(stamps[1:] == stamps[:-1])
    return {"": Part(rows, day.ticks.n)}


def repeated_rows(day: QualityDay) -> Parts:
    """Ticks that repeat another one: the same id, or the same time and every number."""
    ids = day.ticks.ids
    same_id = 1 + np.flatnonzero(ids[1:] == ids[:-1]) if day.ticks.has_ids else np.empty(0, dtype=np.int64)
    twins, identical = day.twins
    return {"": Part(np.union1d(same_id, twins[identical]), day.ticks.n)}


def colliding_hashes(day: QualityDay) -> Parts:
    """Ticks that differ from another one but have the same row hash: ghTrader's key would keep one of them.

    Ours keeps both. The hash is weak (it multiplies the few high bits in which small whole numbers differ out of its
    64), so it happens where several ticks share a second and differ in two volumes only.
    """
    twins, identical = day.twins
    return {"": Part(np.sort(twins[~identical]), day.ticks.n)}


def _is_carried_over(values: Floats, share: float) -> bool:
    first = values[0]
    if not first > share * values.max():
        return False
    traded = np.diff(values)
    traded = traded[traded > 0]
    with np.errstate(over="ignore"):
        return len(traded) > 0 and bool(first > RESET_FACTOR * np.median(traded))


def _blame(series: Floats) -> Ints:
    """The index at fault for each fall: the peak before it if the series goes on below that peak, else the fall."""
    falls = 1 + np.flatnonzero(series[1:] < series[:-1])
    if len(falls) == 0:
        return falls
    after = np.minimum(falls + 1, len(series) - 1)
    resumes = (falls >= 2) & (series[falls] >= series[falls - 2]) & (series[after] < series[falls - 1])
    return np.unique(np.where(resumes, falls - 1, falls))


_rule: Final = partial(Rule, family="sequence", needs_sequence=True)
RULES: Final = (
    _rule("regressing_time", "error", "time runs backwards", regressing),
    _rule(
        "volume_monotone", "error", "cumulative volume falls", partial(falls, name="volume"), limit="REGRESS_MAX_RATE"
    ),
    _rule(
        "amount_monotone", "error", "cumulative amount falls", partial(falls, name="amount"), limit="REGRESS_MAX_RATE"
    ),
    _rule("range_monotone", "error", "the day's range becomes narrower", narrowing, limit="REGRESS_MAX_RATE"),
    _rule(
        "day_reset",
        "error",
        "volume or amount not reset at the start of the trading day",
        carried_over,
        sources=("RESET_MAX_SHARE",),
    ),
    _rule("hash_collision", "info", "different ticks of one row hash", colliding_hashes),
    _rule("duplicate_row", "warn", "tick delivered twice", repeated_rows, limit="DUPLICATE_MAX_RATE"),
    _rule("duplicate_time", "warn", "timestamp repeated", repeated_stamps, limit="DUPLICATE_MAX_RATE"),
)
