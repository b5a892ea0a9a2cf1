"""Faults of the campaign on truth that take ticks away or move their stamps: kinds, severities, and how one is planted.

Belongs here: which ticks go or move; the exchange's own revisions do it wherever they can.
Does not belong here: faults of values (`truth_values`), what of it must be found (`truth_decidable`).

Ids stay contiguous, as a provider that lost the ticks would number them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt

from ghtrader_assets.exchange.contracts import main_contract
from ghtrader_assets.exchange.model import Columns
from ghtrader_assets.exchange.revisions import Revision, RevisionKind, revised_columns
from ghtrader_assets.market.calendar import snapshot_calendar
from ghtrader_assets.market.clock import NS
from ghtrader_assets.market.products import Liquidity
from ghtrader_assets_tests.bench.truth_days import SymbolDay, numbered

Bools = npt.NDArray[np.bool_]
Random = np.random.Generator
Change = Literal["hole", "thinned", "left", "shifted", "moved", "value", "unreadable", "ended"]


@dataclass(frozen=True)
class Fault:
    """A spoiled day: `columns` with ids (empty: its answer can't be read), and what was done to it.

    `size` is what `change` is measured in: seconds of sessions that a hole silences, one of how many ticks is left,
    seconds of a shift or a move. `ticks` and `lots` are what a hole takes; `sessions` those that it concerns, `emptied`
    those that have no tick any more. `rule` names the rule of field quality that must find it. `unreadable` is what was
    said of values that can't be read. `must_error`: a warning is not enough.
    """

    kind: str
    level: str
    day: SymbolDay
    change: Change
    columns: Columns
    sessions: tuple[str, ...] = ()
    size: float = 0.0
    ticks: int = 0
    lots: float = 0.0
    emptied: tuple[str, ...] = ()
    rule: str = ""
    unreadable: str = ""
    must_error: bool = False


Plant = Callable[[SymbolDay, float, Random], Fault | None]
"""Makes a fault of a level in a day; None where the day has no room for it. Kind and level are filled in by the caller.
"""


@dataclass(frozen=True)
class Kind:
    """How faults of one kind are planted, and by how much, subtle to gross or gross to subtle."""

    levels: tuple[float, ...]
    plant: Plant
    unit: str = ""

    def level(self, level: float) -> str:
        return f"{level:g}{self.unit}"


def _stamps(day: SymbolDay) -> npt.NDArray[np.int64]:
    return day.columns["datetime_ns"]


def _place(day: SymbolDay, second: float) -> int:
    """The first row at or after a second."""
    return int(np.searchsorted(_stamps(day), round(second * NS)))


def _revised(day: SymbolDay, kind: RevisionKind, **details: Any) -> Columns:
    revision = Revision(kind, day.day, **details)
    return numbered(revised_columns(day.columns, day.contract, day.day, frozenset({revision})))


def hole(day: SymbolDay, start: int, stop: int) -> Fault | None:
    """Without the rows `[start, stop)`; None where there is none, or nothing is left."""
    stamps, volume = _stamps(day), day.columns["volume"]
    count = len(stamps)
    if stop <= start or stop - start >= count:
        return None
    before = stamps[start - 1] if start else day.sessions.windows[0].start_ns
    after = stamps[stop] if stop < count else day.sessions.windows[-1].end_ns
    silent: dict[str, int] = {}
    ticks = 0
    for window in day.sessions.windows:
        span = min(int(after), window.end_ns) - max(int(before), window.start_ns)
        low, high = np.searchsorted(stamps, window.start_ns), np.searchsorted(stamps, window.end_ns, side="right")
        ticks += max(0, min(stop, int(high)) - max(start, int(low)))
        if span > 0 and min(stop, int(high)) > max(start, int(low)):
            silent[window.session] = silent.get(window.session, 0) + span // NS
    columns = _revised(day, "cut", amount=stop - start, fraction=start / (count - 1))
    return Fault(
        "",
        "",
        day,
        "hole",
        columns,
        sessions=tuple(silent),
        size=sum(silent.values()),
        ticks=ticks,
        lots=float(volume[stop - 1] - (volume[start - 1] if start else 0)),
        emptied=tuple(name for name in day.names if name in silent and _is_empty(day, columns, name)),
    )


def _is_empty(day: SymbolDay, columns: Columns, session: str) -> bool:
    stamps = columns["datetime_ns"] // NS * NS
    windows = [window for window in day.sessions.windows if window.session == session]
    return not any(((stamps >= each.start_ns) & (stamps <= each.end_ns)).any() for each in windows)


def _spans(day: SymbolDay) -> list[tuple[int, int]]:
    return [(window.start_ns // NS, window.end_ns // NS) for window in day.sessions.windows]


def _inside(day: SymbolDay, seconds: float, random: Random) -> Fault | None:
    first, last = _spans(day)[int(random.integers(len(_spans(day))))]
    if last - first < seconds + 20:
        return None
    begins = int(random.integers(first + 10, last - 10 - int(seconds) + 1))
    return hole(day, _place(day, begins), _place(day, begins + seconds))


def _at_opening(day: SymbolDay, seconds: float, random: Random) -> Fault | None:
    first, last = _spans(day)[int(random.integers(len(_spans(day))))]
    return hole(day, _place(day, first), _place(day, first + seconds)) if last - first > seconds else None


def _at_close(day: SymbolDay, seconds: float, random: Random) -> Fault | None:
    first, last = _spans(day)[int(random.integers(len(_spans(day))))]
    return hole(day, _place(day, last - seconds), _place(day, last + 1)) if last - first > seconds else None


def _over_break(day: SymbolDay, seconds: float, random: Random) -> Fault | None:
    """Half of it before a break, half after it."""
    spans = _spans(day)
    if len(spans) < 2:
        return None  # the half day of a product without a night
    place = int(random.integers(1, len(spans)))
    before, after = spans[place - 1], spans[place]
    if min(before[1] - before[0], after[1] - after[0]) < seconds / 2:
        return None
    return hole(day, _place(day, before[1] - seconds / 2), _place(day, after[0] + seconds / 2))


def _tail(day: SymbolDay, seconds: float, random: Random) -> Fault | None:
    last = _spans(day)[-1][1]
    return hole(day, _place(day, last - seconds), len(_stamps(day)))


def _head(day: SymbolDay, seconds: float, random: Random) -> Fault | None:
    return hole(day, 0, _place(day, _spans(day)[0][0] + seconds))


def _is_busy(day: SymbolDay) -> bool:
    """Whether the day is one of those that the table of the issue is about."""
    return day.liquidity == Liquidity.LIQUID and day.symbol.kind == "main"


def _session(day: SymbolDay, level: float, random: Random) -> Fault | None:
    """A session gone: `LEFT` names what is left of it."""
    name = day.names[int(random.integers(len(day.names)))]
    if len(day.names) == 1 and level == 0:
        return None
    first, last = day.span(name)
    start, stop = _place(day, first - 1800), _place(day, last + 3600)
    kept = {1: (0, 1), 2: (0, stop - _place(day, last)), 3: (_place(day, first + 1) - start, 0)}
    kept |= {4: (_place(day, first + 10) - start, 0), 5: (_place(day, first + 60) - start, 0)}
    at_start, at_end = kept.get(int(level), (0, 0))
    found = hole(day, start + at_start, stop - at_end)
    must = bool(found and found.ticks and not found.emptied) and _is_busy(day)
    return None if found is None else replace(found, must_error=must)


LEFT: Final = ("nothing", "last tick", "closing second", "opening second", "first 10 s", "first minute")


def _without(day: SymbolDay, gone: Bools, **details: Any) -> Fault | None:
    if not gone.any() or gone.all():
        return None
    columns = numbered({name: values[~gone] for name, values in day.columns.items()})
    return replace(Fault("", "", day, "thinned", columns), **details)


def _thinned(
    day: SymbolDay, factor: float, random: Random, *, narrow: bool = False, by_chance: bool = False
) -> Fault | None:
    """One of `factor` ticks left, of the day or of one session, evenly or by chance."""
    name = day.names[int(random.integers(len(day.names)))] if narrow else None
    must = factor >= 10 and not narrow and _is_busy(day)
    sessions = (name,) if name else day.names
    if by_chance:
        gone = random.random(len(_stamps(day))) >= 1 / factor
        return _without(day, gone, sessions=sessions, size=factor, must_error=must)
    columns = _revised(day, "thin", amount=int(factor), session=name)
    emptied = tuple(each for each in sessions if _is_empty(day, columns, each))
    return Fault("", "", day, "thinned", columns, sessions, factor, emptied=emptied, must_error=must)


def _in_short_runs(day: SymbolDay, seconds: float, random: Random) -> Fault | None:
    """The ticks of so many seconds gone, those of as many left, and so on: no run is long enough to be a gap."""
    begins = int(random.integers(int(seconds)))
    gone = (_stamps(day) // NS + begins) % int(2 * seconds) < seconds
    return _without(day, gone, sessions=day.names, size=2.0, must_error=_is_busy(day))


def _thinned_a_while(day: SymbolDay, factor: float, random: Random) -> Fault | None:
    """One of `factor` ticks left for a quarter of an hour: subtler than anything that must be found."""
    window = day.sessions.windows[int(random.integers(len(day.sessions.windows)))]
    first, last = window.start_ns // NS, window.end_ns // NS
    begins = int(random.integers(first, max(first + 1, last - 900)))
    rows = np.arange(len(_stamps(day)))
    inside = (rows >= _place(day, begins)) & (rows < _place(day, begins + 900))
    return _without(day, inside & (rows % int(factor) != 0), sessions=(window.session,), size=0.0)


def _left(day: SymbolDay, ticks: float, random: Random) -> Fault | None:
    count = len(_stamps(day))
    if count < 3 * ticks:
        return None
    if ticks == 1:
        columns = _revised(day, "one_left", fraction=float(random.random()))
    else:
        columns = _revised(day, "fewer", amount=count - int(ticks))
    return Fault("", "", day, "left", columns, day.names, size=count / ticks, must_error=count > 1000)


def _shifted(day: SymbolDay, seconds: float, random: Random, *, narrow: bool = False) -> Fault | None:
    name = day.names[int(random.integers(len(day.names)))] if narrow else None
    columns = _revised(day, "shift", session=name, offset_ns=round(seconds * NS))
    must = seconds >= 29 and _is_busy(day)
    return Fault("", "", day, "shifted", columns, (name,) if name else day.names, size=seconds, must_error=must)


def _moved(day: SymbolDay, level: float, random: Random) -> Fault | None:
    """A block stamped elsewhere: `MOVES` names which."""
    spans, day_s, is_monday = _spans(day), 86_400, day.day.weekday() == 0
    has_night = day.sessions.has_night
    midday = next((place for place in range(1, len(spans)) if spans[place][0] - spans[place - 1][1] >= 5400), 0)
    night_end = spans[0][1]
    midnight = -(-spans[0][0] // day_s) * day_s - 8 * 3600
    midnight += day_s if midnight < spans[0][0] else 0
    options = {
        0: (spans[midday - 1][1] - 60, spans[midday - 1][1], 1800) if midday else None,
        1: (spans[midday - 1][1] - 600, spans[midday - 1][1], 1800) if midday else None,
        2: (night_end - 3600, night_end + 60, 5 * 3600) if has_night else None,
        3: (midnight, night_end + 60, 2 * day_s) if has_night and is_monday and midnight < night_end else None,
        4: (spans[0][0] - 1800, night_end + 60, day_s) if has_night and is_monday else None,
    }
    chosen = options[int(level)]
    if chosen is None:
        return None
    first, end, offset = chosen
    start, stop = _place(day, first), _place(day, end)
    taken = hole(day, start, stop)
    if taken is None or not taken.sessions:
        return None
    count = len(_stamps(day))
    columns = _revised(day, "moved", amount=stop - start, fraction=start / (count - 1), offset_ns=offset * NS)
    return replace(taken, change="moved", columns=columns, emptied=(), must_error=stop - start >= 60)


MOVES: Final = ("a minute", "ten minutes", "the night's last hour", "Saturday by two days", "the night by a day")


def _ended(day: SymbolDay, days: float, random: Random) -> Fault | None:
    """The contract that was the main one until some days ago, whose ticks the provider still hands out."""
    calendar = snapshot_calendar()
    earlier = day.day
    for _ in range(int(days)):
        earlier = calendar.previous(earlier)
    contract = main_contract(day.contract.spec, earlier)
    if day.symbol.kind != "main" or contract == day.contract or contract.last_day < day.day:
        return None
    if main_contract(day.contract.spec, calendar.next(earlier)) == contract:
        return None
    other = replace(day, contract=contract)
    return Fault("", "", other, "ended", numbered(other.columns), other.names)


_SECONDS: Final = (2, 5, 10, 20, 30, 60, 75, 90, 120, 300, 900, 3600)
_EDGES: Final = (5, 10, 30, 60, 90, 300, 1800)
_FACTORS: Final = (2, 3, 5, 10, 60, 2000)
_SHIFTS: Final = (1, 2, 3, 5, 10, 29, 60, 290, -2, -3, -10, -29, -60)

KINDS: Final[Mapping[str, Kind]] = {
    "hole inside": Kind(_SECONDS, _inside, " s"),
    "hole at an opening": Kind(_EDGES, _at_opening, " s"),
    "hole at a close": Kind(_EDGES, _at_close, " s"),
    "hole over a break": Kind(_EDGES, _over_break, " s"),
    "tail of the day": Kind((5, 10, 30, 60, 90, 300, 1800, 6000), _tail, " s"),
    "head of the day": Kind((5, 10, 30, 60, 90, 300, 1800), _head, " s"),
    "session lost": Kind(tuple(range(len(LEFT))), _session),
    "thinned day": Kind(_FACTORS, _thinned),
    "thinned session": Kind(_FACTORS, partial(_thinned, narrow=True)),
    "thinned by chance": Kind(_FACTORS, partial(_thinned, by_chance=True)),
    "gone in short runs": Kind((3, 4, 8, 12, 20), _in_short_runs, " s"),
    "thinned a while": Kind((2, 5, 20), _thinned_a_while),
    "few ticks left": Kind((1, 110), _left),
    "day stamped late": Kind(_SHIFTS, _shifted, " s"),
    "session stamped late": Kind(_SHIFTS, partial(_shifted, narrow=True), " s"),
    "block moved": Kind(tuple(range(len(MOVES))), _moved),
    "ended main contract": Kind((1, 3, 5, 10, 20), _ended, " days"),
}
NAMED_LEVELS: Final = {"session lost": LEFT, "block moved": MOVES}
