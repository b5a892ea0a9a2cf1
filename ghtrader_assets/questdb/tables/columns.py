"""What columns mean: a type of QuestDB and a sentence for each field of a row's dataclass.

Belongs here: the vocabulary shared by all tables, one meaning a name.
Does not belong here: which table has which columns (`schema`).
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any, Final, get_args, get_type_hints


@dataclass(frozen=True, slots=True)
class Column:
    """A column: `type` as QuestDB names it, `capacity` the expected number of distinct values of a symbol."""

    name: str
    type: str
    description: str = ""
    capacity: int | None = None

    @property
    def ddl(self) -> str:
        capacity = "" if self.capacity is None else f" CAPACITY {self.capacity}"
        return f"{self.name} {self.type}{capacity}"


TEXT: Final = frozenset(
    {
        "action_hint", "code_version", "content_digest", "coverage_fingerprint", "digest", "fingerprint",
        "judgement_id", "load_id", "manifest_id", "policy_digest", "quality_fingerprint", "reason", "run_id",
        "schedule_digest", "sessions_fingerprint", "upstream",
    }
)  # fmt: skip
"""Text that takes another value on most rows: VARCHAR. Other text is SYMBOL."""

CAPACITIES: Final = {"symbol": 1024, "trading_day": 4096, "contract": 4096, "underlying_contract": 4096}

DESCRIPTIONS: Final = {
    "ts": "Designated timestamp, UTC: of a tick its instant in microseconds, of a day's row midnight of the day",
    "symbol": "TqSdk's name, such as KQ.m@SHFE.cu",
    "trading_day": "The exchange's trading day, YYYY-MM-DD; a night session belongs to the next trading day",
    "datetime_ns": "The exchange's instant, epoch nanoseconds UTC",
    "row_hash": "ghTrader's fnv1a64_v1 over datetime_ns and the 27 numbers, missing as 0.0",
    "tick_id": "TqSdk's serial number of the tick within its contract",
    "seq": "Ordinal among the rows of one symbol and ts, in source order",
    "live": "False where a later load of the day no longer has this row; the view hides it",
    "last_price": "Last traded price in the contract's quote unit",
    "average": "Average price of the trading day so far",
    "highest": "Highest price of the trading day so far",
    "lowest": "Lowest price of the trading day so far",
    "volume": "Lots traded in the trading day so far",
    "amount": "Turnover of the trading day so far, CNY",
    "open_interest": "Open lots",
    "dataset_version": "ghTrader's data set version, v2",
    "ticks_kind": "ghTrader's kind of ticks, main_l5",
    "underlying_contract": "The contract that the main-contract symbol stood for, such as SHFE.cu2602",
    "contract": "The contract that the symbol stood for on the trading day",
    "main_contract": "The main contract of the trading day, such as SHFE.cu2602",
    "segment_id": "Counts main contracts from 0, plus one at each roll",
    "schedule_hash": "ghTrader's hash of the whole schedule when the row was written",
    "exchange": "SHFE, INE, DCE, CZCE, CFFEX or GFEX",
    "variety": "Product code in lower case",
    "is_roll": "First trading day of a segment after the first",
    "provisional": "The trading day was not complete when the schedule was fetched",
    "updated_at": "When the row was written, UTC",
    "rows_total": "Ticks of the trading day",
    "rows": "Ticks that were stored and read back",
    "first_datetime_ns": "Instant of the day's first tick, epoch nanoseconds UTC",
    "last_datetime_ns": "Instant of the day's last tick, epoch nanoseconds UTC",
    "first_tick": "Instant of the day's first tick, UTC",
    "last_tick": "Instant of the day's last tick, UTC",
    "digest": "Names the stored content: every column of every row",
    "content_digest": "Names the content that was judged",
    "fingerprint": "Content, sessions, contract, rules and policy of the verdict; another one means: judge again",
    "upstream": "Fingerprint of what the day was loaded for: contract, sessions, schema",
    "schedule_digest": "Names the main contract that the day was loaded for: the data version of main_schedule",
    "sessions_fingerprint": "Names the day's session windows",
    "coverage_fingerprint": "Fingerprint of the coverage verdict that the load gave; empty where it gave none",
    "quality_fingerprint": "Fingerprint of the field-quality verdict that the load gave; empty where it gave none",
    "load_id": "The manifest of the load that stored the content",
    "manifest_id": "The attempt's id; sorts by time",
    "run_id": "The run or command that the attempt belongs to",
    "outcome": "How the attempt ended, running until it has; complete only when fetched whole and read back",
    "reason": "Why the attempt did not end as complete",
    "state": "How the judged day stands: ok, warn, partial or error",
    "reason_code": "The first rule that decided the state",
    "action_hint": "What to do about it",
    "started": "When the attempt began, UTC",
    "finished": "When the attempt ended, UTC; null while it runs, and if it was killed",
    "partial": "Whether the trading day was in progress when it was loaded: it is loaded again once it is complete",
    "download_s": "Seconds of fetching",
    "store_s": "Seconds from sending to visible",
    "readback_s": "Seconds of reading back and comparing",
    "judge_s": "Seconds of judging",
    "source": "Who delivered the ticks: tqsdk or the embedded exchange",
    "reader": "How the ticks were read: the tqsdk client or the lean reader",
    "first_day": "First trading day of the range",
    "last_day": "Last trading day of the range",
    "expected_days": "Trading days of the part",
    "n_days": "Trading days of the part that are stored",
    "gaps": "Gaps of the judged days",
    "gap_seconds": "Seconds in those gaps",
    "days_json": "One object a trading day: contract, rows, digest, load, code, schema, source, gaps, states",
    "name": "What was measured",
    "value": "The measured value",
    "unit": "Its unit",
    "version": "Version of the tables that the store was brought to; the largest one is the store's",
}


def columns_of_row(kind: type[Any], *, without: frozenset[str] = frozenset()) -> tuple[Column, ...]:
    """The columns of a row's dataclass, in field order."""
    hints = get_type_hints(kind)
    return tuple(
        column(field.name, _type(field.name, hints[field.name]))
        for field in dataclasses.fields(kind)
        if field.name not in without
    )


def column(name: str, kind: str) -> Column:
    """A column by name and type, with its meaning and capacity."""
    return Column(name, kind, DESCRIPTIONS.get(name, ""), CAPACITIES.get(name) if kind == "SYMBOL" else None)


def _type(name: str, hint: Any) -> str:
    kinds = [kind for kind in get_args(hint) if kind is not type(None)] or [hint]
    kind = kinds[0]
    if isinstance(kind, type) and issubclass(kind, (str, StrEnum)):
        return "VARCHAR" if name in TEXT or name.endswith("_json") else "SYMBOL"
    return {datetime: "TIMESTAMP", date: "SYMBOL", bool: "BOOLEAN", int: "LONG", float: "DOUBLE"}[kind]
