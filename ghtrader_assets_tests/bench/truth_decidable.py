"""Which planted faults must be found, by formula, and what finding one means.

Belongs here: the decidable classes (i) to (vi) of docs/validation.md, what usual days of a symbol were like, the test
of a verdict. Does not belong here: the product's own baseline: this one is made again from the clean days, plainly.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final

import numpy as np

from ghtrader_assets.market.clock import NS
from ghtrader_assets.market.products import Liquidity
from ghtrader_assets.market.symbols import Exchange
from ghtrader_assets.validation.verdicts import DayVerdict
from ghtrader_assets_tests.bench.truth_days import SymbolDay
from ghtrader_assets_tests.bench.truth_faults import Fault

WINDOW: Final = 20
"""Days that a baseline is made of."""
EDGE_S: Final = 5
AUCTION_LEAD_S: Final = 300
WITNESSED_DAYS: Final = 19
BUSY_TICKS: Final = 2000
SNAPSHOT_FACTOR: Final = 2
SNAPSHOT_FLOOR_LOTS: Final = 500
ENOUGH_PAIRS: Final = 100


@dataclass(frozen=True)
class Figures:
    """What a clean day gives to the days after it: ticks by session; which windows tick at both edges, by hours; the
    largest volume of one snapshot, and how many pairs of ticks showed it."""

    ticks: dict[str, int]
    witnesses: frozenset[str]
    largest: float
    pairs: int


def figures_of(day: SymbolDay) -> Figures:
    stamps, volume = day.columns["datetime_ns"], day.columns["volume"]
    ticks = dict.fromkeys(day.names, 0)
    witnesses: set[str] = set()
    largest, pairs = 0.0, 0
    for window in day.sessions.windows:
        low, high = np.searchsorted(stamps, window.start_ns), np.searchsorted(stamps, window.end_ns, side="right")
        inside, lots = stamps[low:high], np.diff(volume[low:high])
        ticks[window.session] += int(high - low)
        near = np.diff(inside) <= NS
        pairs += int(np.count_nonzero(near))
        largest = max(largest, float(np.max(lots[near], initial=0)))
        edges = (window.start_ns + EDGE_S * NS, window.end_ns - EDGE_S * NS)
        if len(inside) and inside[0] <= edges[0] and inside[-1] >= edges[1]:
            witnesses.add(_hours(window.start_ns, day))
    return Figures(ticks, frozenset(witnesses), largest, pairs)


def _hours(start_ns: int, day: SymbolDay) -> str:
    """A window by its opening, as seconds from the day session's."""
    opening = next(window.start_ns for window in day.sessions.windows if window.session == "day")
    return f"{(start_ns - opening) // NS}" if start_ns >= opening else "night"


@dataclass(frozen=True)
class Usual:
    """What the last 20 clean days of a symbol were like."""

    days: tuple[Figures, ...]

    @property
    def is_whole(self) -> bool:
        return len(self.days) == WINDOW

    def ticks(self, session: str) -> float:
        known = [each.ticks[session] for each in self.days if session in each.ticks]
        return median(known) if known else 0.0

    def witnesses(self, day: SymbolDay, sessions: Sequence[str]) -> int:
        """How many windows of these sessions tick in their first and last seconds on 19 of 20 days."""
        found = 0
        for window in day.sessions.windows:
            if window.session in sessions:
                hours = _hours(window.start_ns, day)
                having = [each for each in self.days if window.session in each.ticks]
                times = sum(hours in each.witnesses for each in having)
                found += bool(having) and times >= WITNESSED_DAYS / WINDOW * len(having)
        return found

    @property
    def snapshot(self) -> float:
        """The lots that one snapshot carries at most."""
        largest = SNAPSHOT_FACTOR * max(each.largest for each in self.days)
        enough = median(each.pairs for each in self.days) >= ENOUGH_PAIRS
        return largest if enough else max(largest, SNAPSHOT_FLOOR_LOTS)


def decidable(fault: Fault, usual: Usual) -> str:
    """The class in which the fault must be found (`i` to `vi`, `rule`); empty where it is too subtle."""
    if fault.change in ("unreadable", "value"):
        return "vi" if fault.must_error else "rule"
    if not usual.is_whole:
        return ""
    if fault.change == "hole":
        return _of_hole(fault, usual)
    if fault.change in ("shifted", "moved"):
        return "v" if _is_told(fault, usual) else ""
    known = [sum(usual.ticks(name) for name in fault.day.names)]
    known += [] if fault.day.symbol.kind == "main" else [len(fault.day.columns["datetime_ns"])]
    is_busy = min(known) >= BUSY_TICKS
    is_even = fault.change in ("thinned", "left") and fault.kind != "thinned by chance"
    return "ii" if is_busy and is_even and fault.size >= 2 else ""


