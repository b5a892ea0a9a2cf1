"""Bars of a range of stored days, of any length: from the stored minutes where they speak of the days as they are
stored, else from the ticks.

Belongs here: which of the two, days put together, result columns. Does not belong here: what a bar says (`bars`), the
stored rows (`questdb.tables.bars`), pandas and polars (`store`).

A minute carries the mark of what it was made of. Those of a day count where each of its minutes is there with the mark
of the day's stored content, sessions and contract; while a day is being replaced, and where nothing made its bars yet,
they are made of its ticks as they are read. So a range has each day in one version, and no minute of an earlier one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property
from typing import Any, Final

import numpy as np
import polars as pl
import pyarrow as pa

from ghtrader_assets.bars.frame import BAR_SCHEMA, FIGURES, Ints, bars_fingerprint, mark_of
from ghtrader_assets.bars.grid import BarGrid, bar_grid
from ghtrader_assets.bars.length import Align, BarLength, Label, require_alignment
from ghtrader_assets.bars.longer import NEEDED, joined, vwap
from ghtrader_assets.bars.ticks import BAR_SOURCE, bars_of_ticks
from ghtrader_assets.errors import BadInputError, DayReplacedError
from ghtrader_assets.market.clock import MINUTE_S, NS, instant, instant_ns
from ghtrader_assets.market.products import product_on
from ghtrader_assets.market.sessions import DaySessions, day_sessions
from ghtrader_assets.market.symbols import Exchange, parse_symbol
from ghtrader_assets.market.ticks import BAR_PRICES, DayWindow
from ghtrader_assets.questdb.tables.bars import read_bars
from ghtrader_assets.questdb.tables.rows import DayState
from ghtrader_assets.questdb.tables.whole_days import SHANGHAI
from ghtrader_assets.reading.handout import HandedDay, Handout

TICKS_OF_BARS: Final = (*BAR_SOURCE, "seq")
"""The columns of the handout that bars are read from."""

_EPOCH: Final = date(1970, 1, 1).toordinal()
_NAME: Final = pa.dictionary(pa.int32(), pa.string())
DAY_NS: Final = 24 * 60 * MINUTE_S * NS
_MINUTE: Final = BarLength("seconds", MINUTE_S)
BAR_COLUMNS: Final[Mapping[str, Any]] = {
    "datetime": pa.timestamp("ns", tz=SHANGHAI),
    "symbol": _NAME,
    "trading_day": pa.date32(),
    "contract": _NAME,
    **dict.fromkeys((*BAR_PRICES, "volume", "amount", "open_interest", "vwap"), pa.float64()),
    "ticks": pa.int32(),
    "seconds_with_ticks": pa.int32(),
    "mean_spread": pa.float64(),
}
"""Every column of a bar, with its Arrow type; null where nothing is known."""

_MADE_OF: Final = {"vwap": ("amount", "volume", "close")}
"""The figures that columns are made of, where it is not the one of their name."""


def require_bar_columns(columns: Sequence[str] | None) -> tuple[str, ...]:
    """The columns asked for, all for None. Raises `BadInputError` for an unknown or a doubled one, and for none."""
    wanted = tuple(BAR_COLUMNS) if columns is None else tuple(columns)
    unknown = [name for name in wanted if name not in BAR_COLUMNS]
    if unknown:
        raise BadInputError(f"there is no bar column {str(unknown[0])[:80]!r}", f"choose from {', '.join(BAR_COLUMNS)}")
    if not wanted or len(set(wanted)) < len(wanted):
        raise BadInputError(f"columns {', '.join(wanted) or 'none'}: name at least one, each once")
    return wanted


@dataclass(frozen=True, slots=True)
class BarForm:
    """Which bars: how long, which end names them, where they begin, untraded ones filled in or left out; columns."""

    length: BarLength
    label: Label = "left"
    align: Align = "clock"
    fill: bool = True
    columns: tuple[str, ...] = tuple(BAR_COLUMNS)

    def __post_init__(self) -> None:
        require_alignment(self.length, self.label, self.align)

    @property
    def figures(self) -> tuple[str, ...]:
        """The figures of minutes that these bars need."""
        needed = {figure for name in self.columns for figure in _MADE_OF.get(name, (name,))}
        needed |= set() if self.fill else {"volume"}
        if self.length != _MINUTE:
            needed = needed.union(*(NEEDED.get(name, ()) for name in needed))
        return tuple(name for name in FIGURES if name in needed)


def bars_of_range(handout: Handout, form: BarForm) -> pa.Table:
    """The bars of the days that are handed out (with `TICKS_OF_BARS`), in order of time.

    Bars of minutes of a month come by one query. Raises `DayReplacedError` as reading ticks does.
    """
    days = _Days(handout)
    if form.length.is_of_minutes:
        bars = _lengthened(days, _minutes(days, form.figures), form)
    else:
        bars = _of_ticks(days, form.length, form.align, range(len(days.states)))
    if not form.fill:
        bars = bars.filter(pl.col("volume") > 0)
    return _result(days, bars, form)


@dataclass(frozen=True)
class _Days:
    """The days that are handed out, and what each of their bars hangs on. Bars say theirs by its place, `day`."""

    handout: Handout

    @property
    def states(self) -> Sequence[DayState]:
        return self.handout.days

    @cached_property
    def windows(self) -> list[DayWindow]:
        return [self.handout.context.calendar.window(day.trading_day) for day in self.states]

    @cached_property
    def sessions(self) -> list[DaySessions]:
        context = self.handout.context
        return [
            day_sessions(
                parse_symbol(day.contract), day.trading_day, context.calendar, operator_events=context.operator_events
            )
            for day in self.states
        ]

    @cached_property
    def multipliers(self) -> pl.Series:
        terms = (product_on(parse_symbol(day.contract), day.trading_day) for day in self.states)
        return pl.Series([each.multiplier for each in terms], dtype=pl.Int64)

    def day_of(self, starts: Ints) -> Ints:
        """The place of the day that each instant belongs to, or would belong to were the days without a break."""
        return np.searchsorted(np.array([window.start_ns for window in self.windows]), starts, side="right") - 1

    @cached_property
    def midnights(self) -> Ints:
        """The midnight of each trading day's date, in Shanghai."""
        return np.array([instant_ns(day.trading_day, 0) for day in self.states])

    def closes(self, places: Ints) -> Ints:
        """When the last session of each of the days ends."""
        ends = [sessions.windows[-1].end_ns if sessions.windows else 0 for sessions in self.sessions]
        return np.array(ends, dtype=np.int64)[places]


