"""Closing findings: an operator's word that trading days stay as they stand, recorded in the store and revoked there.

Belongs here: which days an exception is recorded of, and what it is bound to. Does not belong here: whether one holds
(`questdb.standing.derivation`), what follows from it (`repair`, `feeds`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Final

from ghtrader_assets.context.store import StoreContext
from ghtrader_assets.errors import BadInputError
from ghtrader_assets.market.clock import instant, instant_ns, shanghai_day
from ghtrader_assets.market.symbols import Symbol
from ghtrader_assets.questdb.standing.day_states import read_bound_states
from ghtrader_assets.questdb.standing.derivation import may_be_accepted
from ghtrader_assets.questdb.standing.obstacles import read_obstacles
from ghtrader_assets.questdb.tables.reader import read_exceptions
from ghtrader_assets.questdb.tables.records import write_exceptions
from ghtrader_assets.questdb.tables.rows import DayException, DayState, require_reason
from ghtrader_assets.reading.stored import stored_symbol

_TICK: Final = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Closed:
    """The exceptions recorded, and the days of the range that have nothing to accept."""

    recorded: tuple[DayException, ...]
    passed_over: tuple[DayState, ...]


def accept_days(
    context: StoreContext, symbol: Symbol, start: date, end: date, *, who: str, reason: str, expires: date | None = None
) -> Closed:
    """Accept the trading days from `start` to `end`, both included, whose load or verdict is bad, as they stand.

    The exception ends as the day `expires` begins in Beijing, and by itself as soon as the day stands for another
    content, contract, rules or outcome. Raises `BadInputError` where no day is of that kind and for a malformed reason.
    """
    require_reason(reason)
    until = None if expires is None else instant(instant_ns(expires, 0))
    if expires is not None and expires <= shanghai_day(context.clock.now_ns()):
        raise BadInputError(f"--expires {expires} has begun already", "name a later day, or none")
    stored_as, days = _days(context, symbol, start, end)
    closable = {
        state.trading_day: binding for state, binding in days if may_be_accepted(state.ingest_state, state.state)
    }
    passed_over = tuple(state for state, _ in days if state.trading_day not in closable)
    if not closable:
        raise BadInputError(
            f"{symbol.text} has no day from {start} to {end} that can be accepted: {_listed(passed_over)}",
            "a day can be once it was loaded or judged and is bad; `ghtrader-assets days` shows each day's state",
        )
    rows = [
        DayException(
            ts=context.clock.now(), symbol=stored_as.text, trading_day=day, who=who, reason=reason, bound_to=binding,
            expires=until, revoked=False,
        )
        for day, binding in closable.items()
    ]  # fmt: skip
    return Closed(_recorded(context, rows), passed_over)


def revoke_days(context: StoreContext, symbol: Symbol, start: date, end: date, *, who: str, reason: str) -> Closed:
    """End the exceptions recorded of these days, in force or not. Raises `BadInputError` where there is none."""
    if reason:
        require_reason(reason)
    stored_as = stored_symbol(context, symbol, start, end)
    known = read_exceptions(context.database, stored_as.text, start, end)
    standing = [row for row in known.values() if not row.revoked]
    if not standing:
        raise BadInputError(
            f"nothing of {symbol.text} from {start} to {end} was accepted", "`ghtrader-assets days` shows what was"
        )
    now = context.clock.now()
    rows = [replace(row, ts=now, who=who, reason=reason, expires=None, revoked=True) for row in standing]
    return Closed(_recorded(context, rows), ())


def _days(context: StoreContext, symbol: Symbol, start: date, end: date) -> tuple[Symbol, list[tuple[DayState, str]]]:
    """The symbol's days that were stored, attempted or have an obstacle, under the name under which they are stored."""
    database, stored_as = context.database, stored_symbol(context, symbol, start, end)
    obstacles = read_obstacles(database, context.calendar, [stored_as], start, end)
    found = read_bound_states(database, [stored_as.text], start, end, context.clock.now(), obstacles)
    if stored_as != symbol:
        found = [(state, binding) for state, binding in found if state.contract == symbol.text]
    return stored_as, found


def _recorded(context: StoreContext, rows: Sequence[DayException]) -> tuple[DayException, ...]:
    """Record rows of one symbol, stamped later than its recorded rows even if the clock went back."""
    days = [row.trading_day for row in rows]
    before = read_exceptions(context.database, rows[0].symbol, min(days), max(days)).values()
    at = max([rows[0].ts, *(earlier.ts + _TICK for earlier in before)])
    recorded = tuple(replace(row, ts=at) for row in rows)
    write_exceptions(context.database, recorded)
    return recorded


def _listed(days: Sequence[DayState]) -> str:
    shown = ", ".join(f"{day.trading_day} {day.state}" for day in days[:5])
    return (shown + (f" and {len(days) - 5} more" if len(days) > 5 else "")) or "none was ever loaded"
