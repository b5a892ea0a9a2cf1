"""What the house must not do, read from its files: import tests or another room's helpers, read a stopwatch, sprawl."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import pytest
from hypothesis import settings

import ghtrader_assets
from ghtrader_assets_tests.fix_campaigns import EXAMPLES
from ghtrader_assets_tests.syntax import functions_in, parsed, tree_of

SUITE = Path(__file__).parent
ROOMS = Path(ghtrader_assets.__file__).parent
MODULES = sorted(SUITE.rglob("*.py"))
TESTS = [path for path in MODULES if path.name.startswith("test_")]
LONGEST_MODULE, LONGEST_FUNCTION = 350, 60
NO_ROOMS = {"bench", "infra"}
"""Benchmarks, which are not in the package, and what stands under `infra/`."""


@lru_cache(None)
def imported(source: str) -> tuple[str, ...]:
    """The dotted names of everything that a module imports, wherever in it."""
    return tuple(_imported(parsed(source)))


def _imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def imports_a_test(source: str) -> bool:
    return any(
        name.startswith(f"{SUITE.name}.") and any(part.startswith("test_") for part in name.split("."))
        for name in imported(source)
    )


def test_no_module_imports_a_test() -> None:
    found = [str(path.relative_to(SUITE)) for path in MODULES if imports_a_test(path.read_text(encoding="utf-8"))]
    assert found == [], "shared helpers stand in a module of their own, shared fixtures in a conftest or a plug-in"


@pytest.mark.parametrize(
    "line",
    [
        "from ghtrader_assets_tests.questdb.tables.test_writer import DAY",
        "from ghtrader_assets_tests.loading import test_probe",
        "import ghtrader_assets_tests.test_alerts as alerts",
        "def late():\n    from ghtrader_assets_tests.test_alerts import receiver",
    ],
)
def test_each_way_to_import_a_test_is_seen(line: str) -> None:
    assert imports_a_test(line)


def test_each_test_stands_in_the_folder_of_a_room() -> None:
    folders = {path.parent.relative_to(SUITE) for path in TESTS}
    assert [
        str(folder) for folder in sorted(folders) if not (ROOMS / folder).is_dir() and folder.parts[0] not in NO_ROOMS
    ] == []


def test_each_room_has_tests_of_its_own() -> None:
    rooms = {path.parent.relative_to(ROOMS) for path in ROOMS.rglob("*/__init__.py")}
    tested = {path.parent.relative_to(SUITE) for path in TESTS}
    assert [str(room) for room in sorted(rooms - tested)] == []


def from_other_rooms(source: str, folder: Path) -> list[str]:
    """What a module of `folder` imports of the suite's folders but its own and those above it."""
    names = (name for name in imported(source) if name.split(".")[0] == SUITE.name)
    return [name for name in names if not folder.is_relative_to(_folder_of(name))]


def _folder_of(name: str) -> Path:
    """Where the suite's module of this dotted name stands, or that of which it names a part."""
    folder = SUITE
    for part in name.split(".")[1:]:
        if not (folder / part).is_dir():
            break
        folder /= part
    return folder


def test_no_module_takes_from_another_room() -> None:
    """Benchmarks, the scripts that measure included, may."""
    found = {
        str(path.relative_to(SUITE)): names
        for path in MODULES
        if path.relative_to(SUITE).parts[0] != "bench" and not path.stem.startswith("measure_")
        if (names := from_other_rooms(path.read_text(encoding="utf-8"), path.parent))
    }
    assert found == {}, "what rooms share stands at the top of the suite: fixtures in a plug-in `fix_*`, or a module"


@pytest.mark.parametrize(
    ("line", "folder", "is_foreign"),
    [
        ("from ghtrader_assets_tests.tq.conftest import Watched", "loading", True),
        ("from ghtrader_assets_tests.tq import altering", "", True),
        ("def late():\n    import ghtrader_assets_tests.bench.store", "loading", True),
        ("from ghtrader_assets_tests.questdb.tables import page", "questdb", True),
        ("from ghtrader_assets_tests.questdb.old_store import CHANGED", "questdb/tables", False),
        ("from ghtrader_assets_tests.pasts import DAY", "questdb/tables", False),
        ("from ghtrader_assets_tests.loading.small_days import small", "loading", False),
        ("from ghtrader_assets.questdb.tables import rows", "loading", False),
    ],
)
def test_each_way_to_take_from_another_room_is_seen(line: str, folder: str, is_foreign: bool) -> None:
    assert bool(from_other_rooms(line, SUITE / folder)) == is_foreign


def test_examples_are_multiplied_once() -> None:
    """For a property that says no number `make soak` did so twice: 90,000 examples, which no shard ends."""
    for name in EXAMPLES:
        assert settings.get_profile(name).max_examples == settings.get_profile("suite").max_examples


def test_no_test_reads_a_stopwatch() -> None:
    """`perf_counter` is there to say how long something took, and a busy machine says otherwise."""
    found = [
        str(path.relative_to(SUITE))
        for path in TESTS
        for source in [path.read_text(encoding="utf-8")]
        if "perf_counter" in source
        for node in ast.walk(ast.parse(source))
        if (isinstance(node, ast.Attribute) and node.attr.startswith("perf_counter"))
        or (isinstance(node, ast.ImportFrom) and any(alias.name.startswith("perf_counter") for alias in node.names))
    ]
    assert found == []


def test_what_is_measured_is_told_somewhere() -> None:
    """A script that nothing runs is a command of the docs, or dead."""
    docs = "".join(path.read_text(encoding="utf-8") for path in (SUITE.parent / "docs").rglob("*.md"))
    scripts = [path.stem for path in MODULES if path.stem.startswith("measure_")]
    assert scripts
    assert [script for script in scripts if script not in docs] == []


def test_modules_and_functions_are_read_at_a_glance() -> None:
    paths = [*ROOMS.rglob("*.py"), *MODULES]
    assert [str(path) for path in paths if path.read_bytes().count(b"\n") > LONGEST_MODULE] == []
    functions = [
        (path.name, node.name)
        for path in paths
        for node in functions_in(tree_of(path))
        if (node.end_lineno or 0) - node.lineno >= LONGEST_FUNCTION
    ]
    assert functions == []


def test_the_name_of_a_type_means_one_thing() -> None:
    meanings: dict[str, set[str]] = {}
    for path in ROOMS.rglob("*.py"):
        for node in tree_of(path).body:
            for name, meaning in _types_named(node, path):
                meanings.setdefault(name, set()).add(meaning)
    assert [name for name, told in meanings.items() if len(told) > 1] == []


def _types_named(node: ast.stmt, path: Path) -> Iterator[tuple[str, str]]:
    """The class, or the alias of a type, that a statement names, and what it is; a module's own are left out."""
    if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
        yield node.name, f"the class of {path}"
    if isinstance(node, ast.Assign) and "TypeVar(" not in (told := ast.unparse(node.value)):
        names = [target.id for target in node.targets if isinstance(target, ast.Name)]
        yield from ((name, told) for name in names if name[0].isupper() and not name.isupper())