def _minutes(days: _Days, figures: Sequence[str]) -> pl.DataFrame:
    """`start_ns`, `day` and these figures of every minute of the days."""
    stored = _stored(days, figures)
    place = days.day_of(stored["start_ns"].to_numpy())
    marks = [
        mark_of(bars_fingerprint(day.digest, sessions.fingerprint, day.contract))
        for day, sessions in zip(days.states, days.sessions, strict=True)
    ]
    counts = np.array([len(bar_grid(sessions.windows).starts) for sessions in days.sessions])
    current = stored["made_of"].to_numpy() == np.array(marks)[place]
    whole = np.bincount(place[current], minlength=len(counts)) == counts
    lacking = [int(each) for each in np.flatnonzero(~whole)]
    kept = stored.select("start_ns", *figures, day=pl.Series(place))
    if not (current & whole[place]).all():
        kept = kept.filter(pl.Series(current & whole[place]))
    if not lacking:
        return kept
    made = _of_ticks(days, _MINUTE, "clock", lacking).select(kept.columns)
    return pl.concat([kept, made]).sort("start_ns")


def _stored(days: _Days, figures: Sequence[str]) -> pl.DataFrame:
    """The stored minutes of the days, each by the name that its day is stored under: a contract may have two."""
    start, end = instant(days.windows[0].start_ns), instant(days.windows[-1].end_ns)
    found: list[pl.DataFrame] = []
    for name in dict.fromkeys(state.symbol for state in days.states):
        bars = read_bars(days.handout.context.database, name, start, end, figures)
        own = np.array([state.symbol == name for state in days.states])
        found.append(bars if own.all() else bars.filter(pl.Series(own[days.day_of(bars["start_ns"].to_numpy())])))
    return found[0] if len(found) == 1 else pl.concat(found).sort("start_ns")


