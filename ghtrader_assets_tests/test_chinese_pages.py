"""Each Chinese page of the docs keeps what its English page has: code, anchors, tables, figures.

The wording of a translation is not looked at.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
ENGLISH = ROOT / "docs"
CHINESE = ENGLISH / "zh"
BLOCK = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
ANCHORED = re.compile(r'^<a id="([^"]+)"></a>\n\n(#+) ', re.MULTILINE)

pages = pytest.mark.parametrize("page", sorted(CHINESE.glob("*.md")), ids=lambda page: page.stem)


def read(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def prose(page: Path) -> str:
    return BLOCK.sub("", read(page))


def headings(page: Path) -> list[tuple[str, str]]:
    """The id that GitHub gives each heading below the title, and its level."""
    found = re.findall(r"^(##+) (.+)$", prose(page), re.MULTILINE)
    return [(re.sub(r"[^\w\- ]", "", text.strip().lower()).replace(" ", "-"), level) for level, text in found]


def code(page: Path) -> set[str]:
    return {" ".join(span.split()) for span in re.findall(r"`([^`]+)`", prose(page))}


def tables(page: Path) -> list[list[str]]:
    """Every row of a table, by its figures alone: the cells without words."""
    rows = [line.split("|")[1:-1] for line in prose(page).splitlines() if line.startswith("|")]
    return [[cell if re.fullmatch(r"[\d .,:–-]*", cell) else "words" for cell in row] for row in rows]


def figures(page: Path) -> list[set[str]]:
    """The numbers of two digits or more of each section; smaller ones may be words in either language."""
    return [set(re.findall(r"\d[\d.,:]*\d", section)) for section in re.split(r"^#+ ", prose(page), flags=re.MULTILINE)]


def ids(page: Path) -> set[str]:
    return {name for name, _ in headings(page)} | set(re.findall(r'<a id="([^"]+)">', prose(page)))


@pages
def test_it_keeps_the_code_tables_and_anchors_of_its_english_page(page: Path) -> None:
    english = ENGLISH / page.name
    assert BLOCK.findall(read(page)) == BLOCK.findall(read(english))
    assert ANCHORED.findall(prose(page)) == headings(english)
    assert len(headings(page)) == len(headings(english))
    assert tables(page) == tables(english)
    assert code(english) - code(page) == set()
    assert [of - found for of, found in zip(figures(english), figures(page), strict=True) if of - found] == []


@pages
def test_each_language_links_the_other_under_the_title(page: Path) -> None:
    assert read(page).splitlines()[1:3] == ["", f"[English](../{page.name})"]
    assert read(ENGLISH / page.name).splitlines()[1:3] == ["", f"[中文](zh/{page.name})"]
    assert f"](docs/zh/{page.name}" in read(ROOT / "README.zh-CN.md")


@pytest.mark.parametrize(
    "page",
    [ROOT / "README.zh-CN.md", *sorted(CHINESE.glob("*.md"))],
    ids=lambda page: page.relative_to(ROOT).as_posix(),
)
def test_every_link_leads_somewhere_and_to_chinese_where_there_is_a_page(page: Path) -> None:
    links = re.findall(r"\]\((?!https?:)([^)#\s]*)#?([^)\s]*)\)", prose(page))
    assert links
    for place, anchor in links:
        target = (page.parent / place).resolve() if place else page
        assert target.is_file(), place
        assert not anchor or anchor in ids(target), f"{place}#{anchor}"
        translated = target.parent == ENGLISH and (CHINESE / target.name).is_file()
        assert not translated or place == f"../{page.name}", place