def _of_hole(fault: Fault, usual: Usual) -> str:
    liquidity = fault.day.liquidity
    if liquidity == Liquidity.VERY_THIN:
        return "iv" if fault.emptied else ""
    opened = {name: _open_seconds(fault.day, name) for name in fault.sessions}
    usually = sum(usual.ticks(name) for name in fault.sessions)
    if not usually:
        return ""
    expected = usually * fault.size / sum(opened.values())
    if liquidity == Liquidity.THIN:
        spacing = sum(opened.values()) / usually
        if fault.size >= 20 * spacing and fault.lots > usual.snapshot:
            return "iii"
    enough = min(expected, fault.ticks) >= 100
    large = fault.size >= 60 or any(fault.ticks >= 0.01 * usual.ticks(name) for name in fault.sessions)
    return "i" if enough and large else ""


def _open_seconds(day: SymbolDay, session: str) -> int:
    return sum((each.end_ns - each.start_ns) // NS for each in day.sessions.windows if each.session == session)


def _is_told(fault: Fault, usual: Usual) -> bool:
    """Whether a shift or a move is large enough to be told from the market."""
    day = fault.day
    if day.liquidity == Liquidity.VERY_THIN:
        return False
    if fault.change == "moved":
        return fault.size >= 60 and fault.ticks >= 100
    least = 3 if day.symbol.exchange == Exchange.CZCE else 2
    if usual.witnesses(day, fault.sessions) >= 3 and _agreeing_edges(day, fault.sessions, least - 1) >= 3:
        return abs(fault.size) >= least
    return abs(fault.size) >= 60 and (day.names[0] in fault.sessions or _trades_outside(fault))


def _agreeing_edges(day: SymbolDay, sessions: Sequence[str], within_s: int) -> int:
    """How many openings and closes of these sessions have, on the day as it was, a tick within so many seconds, and the
    auction: so many witnesses of a shift agree."""
    stamps, found = day.columns["datetime_ns"], int(day.names[0] in sessions)
    for window in day.sessions.windows:
        if window.session in sessions:
            low, high = np.searchsorted(stamps, window.start_ns), np.searchsorted(stamps, window.end_ns, side="right")
            inside = stamps[low:high]
            found += bool(len(inside)) and int(inside[0] <= window.start_ns + within_s * NS)
            found += bool(len(inside)) and int(inside[-1] >= window.end_ns - within_s * NS)
    return found


def _trades_outside(fault: Fault) -> bool:
    """Whether a tick that traded stands where nothing can, and what it traded was not traded in a session before it."""
    stamps, volume = fault.columns["datetime_ns"], fault.columns["volume"]
    windows = fault.day.sessions.windows
    legal = np.zeros(len(stamps), dtype=np.bool_)
    open_ns = np.zeros(len(stamps) - 1, dtype=np.int64)
    for place, window in enumerate(windows):
        lead = AUCTION_LEAD_S if place == 0 or windows[place - 1].session != window.session else 0
        legal |= (stamps >= window.start_ns - lead * NS) & (stamps <= window.end_ns + 2 * NS)
        open_ns += np.maximum(np.minimum(stamps[1:], window.end_ns) - np.maximum(stamps[:-1], window.start_ns), 0)
    return bool(np.any(~legal[1:] & (np.diff(volume) > 0) & (open_ns < EDGE_S * NS)))


def missed(fault: Fault, verdict: DayVerdict | None, usual: Usual) -> str:
    """Why the fault counts as missed: what the verdict says instead; empty where it is caught.

    Caught is a warning or an error that names the session or the block, or the rule of field quality; a session (or a
    day) without any tick may be `partial`; what a table of the issue calls an error must be one, a hole where more was
    traded in it than a snapshot carries.
    """
    if verdict is None:
        return "" if fault.unreadable else "nothing was said of the values"
    said = f"{verdict.state}, {verdict.reason_code}: {verdict.coverage.detail or '-'}"
    if fault.change == "value":
        rules = json.loads(verdict.quality.rules_json)["rules"]
        broken = {rule["rule"] for rule in rules if rule["failed"]}
        bad = verdict.state != "ok" or fault.rule == "hash_collision"
        return "" if bad and fault.rule in broken else f"{said}; {', '.join(sorted(broken)) or 'no rule broken'}"
    carried = fault.change == "hole" and bool(usual.days) and fault.lots <= usual.snapshot
    bad_enough = (
        ("error",) if fault.must_error and not carried else ("warn", "error", *(["partial"] if fault.emptied else []))
    )
    if verdict.state not in bad_enough:
        return said
    return "" if _names(fault, verdict) else f"not named: {said}"


def _names(fault: Fault, verdict: DayVerdict) -> bool:
    """Whether the detail names what is wrong: a session that it is in, a moved block, or the whole day."""
    detail = verdict.coverage.detail
    if fault.change == "moved":
        return "belong" in detail or "stamped" in detail
    if fault.change == "shifted" and "outside the sessions" in detail:
        return "belong" not in detail
    named = any(f"{name} session" in detail for name in fault.sessions)
    return named or (set(fault.sessions) == set(fault.day.names) and bool(detail))
