"""What the code must not do anywhere, read from its syntax: clocks and settings have their places."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path

import pytest

import ghtrader_assets
from ghtrader_assets_tests.syntax import tree_of

PACKAGE = Path(ghtrader_assets.__file__).parent
MODULES = sorted(PACKAGE.rglob("*.py"))

ENTRIES = {
    "definitions.py",
    "dashboard/__main__.py",
    "services/exporter.py",
    "assets/web_server.py",
    "exchange/__main__.py",
}
"""Where Dagster enters our code, or a process begins that is no command."""

WALL_CLOCK = {"clock.py"}
CLOCK_CHOSEN = ENTRIES | {
    "cli",
    "clock.py",
    "context",
    "store/api.py",
    "tq/worker.py",
}
"""`context` and `store.api` choose the host's clock for callers that hand none down."""

SETTINGS_READ = {"entrance.py", "cli/init.py", "definitions.py", "exchange/__main__.py", "store/opening.py"}
"""Processes read them as they enter; Dagster's code location, the exchange and readers have entrances of their own."""
ENVIRONMENT_READ = {
    "setting_sources.py",
    "settings_file.py",
    "children.py",  # what a child process is given of it
    "assets/launchers.py",  # sets DAGSTER_HOME for a run in this process
    "cli/demo.py",  # sets the start date for the services that it starts
    "ports.py",  # adds this host to those that no proxy serves
    "dashboard/app.py",  # what WSGI calls so: of a request, not of the process
    "services/detached.py",  # where its parent listens: it gets no arguments
    "tether.py",  # whether this process watches its parent, likewise
    "tq/answers.py",  # TqSdk's own addresses, in a worker, as the following
    "tq/login.py",
    "tq/reference.py",
}

_NOW = {("time", "time"), ("time", "time_ns"), ("time", "localtime"), ("time", "gmtime"), ("time", "ctime")} | {
    (kind, name) for kind in ("datetime", "date", "Timestamp") for name in ("now", "utcnow", "today")
}


def reads_wall_clock(node: ast.AST) -> bool:
    """`time.time`, `datetime.now`, `from time import time_ns` and their like, called or handed on."""
    if isinstance(node, ast.ImportFrom):
        return node.module == "time" and any(("time", alias.name) in _NOW for alias in node.names)
    if not isinstance(node, ast.Attribute):
        return False
    owner = node.value.attr if isinstance(node.value, ast.Attribute) else getattr(node.value, "id", "")
    return (owner, node.attr) in _NOW


def names(*wanted: str) -> Callable[[ast.AST], bool]:
    def found(node: ast.AST) -> bool:
        if isinstance(node, ast.ImportFrom):
            return any(alias.name in wanted for alias in node.names)
        return (isinstance(node, ast.Name) and node.id in wanted) or (
            isinstance(node, ast.Attribute) and node.attr in wanted
        )

    return found


@lru_cache(None)
def nodes(source: Path) -> list[ast.AST]:
    return list(ast.walk(tree_of(source)))


def places(source: Path, forbidden: Callable[[ast.AST], bool]) -> Iterator[str]:
    for node in nodes(source):
        if forbidden(node):
            yield f"{source.relative_to(PACKAGE)}:{getattr(node, 'lineno', 0)}"


@pytest.mark.parametrize(
    ("forbidden", "allowed"),
    [
        pytest.param(reads_wall_clock, WALL_CLOCK, id="the wall clock"),
        pytest.param(names("SYSTEM_CLOCK"), CLOCK_CHOSEN, id="the host's clock"),
        pytest.param(names("load_settings"), SETTINGS_READ, id="settings"),
        pytest.param(names("environ", "getenv"), ENVIRONMENT_READ, id="the environment"),
    ],
)
def test_is_read_at_its_places_alone(forbidden: Callable[[ast.AST], bool], allowed: set[str]) -> None:
    found = {place for source in MODULES for place in places(source, forbidden)}
    assert found, "the guard finds nothing at all"
    used = {place.partition(":")[0] for place in found}
    elsewhere = sorted(
        place
        for place in found
        for file in [place.partition(":")[0]]
        if file not in allowed and file.partition("/")[0] not in allowed
    )
    assert elsewhere == []
    assert {item for item in allowed if not any(file == item or file.startswith(f"{item}/") for file in used)} == set()


RIDDLES = re.compile(r"\b(nobody|somebody|beside|asked of)\b", re.IGNORECASE)
PAGES = [*PACKAGE.parent.glob("*.md"), *PACKAGE.parent.glob("docs/*.md"), *PACKAGE.parent.glob("docs/decisions/*.md")]


@pytest.mark.parametrize("page", [*MODULES, *PAGES], ids=lambda page: str(page.relative_to(PACKAGE.parent)))
def test_texts_are_plain_technical_english(page: Path) -> None:
    assert RIDDLES.findall(page.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    "line",
    [
        "x = time.time()",
        "field(default_factory=time.time_ns)",
        "from time import time_ns",
        "datetime.now(tz=UTC)",
        "datetime.datetime.utcnow()",
        "day = date.today()",
        "pd.Timestamp.now()",
    ],
)
def test_each_way_to_read_the_wall_clock_is_seen(line: str) -> None:
    assert any(reads_wall_clock(node) for node in ast.walk(ast.parse(line)))


@pytest.mark.parametrize("line", ["context.clock.now()", "time.monotonic()", "from time import perf_counter", "now()"])
def test_a_clock_handed_down_and_a_stopwatch_are_not(line: str) -> None:
    assert not any(reads_wall_clock(node) for node in ast.walk(ast.parse(line)))
