"""Content that differs from the model on purpose: what a vendor's repair, a hole or an odd encoding would look like.

Belongs here: the kinds of revision and how each changes a day's columns or count.
Does not belong here: which request meets a revision (`faults`), ids and pages (`history`, `pages`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Final, Literal

import numpy as np

from ghtrader_assets.exchange.contracts import Contract
from ghtrader_assets.exchange.daily import Ints
from ghtrader_assets.exchange.model import Columns
from ghtrader_assets.market.clock import NS
from ghtrader_assets.market.session_events import SessionKind

RevisionKind = Literal[
    "changed",
    "fewer",
    "hole",
    "cut",
    "thin",
    "one_left",
    "shift",
    "moved",
    "no_data",
    "truncated",
    "missing_id",
    "ms",
    "quoted",
    "text_values",
    "text_stamps",
    "far_stamps",
    "extra_keys",
    "patches",
]
ON_THE_WIRE: Final = frozenset(
    {"missing_id", "quoted", "text_values", "text_stamps", "far_stamps", "extra_keys", "patches"}
)
"""Kinds that leave the day's columns alone and change how its ticks are written."""
LOSSES: Final = frozenset({"no_data", "fewer", "hole", "cut", "thin", "one_left"})
"""Kinds that take ticks away; the provider's bars can lose the same minutes."""
COUNTED_BY_COLUMNS: Final = frozenset({"cut", "thin", "one_left"})
"""Those of which only the columns tell how many ticks are left."""

_BEFORE_OPENING_NS: Final = 1800 * NS
"""Ticks from so long before the day session's opening on belong to it, the ones before them to the night's."""


@dataclass(frozen=True, slots=True)
class Revision:
    """One change of what a chart shows. `day` says where (None: every day); `amount` and `fraction` how much.

    `amount` counts ticks; `fraction` is a place in the day, 0 its first tick, 1 its last. `session` narrows the kinds
    that know sessions to one: its ticks are then the day's. `offset_ns` is how much later stamps are. `bars` says that
    the provider's bars lost the same minutes.
    """

    kind: RevisionKind
    day: date | None
    amount: int = 1
    fraction: float = 0.5
    session: SessionKind | None = None
    offset_ns: int = 0
    bars: bool = False

    def touches(self, day: date) -> bool:
        return self.day in (None, day)


Revisions = frozenset[Revision]


def revised_count(count: int, day: date, revisions: Revisions) -> int:
    """The ticks of a day after the revisions that take whole ticks away."""
    for revision in revisions:
        if revision.touches(day):
            if revision.kind == "no_data":
                return 0
            if revision.kind in ("fewer", "hole"):
                count = max(1, count - revision.amount)
    return count


def revised_columns(columns: Columns, contract: Contract, day: date, revisions: Revisions) -> Columns:
    """The columns of a contract-day after its revisions; `columns` stays as it is."""
    for revision in sorted(revisions, key=repr):
        if not revision.touches(day):
            continue
        if revision.kind == "fewer":
            columns = _fewer(columns, revision.amount)
        elif revision.kind == "hole":
            columns = _hole(columns, revision)
        elif revision.kind == "changed":
            columns = _changed(columns, revision, contract.terms(day).price_tick)
        elif revision.kind == "ms":
            columns = _milliseconds(columns)
        elif revision.kind in ("cut", "thin", "one_left"):
            columns = _lossy(columns, revision, _concerned(columns, contract, revision, day))
        elif revision.kind in ("shift", "moved"):
            columns = _restamped(columns, revision, _concerned(columns, contract, revision, day))
    return columns


def place_in_day(revision: Revision, count: int) -> int:
    """The 0-based tick at which the revision strikes in a day of `count` ticks."""
    return min(count - 1, max(0, round(revision.fraction * (count - 1))))


def _fewer(columns: Columns, amount: int) -> Columns:
    """Without `amount` ticks spread over the day, never the first or last."""
    count = len(columns["datetime_ns"])
    gone = np.unique(np.linspace(1, count - 2, min(amount, count - 1)).astype(np.int64))
    while len(gone) < min(amount, count - 1):
        gone = np.unique(np.append(gone, gone[-1] - 1))
    keep = np.ones(count, dtype=bool)
    keep[gone] = False
    return {name: values[keep] for name, values in columns.items()}


def _changed(columns: Columns, revision: Revision, price_tick: float) -> Columns:
    """With the last price of `amount` ticks from `fraction` of the day on moved up by one price tick."""
    start = place_in_day(revision, len(columns["datetime_ns"]))
    last = columns["last_price"].copy()
    last[start : start + revision.amount] = np.round(last[start : start + revision.amount] + price_tick, 4)
    return {**columns, "last_price": last}


def _milliseconds(columns: Columns) -> Columns:
    """With stamps off the grid by a few milliseconds, order kept; 3 and 9 are not exact in a float64."""
    stamps = columns["datetime_ns"]
    odd = 3 + 2 * (np.arange(len(stamps)) % 200)
    return {**columns, "datetime_ns": np.maximum.accumulate(stamps + odd * 1_000_000)}


def _hole(columns: Columns, revision: Revision) -> Columns:
    """Without `amount` ticks in a row, from `fraction` of the day on; the first and the last tick stay."""
    count = len(columns["datetime_ns"])
    keep = np.ones(count, dtype=bool)
    start = min(max(1, place_in_day(revision, count)), count - 1 - revision.amount)
    keep[start : start + revision.amount] = False
    return {name: values[keep] for name, values in columns.items()}


def _concerned(columns: Columns, contract: Contract, revision: Revision, day: date) -> Ints:
    """The rows that a revision is about: those of its session, or the day's."""
    rows = np.arange(len(columns["datetime_ns"]))
    if revision.session is None:
        return rows
    openings = [window.start_ns for window in contract.sessions(day).windows if window.session == "day"]
    is_day = columns["datetime_ns"] >= openings[0] - _BEFORE_OPENING_NS
    return rows[is_day if revision.session == "day" else ~is_day]


def _block(revision: Revision, rows: Ints) -> Ints:
    """`amount` of the rows from `fraction` of them on, as many as there are."""
    start = place_in_day(revision, len(rows))
    return rows[start : start + revision.amount]


def _lossy(columns: Columns, revision: Revision, rows: Ints) -> Columns:
    """Without a block of the rows, without all but every `amount`-th, or without all but one."""
    if revision.kind == "cut":
        gone = _block(revision, rows)
    else:
        stays = rows[:: revision.amount] if revision.kind == "thin" else rows[place_in_day(revision, len(rows)) :][:1]
        gone = np.setdiff1d(rows, stays)
    keep = np.ones(len(columns["datetime_ns"]), dtype=bool)
    keep[gone] = False
    return {name: values[keep] for name, values in columns.items()}


def _restamped(columns: Columns, revision: Revision, rows: Ints) -> Columns:
    """With the stamps of all rows, or of a block of them, moved, and in the order of the new stamps."""
    stamps = columns["datetime_ns"].copy()
    stamps[rows if revision.kind == "shift" else _block(revision, rows)] += revision.offset_ns
    order = np.argsort(stamps, kind="stable")
    return {name: values[order] for name, values in {**columns, "datetime_ns": stamps}.items()}
