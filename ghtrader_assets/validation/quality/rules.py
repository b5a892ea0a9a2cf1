"""What a rule of field quality is, what it works on, and what it finds.

Belongs here: the types that every rule family shares.
Does not belong here: the rules (`nulls`, `pairs`, `book`, `values`, `sequence`, `outliers`), their order (`measure`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Literal

import numpy as np

from ghtrader_assets.market.ticks import BOOK_COLUMNS, NUMERIC_COLUMNS, hash_columns
from ghtrader_assets.validation.gaps import locked_rows
from ghtrader_assets.validation.intake import NS, OUTSIDE, Bools, DayTicks, Floats, Ints
from ghtrader_assets.validation.policy import Policy

Severity = Literal["error", "warn", "info"]
EXAMPLES: Final = 5


@dataclass(frozen=True)
class QualityDay:
    """The ticks of a day with what the rules need to know of it.

    `levels` of the book are expected (5 for SHFE, 1 elsewhere); `price_tick` in the quote unit, `multiplier` in quote
    units a lot; `limits` the day's lowest and highest legal price where they were recorded; `repeats_seconds` where the
    exchange stamps whole seconds and several ticks share one; `pause_limit_s` per window, from which on a silence is a
    gap; `may_leave_multiplier_out` where the exchange's amounts may be lots times prices alone; `is_main` for a main
    contract, which never goes a day without a trade while its quotes move.
    """

    ticks: DayTicks
    policy: Policy
    levels: int
    price_tick: float
    multiplier: float
    limits: tuple[float, float] | None
    repeats_seconds: bool
    pause_limit_s: tuple[float, ...]
    may_leave_multiplier_out: bool
    is_main: bool

    def column(self, name: str) -> Floats:
        """One numeric column."""
        return self.ticks.numbers[name]

    @property
    def book_columns(self) -> tuple[str, ...]:
        """The names of the expected book columns."""
        return BOOK_COLUMNS[: 4 * self.levels]

    @cached_property
    def in_session(self) -> Bools:
        """Which ticks fall in a session window."""
        return self.ticks.window_of != OUTSIDE

    @cached_property
    def locked(self) -> Bools:
        """Which ticks belong to a market pinned at its limit: their other side is empty for a reason."""
        return locked_rows(self.ticks, self.limits)

    @cached_property
    def two_sided(self) -> Bools:
        """Which ticks quote both a bid and an ask."""
        return (self.column("bid_price1") > 0) & (self.column("ask_price1") > 0)

    @cached_property
    def same_window(self) -> Bools:
        """Which ticks (from the second on) follow a tick of the same window."""
        windows = self.ticks.window_of
        return (windows[1:] == windows[:-1]) & (windows[1:] != OUTSIDE)

    @cached_property
    def warm(self) -> Bools:
        """Which ticks lie beyond the warm-up after their window's opening."""
        warm_up = self.policy.value("WARMUP_S")
        warm = np.zeros(self.ticks.n, dtype=np.bool_)
        for span, window in self.ticks.window_runs:
            if window != OUTSIDE:
                warm[span] = self.ticks.seconds[span] >= self.ticks.windows[window].start_ns // NS + warm_up
        return warm

    @cached_property
    def steady(self) -> Bools:
        """Which ticks (from the second on) follow the tick before without a break, a gap, a lost id or the warm-up."""
        limit = np.array([*self.pause_limit_s, 0.0])
        pause = np.diff(self.ticks.seconds)
        steady = self.same_window & self.warm[1:] & (pause >= 0)
        long = np.flatnonzero(pause > limit.min())
        steady[long] &= pause[long] <= limit[self.ticks.window_of[1:][long]]
        return steady & (np.diff(self.ticks.ids) <= 1) if self.ticks.has_ids else steady

    @cached_property
    def twins(self) -> tuple[Ints, Bools]:
        """Rows that repeat the microsecond and row hash of another one, and whether its time and every number too."""
        shared = _sharing_an_instant(self.ticks.stamps // 1000)
        numbers = {name: self.column(name)[shared] for name in NUMERIC_COLUMNS}
        hashes = hash_columns(self.ticks.stamps[shared], numbers)
        order = np.argsort(hashes, kind="stable")
        same = np.flatnonzero(hashes[order][1:] == hashes[order][:-1])
        earlier, later = shared[order[same]], shared[order[same + 1]]
        identical = self.ticks.stamps[earlier] == self.ticks.stamps[later]
        for name in NUMERIC_COLUMNS:
            before, after = self.column(name)[earlier], self.column(name)[later]
            identical &= (before == after) | (np.isnan(before) & np.isnan(after))
        return later, identical


def _sharing_an_instant(instants: Ints) -> Ints:
    """The rows, ascending, that have their instant in common with another one."""
    steps = np.diff(instants)
    if (steps > 0).all():
        return np.empty(0, dtype=np.int64)
    order = np.arange(len(instants)) if (steps >= 0).all() else np.argsort(instants, kind="stable")
    equal = np.diff(instants[order]) == 0
    return np.sort(order[np.concatenate((equal, [False])) | np.concatenate(([False], equal))])


@dataclass(frozen=True, slots=True)
class Part:
    """Where one part of a rule (a column, or the whole rule) was broken: `rows` ascending, of `checked` places.

    A row that breaks the part in several cells stands in `rows` as often.
    """

    rows: Ints
    checked: int


Parts = Mapping[str, Part]
Check = Callable[[QualityDay], Parts]


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule. `limit` names the threshold that the rate may not exceed; without one no place may be broken.

    `worst_part` compares the worst part's rate with the limit instead of the rate over all parts. A rule that needs
    the sequence of ticks is never sampled. `sources` name further thresholds that shape what counts as broken.
    """

    name: str
    severity: Severity
    says: str
    check: Check
    family: str
    limit: str = ""
    needs_sequence: bool = False
    worst_part: bool = False
    sources: tuple[str, ...] = ()


@dataclass(frozen=True)
class RuleFinding:
    """What one rule found. `measure` is compared with `limit`; `rate_error` is the sampling error of `rate`."""

    rule: Rule
    count: int
    checked: int
    rate: float
    measure: float
    limit: float
    example_ids: tuple[int, ...]
    parts: dict[str, int]
    rate_error: float

    @property
    def failed(self) -> bool:
        """Whether the rule is broken beyond its limit."""
        return self.count > 0 and self.measure > self.limit


def whole(mask: Bools, checked: int) -> Parts:
    """A rule of one part from the mask of broken rows."""
    return {"": Part(np.flatnonzero(mask), checked)}


def nothing_checked() -> Parts:
    """The answer of a rule that does not apply to the day."""
    return {"": Part(np.empty(0, dtype=np.int64), 0)}
