"""What was meant by a name that sets nothing.

Belongs here: comparing names. Does not belong here: which settings there are (`settings`).
"""

from __future__ import annotations

from collections.abc import Collection
from difflib import get_close_matches
from typing import Final

PREFIX: Final = "GHTRADER_"
TQSDK_ADDRESSES: Final = ("TQ_AUTH_URL", "TQ_MD_URL", "TQ_CHINESE_HOLIDAY_URL", "TQ_CONT_TABLE_URL")
SLIPS: Final = 2
"""So many letters that differ are a slip. ghTrader's own variables, which may be there too, differ by more."""
_LONG: Final = len(PREFIX) + 7
"""Of a shorter name two letters are half of it."""
_COMPARED: Final = 80
_ALIKE: Final = 0.7


def what_was_meant(key: str, variables: Collection[str], *, is_table: bool) -> str:
    """What helps against a key of the settings file that sets nothing: the nearest that does, in the same spelling."""
    if key.upper() in TQSDK_ADDRESSES:
        return "TqSdk reads its own addresses from the environment alone"
    if is_table:
        return "a settings file has no table: write its keys alone, as `ingest_workers = 4`"
    start = PREFIX if key.upper().startswith(PREFIX) else ""
    tails = {variable.removeprefix(PREFIX): variable for variable in variables}
    near = get_close_matches(key[:_COMPARED].upper().removeprefix(PREFIX), tails, 1, _ALIKE)
    if not near:
        return "docs/cli.md lists every setting"
    return f"write {tails[near[0]] if start else near[0].lower()}"


def slip_of(name: str, variables: Collection[str]) -> str:
    """The variable that differs from a name by a slip; empty where none does."""
    distance, near = min((_distance(name, known), known) for known in variables)
    return near if distance <= (SLIPS if len(near) >= _LONG else 1) else ""


def _distance(one: str, other: str) -> int:
    """How many letters are put in, left out or changed to make one word the other; beyond a slip, just more."""
    if abs(len(one) - len(other)) > SLIPS:
        return SLIPS + 1
    row = list(range(len(other) + 1))
    for number, letter in enumerate(one, 1):
        former, row[0] = row[0], number
        for place, wanted in enumerate(other, 1):
            cost = min(row[place] + 1, row[place - 1] + 1, former + (letter != wanted))
            former, row[place] = row[place], cost
    return row[-1]
