"""Taking days of a symbol, or all of it, out of every table: what it stored belongs to no symbol from then on.

Belongs here: what is taken out of which table, in which order, a step at a time. Does not belong here: which days, what
is recorded of it, files (`upkeep.forgetting`).

QuestDB deletes no rows, and ours have keys, so a row that is written again stays the symbol's. An UPDATE changes rows
in place, keys too, in one transaction a table, and copies the columns that it changes alone: ticks, gaps and bars are
hidden as a later load hides them (`live`), rows of other tables lose their symbol. Their bytes stay until a table is
copied.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final, LiteralString, cast

from ghtrader_assets.market.calendar import TradingCalendar
from ghtrader_assets.market.clock import instant
from ghtrader_assets.questdb.client.connection import Database
from ghtrader_assets.questdb.tables.schema import (
    BAR_DAYS,
    BARS,
    BASELINES,
    DAILY_AGG,
    EXCEPTIONS,
    FIELD_QUALITY,
    MAIN_OVERRIDES,
    MAIN_SCHEDULE,
    MANIFESTS,
    METRICS,
    TABLES,
    TICKS,
    VALIDATE_GAPS,
    VALIDATE_SUMMARY,
    WITNESS,
)

SPAN: Final = timedelta(weeks=50)
"""So much of the ticks is hidden at one instant: a statement that looks at more partitions maps too much at once."""
UPDATE_TIMEOUT_S: Final = 600.0

_HIDDEN: Final = {VALIDATE_GAPS: "live = false", BARS: "live = false", METRICS: "symbol = null, name = null"}
"""What becomes of rows; those of other tables lose their symbol. A measured value without one is the platform's."""
_OF_DAYS: Final = (
    VALIDATE_SUMMARY,
    FIELD_QUALITY,
    VALIDATE_GAPS,
    BARS,
    BAR_DAYS,
    BASELINES,
    WITNESS,
    EXCEPTIONS,
    METRICS,
    MANIFESTS,
)
_OF_SYMBOLS: Final = (MAIN_SCHEDULE, MAIN_OVERRIDES)
"""What there is of a symbol apart from its days: the provider's word and that of people."""
_TRACES: Final = (DAILY_AGG, MANIFESTS, VALIDATE_SUMMARY, FIELD_QUALITY, BAR_DAYS, BASELINES, WITNESS, EXCEPTIONS)


@dataclass(frozen=True, slots=True)
class DaysOfSymbol:
    """The trading days from `first` to `last` of a symbol; all of it where `whole`."""

    symbol: str
    first: date
    last: date
    whole: bool


def days_with_traces(db: Database, what: DaysOfSymbol) -> list[date]:
    """The days of which any table has a row, in order."""
    found: set[str] = set()
    for name in _TRACES:
        where, values = _where(what)
        found |= {row[0] for row in db.rows("traces", f"SELECT DISTINCT trading_day FROM {name} WHERE {where}", values)}  # noqa: S608 - our own names; values are bound
    return sorted(map(date.fromisoformat, found))


def is_known(db: Database, symbol: str) -> bool:
    """Whether there is anything of a symbol apart from its days."""
    return any(
        db.rows("known", f"SELECT count() FROM {name} WHERE symbol = %s", [symbol])[0][0]  # noqa: S608 - our own names; values are bound
        for name in _OF_SYMBOLS
    )


def hide_stored_days(db: Database, what: DaysOfSymbol) -> None:
    """Take the stored-day rows away, at one instant: who asks what is stored finds none of the days from then on."""
    _update(db, DAILY_AGG, *_where(what))


def hide_ticks(db: Database, what: DaysOfSymbol, days: Sequence[date], calendar: TradingCalendar) -> None:
    """Hide the ticks of these days, for those who read the table itself: at one instant each `SPAN`."""
    for first, last in _spans(days):
        start, end = calendar.window(first).start_ns, calendar.window(last).end_ns
        where = "symbol = %s AND ts >= %s AND ts < %s AND live"
        _update(db, TICKS, where, [what.symbol, instant(start), instant(end)], "live = false")


def hide_rows(db: Database, what: DaysOfSymbol) -> Iterator[str]:
    """Take the rows of all other tables away, one table a step; yields each that is done. Manifests come last."""
    for name in _OF_DAYS:
        _update(db, name, *_where(what))
        yield name
    for name in _OF_SYMBOLS if what.whole else ():
        _update(db, name, "symbol = %s", [what.symbol])
        yield name


def _update(db: Database, name: str, where: str, values: Sequence[object], change: str = "") -> None:
    base = TABLES[name].base
    change = change or _HIDDEN.get(name, "symbol = null")
    db.execute(cast("LiteralString", f"UPDATE {base} SET {change} WHERE {where}"), values)  # noqa: S608 - our own names; values are bound
    db.await_applied(base, timeout_s=UPDATE_TIMEOUT_S)


def _where(what: DaysOfSymbol) -> tuple[str, list[object]]:
    if what.whole:
        return "symbol = %s", [what.symbol]
    days = [what.first.isoformat(), what.last.isoformat()]
    return "symbol = %s AND trading_day >= %s AND trading_day <= %s", [what.symbol, *days]


def _spans(days: Sequence[date]) -> Iterator[tuple[date, date]]:
    """Sorted days as first and last ones, none further apart than `SPAN`."""
    first = before = None
    for day in days:
        if first is None or before is None:
            first = day
        elif day - first > SPAN:
            yield first, before
            first = day
        before = day
    if first is not None and before is not None:
        yield first, before
