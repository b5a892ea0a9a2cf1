"""Dagster's own modules are reached through one file, checked on the version that is installed."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import dagster

from ghtrader_assets.assets.dagster_internals import CHECKED_ON

ROOT = Path(__file__).resolve().parents[2]
THE_ONE_FILE = Path("ghtrader_assets/assets/dagster_internals.py")


def imported_by(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def reaches_inside(file: Path) -> bool:
    mentions = "dagster" in file.read_text(encoding="utf-8")
    return mentions and any(name.startswith("dagster._") for name in imported_by(file))


def test_one_file_imports_what_dagster_does_not_export() -> None:
    files = [
        file
        for room in ("ghtrader_assets", "ghtrader_assets_tests", "examples")
        for file in (ROOT / room).rglob("*.py")
    ]
    assert len(files) > 200
    assert [file.relative_to(ROOT) for file in files if reaches_inside(file)] == [THE_ONE_FILE]


def test_it_was_checked_on_the_version_that_is_installed() -> None:
    assert dagster.__version__ == CHECKED_ON
