"""SECURITY.md: each row of the threat model names a test that there is, and each module of tests about it is named."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

SUITE = Path(__file__).parent
PAGE = SUITE.parent / "SECURITY.md"
TESTED = 3
"""The column that names tests."""


def rows() -> list[list[str]]:
    lines = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines[1:]]


@pytest.mark.parametrize("row", rows(), ids=lambda row: row[0][:60])
def test_each_row_has_its_tests(row: list[str]) -> None:
    assert len(row) == 5
    named = re.findall(r"`([\w/]+\.py)`", row[TESTED])
    assert named
    for name in named:
        assert "\ndef test_" in (SUITE / name).read_text(encoding="utf-8"), name


def test_every_test_of_the_doors_is_named() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert [path.name for path in sorted(SUITE.glob("doors/test_*.py")) if f"`doors/{path.name}`" not in page] == []
