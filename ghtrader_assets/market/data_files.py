"""The package's own data files: CSV tables of products, sessions and events, read once.

Belongs here: finding and reading the files under `market/data`, and the small grammars of their cells.
Does not belong here: what the rows mean.
"""

from __future__ import annotations

import csv
from datetime import date
from importlib import resources


def rows(name: str) -> list[dict[str, str]]:
    """The rows of a packaged CSV table, every cell as text without surrounding blanks."""
    path = resources.files("ghtrader_assets.market") / "data" / name
    lines = path.read_text(encoding="utf-8").splitlines()
    return [{key: (cell or "").strip() for key, cell in row.items()} for row in csv.DictReader(lines)]


def second_of_day(text: str) -> int:
    """'21:00' or '25:00:00' -> seconds after midnight; hours past 24 run into the next calendar day."""
    hours, minutes, *rest = (int(part) for part in text.split(":"))
    return hours * 3600 + minutes * 60 + (rest[0] if rest else 0)


def hours(text: str) -> tuple[tuple[int, int], ...]:
    """'09:00-10:15 10:30-11:30' -> ((32400, 36900), (37800, 41400)); '-' is no session at all."""
    if text == "-":
        return ()
    spans = (span.split("-") for span in text.split())
    return tuple((second_of_day(start), second_of_day(end)) for start, end in spans)


def optional_day(text: str, otherwise: date) -> date:
    """An ISO day, or `otherwise` for an empty cell."""
    return date.fromisoformat(text) if text else otherwise
