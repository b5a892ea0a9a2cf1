"""What columns mean: a type of QuestDB for each field of a row's dataclass, and a sentence for each column.

Belongs here: the vocabulary of all tables. Dagster's catalog and docs/tables.md show these sentences.
Does not belong here: which table has which columns (`schema`).
"""

from __future__ import annotations

import dataclasses
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from importlib import resources
from typing import Any, Final, get_args, get_type_hints


@dataclass(frozen=True, slots=True)
class Column:
    """A column: `type` as QuestDB names it, `capacity` the expected number of distinct values of a symbol."""

    name: str
    type: str
    capacity: int | None = None

    @property
    def ddl(self) -> str:
        capacity = "" if self.capacity is None else f" CAPACITY {self.capacity}"
        return f"{self.name} {self.type}{capacity}"


TEXT: Final = frozenset(
    {
        "action_hint", "baseline_used", "bound_to", "code_version", "content_digest", "coverage_fingerprint",
        "detail", "digest", "fingerprint", "judgement_id", "manifest_id", "policy_digest", "quality_fingerprint",
        "reason", "run_id", "schedule_digest", "sessions_fingerprint", "upstream", "witness_digest",
    }
)  # fmt: skip
"""Text that takes another value on most rows: VARCHAR. Other text is SYMBOL."""

CAPACITIES: Final = {"symbol": 1024, "trading_day": 4096, "contract": 4096, "underlying_contract": 4096}

CONTRACT_IN_TICKS: Final = "underlying_contract"
CONTRACT_IN_SCHEDULE: Final = "main_contract"
"""What ghTrader's tick table and functions, and its schedule table, call the contract; it is `contract` elsewhere."""

_MEANINGS: Final[Mapping[str, Any]] = tomllib.loads(
    resources.files("ghtrader_assets.questdb.tables").joinpath("columns.toml").read_text(encoding="utf-8")
)
DESCRIPTIONS: Final[Mapping[str, str]] = _MEANINGS["columns"]
"""What a column of this name means in every table that has it, unless `IN_TABLE` says otherwise."""

IN_TABLE: Final[Mapping[str, Mapping[str, str]]] = _MEANINGS["tables"]
"""What a column means in one table, where that is more or other than its name says everywhere."""


def description_of(table: str, column: str) -> str:
    """What a column of a table means; empty where that is not written yet, which a test refuses."""
    return IN_TABLE.get(table, {}).get(column) or DESCRIPTIONS.get(column, "")


def columns_of_row(kind: type[Any]) -> tuple[Column, ...]:
    """The columns of a row's dataclass, in field order."""
    hints = get_type_hints(kind)
    return tuple(column(field.name, _type(field.name, hints[field.name])) for field in dataclasses.fields(kind))


def column(name: str, kind: str) -> Column:
    """A column by name and type, with its capacity."""
    return Column(name, kind, CAPACITIES.get(name) if kind == "SYMBOL" else None)


def _type(name: str, hint: Any) -> str:
    kinds = [kind for kind in get_args(hint) if kind is not type(None)] or [hint]
    kind = kinds[0]
    if isinstance(kind, type) and issubclass(kind, (str, StrEnum)):
        return "VARCHAR" if name in TEXT or name.endswith("_json") else "SYMBOL"
    return {datetime: "TIMESTAMP", date: "SYMBOL", bool: "BOOLEAN", int: "LONG", float: "DOUBLE"}[kind]
