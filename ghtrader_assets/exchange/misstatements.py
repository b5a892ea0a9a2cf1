"""Reference data that says something else than the market does: another roll, holiday, session or contract term.

Belongs here: what each kind of misstatement changes in an answer. Does not belong here: which rules are in force
(`faults`), and how the true answer comes about (`contracts`, `instruments`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any

from ghtrader_assets.exchange.faults import FaultRule
from ghtrader_assets.market.calendar import snapshot_calendar
from ghtrader_assets.market.schedule import MainChange


def misstated_changes(alias: str, changes: Sequence[MainChange], wrong: Iterable[FaultRule]) -> list[MainChange]:
    """A symbol's main-contract changes with its moved rolls, and with those that came to another contract."""
    own = [rule for rule in wrong if rule.concerns(alias)]
    moved = {rule.trading_day: rule.amount for rule in own if rule.kind == "moved_roll"}
    named = {rule.trading_day: rule.contract for rule in own if rule.kind == "wrong_main"}
    return [(_moved(day, moved[day]) if day in moved else day, named.get(day, contract)) for day, contract in changes]


def misstated_holidays(closed: Iterable[date], wrong: Iterable[FaultRule]) -> list[date]:
    """The days without trading, each misstated one turned round; none at all, or one alone, if a rule says so."""
    wrong = list(wrong)
    alone = [rule.trading_day for rule in wrong if rule.kind == "one_day" and rule.trading_day is not None]
    if alone:
        return alone
    turned = {rule.trading_day for rule in wrong if rule.kind == "holiday"}
    return [] if None in turned else sorted(set(closed) ^ {day for day in turned if day is not None})


def misstated_record(record: dict[str, Any], wrong: Iterable[FaultRule]) -> dict[str, Any]:
    """An instrument's record with other hours or terms."""
    kinds = {rule.kind for rule in wrong if rule.concerns(str(record["instrument_id"]))}
    if "hours" in kinds:
        night = [["21:00:00", "25:30:00"]]
        record = {**record, "trading_time": {**record["trading_time"], "night": night}}
    if "terms" in kinds:
        doubled = {name: 2 * record[name] for name in ("price_tick", "volume_multiple") if name in record}
        record = {**record, **doubled}
    return record


def _moved(day: date, amount: int) -> date:
    calendar = snapshot_calendar()
    days = calendar.days(calendar.first, calendar.horizon)
    return days[days.index(day) + amount]
