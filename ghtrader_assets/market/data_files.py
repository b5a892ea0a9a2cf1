"""Data files: our CSV tables, an operator's own files, and the grammars of their cells.

Belongs here: finding and reading them, hours and times written in them.
Does not belong here: what the rows mean.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import TypeVar

import msgspec

from ghtrader_assets.errors import BadInputError

Hours = tuple[tuple[int, int], ...]
"""Trading without a break as (opening, closing) seconds after midnight; past 86400 lies the next calendar day."""


Record = TypeVar("Record")


def records(kind: type[Record], name: str, package: str = "ghtrader_assets.market") -> tuple[Record, ...]:
    """The rows of a packaged CSV table as dataclasses; an empty cell leaves its field the default.

    Raises ValueError for a row that does not fit.
    """
    given = ({column: cell for column, cell in row.items() if cell} for row in rows(name, package))
    return tuple(msgspec.convert(row, kind, strict=False) for row in given)


def is_verified(row: Mapping[str, str]) -> bool:
    """Whether a row's source is a document that was opened. Raises ValueError for a cell that is no truth value."""
    return msgspec.convert(row["verified"], bool, strict=False)


def rows(name: str, package: str = "ghtrader_assets.market") -> list[dict[str, str]]:
    """The rows of a packaged CSV table, every cell as text. Raises ValueError for a row of the wrong length."""
    path = resources.files(package) / "data" / name
    lines = csv.reader(path.read_text(encoding="utf-8").splitlines(), strict=True)
    header = next(lines)
    return [dict(zip(header, cells, strict=True)) for cells in lines]


def own_text(path: Path) -> str | None:
    """An operator's own file under the home directory; None where there is none. Raises BadInputError if unreadable."""
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise BadInputError(f"{path} can't be read ({error})", "repair or remove it") from error


def second_of_day(text: str) -> int:
    """'21:00' or '25:00:00' -> seconds after midnight; hours past 24 run into the next calendar day."""
    parts = text.split(":")
    if len(parts) < 2 or not all(part.isdigit() for part in parts):
        raise ValueError(f"'{text}' is no time of day")
    hour, minute, *rest = (int(part) for part in parts)
    second = rest[0] if rest else 0
    if len(rest) > 1 or not (0 <= hour < 48 and 0 <= minute < 60 and 0 <= second < 60):
        raise ValueError(f"'{text}' is no time of day")
    return hour * 3600 + minute * 60 + second


def hours(text: str) -> Hours:
    """'09:00-10:15 10:30-11:30' -> ((32400, 36900), (37800, 41400)); '-' is no trading at all."""
    if text == "-":
        return ()
    spans = (span.split("-") for span in text.split())
    return tuple((second_of_day(start), second_of_day(end)) for start, end in spans)