def _of_ticks(days: _Days, length: BarLength, align: Align, places: Sequence[int]) -> pl.DataFrame:
    """Bars, with their `day`, of the ticks of the days at these places. A day in progress ends with its last tick."""
    chosen = tuple(days.states[place] for place in places)
    read = replace(days.handout, days=chosen).read() if chosen else ()
    parts = [pl.DataFrame(schema={**BAR_SCHEMA, "day": pl.Int64})]
    for place, (day, ticks) in zip(places, read, strict=True):
        if day.contract != days.states[place].contract:
            raise DayReplacedError(
                f"{day.symbol} {day.trading_day} was loaded for {day.contract} while it was read", "ask again"
            )
        parts.append(_of_day(day, ticks, days.sessions[place], length, align).with_columns(day=pl.lit(place, pl.Int64)))
    return pl.concat(parts)


def _of_day(day: HandedDay, ticks: pa.Table, sessions: DaySessions, length: BarLength, align: Align) -> pl.DataFrame:
    frame = pl.from_arrow(ticks)
    assert isinstance(frame, pl.DataFrame)  # noqa: S101 - narrows a type
    bars = bars_of_ticks(frame, sessions, length, align)
    if not day.partial:
        return bars
    held = np.flatnonzero(bars["ticks"].to_numpy())
    return bars.head(int(held[-1]) + 1 if len(held) else 0)


def _lengthened(days: _Days, minutes: pl.DataFrame, form: BarForm) -> pl.DataFrame:
    """Bars, with `start_ns`, `end_ns` and the `day` that names their trading day, of the minutes of the days."""
    length = form.length
    if length == _MINUTE and form.align == "clock":
        return minutes.with_columns(end_ns=pl.col("start_ns") + MINUTE_S * NS)
    if length.unit == "seconds":
        grids = [bar_grid(each.windows, length.size, form.align) for each in days.sessions]
        grid = BarGrid(np.concatenate([each.starts for each in grids]), np.concatenate([each.ends for each in grids]))
        bars = joined(minutes, grid.place_of(minutes["start_ns"].to_numpy()))
        place = bars["place"].to_numpy()
        starts = grid.starts[place]
        day = np.repeat(np.arange(len(grids)), [len(each.starts) for each in grids])[place]
        return _placed(bars, starts, grid.ends[place], day)
    bars = joined(minutes, minutes["day"].to_numpy())
    places = bars["place"].to_numpy()
    if length.unit == "days":
        return _placed(bars, days.midnights[places], days.closes(places), places)
    mondays = days.midnights - np.array([each.trading_day.weekday() for each in days.states]) * DAY_NS
    starts, week, counts = np.unique(mondays[places], return_inverse=True, return_counts=True)
    last = places[np.cumsum(counts) - 1]
    return _placed(joined(bars, week), starts, days.closes(last), last)


def _placed(bars: pl.DataFrame, starts: Ints, ends: Ints, day: Ints) -> pl.DataFrame:
    return bars.with_columns(start_ns=pl.Series(starts), end_ns=pl.Series(ends), day=pl.Series(day))


def _result(days: _Days, bars: pl.DataFrame, form: BarForm) -> pa.Table:
    """The columns asked for, of their types."""
    if "vwap" in form.columns:
        czce = parse_symbol(days.states[0].contract).exchange == Exchange.CZCE
        multiplier = days.multipliers.gather(bars["day"])
        bars = bars.with_columns(multiplier=multiplier).with_columns(
            vwap=vwap(pl.col("multiplier"), may_leave_multiplier_out=pl.lit(czce))
        )
    arrays = [_column(days, bars, name, form).cast(BAR_COLUMNS[name]) for name in form.columns]
    return pa.table(arrays, schema=pa.schema([(name, BAR_COLUMNS[name]) for name in form.columns]))


def _column(days: _Days, bars: pl.DataFrame, name: str, form: BarForm) -> pa.Array:
    """A column of the answer: one of the bars' own, or what their days say."""
    day = bars["day"].to_numpy()
    if name == "datetime":
        return pa.array(bars["start_ns" if form.label == "left" else "end_ns"].to_numpy())
    if name == "symbol":
        return _names([state.symbol for state in days.states], day)
    if name == "trading_day":
        numbers = [state.trading_day.toordinal() - _EPOCH for state in days.states]
        return pa.array(np.array(numbers, dtype=np.int32)[day])
    if name == "contract":
        return _names([state.contract for state in days.states], day)
    return bars[name].to_arrow()


def _names(of_days: Sequence[str], day: Ints) -> pa.Array:
    """The name that each bar's day has."""
    names = list(dict.fromkeys(of_days))
    codes = np.array([names.index(name) for name in of_days], dtype=np.int32)
    return pa.DictionaryArray.from_arrays(pa.array(codes[day]), pa.array(names, pa.string()))
